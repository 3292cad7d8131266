"""Reads candump logs: both of its forms, a line a frame, straight into batches.

    (1700001953.613500) can0 109#000100FFFFFF0F3D        candump -l, -L; with `##` and flags for CAN FD
    (1700001953.613500)  can0  109   [8]  00 01 02 ...   candump -t a
    can0  109   [8]  00 01 02 ...                        candump: the stamp is the stream's `arrival_ns`
    (2023-11-14 22:45:53.613500)  can0  109   [8]  ...   candump -t A, taken as UTC

The colours of `candump -c` (ECMA-48 control sequences) are left out. A line without them pays nothing for that.

Promises, for any bytes:

- A line that is not a frame is counted and costs only itself.
- So is a line without a stamp in a log that has stamps: it lost its beginning, as the first line of a PuTTY log did.
- A frame that begins inside such a line (the rest of a torn line, then the next one) is found.

Identifiers and flags are candump's: 3 digits standard, 8 extended, error frames with their bit 29 set (can-utils,
lib.c).
"""

from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memchr, memcmp, memcpy, memset

from telemetry_core.frames.batch cimport (
    FLAG_BRS, FLAG_ESI, FLAG_FD, ID_ERROR, ID_EXTENDED, ID_MASK, ID_REMOTE, MAX_PAYLOAD, WideFrame,
)
from telemetry_core.logs.reader cimport (
    LINE_DAMAGED, LINE_FRAME, LINE_NEW_CHANNEL, LINE_NEXT, LINE_NOTHING, MAX_CHANNELS, MAX_LINE, LineReader,
)
from telemetry_core.logs.text cimport (
    NOT_HEX, hex_digit, is_space, skip_spaces, take_byte_pairs, take_decimal, take_hex, take_seconds,
)

cdef enum:
    MAX_NAME = 32                # bytes of a channel's name
    MAX_PLAIN = 1024             # bytes of a line without its colours

cdef struct ChannelName:
    uint16_t number              # as the pipeline numbers it
    uint8_t length
    char text[MAX_NAME]


cdef enum:
    ESCAPE = 0x1B


cdef inline const char* _parse_id(const char* at, const char* end, uint32_t* id) noexcept nogil:
    # The place after the digits, or NULL.
    cdef const char* start = at
    at = take_hex(at, end, id)
    if at == NULL:
        return NULL
    if at - start <= 3:
        return at if id[0] <= 0x7FF else NULL
    if id[0] & ~<uint32_t>(ID_MASK | ID_ERROR):
        return NULL
    if not id[0] & ID_ERROR:
        id[0] |= ID_EXTENDED
    return at


cdef inline const char* _parse_log_data(const char* at, const char* end, WideFrame* frame) noexcept nogil:
    # What follows `ID#` in a log line.
    cdef uint8_t digit
    if at < end and at[0] == c'#':
        if at + 1 >= end or hex_digit(at[1]) == NOT_HEX:
            return NULL
        digit = hex_digit(at[1])
        frame.flags = FLAG_FD
        if digit & 1:
            frame.flags |= FLAG_BRS
        if digit & 2:
            frame.flags |= FLAG_ESI
        return take_byte_pairs(at + 2, end, frame, MAX_PAYLOAD)
    if at < end and (at[0] == c'R' or at[0] == c'r'):
        frame.id |= ID_REMOTE
        at += 1
        if at < end and hex_digit(at[0]) <= 8:
            frame.length = hex_digit(at[0])
            at += 1
    else:
        at = take_byte_pairs(at, end, frame, 8)
        if at == NULL:
            return NULL
    if frame.length == 8 and at + 1 < end and at[0] == c'_' and hex_digit(at[1]) != NOT_HEX:
        at += 2  # the raw DLC (9 to 15) of a classic frame of 8 bytes
    return at


cdef inline bint _ends(const char* at, const char* end) noexcept nogil:
    # Whether nothing but a mark of direction (R, T) follows.
    at = skip_spaces(at, end)
    if at < end and (at[0] == c'R' or at[0] == c'T'):
        at = skip_spaces(at + 1, end)
    return at == end


cdef const char* _skip_direction(const char* at, const char* end) noexcept nogil:
    # The columns of `candump -x`: RX or TX, then bit rate switch and error state, a letter or a dash each.
    cdef int column
    if end - at < 2 or at[1] != c'X' or (at[0] != c'R' and at[0] != c'T'):
        return at
    at += 2
    for column in range(2):
        at = skip_spaces(at, end)
        if at < end:
            at += 1
    return skip_spaces(at, end)


cdef const char* _parse_display_data(const char* at, const char* end, WideFrame* frame) noexcept nogil:
    # What follows the identifier in candump's display form: `[8]  00 11 22 ...`, `[2]  remote request`.
    cdef int length = 0, index
    cdef uint8_t digit
    cdef const char* digits
    at = skip_spaces(at, end)
    if end - at >= 3 and at[0] == c'{' and at[2] == c'}':  # with -8 the raw DLC of a classic frame, to F
        if hex_digit(at[1]) == NOT_HEX:
            return NULL
        length = min(<int>hex_digit(at[1]), 8)
        at += 2
    else:
        if at >= end or at[0] != c'[':
            return NULL
        at += 1
        digits = at
        while at < end and at - digits < 3 and <uint8_t>(at[0] - c'0') <= 9:
            length = length * 10 + (at[0] - c'0')
            at += 1
        if at == digits or at >= end or at[0] != c']' or length > MAX_PAYLOAD:
            return NULL
        if at - digits == 2:
            frame.flags = FLAG_FD
        elif length > 8:
            return NULL
    frame.length = <uint16_t>length
    at = skip_spaces(at + 1, end)
    if end - at >= 14 and memcmp(at, b"remote request", 14) == 0:
        frame.id |= ID_REMOTE
        return at
    for index in range(length):
        at = skip_spaces(at, end)
        if end - at < 2 or hex_digit(at[0]) == NOT_HEX or hex_digit(at[1]) == NOT_HEX:
            return NULL
        frame.data[index] = <uint8_t>(hex_digit(at[0]) << 4 | hex_digit(at[1]))
        at += 2
        if at < end and at[0] != c' ' and at[0] != c'\r':
            return NULL
    return at  # an ASCII column or the word ERRORFRAME may follow


cdef int16_t[12] DAYS_BEFORE_MONTH
DAYS_BEFORE_MONTH[:] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]


cdef inline bint _is_leap(int64_t year) noexcept nogil:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


cdef const char* _take_part(const char* at, const char* end, int64_t most, char after, int64_t* value) noexcept nogil:
    # A number of a date, and the character that follows it.
    at = take_decimal(at, end, most, value)
    return at + 1 if at != NULL and at < end and at[0] == after else NULL


cdef const char* _take_moment(const char* at, const char* end, int64_t* time_ns) noexcept nogil:
    # "year-month-day hour:minute:seconds.fraction", as candump has it with -t A; or NULL.
    cdef int64_t year = 0, month = 0, day = 0, hour = 0, minute = 0, days
    at = _take_part(at, end, 2261, c'-', &year)
    if at != NULL:
        at = _take_part(at, end, 12, c'-', &month)
    if at != NULL:
        at = _take_part(at, end, 31, c' ', &day)
    if at != NULL:
        at = _take_part(at, end, 23, c':', &hour)
    if at != NULL:
        at = _take_part(at, end, 59, c':', &minute)
    if at != NULL:
        at = take_seconds(at, end, time_ns)
    if at == NULL or year < 1970 or month < 1 or day < 1 or time_ns[0] >= <int64_t>60 * 1000000000:
        return NULL
    days = 365 * (year - 1970) + (year - 1) // 4 - (year - 1) // 100 + (year - 1) // 400 - 477
    days += DAYS_BEFORE_MONTH[month - 1] + (month > 2 and _is_leap(year)) + day - 1
    time_ns[0] += ((24 * days + hour) * 60 + minute) * 60 * 1000000000
    return at


cdef class CandumpReader(LineReader):
    """Reads the frames of a candump log. A channel has the name that the log gives its interface."""

    cdef ChannelName names[MAX_CHANNELS]
    cdef int name_count
    cdef int last_name           # the newest line's
    cdef char plain[MAX_PLAIN]   # the line without its colours, if it has some
    cdef const char* new_name    # in buffer or plain: a name that channel_of has not numbered yet
    cdef Py_ssize_t new_name_length

    cdef object number_channel(self):
        cdef ChannelName* name = &self.names[self.name_count]
        text = self.new_name[:self.new_name_length].decode("utf-8", "backslashreplace")
        name.number = self.channel_of(text)
        name.length = <uint8_t>self.new_name_length
        memcpy(name.text, self.new_name, self.new_name_length)
        self.name_count += 1

    cdef int parse_line(self, const char* at, const char* end, WideFrame* frame, bint* torn) noexcept nogil:
        # One line, or, where it is damaged, the frame that begins at a later bracket in it.
        cdef int result
        cdef const char* line = at
        at = skip_spaces(at, end)
        if at == end:
            return LINE_NOTHING
        result = self.parse_frame(at, end, frame)
        if result == LINE_DAMAGED and memchr(at, ESCAPE, end - at) != NULL:
            end = self.take_plain(at, end)
            at = line = self.plain
            at = skip_spaces(at, end)
            result = self.parse_frame(at, end, frame) if at < end else LINE_NOTHING
        while result == LINE_DAMAGED:
            torn[0] = True
            at = <const char*>memchr(at + 1, c'(', end - at - 1)
            if at == NULL:
                break
            result = self.parse_frame(at, end, frame)
        if result == LINE_DAMAGED and line[0] == c'\t' and c'a' <= line[1] <= c'z':
            torn[0] = False  # what `candump -e` says about the error frame before it
            return LINE_NOTHING
        return result

    cdef const char* take_plain(self, const char* at, const char* end) noexcept nogil:
        # Copy the line into `plain` without its control sequences, and return the end there.
        cdef char* out = self.plain
        while at < end and out < self.plain + MAX_PLAIN:
            if at[0] == ESCAPE and at + 1 < end and at[1] == c'[':
                at += 2
                while at < end and not c'@' <= at[0] <= c'~':
                    at += 1
            else:
                out[0] = at[0]
                out += 1
            at += 1
        return out

    cdef int parse_frame(self, const char* at, const char* end, WideFrame* frame) noexcept nogil:
        cdef const char* stamp
        cdef const char* name
        cdef Py_ssize_t name_length
        cdef int channel
        cdef char following
        memset(frame, 0, sizeof(WideFrame))
        frame.time_ns = self.arrival_ns
        self.lacks_stamp = at[0] != c'('
        if self.lacks_stamp and self.frames_read != self.unstamped:
            return LINE_DAMAGED
        if not self.lacks_stamp:
            stamp = at + 1
            at = take_seconds(stamp, end, &frame.time_ns)
            if at == NULL:
                at = _take_moment(stamp, end, &frame.time_ns)
            if at == NULL or at >= end or at[0] != c')':
                return LINE_DAMAGED
            at = skip_spaces(at + 1, end)
        name = at
        while at < end and at[0] != c' ' and at[0] != c'\t':
            at += 1
        name_length = at - name
        if name_length == 0 or name_length > MAX_NAME:
            return LINE_DAMAGED
        at = _skip_direction(skip_spaces(at, end), end)
        at = _parse_id(at, end, &frame.id)
        if at == NULL:
            return LINE_DAMAGED
        if at < end and at[0] == c'#':
            at = _parse_log_data(at + 1, end, frame)
            if at == NULL or not _ends(at, end):
                return LINE_DAMAGED
        elif _parse_display_data(at, end, frame) == NULL:
            return LINE_DAMAGED
        if self.lacks_stamp and self.frames_read == 0:
            following = self.following()
            if following == c'(':
                return LINE_DAMAGED
            if following == 0 and not self.has_all and self.arrival_ns == 0:
                return LINE_NEXT
        channel = self.find_name(name, name_length)
        if channel < 0:
            if memchr(name, ESCAPE, name_length) != NULL:
                return LINE_DAMAGED
            return LINE_NEW_CHANNEL if self.name_count < MAX_CHANNELS else LINE_DAMAGED
        frame.channel = self.names[channel].number
        return LINE_FRAME

    cdef char following(self) noexcept nogil:
        # How the line after this one begins, blank ones aside. 0: that has not come, or nothing follows.
        cdef const char* end = self.buffer + self.end
        cdef const char* at = <const char*>memchr(self.buffer + self.begin, c'\n', self.end - self.begin)
        cdef const char* most = at
        if at == NULL:
            return 0
        most += MAX_LINE
        while at < end and (is_space(at[0]) or at[0] == c'\n'):
            at += 1
            if at == most:
                return c' '
        return at[0] if at < end else 0

    cdef int find_name(self, const char* name, Py_ssize_t length) noexcept nogil:
        # Index of the name: the newest is compared first. -1 for a new one, which is then in `new_name`.
        cdef int index
        cdef ChannelName* known = &self.names[self.last_name]
        if known.length == length and memcmp(known.text, name, length) == 0:
            return self.last_name
        for index in range(self.name_count):
            known = &self.names[index]
            if known.length == length and memcmp(known.text, name, length) == 0:
                self.last_name = index
                return index
        self.new_name = name
        self.new_name_length = length
        return -1
