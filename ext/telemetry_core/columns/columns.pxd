"""Data sheet of the builder of columns."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from telemetry_core.columns.chunk cimport Chunk
from telemetry_core.rows.batch cimport SampleBatch
from telemetry_core.rows.schema cimport Schema
from telemetry_core.text.printing cimport FieldPlan

cdef enum Kind:                  # spec.ColumnKind
    KIND_TIME = 0
    KIND_INT64 = 1
    KIND_UINT64 = 2
    KIND_FLOAT64 = 3
    KIND_BOOL = 4
    KIND_WORDS = 5
    KIND_ID = 6

cdef enum Head:                  # where a value that is not a field's comes from
    HEAD_NONE = 0
    HEAD_CHANNEL = 1
    HEAD_TAGS = 2

cdef struct FieldColumn:         # of each field of the schema
    uint32_t table
    uint32_t column              # of that table
    uint8_t kind
    int32_t* codes               # of words: as Field.texts, codes in the column's Words

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
    cdef int _add_column(self, Chunk* chunk, Py_ssize_t field, uint32_t index, uint64_t** rows, size_t first, size_t count, bint is_dense) except -1 nogil
    cdef int _add_value(self, Chunk* chunk, Py_ssize_t field, size_t row, const uint64_t* at) except -1 nogil
    cdef int32_t _other_word(self, Py_ssize_t field, uint64_t slot) except -2 with gil
    cdef int32_t _characters(self, Py_ssize_t field, const uint64_t* slot) except -2 with gil
