"""A batch of frames: one flat buffer, filled by a source and read by the decoder.

Promises:

- A frame becomes a Python object only when a caller asks for it by index.
- Zeros follow a payload up to a multiple of eight bytes.

A payload over 8 bytes (CAN FD, a message of a serial port, a transport session) lies in a second buffer, which
all such frames share.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from telemetry_core.memory cimport zeroed

from telemetry_core.frames.spec import FrameTuple


cdef class FrameBatch:
    """Holds up to `capacity` frames; `len()` is the number that are filled.

    `position` is the number of frames that the source gave before the first one here. The constructor raises
    ValueError for a capacity below 1.
    """

    def __cinit__(self, Py_ssize_t capacity):
        if capacity < 1:
            raise ValueError("a batch holds at least one frame")
        self.frames = <Frame*>zeroed(capacity, sizeof(Frame))
        self.capacity = capacity

    def __dealloc__(self):
        free(self.frames)
        free(self.payloads)

    def __len__(self):
        return self.count

    def __getitem__(self, Py_ssize_t index):
        if not 0 <= index < self.count:
            raise IndexError(index)
        cdef Frame* frame = &self.frames[index]
        cdef const char* data = <const char*>payload(frame, self.payloads)
        return FrameTuple(frame.time_ns, frame.id, data[:frame.length], frame.channel, frame.flags, frame.nudge_ns)

    def append(self, int64_t time_ns, uint32_t id, const uint8_t[::1] data not None, *,
               uint16_t channel=0, uint8_t flags=0):
        """Add one frame: `id` with its ID_* bits, `flags` of FLAG_*.

        Raises ValueError when the payload is over 65,535 bytes, IndexError when the batch is full.
        """
        if data.shape[0] > MAX_LONG_PAYLOAD:
            raise ValueError(f"a frame carries at most {MAX_LONG_PAYLOAD} bytes, not {data.shape[0]}")
        if self.count >= self.capacity:
            raise IndexError("the batch is full")
        cdef Frame* frame = self.add(<uint16_t>data.shape[0])
        if frame == NULL:
            raise MemoryError
        frame.time_ns = time_ns
        frame.id = id
        frame.channel = channel
        frame.flags = flags
        if data.shape[0]:
            memcpy(<uint8_t*>payload(frame, self.payloads), &data[0], data.shape[0])

    cdef Frame* add(self, uint16_t length) noexcept nogil:
        cdef Frame* frame = &self.frames[self.count]
        cdef size_t padded = (length + 7) // 8 * 8
        cdef uint64_t offset = self.payloads_used
        if self.count >= self.capacity:
            return NULL
        if length > INLINE_PAYLOAD and not self.make_room(padded):
            return NULL
        memset(frame, 0, sizeof(Frame))
        frame.length = length
        if length > INLINE_PAYLOAD:
            memcpy(frame.data, &offset, sizeof(offset))
            memset(self.payloads + offset, 0, padded)
            self.payloads_used += padded
        self.count += 1
        return frame

    cdef bint take(self, const WideFrame* wide) noexcept nogil:
        cdef Frame* frame
        if wide.length <= INLINE_PAYLOAD and self.count < self.capacity:
            memcpy(&self.frames[self.count], wide, sizeof(Frame))
            self.count += 1
            return True
        frame = self.add(wide.length)
        if frame == NULL:
            return False
        memcpy(<uint8_t*>payload(frame, self.payloads), wide.data, wide.length)
        frame.time_ns = wide.time_ns
        frame.nudge_ns = wide.nudge_ns
        frame.id = wide.id
        frame.channel = wide.channel
        frame.flags = wide.flags
        return True

    cdef bint make_room(self, size_t count) noexcept nogil:
        cdef size_t room = self.payloads_used + count
        cdef uint8_t* grown
        if room > self.payloads_room:
            room += room // 2
            grown = <uint8_t*>realloc(self.payloads, room)
            if grown == NULL:
                return False
            self.payloads = grown
            self.payloads_room = room
        return True

    def extend(self, FrameBatch other not None):
        """Append copies of the frames of `other`. Raises IndexError without room for all."""
        if other.count > self.capacity - self.count:
            raise IndexError("the batch has no room for these frames")
        self._copy(other, 0, other.count)

    def clear(self):
        """Forget all frames. The buffers stay."""
        self.count = 0
        self.payloads_used = 0

    def keep(self, int64_t from_ns, int64_t to_ns):
        """Forget the frames with a stamp before `from_ns`, or not before `to_ns`. Return how many they were.

        Payloads of several do not count.
        """
        cdef Py_ssize_t index, kept = 0, forgotten = 0
        with nogil:
            for index in range(self.count):
                if from_ns <= self.frames[index].time_ns < to_ns:
                    if kept != index:
                        self.frames[kept] = self.frames[index]
                    kept += 1
                elif not self.frames[index].flags & FLAG_PAYLOAD:
                    forgotten += 1
            self.count = kept
        return forgotten

    def keep_ids(self, const uint32_t[::1] ids not None):
        """Keep only the frames whose id, with its ID_* bits, is in `ids`, which ascend."""
        cdef Py_ssize_t index, low, high, middle, kept = 0
        cdef uint32_t id
        with nogil:
            for index in range(self.count):
                id = self.frames[index].id
                low, high = 0, ids.shape[0]
                while low < high:
                    middle = (low + high) // 2
                    if ids[middle] < id:
                        low = middle + 1
                    else:
                        high = middle
                if low < ids.shape[0] and ids[low] == id:
                    if kept != index:
                        self.frames[kept] = self.frames[index]
                    kept += 1
            self.count = kept

    def count_within(self, int64_t from_ns, int64_t to_ns):
        """Return how many frames `keep` would leave."""
        cdef Py_ssize_t index, count = 0
        for index in range(self.count):
            count += from_ns <= self.frames[index].time_ns < to_ns
        return count

    def step_back(self, int64_t first_ns, int64_t least_ns, int64_t most_ns):
        """Return the index of the first frame that steps back too far from the one before it; 0 if none does.

        Too far is more than `most_ns`, or more than `least_ns` to before `first_ns`.
        """
        cdef Py_ssize_t index
        cdef int64_t now_ns, back_ns
        for index in range(1, self.count):
            now_ns = self.frames[index].time_ns
            back_ns = self.frames[index - 1].time_ns - now_ns
            if back_ns > least_ns and (back_ns > most_ns or now_ns < first_ns):
                return index
        return 0

    def part(self, Py_ssize_t start, Py_ssize_t stop):
        """Return a new batch of the frames from `start` to `stop` (exclusive), with its own position."""
        if not 0 <= start < stop <= self.count:
            raise IndexError(f"{start}:{stop} of {self.count} frames")
        cdef FrameBatch taken = FrameBatch(stop - start)
        taken._copy(self, start, stop)
        taken.position = self.position + start
        return taken

    cdef _copy(self, FrameBatch other, Py_ssize_t start, Py_ssize_t stop):
        """Append frames of `other`. The caller has made sure of the room."""
        cdef Frame* copies = &self.frames[self.count]
        cdef Py_ssize_t index
        cdef size_t size
        cdef uint64_t offset
        memcpy(copies, other.frames + start, (stop - start) * sizeof(Frame))
        if other.payloads_used:
            for index in range(stop - start):
                if copies[index].length <= INLINE_PAYLOAD:
                    continue
                size = (copies[index].length + 7) // 8 * 8
                if not self.make_room(size):
                    raise MemoryError
                offset = self.payloads_used
                memcpy(self.payloads + offset, payload(&other.frames[start + index], other.payloads), size)
                memcpy(copies[index].data, &offset, sizeof(offset))
                self.payloads_used += size
        self.count += stop - start
