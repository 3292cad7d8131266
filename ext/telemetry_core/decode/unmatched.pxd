"""Data sheet of the ids without a message: one entry each, in a hash table of fixed size."""

from libc.stdint cimport int64_t, uint16_t, uint64_t

from telemetry_core.decode.decoder cimport Decoder
from telemetry_core.frames.batch cimport Frame, FrameBatch

cdef struct UnmatchedId:
    uint64_t key                 # channel and id, never 0; 0: empty
    uint64_t frames
    int64_t first_ns
    int64_t last_ns
    uint16_t shortest            # bytes
    uint16_t longest

cdef class UnmatchedIds:
    cdef Decoder decoder
    cdef UnmatchedId* entries
    cdef size_t size             # a power of two
    cdef size_t most
    cdef size_t count
    cdef readonly int64_t others
    cdef public bint is_counting

    cdef void add(self, const Frame* frame) noexcept nogil
