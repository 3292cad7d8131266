"""Reads traces of CANHacker and of CARBUS Analyzer, which took its place, straight into batches.

    Time   ID     DLC Data                    Comment
    18,876 070      8 00 B0 C8 64 9D B0 01 D6
    @ TEXT @ 3 @ 64 @ 0 @ 1149 @ 7459 @ 00:00:07.459 @      then a column for the channel, and one of flags
    26,641405<tab>1<tab>00000004<tab>112<tab>8<tab>00 20 C1 0E 01 72 89 00<tab>00000000<tab> r <tab>

Promises:

- Stamps are those of the device, which begin again each minute: one that is half a minute earlier than the one before
  is of the next minute. A minute in which nothing came is not there.
- The fraction is in milliseconds in version 2, in microseconds in version 3, and otherwise as its digits say.
- An id of more than three digits, or above 7FF, is extended.
- Lines end with CR, LF or both. What follows the bytes does not matter.
- A line with anything wrong is damaged and costs only itself.

Facts: the description of version 3 by its maker (redmine.devnet.ru), SavvyCAN's framefileio.cpp, public traces.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memchr, memset

from telemetry_core.frames.batch cimport ID_EXTENDED, ID_MASK, WideFrame
from telemetry_core.logs.reader cimport LINE_DAMAGED, LINE_NOTHING, MAX_CHANNELS, LineReader
from telemetry_core.logs.text cimport is_space, same_word, skip_spaces, skip_word, take_decimal, take_hex

cdef enum:
    HEADER_BYTES = 9             # `@ TEXT @ `; the version follows

cdef int64_t MINUTE_NS = <int64_t>60 * 1000000000


cdef class CanHackerReader(LineReader):
    """Reads the frames of a trace. Its channels, counted from 1, are can0, can1 …"""

    cdef int version             # of CARBUS Analyzer; 0: CANHacker
    cdef bint has_line_end       # it is known how lines end
    cdef bint ends_with_cr
    cdef int64_t minutes_ns      # before the line in hand
    cdef int64_t before_ns       # the stamp of the line before it, in its minute
    cdef int64_t next_minutes_ns # the same before the line after it
    cdef int64_t next_before_ns
    cdef int64_t stamped         # the line that those are of

    cdef object fill(self):
        cdef char* at
        cdef char* end
        LineReader.fill(self)
        end = self.buffer + self.end
        if not self.has_line_end:
            at = <char*>memchr(self.buffer + self.begin, c'\r', self.end - self.begin)
            self.has_line_end = at != NULL and (at + 1 < end or self.has_all)
            self.ends_with_cr = self.has_line_end and (at + 1 == end or at[1] != c'\n')
        at = self.buffer + self.begin
        while self.ends_with_cr and at != NULL:
            at = <char*>memchr(at, c'\r', end - at)
            if at != NULL:
                at[0] = c'\n'

    cdef const char* take_stamp(self, const char* at, const char* end, int64_t* time_ns) noexcept nogil:
        cdef int64_t seconds = 0, fraction = 0, before_ns
        cdef const char* digits
        at = take_decimal(at, end, 999999999, &seconds)
        if at == NULL or at >= end or (at[0] != c',' and at[0] != c'.'):
            return NULL
        digits = at + 1
        at = take_decimal(digits, end, 999999999, &fraction)
        if at == NULL or at - digits > 9:
            return NULL
        if self.version == 2 or self.version == 3:
            fraction *= 1000000 if self.version == 2 else 1000
        else:
            while digits + 9 > at:
                fraction *= 10
                digits -= 1
        time_ns[0] = seconds * 1000000000 + fraction
        if self.stamped != self.line:
            self.minutes_ns, self.before_ns = self.next_minutes_ns, self.next_before_ns
        self.stamped = self.line
        self.next_before_ns = time_ns[0]
        self.next_minutes_ns = self.minutes_ns
        if self.before_ns < MINUTE_NS and time_ns[0] < self.before_ns - MINUTE_NS // 2:
            self.next_minutes_ns += MINUTE_NS
        time_ns[0] += self.next_minutes_ns
        return at

    cdef int parse_line(self, const char* at, const char* end, WideFrame* frame, bint* torn) noexcept nogil:
        cdef int64_t channel = 1, length = 0, index
        cdef uint32_t value = 0
        cdef const char* word
        at = skip_spaces(at, end)
        if at == end or at[0] == c'#' or same_word(at, end, b"time", 4):
            return LINE_NOTHING
        if at[0] == c'@':
            self.version = at[HEADER_BYTES] - c'0' if end - at > HEADER_BYTES else 0
            return LINE_NOTHING
        memset(frame, 0, sizeof(WideFrame))
        at = self.take_stamp(at, end, &frame.time_ns)
        if at != NULL and self.version:
            at = take_decimal(skip_spaces(at, end), end, MAX_CHANNELS, &channel)
            at = NULL if at == NULL else skip_word(skip_spaces(at, end), end)
        if at == NULL or at >= end or not is_space(at[0]):
            return LINE_DAMAGED
        word = skip_spaces(at, end)
        at = take_hex(word, end, &frame.id)
        if at == NULL or frame.id > ID_MASK:
            return LINE_DAMAGED
        if at - word > 3 or frame.id > 0x7FF:
            frame.id |= ID_EXTENDED
        at = take_decimal(skip_spaces(at, end), end, MAX_CHANNELS, &length)
        if at == NULL or length > 8:
            return LINE_DAMAGED
        for index in range(length):
            word = skip_spaces(at, end)
            at = take_hex(word, end, &value)
            if at == NULL or at - word > 2:
                return LINE_DAMAGED
            frame.data[index] = <uint8_t>value
        if at < end and not is_space(at[0]):
            return LINE_DAMAGED
        frame.length = <uint16_t>length
        return self.take_channel(max(channel - 1, 0), frame)
