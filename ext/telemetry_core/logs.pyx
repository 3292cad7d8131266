"""Reads candump logs: both of its forms, a line a frame, straight into batches.

    (1700001953.613500) can0 109#000100FFFFFF0F3D        candump -l, -L; with `##` and flags for CAN FD
    (1700001953.613500)  can0  109   [8]  00 01 02 ...   candump, with -t a or without a stamp (then 0)

Promises: memory is constant, whatever the log; any bytes may come, in pieces of any size: a line that is
no frame is counted and costs only itself, and where a frame begins inside one (the rest of a torn line,
then the next one) that frame is found. Identifiers and flags are candump's: 3 digits standard, 8 extended,
error frames with their bit 29 set (can-utils, lib.c).
"""

from cpython.buffer cimport PyBUF_WRITE
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcmp, memcpy, memmove, memset

from telemetry_core.frames cimport (
    FLAG_BRS, FLAG_ESI, FLAG_FD, ID_ERROR, ID_EXTENDED, ID_MASK, ID_REMOTE, MAX_PAYLOAD, Frame, FrameBatch,
)

cdef enum:
    BUFFER_BYTES = 256 * 1024
    MAX_LINE = 4096              # bytes; a frame takes 250 at most
    NOT_HEX = 0xFF

cdef enum LineResult:
    LINE_BLANK
    LINE_FRAME
    LINE_DAMAGED
    LINE_NEW_CHANNEL

cdef enum ParseResult:
    ENOUGH
    NOT_DUE
    NEEDS_BYTES
    NEEDS_CHANNEL

cdef int64_t MAX_SECONDS = 9223372035  # of a stamp, so that its ns fit 63 bits

cdef uint8_t HEX[256]


cdef void _fill_hex():
    cdef int digit
    memset(HEX, NOT_HEX, 256)
    for digit in range(10):
        HEX[c'0' + digit] = digit
    for digit in range(6):
        HEX[c'A' + digit] = 10 + digit
        HEX[c'a' + digit] = 10 + digit


_fill_hex()


cdef inline uint8_t _hex(char digit) noexcept nogil:
    return HEX[<uint8_t>digit]


cdef inline const char* _skip_spaces(const char* at, const char* end) noexcept nogil:
    while at < end and (at[0] == c' ' or at[0] == c'\t' or at[0] == c'\r'):
        at += 1
    return at


cdef inline const char* _parse_stamp(const char* at, const char* end, int64_t* time_ns) noexcept nogil:
    # "(seconds.fraction)": behind the bracket, or NULL.
    cdef int64_t seconds = 0, fraction = 0
    cdef int digits = 0
    cdef uint8_t digit
    while at < end:
        digit = <uint8_t>(at[0] - c'0')
        if digit > 9:
            break
        seconds = seconds * 10 + digit
        if seconds > MAX_SECONDS:
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
    if digits == 0 or at >= end or at[0] != c')':
        return NULL
    if digits == 6:
        fraction *= 1000
    else:
        while digits < 9:
            fraction *= 10
            digits += 1
    time_ns[0] = seconds * 1000000000 + fraction
    return at + 1


cdef inline const char* _parse_id(const char* at, const char* end, uint32_t* id) noexcept nogil:
    # Behind the digits, or NULL.
    cdef const char* start = at
    cdef uint32_t value = 0
    cdef uint8_t digit
    while at < end and at - start < 9:
        digit = _hex(at[0])
        if digit == NOT_HEX:
            break
        value = (value << 4) | digit
        at += 1
    if at == start or at - start > 8:
        return NULL
    if at - start <= 3:
        if value > 0x7FF:
            return NULL
        id[0] = value
        return at
    if value & ~<uint32_t>(ID_MASK | ID_ERROR):
        return NULL
    id[0] = value if value & ID_ERROR else value | ID_EXTENDED
    return at


cdef inline const char* _parse_bytes(const char* at, const char* end, Frame* frame,
                                     Py_ssize_t most) noexcept nogil:
    # Pairs of hex digits up to what is no hex digit; NULL for half a byte or too many.
    cdef Py_ssize_t length = 0
    cdef uint8_t high, low
    while at < end:
        high = _hex(at[0])
        if high == NOT_HEX:
            break
        if at + 1 >= end or length >= most:
            return NULL
        low = _hex(at[1])
        if low == NOT_HEX:
            return NULL
        frame.data[length] = <uint8_t>(high << 4 | low)
        length += 1
        at += 2
    frame.length = <uint16_t>length
    return at


cdef inline const char* _parse_log_data(const char* at, const char* end, Frame* frame) noexcept nogil:
    # What follows `ID#` in a log line.
    cdef uint8_t digit
    if at < end and at[0] == c'#':
        if at + 1 >= end or _hex(at[1]) == NOT_HEX:
            return NULL
        digit = _hex(at[1])
        frame.flags = FLAG_FD
        if digit & 1:
            frame.flags |= FLAG_BRS
        if digit & 2:
            frame.flags |= FLAG_ESI
        return _parse_bytes(at + 2, end, frame, MAX_PAYLOAD)
    if at < end and (at[0] == c'R' or at[0] == c'r'):
        frame.id |= ID_REMOTE
        at += 1
        if at < end and _hex(at[0]) <= 8:
            frame.length = _hex(at[0])
            at += 1
    else:
        at = _parse_bytes(at, end, frame, 8)
        if at == NULL:
            return NULL
    if frame.length == 8 and at + 1 < end and at[0] == c'_' and _hex(at[1]) != NOT_HEX:
        at += 2  # the raw DLC (9 to 15) of a classic frame of 8 bytes
    return at


cdef inline bint _ends(const char* at, const char* end) noexcept nogil:
    # Whether nothing but a mark of direction (R, T) follows.
    at = _skip_spaces(at, end)
    if at < end and (at[0] == c'R' or at[0] == c'T'):
        at = _skip_spaces(at + 1, end)
    return at == end


cdef const char* _skip_direction(const char* at, const char* end) noexcept nogil:
    # The columns of `candump -x`: RX or TX, then bit rate switch and error state, a letter or a dash each.
    cdef int column
    if end - at < 2 or at[1] != c'X' or (at[0] != c'R' and at[0] != c'T'):
        return at
    at += 2
    for column in range(2):
        at = _skip_spaces(at, end)
        if at < end:
            at += 1
    return _skip_spaces(at, end)


cdef const char* _parse_display_data(const char* at, const char* end, Frame* frame) noexcept nogil:
    # What follows the identifier in candump's display form: `[8]  00 11 22 ...`, `[2]  remote request`.
    cdef int length = 0, index
    cdef uint8_t digit
    cdef const char* digits
    at = _skip_spaces(at, end)
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
    at = _skip_spaces(at + 1, end)
    if end - at >= 14 and memcmp(at, b"remote request", 14) == 0:
        frame.id |= ID_REMOTE
        return at
    for index in range(length):
        at = _skip_spaces(at, end)
        if end - at < 2 or _hex(at[0]) == NOT_HEX or _hex(at[1]) == NOT_HEX:
            return NULL
        frame.data[index] = <uint8_t>(_hex(at[0]) << 4 | _hex(at[1]))
        at += 2
        if at < end and at[0] != c' ' and at[0] != c'\r':
            return NULL
    return at  # an ASCII column or the word ERRORFRAME may follow


cdef class CandumpReader:
    """Frames of one log. `stream` has `readinto`; `channel_of` numbers each channel's name once.

    The log's own order is kept. `frames_read`, `damaged_lines` and `first_damaged_line` (counted from 1; 0:
    none) tell how far it is; a damaged line counts from the next frame on, so that all three depend on
    nothing but `frames_read`, until `at_end`. `next_ns`: stamp of the frame that was not due.
    """

    def __cinit__(self, stream, channel_of):
        self.stream = stream
        self.channel_of = channel_of
        self.buffer = <char*>malloc(BUFFER_BYTES)
        if self.buffer == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.buffer)

    def read(self, FrameBatch batch not None, Py_ssize_t limit=-1, int64_t until_ns=INT64_MAX):
        """Fill `batch` behind what it holds; the number of frames added.

        limit: add no more than so many (-1: as many as there is room for). until_ns: stop before a frame
        with a later stamp. 0: at the end of the log (`at_end`), or the next frame is not due. An empty batch
        gets its `position`. What `stream` and `channel_of` raise passes through; frames read before that are
        in the batch and counted.
        """
        cdef Py_ssize_t before = batch.count
        cdef Py_ssize_t full = batch.capacity if limit < 0 else min(batch.capacity, before + limit)
        cdef int result
        if batch.count == 0:
            batch.position = self.frames_read
        while True:
            with nogil:
                result = self.parse(batch, full, until_ns)
            if result == NEEDS_CHANNEL:
                self.name_channel()
            elif result == ENOUGH or result == NOT_DUE:
                break
            elif self.has_all:
                if batch.count == before:
                    self.at_end = True
                    self.settle()
                break
            else:
                self.fill()
        return batch.count - before

    cdef object fill(self):
        # Move what is left to the front and read behind it.
        cdef Py_ssize_t left = self.end - self.begin
        cdef Py_ssize_t got
        if left:
            memmove(self.buffer, self.buffer + self.begin, left)
        self.begin = 0
        self.end = left
        window = PyMemoryView_FromMemory(self.buffer + left, BUFFER_BYTES - left, PyBUF_WRITE)
        got = self.stream.readinto(window) or 0
        if not 0 <= got <= BUFFER_BYTES - left:
            raise ValueError(f"readinto() filled {got} of {BUFFER_BYTES - left} bytes")
        self.end += got
        self.has_all = got == 0

    cdef object name_channel(self):
        cdef ChannelName* name = &self.names[self.name_count]
        text = self.new_name[:self.new_name_length].decode("utf-8", "backslashreplace")
        name.number = self.channel_of(text)
        name.length = <uint8_t>self.new_name_length
        memcpy(name.text, self.new_name, self.new_name_length)
        self.name_count += 1

    cdef int parse(self, FrameBatch batch, Py_ssize_t full, int64_t until_ns) noexcept nogil:
        # Take lines out of the window until the batch holds `full` frames or something else is needed.
        cdef const char* line
        cdef const char* line_end
        cdef bint torn
        cdef int result
        while batch.count < full:
            line = self.buffer + self.begin
            line_end = <const char*>memchr(line, c'\n', self.end - self.begin)
            if line_end == NULL:
                if not self.has_all and self.end - self.begin > MAX_LINE:
                    if not self.discarding:
                        self.damaged(self.line + 1)
                        self.discarding = True
                    self.begin = self.end
                if not self.has_all or self.begin == self.end:
                    return NEEDS_BYTES
                line_end = self.buffer + self.end
            if not self.discarding:
                torn = False
                result = self.parse_line(line, line_end, &batch.frames[batch.count], &torn)
                if result == LINE_NEW_CHANNEL:
                    return NEEDS_CHANNEL
                if result == LINE_FRAME and batch.frames[batch.count].time_ns > until_ns:
                    self.next_ns = batch.frames[batch.count].time_ns
                    return NOT_DUE
                if torn:
                    self.damaged(self.line + 1)
                if result == LINE_FRAME:
                    batch.count += 1
                    self.frames_read += 1
                    self.settle()
            self.discarding = False
            self.line += 1
            self.begin = min(line_end - self.buffer + 1, self.end)
        return ENOUGH

    cdef inline void damaged(self, int64_t line) noexcept nogil:
        if self.damaged_lines + self.unsettled == 0:
            self.first_damaged = line
        self.unsettled += 1

    cdef inline void settle(self) noexcept nogil:
        # Count the damaged lines before the frame just taken, or before the end.
        if self.unsettled:
            self.damaged_lines += self.unsettled
            self.unsettled = 0
            self.first_damaged_line = self.first_damaged

    cdef int parse_line(self, const char* at, const char* end, Frame* frame, bint* torn) noexcept nogil:
        # One line; where it is damaged, the frame that begins at a later bracket in it.
        cdef int result
        if end - at > MAX_LINE:
            torn[0] = True
            return LINE_DAMAGED
        at = _skip_spaces(at, end)
        if at == end:
            return LINE_BLANK
        result = self.parse_frame(at, end, frame)
        while result == LINE_DAMAGED:
            torn[0] = True
            at = <const char*>memchr(at + 1, c'(', end - at - 1)
            if at == NULL:
                break
            result = self.parse_frame(at, end, frame)
        return result

    cdef int parse_frame(self, const char* at, const char* end, Frame* frame) noexcept nogil:
        cdef const char* name
        cdef Py_ssize_t name_length
        cdef int channel
        memset(frame, 0, sizeof(Frame))
        if at[0] == c'(':
            at = _parse_stamp(at + 1, end, &frame.time_ns)
            if at == NULL:
                return LINE_DAMAGED
            at = _skip_spaces(at, end)
        name = at
        while at < end and at[0] != c' ' and at[0] != c'\t':
            at += 1
        name_length = at - name
        if name_length == 0 or name_length > MAX_NAME:
            return LINE_DAMAGED
        at = _skip_direction(_skip_spaces(at, end), end)
        at = _parse_id(at, end, &frame.id)
        if at == NULL:
            return LINE_DAMAGED
        if at < end and at[0] == c'#':
            at = _parse_log_data(at + 1, end, frame)
            if at == NULL or not _ends(at, end):
                return LINE_DAMAGED
        elif _parse_display_data(at, end, frame) == NULL:
            return LINE_DAMAGED
        channel = self.find_channel(name, name_length)
        if channel < 0:
            return LINE_NEW_CHANNEL if self.name_count < MAX_CHANNELS else LINE_DAMAGED
        frame.channel = self.names[channel].number
        return LINE_FRAME

    cdef int find_channel(self, const char* name, Py_ssize_t length) noexcept nogil:
        # Index of the name, the newest one first; -1 for a new one, which is then in `new_name`.
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
