"""Which ids no message of the databases has: the question after a decode that gave little.

Promises: memory is bounded, whatever ids come. Nothing here is on the way of a frame that is decoded.
"""


from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from telemetry_core.decode.decoder cimport Decoder
from telemetry_core.frames.batch cimport ID_ERROR, ID_REMOTE, Frame, FrameBatch
from telemetry_core.memory cimport zeroed

from telemetry_core.decode.spec import Unmatched

cdef struct UnmatchedId:
    uint64_t key                 # channel and id, never 0; 0: empty
    uint64_t frames
    int64_t first_ns
    int64_t last_ns
    uint16_t shortest            # bytes
    uint16_t longest


cdef class UnmatchedIds:
    """Counts, by id, the data frames for which the databases of a decoder's channels have no message.

    It holds `most` ids at most. `others` counts the frames of further ones. While `is_counting` is False it
    counts nothing.
    """

    cdef Decoder decoder
    cdef UnmatchedId* entries
    cdef size_t size             # a power of two
    cdef size_t most
    cdef size_t count
    cdef readonly int64_t others
    cdef public bint is_counting

    def __cinit__(self, Decoder decoder not None, size_t most):
        cdef size_t size = 4
        while size < 2 * most:
            size *= 2
        self.decoder = decoder
        self.most = most
        self.size = size
        self.is_counting = True
        self.entries = <UnmatchedId*>zeroed(size, sizeof(UnmatchedId))

    def __dealloc__(self):
        free(self.entries)

    def take(self, FrameBatch frames not None):
        """Count those of `frames`."""
        cdef Py_ssize_t index
        cdef const Frame* frame
        if not self.is_counting:
            return
        with nogil:
            for index in range(frames.count):
                frame = &frames.frames[index]
                if not frame.id & (ID_ERROR | ID_REMOTE) and not self.decoder.find(frame):
                    self.add(frame)

    cdef void add(self, const Frame* frame) noexcept nogil:
        cdef uint64_t key = (<uint64_t>frame.channel + 1) << 32 | frame.id
        cdef size_t at = <size_t>((key * <uint64_t>0x9E3779B97F4A7C15) >> 32) & (self.size - 1)
        cdef UnmatchedId* entry = &self.entries[at]
        while entry.key and entry.key != key:
            at = (at + 1) & (self.size - 1)
            entry = &self.entries[at]
        if not entry.key:
            if self.count == self.most:
                self.others += 1
                return
            self.count += 1
            entry.key = key
            entry.first_ns = frame.time_ns
            entry.shortest = entry.longest = frame.length
        entry.frames += 1
        entry.last_ns = frame.time_ns
        entry.shortest = min(entry.shortest, frame.length)
        entry.longest = max(entry.longest, frame.length)

    def forget(self):
        """Count from 0 again."""
        memset(self.entries, 0, self.size * sizeof(UnmatchedId))
        self.count = 0
        self.others = 0

    def found(self):
        """Return them, by channel and id."""
        cdef size_t at
        cdef UnmatchedId* entry
        ids = []
        for at in range(self.size):
            entry = &self.entries[at]
            if entry.key:
                ids.append(Unmatched(
                    (entry.key >> 32) - 1, entry.key & <uint64_t>0xFFFFFFFF, entry.frames,
                    entry.first_ns, entry.last_ns, entry.shortest, entry.longest,
                ))
        return sorted(ids)
