"""Data sheet of the memory that a plan's structs lie in."""

cdef enum:
    CACHE_LINE_BYTES = 64

cdef class PlanMemory:
    cdef list pieces
    cdef char* at
    cdef size_t left

    cdef void* take(self, size_t size) except NULL
    cdef char* take_cache_lines(self, size_t count) except NULL
