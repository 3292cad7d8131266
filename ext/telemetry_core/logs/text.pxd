"""Numbers in the text of logs. Each function reads digits from `at` on and returns the place after them, or NULL."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from telemetry_core.frames.batch cimport WideFrame

cdef extern from *:
    """
    enum { NOT_HEX = 0xFF };

    /* One more than the value; 0: not a digit. By table, since logs are made of hexadecimal digits. */
    static const uint8_t HEX_DIGITS[256] = {
        ['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6, ['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10,
        ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
        ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    };

    static inline uint8_t hex_digit(char digit) { return (uint8_t)(HEX_DIGITS[(uint8_t)digit] - 1); }
    """
    enum:
        NOT_HEX
    uint8_t hex_digit(char digit) nogil


cdef inline const char* skip_spaces(const char* at, const char* end) noexcept nogil:
    while at < end and (at[0] == c' ' or at[0] == c'\t' or at[0] == c'\r'):
        at += 1
    return at


cdef inline bint is_space(char character) noexcept nogil:
    return character == c' ' or character == c'\t' or character == c'\r'


cdef inline const char* skip_word(const char* at, const char* end) noexcept nogil:
    while at < end and not is_space(at[0]):
        at += 1
    return at


cdef inline bint same_word(const char* at, const char* end, const char* small, Py_ssize_t length) noexcept nogil:
    # Whether [at, end) begins with the letters of `small`, in either case.
    cdef Py_ssize_t index
    if end - at < length:
        return False
    for index in range(length):
        if (at[index] | 0x20) != small[index]:
            return False
    return True


cdef inline const char* take_seconds(const char* at, const char* end, int64_t* time_ns) noexcept nogil:
    # "seconds.fraction", both with a digit at least. Digits after the ninth of the fraction are skipped.
    cdef int64_t seconds = 0, fraction = 0
    cdef int digits = 0
    cdef uint8_t digit
    while at < end:
        digit = <uint8_t>(at[0] - c'0')
        if digit > 9:
            break
        seconds = seconds * 10 + digit
        if seconds > <int64_t>9223372035:  # its ns would not fit 63 bits
            return NULL
        digits += 1
        at += 1
    if digits == 0 or at >= end or at[0] != c'.':
        return NULL
    at += 1
    digits = 0
    while at < end:
        digit = <uint8_t>(at[0] - c'0')
        if digit > 9:
            break
        if digits < 9:
            fraction = fraction * 10 + digit
            digits += 1
        at += 1
    if digits == 0:
        return NULL
    if digits == 6:
        fraction *= 1000
    else:
        while digits < 9:
            fraction *= 10
            digits += 1
    time_ns[0] = seconds * 1000000000 + fraction
    return at


cdef inline const char* take_decimal(const char* at, const char* end, int64_t most, int64_t* value) noexcept nogil:
    # A decimal number up to `most`.
    cdef const char* start = at
    cdef int64_t number = 0
    cdef uint8_t digit
    while at < end:
        digit = <uint8_t>(at[0] - c'0')
        if digit > 9:
            break
        if number > (most - digit) // 10:
            return NULL
        number = number * 10 + digit
        at += 1
    value[0] = number
    return at if at > start else NULL


cdef inline const char* take_hex(const char* at, const char* end, uint32_t* value) noexcept nogil:
    # A hexadecimal number of eight digits at most.
    cdef const char* start = at
    cdef uint32_t number = 0
    cdef uint8_t digit
    while at < end:
        digit = hex_digit(at[0])
        if digit == NOT_HEX:
            break
        if at - start >= 8:
            return NULL
        number = (number << 4) | digit
        at += 1
    value[0] = number
    return at if at > start else NULL


cdef inline const char* take_byte_pairs(const char* at, const char* end, WideFrame* frame,
                                        Py_ssize_t most) noexcept nogil:
    # Pairs of hex digits without a gap; NULL for half a byte or more than `most`.
    cdef Py_ssize_t length = 0
    cdef uint8_t high, low
    while at < end:
        high = hex_digit(at[0])
        if high == NOT_HEX:
            break
        if at + 1 >= end or length >= most:
            return NULL
        low = hex_digit(at[1])
        if low == NOT_HEX:
            return NULL
        frame.data[length] = <uint8_t>(high << 4 | low)
        length += 1
        at += 2
    frame.length = <uint16_t>length
    return at
