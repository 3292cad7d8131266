"""Data sheet of the values of a field in its column."""

from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from telemetry_core.columns.chunk cimport Chunk
from telemetry_core.text.printing cimport FieldPlan

cdef enum Kind:                  # spec.ColumnKind
    KIND_TIME = 0
    KIND_INT64 = 1
    KIND_UINT64 = 2
    KIND_FLOAT64 = 3
    KIND_BOOL = 4
    KIND_WORDS = 5
    KIND_ID = 6

cdef struct FieldColumn:         # of each field of the schema
    uint32_t table
    uint32_t column              # of that table
    uint8_t kind
    PyObject* words              # of words: the column's Words, which Columns.words owns
    int32_t* codes               # of words: as Field.texts, codes in them

cdef int64_t add_values(Chunk* chunk, const FieldColumn* target, FieldPlan* plan, uint32_t index, size_t slot,
                        uint64_t** rows, size_t first, size_t count, bint is_dense) except -1 nogil
