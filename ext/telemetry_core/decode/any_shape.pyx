"""A message of any shape out of a payload: what takes more than one op a signal.

A signal is decoded when all of its bits are in the payload and its multiplexer selects it. The rest of the message does
not matter. Signals left out count by reason.
"""

from libc.math cimport isfinite, ldexp
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from telemetry_core.decode.message cimport (
    MAX_CAPACITY, SPECIAL_BIG_9, SPECIAL_FLOAT_16, SPECIAL_FLOAT_32, SPECIAL_FLOAT_64, SPECIAL_LITTLE_9, Extra, Group,
    Interval, Limit, Message, Op, Selector, Special, Text,
)
from telemetry_core.rows.schema cimport MOST_CHARACTERS, set_characters

cdef extern from "telemetry_core/decode/unpack.h":
    uint64_t load64(const void* address) noexcept nogil
    void unpack_scattered(
        const Op* ops, unsigned count, const uint8_t* buffer, uint64_t* slots) noexcept nogil

cdef extern from *:
    """
    #define swap64(word) __builtin_bswap64(word)
    #define lowest_bit(word) __builtin_ctzll(word)
    #define bit_count(word) __builtin_popcountll(word)
    """
    uint64_t swap64(uint64_t word) noexcept nogil
    int lowest_bit(uint64_t word) noexcept nogil
    int bit_count(uint64_t word) noexcept nogil

cdef enum:
    BUFFER_WORDS = 2 * MAX_CAPACITY // 8 + 1


cdef inline bint is_in(const uint64_t* mask, uint16_t slot) noexcept nogil:
    return (mask[slot // 64] >> (slot % 64)) & 1


cdef inline void leave_out(uint64_t* mask, uint16_t slot, uint64_t* reason) noexcept nogil:
    mask[slot // 64] &= ~(<uint64_t>1 << (slot % 64))
    reason[0] += 1


cdef void fill_buffer(uint64_t* buffer, const uint8_t* data, Py_ssize_t readable,
                      Py_ssize_t capacity) noexcept nogil:
    """Write the payload, the zeros after it, and the same bytes in reverse."""
    cdef Py_ssize_t words = capacity // 8
    cdef Py_ssize_t index
    cdef uint64_t word
    for index in range(words):
        word = load64(data + 8 * index) if 8 * index < readable else 0
        buffer[index] = word
        buffer[2 * words - 1 - index] = swap64(word)


cdef bint is_short_form(const Extra* extra, Py_ssize_t slot, Py_ssize_t length) noexcept nogil:
    """Whether a payload of that length holds all that there is of a signal."""
    cdef Py_ssize_t number
    for number in range(extra.short_count):
        if extra.shorts[number].slot == slot:
            return extra.shorts[number].length == length
    return False


cdef void drop_short(uint64_t* mask, const Extra* extra, Py_ssize_t length, Omitted* omitted) noexcept nogil:
    """Remove the signals from `mask` whose bits are not all in the payload."""
    cdef Py_ssize_t word
    cdef uint64_t left
    cdef int bit
    for word in range(extra.mask_words):
        left = mask[word]
        while left:
            bit = lowest_bit(left)
            left &= left - 1
            if extra.ends[64 * word + bit] > length and not is_short_form(extra, 64 * word + bit, length):
                mask[word] &= ~(<uint64_t>1 << bit)
                omitted.short_frame += not extra.optional[word] >> bit & 1


cdef const Interval* find_interval(const Selector* selector, int64_t raw) noexcept nogil:
    cdef Py_ssize_t low = 0
    cdef Py_ssize_t high = selector.interval_count
    cdef Py_ssize_t middle
    while low < high:
        middle = (low + high) // 2
        if selector.intervals[middle].high < raw:
            low = middle + 1
        else:
            high = middle
    if low < selector.interval_count and selector.intervals[low].low <= raw:
        return &selector.intervals[low]
    return NULL


cdef void run_selectors(const Extra* extra, const uint8_t* buffer, Py_ssize_t length, uint64_t* mask,
                        uint64_t* slots, Omitted* omitted) noexcept nogil:
    cdef const Selector* selector
    cdef const Interval* interval
    cdef const Group* group
    cdef Py_ssize_t number, index, word
    for number in range(extra.selector_count):
        selector = &extra.selectors[number]
        if not is_in(mask, selector.slot):
            continue
        interval = find_interval(selector, <int64_t>(slots[selector.slot] ^ selector.bias))
        if interval == NULL:
            omitted.unknown_multiplexer_value += 1
            continue
        for index in range(interval.group_count):
            group = &extra.groups[selector.groups[interval.first_group + index]]
            unpack_scattered(group.ops, group.op_count, buffer, slots)
            for word in range(extra.mask_words):
                mask[word] |= group.mask[word]
            if length < group.need_bytes:
                drop_short(mask, extra, length, omitted)


cdef uint64_t nine_bytes(const Special* special, const uint8_t* buffer) noexcept nogil:
    cdef uint64_t word = load64(buffer + special.byte)
    cdef uint64_t last = buffer[special.byte + 8]
    if special.kind == SPECIAL_LITTLE_9:
        word = word >> special.shift | last << (64 - special.shift)
    else:
        word = swap64(word) << special.shift | last >> (8 - special.shift)
    word &= special.mask
    return (word ^ special.sign) - special.sign


cdef double half_to_double(uint64_t bits) noexcept nogil:
    """IEEE 754 binary16; infinities and NaN come out as such."""
    cdef int exponent = (bits >> 10) & 0x1F
    cdef double fraction = <double>(bits & 0x3FF)
    cdef double value
    if exponent == 0x1F:
        value = (fraction + 1) * 1e308 * 1e308  # not finite: all that the caller asks
    elif exponent == 0:
        value = ldexp(fraction, -24)
    else:
        value = ldexp(fraction + 1024, exponent - 25)
    return -value if bits & 0x8000 else value


cdef double to_double(uint64_t bits, int kind) noexcept nogil:
    cdef uint32_t low = <uint32_t>bits
    cdef float single
    cdef double value
    if kind == SPECIAL_FLOAT_64:
        memcpy(&value, &bits, 8)
        return value
    if kind == SPECIAL_FLOAT_32:
        memcpy(&single, &low, 4)
        return single
    return half_to_double(bits)


cdef void run_floats(const Extra* extra, uint64_t* mask, uint64_t* slots, Omitted* omitted) noexcept nogil:
    cdef const Special* special
    cdef Py_ssize_t number
    cdef double value
    for number in range(extra.special_count):
        special = &extra.specials[number]
        if special.kind < SPECIAL_FLOAT_16 or not is_in(mask, special.slot):
            continue
        value = to_double(slots[special.slot], special.kind)
        if isfinite(value):
            memcpy(&slots[special.slot], &value, 8)
        else:
            leave_out(mask, special.slot, &omitted.not_a_number)


cdef void drop_not_available(const Extra* extra, uint64_t* mask, const uint64_t* slots,
                             Omitted* omitted) noexcept nogil:
    cdef const Limit* limit
    cdef Py_ssize_t number
    for number in range(extra.limit_count):
        limit = &extra.limits[number]
        if is_in(mask, limit.slot) and (slots[limit.slot] & limit.mask) - limit.limit <= limit.span:
            leave_out(mask, limit.slot, &omitted.not_available)


cdef bint read_characters(const Text* text, const uint8_t* data, uint64_t* slot) noexcept nogil:
    """Take a text; False when nothing is left of it."""
    cdef char[MOST_CHARACTERS] characters
    cdef size_t index
    cdef size_t count = text.count
    while count and data[text.byte + count - 1] in (0, 0x20, 0xFF):
        count -= 1
    for index in range(count):
        characters[index] = data[text.byte + index] if 0x20 <= data[text.byte + index] < 0x7F else c"?"
    set_characters(slot, text.field, characters, count)
    return count != 0


cdef bint read_digits(uint64_t* slot, unsigned count) noexcept nogil:
    """Make the number of packed BCD; False when one of its digits is not decimal."""
    cdef uint64_t digits = slot[0]
    cdef uint64_t number = 0
    cdef uint64_t digit
    while count:
        count -= 1
        digit = digits >> (4 * count) & 0xF
        if digit > 9:
            return False
        number = 10 * number + digit
    slot[0] = number
    return True


cdef void make_values(const Extra* extra, const uint8_t* data, Py_ssize_t length, uint64_t* mask, uint64_t* slots,
                      Omitted* omitted) noexcept nogil:
    """Make texts, and numbers of digits; leave out what a bit denies, is not a digit, or a short form of all ones."""
    cdef Py_ssize_t number
    cdef uint16_t slot
    for number in range(extra.present_count):
        slot = extra.presents[number].slot
        if is_in(mask, slot) and (extra.presents[number].byte >= length
                                  or not data[extra.presents[number].byte] & extra.presents[number].bit):
            leave_out(mask, slot, &omitted.not_available)
    for number in range(extra.text_count):
        slot = extra.texts[number].slot
        if is_in(mask, slot) and not read_characters(&extra.texts[number], data, &slots[slot]):
            leave_out(mask, slot, &omitted.not_available)
    for number in range(extra.digits_count):
        slot = extra.digits[number].slot
        if is_in(mask, slot) and not read_digits(&slots[slot], extra.digits[number].count):
            leave_out(mask, slot, &omitted.not_available)
    for number in range(extra.short_count):
        slot = extra.shorts[number].slot
        if (extra.shorts[number].length == length and is_in(mask, slot)
                and slots[slot] == (<uint64_t>1 << extra.shorts[number].bits) - 1):
            leave_out(mask, slot, &omitted.not_available)


cdef void keep_together(const Extra* extra, uint64_t* mask, Omitted* omitted) noexcept nogil:
    """Leave out the rest of a set of signals of which one is no value."""
    cdef const uint64_t* together = extra.together
    cdef Py_ssize_t number, word
    cdef bint is_whole
    for number in range(extra.together_count):
        is_whole = True
        for word in range(extra.mask_words):
            is_whole &= together[word] & ~mask[word] == 0
        for word in range(0 if is_whole else extra.mask_words):
            omitted.not_available += bit_count(mask[word] & together[word])
            mask[word] &= ~together[word]
        together += extra.mask_words


cdef bint decode_any(const Message* message, const uint8_t* data, Py_ssize_t readable, Py_ssize_t length,
                     uint64_t* mask, Omitted* omitted) noexcept nogil:
    """Fill `mask` and the slots after it. Return whether that is a row: a signal is there, or none has to be.

    `readable` bytes of `data` may be read; `length` of them are payload.
    """
    cdef uint64_t words[BUFFER_WORDS]
    cdef const uint8_t* buffer = <const uint8_t*>words
    cdef const Extra* extra = <const Extra*>message.extra
    cdef uint64_t* slots = mask + extra.mask_words
    cdef Py_ssize_t number
    fill_buffer(words, data, readable, extra.capacity)
    words[2 * extra.capacity // 8] = 0
    for number in range(extra.mask_words):
        mask[number] = extra.mask[number]
    if length < message.need_bytes:
        drop_short(mask, extra, length, omitted)
    unpack_scattered(extra.ops, extra.op_count, buffer, slots)
    for number in range(extra.special_count):
        if extra.specials[number].kind <= SPECIAL_BIG_9:
            slots[extra.specials[number].slot] = nine_bytes(&extra.specials[number], buffer)
    run_selectors(extra, buffer, length, mask, slots, omitted)
    run_floats(extra, mask, slots, omitted)
    if extra.makes_values:
        make_values(extra, data, length, mask, slots, omitted)
    drop_not_available(extra, mask, slots, omitted)
    if extra.makes_values:
        keep_together(extra, mask, omitted)
    cdef uint64_t any_there = 0
    for number in range(extra.mask_words):
        any_there |= mask[number]
    return any_there != 0 or extra.keeps_empty
