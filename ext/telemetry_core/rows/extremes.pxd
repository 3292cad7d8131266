"""Data sheet of what is remembered of each field of a schema."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from telemetry_core.rows.batch cimport SampleBatch
from telemetry_core.rows.schema cimport Schema

cdef struct Extent:              # of one field
    int64_t values
    uint64_t lowest              # slots; meaningless without values
    uint64_t highest
    uint64_t last

cdef struct Span:                # of one record
    int64_t rows
    int64_t first_ns             # the earliest and the latest stamp; meaningless without rows
    int64_t last_ns

cdef class Extremes:
    cdef readonly Schema schema
    cdef readonly int channel
    cdef Extent* extents         # as Schema.fields
    cdef Span* spans             # as Schema.records

    cdef void _take(self, Extent* extent, uint64_t slot, int kind) noexcept nogil
    cdef object _field(self, uint32_t field)
