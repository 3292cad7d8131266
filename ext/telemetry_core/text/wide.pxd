"""Data sheet of wide csv."""

from libc.stdint cimport uint32_t

from telemetry_core.rows.batch cimport SampleBatch
from telemetry_core.rows.schema cimport Schema
from telemetry_core.text.encoder cimport Encoder
from telemetry_core.text.lines cimport LineBuffer

cdef struct Cell:
    uint32_t column
    uint32_t field

cdef class WideRows:
    cdef Encoder encoder
    cdef Cell* cells             # those of a record side by side, by column
    cdef uint32_t* cell_ends     # as Schema.records: index after its last cell
    cdef Py_ssize_t column_count
    cdef readonly list columns
    cdef public Py_ssize_t columns_before
    cdef public Py_ssize_t columns_after

    cdef bint _encode(self, Encoder encoder, Schema schema, SampleBatch samples, LineBuffer lines) noexcept nogil
