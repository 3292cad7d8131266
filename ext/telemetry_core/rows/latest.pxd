"""Data sheet of the memory of last values: what it holds of each key."""

from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t, uint64_t

from telemetry_core.rows.batch cimport SampleBatch
from telemetry_core.rows.schema cimport Record, Schema

cdef struct Held:                # of one key: a record with one tag set
    uint32_t record
    uint16_t tags
    uint16_t channel             # of the last row
    int64_t time_ns              # its stamp
    int64_t observed_ns          # when it was observed
    int64_t rows                 # so far
    uint64_t* mask               # fields that were ever there; owns the memory of the following three
    uint64_t* slots              # the last value of each field, laid out as in a row
    int64_t* times_ns            # its stamp
    int64_t* observations_ns     # when it was observed

cdef class Latest:
    cdef readonly Schema schema
    cdef int32_t* kept           # as Schema.records: position among the records that are remembered, or -1
    cdef Py_ssize_t kept_count
    cdef Held*** of_tags         # for each 16-bit tag set NULL, or what is held of each record that is kept
    cdef Held** held             # in the order in which the keys came
    cdef Py_ssize_t held_count
    cdef Py_ssize_t held_room

    cdef bint _observe(self, SampleBatch samples, int64_t observed_ns) noexcept nogil
    cdef Held* _add(self, uint32_t record, uint16_t tags) noexcept nogil
    cdef void _take(self, Held* held, const Record* record, const uint64_t* row,
                    int64_t observed_ns) noexcept nogil
