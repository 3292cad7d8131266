"""Reads GVRET's CSV logs, as SavvyCAN and GVRET's devices write them, straight into batches.

    Time Stamp,ID,Extended,Dir,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8        without `Dir` in older ones; or `DLC`
    39747828,000005EB,false,Rx,0,8,E8,45,85,4B,4A,28,36,69,

Promises:

- Stamps are microseconds, since 1970 or since the device's start, as the log has them.
- If the first stamp is negative or too large for a stamp, all count from it. It is then taken without its sign if
  it is negative, and for 0 otherwise.
- `Extended` is true, false, 1 or 0.
- An id above 7FF is extended, even if the column says otherwise.
- A frame of more than 8 bytes is CAN FD. What follows the `LEN` bytes does not matter.
- A line with anything wrong is damaged and costs only itself.

Facts: SavvyCAN's framefileio.cpp; its issues 571 and 795 (negative stamps: the offset to the system's clock is
applied with the wrong sign, so that they rise from the moment of the start, negated).
"""

from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from telemetry_core.frames.batch cimport FLAG_FD, ID_EXTENDED, ID_MASK, MAX_PAYLOAD, WideFrame
from telemetry_core.logs.reader cimport LINE_DAMAGED, LINE_NOTHING, MAX_CHANNELS, LineReader
from telemetry_core.logs.text cimport same_word, skip_spaces, take_decimal, take_hex


cdef int64_t MOST_US = INT64_MAX // 1000


cdef inline const char* _after_comma(const char* at, const char* end) noexcept nogil:
    # The place after the comma; NULL where there is none.
    if at == NULL:
        return NULL
    at = skip_spaces(at, end)
    if at >= end or at[0] != c',':
        return NULL
    return skip_spaces(at + 1, end)


cdef inline const char* _take_signed(const char* at, const char* end, int64_t* value) noexcept nogil:
    # A number of 64 bits with a sign, or one without that stands for it, as Qt reads and prints them.
    cdef const char* start
    cdef uint64_t number = 0
    cdef uint8_t digit
    cdef bint is_negative = at < end and at[0] == c'-'
    at += is_negative
    start = at
    while at < end:
        digit = <uint8_t>(at[0] - c'0')
        if digit > 9:
            break
        if number > (<uint64_t>-1 - digit) // 10:
            return NULL
        number = number * 10 + digit
        at += 1
    if at == start or (is_negative and number > <uint64_t>INT64_MAX):
        return NULL
    value[0] = -<int64_t>number if is_negative else <int64_t>number
    return at


cdef inline const char* _take_flag(const char* at, const char* end, bint* value) noexcept nogil:
    value[0] = same_word(at, end, b"true", 4)
    if value[0]:
        return at + 4
    if same_word(at, end, b"false", 5):
        return at + 5
    if at == end or (at[0] != c'0' and at[0] != c'1'):
        return NULL
    value[0] = at[0] == c'1'
    return at + 1


cdef class GvretReader(LineReader):
    """Reads the frames of a GVRET log. Its buses, counted from 0, are can0, can1 …

    `is_rebased`: the first stamp was impossible. All count from it, and it is `start_ns`: without its sign
    where it is negative, since SavvyCAN subtracts the moment at which it began; otherwise 0.
    """

    cdef int64_t offset_us       # added to each stamp of the log
    cdef readonly bint is_rebased
    cdef readonly int64_t start_ns  # if so: of the first frame

    cdef const char* take_stamp(self, const char* at, const char* end, int64_t* time_ns) noexcept nogil:
        cdef int64_t stamp_us = 0, start_us, time_us
        at = _take_signed(at, end, &stamp_us)
        if at == NULL:
            return NULL
        if self.frames_read == 0:  # any line before the first frame may be it
            self.is_rebased = not 0 <= stamp_us <= MOST_US
            start_us = (-stamp_us if -MOST_US <= stamp_us < 0 else 0) if self.is_rebased else stamp_us
            self.offset_us = <int64_t>(<uint64_t>start_us - <uint64_t>stamp_us)
            self.start_ns = 1000 * start_us
        time_us = <int64_t>(<uint64_t>stamp_us + <uint64_t>self.offset_us)  # wraps, as the offset does
        if not 0 <= time_us <= MOST_US:
            return NULL
        time_ns[0] = 1000 * time_us
        return at

    cdef int parse_line(self, const char* at, const char* end, WideFrame* frame, bint* torn) noexcept nogil:
        cdef int64_t bus = 0, length = 0
        cdef uint32_t value = 0
        cdef bint extended = False
        cdef int64_t index
        at = skip_spaces(at, end)
        if at == end or same_word(at, end, b"time", 4):
            return LINE_NOTHING
        memset(frame, 0, sizeof(WideFrame))
        at = _after_comma(self.take_stamp(at, end, &frame.time_ns), end)
        if at == NULL:
            return LINE_DAMAGED
        at = _after_comma(take_hex(at, end, &frame.id), end)
        if at == NULL or frame.id > ID_MASK:
            return LINE_DAMAGED
        at = _after_comma(_take_flag(at, end, &extended), end)
        if at == NULL:
            return LINE_DAMAGED
        if same_word(at, end, b"rx", 2) or same_word(at, end, b"tx", 2):
            at = _after_comma(at + 2, end)
            if at == NULL:
                return LINE_DAMAGED
        at = _after_comma(take_decimal(at, end, MAX_CHANNELS - 1, &bus), end)
        if at == NULL:
            return LINE_DAMAGED
        at = take_decimal(at, end, MAX_PAYLOAD, &length)
        if at == NULL:
            return LINE_DAMAGED
        for index in range(length):
            at = _after_comma(at, end)
            if at == NULL:
                return LINE_DAMAGED
            at = take_hex(at, end, &value)
            if at == NULL or value > 0xFF:
                return LINE_DAMAGED
            frame.data[index] = <uint8_t>value
        at = skip_spaces(at, end)
        if at < end and at[0] != c',':
            return LINE_DAMAGED
        if extended or frame.id > 0x7FF:
            frame.id |= ID_EXTENDED
        frame.length = <uint16_t>length
        frame.flags = FLAG_FD if length > 8 else 0
        return self.take_channel(bus, frame)
