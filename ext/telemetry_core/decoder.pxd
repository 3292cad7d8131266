"""Data sheet of the decoder: what it counts, and where."""

from libc.stdint cimport int32_t, uint16_t, uint64_t

from telemetry_core.frames cimport Frame, FrameBatch
from telemetry_core.plan cimport Message, Plan
from telemetry_core.samples cimport SampleBatch

cdef struct Channel:
    uint64_t decoded
    uint64_t unknown
    uint64_t error_frames
    uint64_t remote_frames
    uint64_t bad_lengths
    int32_t bus_plus_one         # 0: no database
    uint16_t tags

cdef struct Omitted:             # signals left out, by reason
    uint64_t short_frame
    uint64_t not_a_number
    uint64_t not_available
    uint64_t unknown_multiplexer_value

cdef class Decoder:
    cdef readonly Plan plan
    cdef Channel* channels       # one for each 16-bit channel number: untouched pages cost nothing
    cdef uint64_t* rows_made     # rows of each message
    cdef Omitted omitted_signals

    cdef bint _decode_block(self, const Frame* frames, Py_ssize_t count, SampleBatch samples) noexcept nogil
    cdef const Message* _find(self, const Frame* frame) noexcept nogil
