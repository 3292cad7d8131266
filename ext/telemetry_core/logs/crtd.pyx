"""Reads CRTD logs, the text format of the Open Vehicle Monitoring System, straight into batches.

    1632426775.935928 CXX OVMS CRTD
    1632426782.045940 1R11 679 00
    1632426782.096037 2T29 18FF50E5 04 00 00 00 00 80 3c 07

Promises:

- Stamps keep every digit.
- Frames are records R11, R29, T11 and T29. A record without a bus before its type is of bus 1.
- Other types of three letters and digits (comments, events, errors, statistics) are skipped, and so is a line that
  begins with #.
- Any other line, and a frame with something wrong, is damaged and costs only itself.

Facts: OVMS' documentation of CRTD (docs/source/crtd), its canformat_crtd.cpp, SavvyCAN's framefileio.cpp.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memset

from telemetry_core.frames.batch cimport ID_EXTENDED, ID_MASK, WideFrame
from telemetry_core.logs.reader cimport LINE_DAMAGED, LINE_NOTHING, MAX_CHANNELS, LineReader
from telemetry_core.logs.text cimport is_space, skip_spaces, skip_word, take_decimal, take_hex, take_seconds


cdef inline bint _is_type(const char* at, const char* end) noexcept nogil:
    # Three capital letters or digits.
    cdef int index
    if end - at != 3:
        return False
    for index in range(3):
        if not (c'A' <= at[index] <= c'Z' or c'0' <= at[index] <= c'9'):
            return False
    return True


cdef class CrtdReader(LineReader):
    """Reads the frames of a CRTD log. Its buses, counted from 1, are can0, can1 …"""

    cdef int parse_line(self, const char* at, const char* end, WideFrame* frame, bint* torn) noexcept nogil:
        cdef int64_t bus = 1
        cdef uint32_t value = 0
        cdef const char* word
        cdef const char* word_end
        cdef bint extended
        cdef int length = 0
        at = skip_spaces(at, end)
        if at == end or at[0] == c'#':
            return LINE_NOTHING
        memset(frame, 0, sizeof(WideFrame))
        at = take_seconds(at, end, &frame.time_ns)
        if at == NULL or at >= end or not is_space(at[0]):
            return LINE_DAMAGED
        word = skip_spaces(at, end)
        word_end = skip_word(word, end)
        if word_end - word > 3:
            word = take_decimal(word, word_end - 3, MAX_CHANNELS, &bus)
            if word != word_end - 3:
                return LINE_DAMAGED
        if not _is_type(word, word_end):
            return LINE_DAMAGED
        extended = word[1] == c'2' and word[2] == c'9'
        if (word[0] != c'R' and word[0] != c'T') or not (extended or (word[1] == c'1' and word[2] == c'1')):
            return LINE_NOTHING
        at = take_hex(skip_spaces(word_end, end), end, &frame.id)
        if at == NULL or frame.id > <uint32_t>(ID_MASK if extended else 0x7FF):
            return LINE_DAMAGED
        while at < end:
            if not is_space(at[0]):
                return LINE_DAMAGED
            word = skip_spaces(at, end)
            if word == end:
                break
            at = take_hex(word, end, &value)
            if at == NULL or at - word > 2 or length == 8:
                return LINE_DAMAGED
            frame.data[length] = <uint8_t>value
            length += 1
        if extended:
            frame.id |= ID_EXTENDED
        frame.length = <uint16_t>length
        return self.take_channel(max(bus - 1, 0), frame)
