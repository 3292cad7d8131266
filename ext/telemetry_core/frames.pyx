"""A batch of frames: one flat buffer, filled by a source and read by the decoder.

Promises: no Python object per frame unless one asks for it by index; the bytes of `data` past `length`
are zero; a reader may load eight bytes at any offset of `data` of any frame.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from typing import NamedTuple

cdef enum:
    SLACK = 64


class FrameTuple(NamedTuple):
    """One frame as Python values: for tests and for slow paths."""

    time_ns: int
    id: int
    data: bytes
    channel: int
    flags: int
    nudge_ns: int


cdef class FrameBatch:
    """`capacity` frames at most; `len()` of them are filled."""

    def __cinit__(self, Py_ssize_t capacity):
        if capacity < 1:
            raise ValueError("a batch holds at least one frame")
        self.frames = <Frame*>calloc(1, capacity * sizeof(Frame) + SLACK)
        if self.frames == NULL:
            raise MemoryError
        self.capacity = capacity
        self.count = 0
        self.position = 0

    def __dealloc__(self):
        free(self.frames)

    def __len__(self):
        return self.count

    def __getitem__(self, Py_ssize_t index):
        if not 0 <= index < self.count:
            raise IndexError(index)
        cdef Frame* frame = &self.frames[index]
        return FrameTuple(frame.time_ns, frame.id, (<char*>frame.data)[:frame.length], frame.channel,
                          frame.flags, frame.nudge_ns)

    def append(self, int64_t time_ns, uint32_t id, const uint8_t[::1] data not None, *,
               uint16_t channel=0, uint8_t flags=0):
        """Add one frame. Raises ValueError when the payload is over 64 bytes, IndexError when full."""
        if data.shape[0] > MAX_PAYLOAD:
            raise ValueError(f"a frame carries at most {MAX_PAYLOAD} bytes, not {data.shape[0]}")
        if self.count >= self.capacity:
            raise IndexError("the batch is full")
        cdef Frame* frame = &self.frames[self.count]
        memset(frame, 0, sizeof(Frame))
        frame.time_ns = time_ns
        frame.id = id
        frame.length = <uint16_t>data.shape[0]
        frame.channel = channel
        frame.flags = flags
        if data.shape[0]:
            memcpy(frame.data, &data[0], data.shape[0])
        self.count += 1

    def extend(self, FrameBatch other not None):
        """Copy the frames of `other` behind those already here. Raises IndexError without room for all."""
        if other.count > self.capacity - self.count:
            raise IndexError("the batch has no room for these frames")
        memcpy(&self.frames[self.count], other.frames, other.count * sizeof(Frame))
        self.count += other.count

    def clear(self):
        """Forget all frames; the buffer stays."""
        self.count = 0

    def part(self, Py_ssize_t start, Py_ssize_t stop):
        """A new batch of the frames from `start` to `stop` (exclusive), with its own position."""
        if not 0 <= start < stop <= self.count:
            raise IndexError(f"{start}:{stop} of {self.count} frames")
        cdef FrameBatch taken = FrameBatch(stop - start)
        memcpy(taken.frames, self.frames + start, (stop - start) * sizeof(Frame))
        taken.count = stop - start
        taken.position = self.position + start
        return taken
