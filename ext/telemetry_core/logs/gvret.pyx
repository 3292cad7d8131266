"""Reads GVRET's CSV logs, as SavvyCAN and GVRET's devices write them, straight into batches.

    Time Stamp,ID,Extended,Dir,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8        without `Dir` in older ones
    39747828,000005EB,false,Rx,0,8,E8,45,85,4B,4A,28,36,69,

Promises:

- Stamps are microseconds, since 1970 or since the device's start, as the log has them.
- An id above 7FF is extended, even if the column says otherwise.
- A frame of more than 8 bytes is CAN FD. What follows the `LEN` bytes does not matter.
- A line with anything wrong is damaged and costs only itself.

Facts: SavvyCAN's framefileio.cpp.
"""

from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memset

from telemetry_core.frames.batch cimport FLAG_FD, ID_EXTENDED, ID_MASK, MAX_PAYLOAD, WideFrame
from telemetry_core.logs.reader cimport (
    LINE_DAMAGED, LINE_FRAME, LINE_NEW_CHANNEL, LINE_NOTHING, MAX_CHANNELS, LineReader,
)
from telemetry_core.logs.text cimport same_word, skip_spaces, take_decimal, take_hex


cdef inline const char* _after_comma(const char* at, const char* end) noexcept nogil:
    # The place after the comma; NULL where there is none.
    if at == NULL:
        return NULL
    at = skip_spaces(at, end)
    if at >= end or at[0] != c',':
        return NULL
    return skip_spaces(at + 1, end)


cdef class GvretReader(LineReader):
    """Reads the frames of a GVRET log. Its buses, counted from 0, are can0, can1 …"""

    cdef int parse_line(self, const char* at, const char* end, WideFrame* frame, bint* torn) noexcept nogil:
        cdef int64_t time_us = 0, bus = 0, length = 0
        cdef uint32_t value = 0
        cdef bint extended
        cdef int64_t index
        cdef int number
        at = skip_spaces(at, end)
        if at == end or same_word(at, end, b"time", 4):
            return LINE_NOTHING
        memset(frame, 0, sizeof(WideFrame))
        at = _after_comma(take_decimal(at, end, INT64_MAX // 1000, &time_us), end)
        if at == NULL:
            return LINE_DAMAGED
        at = _after_comma(take_hex(at, end, &frame.id), end)
        if at == NULL or frame.id > ID_MASK:
            return LINE_DAMAGED
        extended = same_word(at, end, b"true", 4)
        if not extended and not same_word(at, end, b"false", 5):
            return LINE_DAMAGED
        at = _after_comma(at + (4 if extended else 5), end)
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
        frame.time_ns = time_us * 1000
        frame.length = <uint16_t>length
        frame.flags = FLAG_FD if length > 8 else 0
        number = self.find_channel(bus)
        if number < 0:
            return LINE_NEW_CHANNEL
        frame.channel = <uint16_t>number
        return LINE_FRAME
