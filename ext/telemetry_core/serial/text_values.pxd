"""Values of text blocks as numbers. What is not of its form is False, and no number."""

from libc.stdint cimport int64_t, uint8_t, uint32_t


cdef inline bint is_hex_digit(uint8_t byte) noexcept nogil:
    return c"0" <= byte <= c"9" or c"A" <= byte <= c"F" or c"a" <= byte <= c"f"


cdef inline bint read_integer(const char* text, Py_ssize_t length, uint32_t* number) noexcept nogil:
    """Read a decimal of 32 bits with a sign."""
    cdef bint is_negative = length > 0 and text[0] == c"-"
    cdef Py_ssize_t index = is_negative or (length > 0 and text[0] == c"+")
    cdef int64_t value = 0
    if index == length or length - index > 10:
        return False
    for index in range(index, length):
        if not c"0" <= text[index] <= c"9":
            return False
        value = value * 10 + (text[index] - c"0")
    if is_negative:
        value = -value
    if not -0x80000000 <= value <= 0x7FFFFFFF:
        return False
    number[0] = <uint32_t>value
    return True


cdef inline bint read_hex(const char* text, Py_ssize_t length, uint32_t* number) noexcept nogil:
    """Read 0x and up to eight digits."""
    cdef uint32_t value = 0
    cdef Py_ssize_t index
    cdef uint8_t digit
    if not 3 <= length <= 10 or text[0] != c"0" or text[1] | 0x20 != c"x":
        return False
    for index in range(2, length):
        digit = <uint8_t>text[index]
        if not is_hex_digit(digit):
            return False
        value = value << 4 | (digit - c"0" if digit <= c"9" else (digit | 0x20) - c"a" + 10)
    number[0] = value
    return True


cdef inline bint read_switch(const char* text, Py_ssize_t length, uint32_t* number) noexcept nogil:
    if length == 2 and text[0] | 0x20 == c"o" and text[1] | 0x20 == c"n":
        number[0] = 1
        return True
    if length == 3 and text[0] | 0x20 == c"o" and text[1] | 0x20 == c"f" and text[2] | 0x20 == c"f":
        number[0] = 0
        return True
    return False
