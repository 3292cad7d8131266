"""Which ids no message of the databases has: the question after a decode that gave little.

Promises: memory is bounded, whatever ids come. Nothing here is on the way of a frame that is decoded.
"""

from libc.string cimport memset

from telemetry_core.decode.decoder cimport Decoder
from telemetry_core.frames.batch cimport ID_ERROR, ID_REMOTE, Frame, FrameBatch
from telemetry_core.frames.seen_ids cimport SeenId, SeenIds, seen


cdef class UnmatchedIds(SeenIds):
    """Counts, by id, the data frames for which the databases of a decoder's channels have no message.

    While `is_counting` is False it counts nothing.
    """

    cdef Decoder decoder
    cdef public bint is_counting

    def __cinit__(self, size_t most, Decoder decoder not None):
        self.decoder = decoder
        self.is_counting = True

    def take(self, FrameBatch frames not None):
        """Count those of `frames`."""
        cdef Py_ssize_t index
        cdef const Frame* frame
        if not self.is_counting:
            return
        with nogil:
            for index in range(frames.count):
                frame = &frames.frames[index]
                if not frame.id & (ID_ERROR | ID_REMOTE) and not self.decoder.find(frame, frames.payloads):
                    seen(self, frame)

    def forget(self):
        """Count from 0 again."""
        memset(self.entries, 0, self.size * sizeof(SeenId))
        self.count = 0
        self.others = 0
