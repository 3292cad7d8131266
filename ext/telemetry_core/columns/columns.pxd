"""Data sheet of the builder of columns."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from telemetry_core.columns.chunk cimport Chunk
from telemetry_core.columns.values cimport FieldColumn
from telemetry_core.rows.batch cimport SampleBatch
from telemetry_core.rows.schema cimport Schema
from telemetry_core.text.printing cimport FieldPlan

cdef enum Head:                  # where a value that is not a field's comes from
    HEAD_NONE = 0
    HEAD_CHANNEL = 1
    HEAD_TAGS = 2

cdef struct TablePlan:
    uint32_t column_count
    uint8_t* bits                # of each column
    uint8_t* kinds
    uint8_t* heads
    int32_t** head_codes         # of HEAD_CHANNEL and HEAD_TAGS: code + 1 by index; 0: absent
    Chunk* chunk                 # that is being filled; NULL: the next row begins one
    size_t next_room
    uint64_t** rows              # of the batch at hand, its own part of Columns.order
    size_t row_count

cdef class Columns:
    cdef readonly Schema schema
    cdef readonly tuple tables   # the TableSpecs
    cdef readonly int64_t left_out
    cdef FieldPlan* plans        # as Schema.fields
    cdef FieldColumn* targets    # likewise
    cdef int32_t* table_of       # as Schema.records; -1: rows of it are not wanted
    cdef TablePlan* plan
    cdef Py_ssize_t table_count
    cdef size_t most_rows
    cdef uint64_t** order
    cdef size_t order_room
    cdef list words              # a list a table: Words of each column, or None
    cdef uint64_t* written       # of each record a mask of the fields that have a column, `mask_words` long
    cdef Py_ssize_t mask_words
    cdef dict heads              # by name: (Words, list of addresses)
    cdef list full               # a Batches a table

    cdef object _lay_out(self, size_t first_rows)
    cdef object _lay_out_head(self, TablePlan* plan, Py_ssize_t number, column, list words)
    cdef object _lay_out_record(self, Py_ssize_t table, Py_ssize_t record, columns)
    cdef bint _sort(self, SampleBatch samples) noexcept nogil
    cdef int _append(self, Py_ssize_t table) except -1 nogil
    cdef bint _open(self, TablePlan* plan) noexcept nogil
    cdef bint _add_heads(self, TablePlan* plan, uint64_t** rows, size_t count) noexcept nogil
    cdef int _add_fields(self, Chunk* chunk, uint32_t record, uint64_t** rows, size_t first, size_t count) except -1 nogil
