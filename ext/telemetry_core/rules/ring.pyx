"""Rows of the last seconds, for windows round events: what a window holds passes the reducer by.

A *window* is a span of stamps on one *time line* (of sources whose stamps come from one clock), and a *choice* of
records. Rows are kept as they came, with the stamp that is written: what goes out again is the same point.

Promises:
- A row of a window goes out once: by `emit` if it was there before the window opened, by `take` afterwards.
- What goes out depends on the rows and the windows alone, not on how rows were batched.
- Memory is at most `most_bytes`, and what the last `keep_ns` hold is enough. Rows that leave for want of room are
  noted: `lost_ns`.
- A row of a record that no choice has costs one look into a table.
"""

cimport cython
from libc.stdint cimport INT64_MIN, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memmove

from telemetry_core.memory cimport lengthened, resized, zeroed
from telemetry_core.rows.batch cimport RowHead, SampleBatch
from telemetry_core.rows.schema cimport Schema

cdef struct Line:                # a time line
    int64_t last_ns              # the stamp of its last row
    int64_t lost_ns              # the newest stamp of its rows that left for want of room

cdef struct Window:
    int64_t from_ns
    int64_t to_ns                # inclusive
    uint32_t line
    uint32_t choice

cdef enum:
    MOST_WINDOWS = 64            # of which rows may come; what is older is over, or its clock has been set
    FIRST_WORDS = 4096

@cython.final
cdef class Ring:
    """Keeps rows of one Schema that a choice has.

    choices: of each record whether it is in; keep_ns: how long rows are wanted. Raises ValueError for a choice of
    another schema.
    """

    cdef readonly Schema schema
    cdef uint8_t* chosen         # by choice and record
    cdef uint8_t* wanted         # by record: in any choice
    cdef uint64_t* words
    cdef size_t begin            # words: of the oldest row
    cdef size_t used
    cdef size_t room
    cdef size_t most
    cdef int64_t keep_ns
    cdef uint16_t* line_of       # by channel
    cdef Py_ssize_t channel_count
    cdef Line* lines
    cdef Py_ssize_t line_count
    cdef Window windows_[MOST_WINDOWS]
    cdef Py_ssize_t window_count
    cdef int64_t* emitted        # by record

    def __cinit__(self, Schema schema not None, choices, size_t most_bytes, int64_t keep_ns):
        cdef size_t count = schema.record_count
        cdef size_t at, record
        self.schema = schema
        self.most = most_bytes // sizeof(uint64_t)
        self.keep_ns = keep_ns
        self.chosen = <uint8_t*>zeroed(len(choices) * count, 1)
        self.wanted = <uint8_t*>zeroed(count, 1)
        self.emitted = <int64_t*>zeroed(count, sizeof(int64_t))
        for at, choice in enumerate(choices):
            if len(choice) != schema.record_count:
                raise ValueError(f"a choice of {len(choice)} records, not {schema.record_count}")
            for record in range(count):
                self.chosen[at * count + record] = choice[record]
                self.wanted[record] |= self.chosen[at * count + record]

    def __dealloc__(self):
        free(self.chosen)
        free(self.wanted)
        free(self.emitted)
        free(self.words)
        free(self.line_of)
        free(self.lines)

    @property
    def room_bytes(self):
        """Return what the rows take, with the room for more."""
        return self.room * sizeof(uint64_t)

    @property
    def used_bytes(self):
        """Return what the rows alone take."""
        return (self.used - self.begin) * sizeof(uint64_t)

    @property
    def held_s(self):
        """Return how many seconds of such rows as it holds it has room for; None: it holds no time."""
        cdef const RowHead* head = <const RowHead*>(self.words + self.begin)
        cdef int64_t held_ns = self.lines[self._line(head)].last_ns - head.time_ns if self.used > self.begin else 0
        return held_ns * 1e-9 * self.most / (self.used - self.begin) if held_ns > 0 else None

    def bind(self, uint16_t channel, uint16_t line):
        """Let rows of `channel` be of this time line."""
        if channel >= self.channel_count:
            self.line_of = <uint16_t*>lengthened(self.line_of, self.channel_count, channel + 1, sizeof(uint16_t))
            self.channel_count = channel + 1
        self.line_of[channel] = line
        while line >= self.line_count:
            self.lines = <Line*>lengthened(self.lines, self.line_count, self.line_count + 1, sizeof(Line))
            self.lines[self.line_count].last_ns = self.lines[self.line_count].lost_ns = INT64_MIN
            self.line_count += 1

    def lost_ns(self, line):
        """Return the newest stamp of rows of a time line that left for want of room; -2**63: none did."""
        return self.lines[<size_t>line].lost_ns if 0 <= line < self.line_count else INT64_MIN

    def last_ns(self, line):
        """Return the stamp of the last row of a time line; -2**63: none has come."""
        return self.lines[<size_t>line].last_ns if 0 <= line < self.line_count else INT64_MIN

    def take(self, SampleBatch samples not None, int64_t shift_ns):
        """Keep these rows; return how many there are before each that is in a window and follows one that is not, or
        the other way round. The first one follows none that is.

        shift_ns: is added to their stamps. Raises ValueError for rows of another schema.
        """
        if samples.schema is not self.schema:
            raise ValueError("the rows are of another schema than the ring's")
        cdef const uint64_t* row = samples.words
        cdef const RowHead* head
        cdef Py_ssize_t number
        cdef size_t words
        cdef bint is_inside, was_inside = False
        cdef bint has_windows = self.window_count > 0
        turns = []
        for number in range(samples.rows):
            head = <const RowHead*>row
            words = self.schema.records[head.record].row_words
            if has_windows:
                is_inside = self._is_inside(head, head.time_ns + shift_ns)
                if is_inside != was_inside:
                    turns.append(number)
                was_inside = is_inside
            if self.wanted[head.record]:
                self._keep(row, words, shift_ns)
            row += words
        return turns

    def open(self, line, int64_t from_ns, int64_t to_ns, uint32_t choice, SampleBatch out not None):
        """Open a window; append to `out` the rows that are there and that no window before had."""
        cdef uint64_t* row = self.words + self.begin
        cdef uint64_t* end = self.words + self.used
        cdef uint64_t* copied
        cdef RowHead* head
        cdef size_t words
        while row < end:
            head = <RowHead*>row
            words = self.schema.records[head.record].row_words
            if (from_ns <= head.time_ns <= to_ns and self.chosen[choice * self.schema.record_count + head.record]
                    and self._line(head) == line and not self._is_inside(head, head.time_ns)):
                copied = out.add_row(head.record)
                memcpy(copied, row, words * sizeof(uint64_t))
                self.emitted[head.record] += 1
            row += words
        if self.window_count == MOST_WINDOWS:
            self._close(0)
        self.windows_[self.window_count] = Window(from_ns, to_ns, line, choice)
        self.window_count += 1

    def lose(self, line, int64_t until_ns):
        """Note that rows of a time line up to this stamp were there and are not."""
        if 0 <= line < self.line_count:
            self.lines[<size_t>line].lost_ns = max(self.lines[<size_t>line].lost_ns, until_ns)

    def windows(self):
        """Return those that are open: time line, from, until, choice."""
        cdef Py_ssize_t number
        return [(self.windows_[number].line, self.windows_[number].from_ns, self.windows_[number].to_ns,
                 self.windows_[number].choice) for number in range(self.window_count)]

    def forget(self, line):
        """Close all windows of a time line, and forget its rows."""
        cdef uint64_t* row = self.words + self.begin
        cdef uint64_t* end = self.words + self.used
        cdef uint64_t* kept = row
        cdef size_t count
        cdef Py_ssize_t number
        for number in reversed(range(self.window_count)):
            if self.windows_[number].line == line:
                self._close(number)
        while row < end:
            count = self.schema.records[(<RowHead*>row).record].row_words
            if self._line(<RowHead*>row) != line:
                memmove(kept, row, count * sizeof(uint64_t))
                kept += count
            row += count
        self.used = kept - self.words
        if 0 <= line < self.line_count:
            self.lines[<size_t>line].last_ns = self.lines[<size_t>line].lost_ns = INT64_MIN

    def emitted_by_measurement(self):
        """Return how many rows went out by `open`, by measurement, without zeros."""
        counts = {}
        cdef Py_ssize_t record
        for record in range(self.schema.record_count):
            if self.emitted[record]:
                measurement = self.schema.specs[record].measurement
                counts[measurement] = counts.get(measurement, 0) + self.emitted[record]
        return counts

    def memory(self):
        """Return rows and windows as plain values, for a ring that is made and bound alike."""
        cdef Py_ssize_t number
        kept = (<char*>(self.words + self.begin))[:self.used_bytes] if self.used > self.begin else b""
        return (kept, [self.lines[number] for number in range(self.line_count)],
                [self.windows_[number] for number in range(self.window_count)])

    def remember(self, memory):
        """Go on with the `memory` of another one; this one holds nothing yet. Raises ValueError for that of others."""
        kept, lines, windows = memory
        cdef size_t count = len(kept) // sizeof(uint64_t)
        cdef size_t at = 0
        cdef Py_ssize_t number
        cdef const char* content = kept
        if len(lines) != self.line_count or len(windows) > MOST_WINDOWS or count > self.most:
            raise ValueError("the memory is of another ring")
        if count:
            self.words = <uint64_t*>resized(self.words, count * sizeof(uint64_t))
            memcpy(self.words, content, count * sizeof(uint64_t))
            self.room = count
        while at < count:
            if (<RowHead*>(self.words + at)).record >= <uint32_t>self.schema.record_count:
                raise ValueError("the memory is of another schema")
            at += self.schema.records[(<RowHead*>(self.words + at)).record].row_words
        if at != count:
            raise ValueError("the memory is of another schema")
        self.begin, self.used = 0, count
        for number in range(self.line_count):
            self.lines[number] = lines[number]
        for number in range(len(windows)):
            self.windows_[number] = windows[number]
        self.window_count = len(windows)

    cdef inline Py_ssize_t _line(self, const RowHead* head) noexcept nogil:
        return self.line_of[head.channel] if head.channel < self.channel_count else -1

    cdef void _close(self, Py_ssize_t number) noexcept nogil:
        self.window_count -= 1
        memmove(&self.windows_[number], &self.windows_[number + 1], (self.window_count - number) * sizeof(Window))

    cdef bint _is_inside(self, const RowHead* head, int64_t stamp_ns) noexcept nogil:
        # Whether a row with this stamp is in a window. One that is over for as long as rows are kept is closed.
        cdef Py_ssize_t line = self._line(head)
        cdef Py_ssize_t number = 0
        cdef Window* window
        while number < self.window_count:
            window = &self.windows_[number]
            if <Py_ssize_t>window.line == line and stamp_ns > window.to_ns and stamp_ns - window.to_ns > self.keep_ns:
                self._close(number)
                continue
            if (<Py_ssize_t>window.line == line and window.from_ns <= stamp_ns <= window.to_ns
                    and self.chosen[window.choice * self.schema.record_count + head.record]):
                return True
            number += 1
        return False

    cdef int _keep(self, const uint64_t* row, size_t count, int64_t shift_ns) except -1 nogil:
        cdef RowHead* head
        cdef Py_ssize_t line = self._line(<const RowHead*>row)
        if line < 0:
            return 0
        if not self._make_room(count):
            self.lines[line].lost_ns = max(self.lines[line].lost_ns, (<const RowHead*>row).time_ns + shift_ns)
            return 0
        head = <RowHead*>(self.words + self.used)
        memcpy(head, row, count * sizeof(uint64_t))
        head.time_ns += shift_ns
        self.used += count
        self.lines[line].last_ns = head.time_ns
        if head.time_ns < self.lines[line].lost_ns:  # the clock was set back: what was lost is of another time
            self.lines[line].lost_ns = INT64_MIN
        while self.begin < self.used and self._is_over(<RowHead*>(self.words + self.begin)):
            self.begin += self.schema.records[(<RowHead*>(self.words + self.begin)).record].row_words
        return 0

    cdef inline bint _is_over(self, const RowHead* head) noexcept nogil:
        cdef int64_t last_ns = self.lines[self._line(head)].last_ns
        return last_ns > head.time_ns and last_ns - head.time_ns > self.keep_ns

    cdef bint _make_room(self, size_t count) except -1 nogil:
        # Room for `count` words after `used`; False: the ring is smaller than that.
        cdef size_t room
        if count > self.most:
            return False
        while self.used + count > self.room:
            if self.begin > self.room // 4 or (self.begin == self.used and self.begin):
                memmove(self.words, self.words + self.begin, (self.used - self.begin) * sizeof(uint64_t))
                self.used -= self.begin
                self.begin = 0
            elif self.room < self.most:
                room = min(max(2 * self.room, max(self.used + count, <size_t>FIRST_WORDS)), self.most)
                self.words = <uint64_t*>resized(self.words, room * sizeof(uint64_t))
                self.room = room
            else:
                while self.begin < self.used and self.begin <= max(count, self.room // 4):
                    self._lose(<RowHead*>(self.words + self.begin))
        return True

    cdef void _lose(self, const RowHead* head) noexcept nogil:
        cdef Line* line = &self.lines[self._line(head)]
        if head.time_ns <= line.last_ns:
            line.lost_ns = max(line.lost_ns, head.time_ns)
        self.begin += self.schema.records[head.record].row_words
