"""Data sheet of the decoder: what it counts, and where."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from telemetry_core.decode.any_shape cimport Omitted
from telemetry_core.decode.message cimport Four
from telemetry_core.decode.plan cimport Plan
from telemetry_core.frames.batch cimport Frame, FrameBatch
from telemetry_core.rows.batch cimport SampleBatch

cdef extern from "telemetry_core/decode/unpack.h":
    ctypedef struct PlainRow:
        const Four* fours
        const uint8_t* data
        uint64_t* slots
    ctypedef void UnpackRows(const PlainRow* rows, unsigned count, unsigned fours) noexcept nogil

cdef struct Binding:
    uint16_t bus                 # index into Plan.buses
    uint16_t tags
    uint16_t sender_tags         # that of J1939's address 0; those of the other addresses follow
    uint8_t has_sender_tags

cdef struct Counts:
    uint64_t matched[2]          # [0] frames in no database, [1] frames in one
    uint64_t without_signals     # of those in one: no row can come of them
    uint64_t payloads[2]         # likewise of payloads that several frames carried
    uint64_t error_frames
    uint64_t remote_frames

cdef class Decoder:
    cdef readonly Plan plan
    cdef Binding* bindings       # one for each 16-bit channel number: untouched pages cost nothing
    cdef Counts* channel_counts  # likewise
    cdef uint64_t* rows_made     # of each record
    cdef list names              # of each record: its measurement; None: its rows are not points
    cdef Omitted omitted_signals
    cdef UnpackRows* unpack

    cdef int _decode_block(self, const Frame* frames, Py_ssize_t count, const uint8_t* payloads,
                           SampleBatch samples) except -1 nogil
    cdef uint32_t find(self, const Frame* frame, const uint8_t* payloads) noexcept nogil
    cdef uint32_t _find_any(self, const Frame* frame, const uint8_t* payloads) noexcept nogil
