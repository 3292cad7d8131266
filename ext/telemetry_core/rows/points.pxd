"""Data sheet of the values of fields over time."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from telemetry_core.rows.batch cimport SampleBatch
from telemetry_core.rows.schema cimport Field, Schema

cdef struct Series:              # of one field
    int64_t* times_ns
    double* values
    uint64_t* origins            # channel and id of the frame
    Py_ssize_t count
    Py_ssize_t room

cdef class Points:
    cdef readonly Schema schema
    cdef Series* series          # as Schema.fields

    cdef bint _take(self, Series* series, const Field* field, int64_t time_ns, uint64_t origin,
                    uint64_t slot) noexcept nogil
