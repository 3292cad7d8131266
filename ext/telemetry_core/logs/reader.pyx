"""What the compiled readers of logs share: the window over the stream, channels, and the count of damage.

Promises:

- Memory is constant for a log of any size.
- What is read depends on the log's bytes alone, not on the pieces in which they come or on the sizes of batches.
- A damaged place counts together with the frame after it, so that all counts belong to `frames_read` frames.

A format is a subclass with a `parse`, or with a `parse_line` where a line is a frame.
"""

from cpython.buffer cimport PyBUF_WRITE
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.stdint cimport INT64_MAX, int64_t, uint16_t
from libc.stdlib cimport free
from libc.string cimport memchr, memcmp, memmove, memset

from telemetry_core.frames.batch cimport FrameBatch, WideFrame
from telemetry_core.memory cimport resized


cdef class LogReader:
    """Reads the frames of one log, in the log's own order.

    `stream` has `readinto`. A stream that may be cut off also has `problem`: why it ended early, or "". One
    whose bytes come as they arise has `more_soon()`: whether more of them come before what was read must go
    on. It has `arrival_ns` as well: when the last of them came, the stamp of frames without one. The reader
    calls `channel_of` once for each channel's name, to number it.

    - `frames_read` counts frames, `damaged` counts damaged places, `unstamped` frames without a stamp.
    - `first_damage` says where the first damaged place is ("": no damage).
    - `next_ns` is the stamp of the frame that was not due.
    - `at_end`: there is nothing more to read.
    - `ends_damaged`: the last damaged place is the end, where the log was cut off.
    """

    def __cinit__(self, stream, channel_of, *_):
        self.stream = stream
        self.channel_of = channel_of
        self.more_soon = getattr(stream, "more_soon", None)
        self.first_place.byte = -1
        memset(self.channels, 0xFF, sizeof(self.channels))
        self.buffer = <char*>resized(NULL, BUFFER_BYTES)

    def __dealloc__(self):
        free(self.buffer)

    @property
    def first_damage(self):
        """Return where the first damaged place is, for people; "" without damage."""
        return "" if self.first_place.byte < 0 else self.place(self.first_place)

    def read(self, FrameBatch batch not None, Py_ssize_t limit=-1, int64_t until_ns=INT64_MAX):
        """Append frames to `batch` and return their number.

        `limit` is the most frames to add (-1: as many as there is room for). The reader stops before a frame with
        a stamp later than `until_ns`. It returns 0 at the end of the log (`at_end`), or when the next frame is not
        due. An empty batch gets its `position`. Errors of `stream` and `channel_of` pass through; frames read
        before are in the batch and counted.
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
                self.number_channel()
            elif result == NEEDS_HEADER:
                self.take_header()
            elif result == NEEDS_MEMORY:
                raise MemoryError
            elif result == ENOUGH or result == NOT_DUE:
                break
            elif self.has_all:
                if batch.count == before:
                    self.at_end = True
                    self.settle()
                break
            elif batch.count > before and self.more_soon is not None and not self.more_soon():
                break
            else:
                self.fill()
        return batch.count - before

    cdef object fill(self):
        # Move what is left to the front and read what follows it.
        cdef Py_ssize_t left = self.end - self.begin
        cdef Py_ssize_t got
        if left:
            memmove(self.buffer, self.buffer + self.begin, left)
        self.base += self.begin
        self.begin = 0
        self.end = left
        window = PyMemoryView_FromMemory(self.buffer + left, BUFFER_BYTES - left, PyBUF_WRITE)
        got = self.stream.readinto(window) or 0
        if not 0 <= got <= BUFFER_BYTES - left:
            raise ValueError(f"readinto() filled {got} of {BUFFER_BYTES - left} bytes")
        self.end += got
        self.has_all = got == 0
        self.is_cut_off = self.has_all and bool(getattr(self.stream, "problem", ""))
        self.arrival_ns = getattr(self.stream, "arrival_ns", 0)

    cdef object number_channel(self):
        self.channels[self.new_channel] = self.channel_of(f"can{self.new_channel}")

    cdef object take_header(self):
        # Called for NEEDS_HEADER alone: a format that returns it overrides this.
        raise NotImplementedError

    cdef object place(self, Place place):
        return f"byte {place.byte}"

    cdef int parse(self, FrameBatch batch, Py_ssize_t full, int64_t until_ns) noexcept nogil:
        # Take what is in the window until the batch holds `full` frames or the parser needs something.
        return ENOUGH

    cdef int find_channel(self, int64_t number) noexcept nogil:
        # The pipeline's number for the log's channel; -1 for a new one, which is then in `new_channel`.
        if self.channels[number] < 0:
            self.new_channel = <int>number
        return self.channels[number]

    cdef void add_damage(self, int64_t byte, int64_t part) noexcept nogil:
        if self.damaged + self.unsettled == 0:
            self.first_unsettled.byte = byte
            self.first_unsettled.part = part
        self.unsettled += 1

    cdef void settle(self) noexcept nogil:
        # Count the damage before the frame just taken, or before the end.
        if self.unsettled:
            self.damaged += self.unsettled
            self.unsettled = 0
            self.first_place = self.first_unsettled


cdef class LineReader(LogReader):
    """Reads a log whose frames are text lines. Places in it are lines, counted from 1, and bytes.

    The last line needs no end, unless the log was cut off: the rest of a frame may look like a shorter one.
    """

    cdef object fill(self):
        LogReader.fill(self)
        if self.base + self.begin == 0 and self.end >= 3 and memcmp(self.buffer, b"\xef\xbb\xbf", 3) == 0:
            self.begin = 3  # UTF-8's byte order mark

    cdef object place(self, Place place):
        return f"{place.part} (byte {place.byte})"

    cdef void damage_line(self) noexcept nogil:
        # The one that begins at `begin`.
        self.add_damage(self.base + self.begin, self.line + 1)

    cdef int parse(self, FrameBatch batch, Py_ssize_t full, int64_t until_ns) noexcept nogil:
        cdef const char* line
        cdef const char* line_end
        cdef WideFrame* frame = &self.parsed
        cdef bint torn, is_long
        cdef int result
        while batch.count < full:
            line = self.buffer + self.begin
            line_end = <const char*>memchr(line, c'\n', self.end - self.begin)
            if line_end == NULL:
                is_long = not self.has_all and self.end - self.begin > MAX_LINE
                if is_long or (self.is_cut_off and self.begin < self.end):
                    if not self.discarding:
                        self.damage_line()
                        self.discarding = True
                    self.ends_damaged = self.is_cut_off
                    self.begin = self.end
                if not self.has_all or self.begin == self.end:
                    return NEEDS_BYTES
                line_end = self.buffer + self.end
            if not self.discarding:
                torn = False
                if line_end - line > MAX_LINE:
                    result = LINE_DAMAGED
                else:
                    result = self.parse_line(line, line_end, frame, &torn)
                if result == LINE_NEW_CHANNEL:
                    return NEEDS_CHANNEL
                if result == LINE_HEADER:
                    self.line_end = line_end - self.buffer
                    return NEEDS_HEADER
                if result == LINE_NEXT:
                    return NEEDS_BYTES
                if result == LINE_FRAME and frame.time_ns > until_ns:
                    self.next_ns = frame.time_ns
                    return NOT_DUE
                if result == LINE_FRAME and not batch.take(frame):
                    return NEEDS_MEMORY
                if torn or result == LINE_DAMAGED:
                    self.damage_line()
                    self.ends_damaged = result == LINE_DAMAGED and line_end == self.buffer + self.end
                if result == LINE_FRAME:
                    self.frames_read += 1
                    self.unstamped += self.lacks_stamp
                    self.settle()
            self.discarding = False
            self.line += 1
            self.begin = min(line_end - self.buffer + 1, self.end)
        return ENOUGH

    cdef int take_channel(self, int64_t number, WideFrame* frame) noexcept nogil:
        # End a line that is a frame of the log's channel `number`, from 0 on.
        cdef int channel = self.find_channel(number)
        if channel < 0:
            return LINE_NEW_CHANNEL
        frame.channel = <uint16_t>channel
        return LINE_FRAME

    cdef object take_header(self):
        # Skip the line that it was called for.
        self.line += 1
        self.begin = min(self.line_end + 1, self.end)

    cdef int parse_line(self, const char* at, const char* end, WideFrame* frame, bint* torn) noexcept nogil:
        # One line; it may be parsed again. torn: a frame was found in it, after something damaged.
        return LINE_DAMAGED
