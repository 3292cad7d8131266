"""Reads ASC logs, Vector's text format, straight into batches.

    date Tue Nov 14 10:13:20.500 pm 2023
    base hex  timestamps absolute
       0.250000 1  123             Rx   d 2 01 02  Length = 0 BitCount = 0
       0.500000 1  1ABCDEF0x       Tx   r 4
       0.750000 2  ErrorFrame
       1.000000 CANFD   1 Rx   123  Name  1 0 9 12 00 .. 0B  0 0 3000 0 0 0 0 0

Promises:

- Stamps keep every digit. They count from the date in the header or of the trigger block, taken as UTC. With
  `timestamps relative` in the header each counts from the stamp of the line before.
- Comments and events other than CAN frames (statistics, chip states, LIN, transmit requests) are skipped.
- Any other line, and a frame with something wrong, is damaged and costs only itself.

Facts: python-can's reader and writer (can/io/asc.py). The bits of the column `flags` are those of BLF.
"""

import re

from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memset

from telemetry_core.logs.asc_header import numbers_of, start_of

from telemetry_core.frames.batch cimport (
    FLAG_BRS, FLAG_ESI, FLAG_FD, ID_ERROR, ID_EXTENDED, ID_MASK, ID_REMOTE, MAX_PAYLOAD, WideFrame,
)
from telemetry_core.logs.reader cimport (
    LINE_DAMAGED, LINE_HEADER, LINE_NOTHING, MAX_CHANNELS, LineReader,
)
from telemetry_core.logs.text cimport (
    NOT_HEX, hex_digit, is_space, same_word, skip_spaces, skip_word, take_decimal, take_hex, take_seconds,
)

_BLOCK = re.compile(r"\s*begin\s+triggerblock", re.IGNORECASE)  # without a date
_DATE_LINE = re.compile(r"\s*date\s+\S", re.IGNORECASE)

cdef enum:
    COLUMN_REMOTE = 0x10         # bits of the column `flags`
    COLUMN_FD = 0x1000


cdef inline bint _is_direction(const char* at, const char* end) noexcept nogil:
    return end - at == 2 and (at[0] | 0x20 == c'r' or at[0] | 0x20 == c't') and at[1] | 0x20 == c'x'


cdef inline bint _is_request(const char* at, const char* end) noexcept nogil:
    # TxRq: what a node was asked to send. It is not on the bus yet.
    return end - at == 4 and same_word(at, end, b"txrq", 4)


cdef inline bint _is_digit(const char* at, const char* end) noexcept nogil:
    return at < end and <uint8_t>(at[0] - c'0') <= 9


cdef bint _is_prose(const char* at, const char* end) noexcept nogil:
    # A line without a stamp that a log may have. The lines of the header are not among them.
    return (same_word(at, end, b"//", 2) or same_word(at, end, b"internal events", 15)
            or same_word(at, end, b"no internal events", 18) or same_word(at, end, b"end trigger", 11)
            or same_word(at, end, b"previous log", 12))


cdef str _decoded(bytes line):
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")


cdef class AscReader(LineReader):
    """Reads the frames of an ASC log. Its channels, counted from 1, are can0, can1 …

    `undated_line` is the first line whose date has an unknown form, if frames may follow it; 0: there is none.
    `undated_start_ns` is the moment that their stamps count from instead: the date before, or 1970 (0).
    """

    cdef int64_t start_ns        # of the log, or of the trigger block
    cdef int64_t undated_frames  # that were read before undated_line
    cdef readonly int64_t undated_line  # 0: none
    cdef readonly int64_t undated_start_ns
    cdef bint decimal            # base dec: ids, lengths and bytes are decimal numbers
    cdef bint relative           # each stamp counts from the line before
    cdef int64_t before_ns       # relative: the sum of the lines before the current one
    cdef int64_t after_ns        # relative: the same with the current one
    cdef int64_t stamped_line    # relative: its number

    def __cinit__(self, *_):
        self.stamped_line = -1

    cdef object take_header(self):
        cdef bytes line = self.buffer[self.begin:self.line_end]
        text = _decoded(line)
        start_ns = start_of(text)
        numbers = numbers_of(text)
        if start_ns is not None and start_ns >= 0:
            self.note_date(True)
            self.start_ns = start_ns
            self.before_ns = self.after_ns = 0
        elif start_ns is not None or _DATE_LINE.match(text):
            self.note_date(False)
        elif numbers is not None:
            self.decimal, self.relative = numbers
        elif not _BLOCK.match(text):
            self.damage_line()
        LineReader.take_header(self)

    cdef void note_date(self, bint known) noexcept:
        # A known date replaces an unknown one when no frame lies between them.
        if not known and not self.undated_line:
            self.undated_line = self.line + 1
            self.undated_frames = self.frames_read
            self.undated_start_ns = self.start_ns
        elif known and self.undated_frames == self.frames_read:
            self.undated_line = 0

    cdef int parse_line(self, const char* at, const char* end, WideFrame* frame, bint* torn) noexcept nogil:
        cdef int64_t time_ns = 0
        cdef const char* word
        cdef const char* word_end
        at = skip_spaces(at, end)
        if at == end:
            return LINE_NOTHING
        if not _is_digit(at, end):
            if (same_word(at, end, b"date", 4) or same_word(at, end, b"base", 4)
                    or same_word(at, end, b"begin", 5)):
                return LINE_HEADER
            return LINE_NOTHING if _is_prose(at, end) else LINE_DAMAGED
        at = self.take_stamp(at, end, &time_ns)
        if at == NULL:
            return LINE_DAMAGED
        memset(frame, 0, sizeof(WideFrame))
        frame.time_ns = time_ns
        word = skip_spaces(at, end)
        word_end = skip_word(word, end)
        if word == end:
            return LINE_DAMAGED
        if word_end - word == 5 and same_word(word, word_end, b"canfd", 5):
            return self.parse_fd(word_end, end, frame)
        if _is_digit(word, end):
            return self.parse_classic(word, end, frame)
        # Another event, unless it looks like a frame: then its channel is damaged.
        word = skip_spaces(word_end, end)
        word = skip_spaces(skip_word(word, end), end)
        word_end = skip_word(word, end)
        if _is_direction(word, word_end):
            word = skip_spaces(word_end, end)
            if skip_word(word, end) - word == 1 and (word[0] == c'd' or word[0] == c'r'):
                return LINE_DAMAGED
        return LINE_NOTHING

    cdef const char* take_stamp(self, const char* at, const char* end, int64_t* time_ns) noexcept nogil:
        at = take_seconds(at, end, time_ns)
        if at == NULL or (at < end and not is_space(at[0])):
            return NULL
        if self.relative:
            if self.stamped_line != self.line:  # not the same line again
                self.before_ns = self.after_ns
                self.stamped_line = self.line
            if time_ns[0] > INT64_MAX - self.before_ns:
                return NULL
            self.after_ns = self.before_ns + time_ns[0]
            time_ns[0] = self.after_ns
        if time_ns[0] > INT64_MAX - self.start_ns:
            return NULL
        time_ns[0] += self.start_ns
        return at

    cdef int parse_classic(self, const char* at, const char* end, WideFrame* frame) noexcept nogil:
        # From the channel on.
        cdef int64_t channel = 0, length = 0
        cdef const char* id
        cdef const char* id_end
        cdef const char* word
        cdef const char* word_end
        cdef char kind
        at = take_decimal(at, end, MAX_CHANNELS, &channel)
        if at == NULL or at >= end or not is_space(at[0]):
            return LINE_DAMAGED
        id = skip_spaces(at, end)
        id_end = skip_word(id, end)
        if id_end - id == 10 and same_word(id, id_end, b"errorframe", 10):
            frame.id = ID_ERROR
            return self.take_channel(max(channel - 1, 0), frame)
        word = skip_spaces(id_end, end)
        word_end = skip_word(word, end)
        if _is_request(word, word_end):
            return LINE_NOTHING
        at = self.take_id(id, id_end, frame)
        if not _is_direction(word, word_end):  # a frame, or another event of this channel
            return LINE_DAMAGED if at != NULL or id == end or _is_direction(id, id_end) else LINE_NOTHING
        if at == NULL:
            return LINE_DAMAGED
        word = skip_spaces(word_end, end)
        at = skip_word(word, end)
        if at - word != 1:
            return LINE_DAMAGED
        kind = word[0] | 0x20
        at = skip_spaces(at, end)
        if kind == c'r':
            frame.id |= ID_REMOTE
            if at < end and hex_digit(at[0]) != NOT_HEX:
                at = self.take_number(at, end, 15, &length)
                if at == NULL:
                    return LINE_DAMAGED
            frame.length = <uint16_t>min(length, 8)
            return self.take_channel(max(channel - 1, 0), frame)
        if kind != c'd':
            return LINE_DAMAGED
        at = self.take_number(at, end, 15, &length)
        if at == NULL or self.take_bytes(at, end, frame, min(length, 8)) == NULL:
            return LINE_DAMAGED
        return self.take_channel(max(channel - 1, 0), frame)

    cdef int parse_fd(self, const char* at, const char* end, WideFrame* frame) noexcept nogil:
        # After the word CANFD: channel, direction, id, a name or none, BRS, ESI, DLC, length, bytes; then,
        # if they are there: duration, bits, flags.
        cdef int64_t channel = 0, dlc = 0, length = 0, number = 0
        cdef uint32_t flags = 0
        cdef const char* word
        cdef const char* word_end
        cdef int column
        at = take_decimal(skip_spaces(at, end), end, MAX_CHANNELS, &channel)
        if at == NULL or at >= end or not is_space(at[0]):
            return LINE_DAMAGED
        word = skip_spaces(at, end)
        word_end = skip_word(word, end)
        if _is_request(word, word_end):
            return LINE_NOTHING
        if not _is_direction(word, word_end):
            return LINE_DAMAGED
        word = skip_spaces(word_end, end)
        word_end = skip_word(word, end)
        frame.flags = FLAG_FD
        if word_end - word == 10 and same_word(word, word_end, b"errorframe", 10):
            frame.id = ID_ERROR
            return self.take_channel(max(channel - 1, 0), frame)
        if self.take_id(word, word_end, frame) == NULL:
            return LINE_DAMAGED
        at = skip_spaces(word_end, end)
        word_end = skip_word(at, end)
        if word_end - at != 1 or (at[0] != c'0' and at[0] != c'1'):
            at = skip_spaces(word_end, end)  # the message's name
        for column in range(2):
            if end - at < 2 or (at[0] != c'0' and at[0] != c'1') or not is_space(at[1]):
                return LINE_DAMAGED
            if at[0] == c'1':
                frame.flags |= FLAG_BRS if column == 0 else FLAG_ESI
            at = skip_spaces(at + 1, end)
        at = self.take_number(at, end, 15, &dlc)
        if at == NULL:
            return LINE_DAMAGED
        at = take_decimal(skip_spaces(at, end), end, MAX_PAYLOAD, &length)
        if at == NULL:
            return LINE_DAMAGED
        at = self.take_bytes(at, end, frame, length)
        if at == NULL:
            return LINE_DAMAGED
        for column in range(2):
            at = take_decimal(skip_spaces(at, end), end, INT64_MAX, &number)
            if at == NULL:
                return self.take_channel(max(channel - 1, 0), frame)
        if take_hex(skip_spaces(at, end), end, &flags) == NULL:
            return self.take_channel(max(channel - 1, 0), frame)
        if not flags & COLUMN_FD and frame.flags == FLAG_FD and length <= 8:
            frame.flags = 0  # a classic frame, on a channel that can have both
            if flags & COLUMN_REMOTE:
                frame.id |= ID_REMOTE
                frame.length = <uint16_t>min(dlc, 8)
                memset(frame.data, 0, sizeof(frame.data))
        return self.take_channel(max(channel - 1, 0), frame)

    cdef const char* take_number(self, const char* at, const char* end, int64_t most, int64_t* value) noexcept nogil:
        # A word that is a number in the log's base.
        cdef uint32_t number = 0
        if self.decimal:
            at = take_decimal(at, end, most, value)
        else:
            at = take_hex(at, end, &number)
            value[0] = number
        if at == NULL or value[0] > most or (at < end and not is_space(at[0])):
            return NULL
        return at

    cdef const char* take_id(self, const char* at, const char* end, WideFrame* frame) noexcept nogil:
        # A whole word: the id, followed by an x if it is extended.
        cdef int64_t id = 0
        cdef bint extended = at < end and (end - 1)[0] | 0x20 == c'x'
        at = self.take_number(at, end - extended, ID_MASK if extended else 0x7FF, &id)
        if at != end - extended:
            return NULL
        frame.id = <uint32_t>id | (ID_EXTENDED if extended else 0)
        return end

    cdef const char* take_bytes(self, const char* at, const char* end, WideFrame* frame, int64_t count) noexcept nogil:
        cdef int64_t index, value = 0
        cdef uint8_t high, low
        cdef const char* word
        for index in range(count):
            at = skip_spaces(at, end)
            if not self.decimal and end - at >= 2:
                high = hex_digit(at[0])
                low = hex_digit(at[1])
                if high != NOT_HEX and low != NOT_HEX and (end - at == 2 or is_space(at[2])):
                    frame.data[index] = <uint8_t>(high << 4 | low)
                    at += 2
                    continue
            word = at
            at = self.take_number(at, end, 255, &value)
            if at == NULL or at - word > (3 if self.decimal else 2):
                return NULL
            frame.data[index] = <uint8_t>value
        frame.length = <uint16_t>count
        return at
