"""Data sheet of rows that are handed on."""

from libc.stdint cimport int32_t

from telemetry_core.columns.chunk cimport Chunk, Dictionary

cdef class Words:
    cdef list texts
    cdef dict codes
    cdef Py_ssize_t fixed        # so many are known before any row; -1: all are kept
    cdef int32_t add(self, str text) except -1

cdef class Batches:
    """Chunks of one table."""
    cdef readonly object spec
    cdef tuple fields            # as export.schema_capsule wants them
    cdef object metadata         # likewise
    cdef list words              # Words of each column, or None
    cdef Chunk** chunks
    cdef size_t count
    cdef size_t room
    cdef int add(self, Chunk* chunk) except -1
    cdef Dictionary** _dictionaries(self) except NULL
    cdef object _drop(self, Dictionary** words)
    cdef object _check(self, Py_ssize_t column)
