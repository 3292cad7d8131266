"""Frames counted by channel and id, for so many ids at most: what their counters have in common.

Promises: memory is bounded, whatever ids come. All error frames of a channel have the id ID_ERROR.
"""

from libc.stdlib cimport free

from telemetry_core.memory cimport zeroed

from telemetry_core.frames.spec import SeenFrames


cdef class SeenIds:
    """Holds `most` ids at most. `others` counts the frames of further ones."""

    def __cinit__(self, size_t most, *_):
        self.size = 4
        while self.size < 2 * most:
            self.size *= 2
        self.most = most
        self.entries = <SeenId*>zeroed(self.size, sizeof(SeenId))

    def __dealloc__(self):
        free(self.entries)

    def found(self):
        """Return them as SeenFrames, by channel and id."""
        cdef size_t at
        cdef SeenId* entry
        ids = []
        for at in range(self.size):
            entry = &self.entries[at]
            if entry.key:
                ids.append(SeenFrames((entry.key >> 32) - 1, entry.key & <uint64_t>0xFFFFFFFF, entry.frames, entry.first_ns,
                                      entry.last_ns, entry.shortest, entry.longest, *self.sample(at)))
        return sorted(ids)

    cdef tuple sample(self, size_t at):
        """Return the numbers, stamps and data of the frames that are kept of an id."""
        return ()
