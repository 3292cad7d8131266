"""Zeroed memory in large pieces, which a plan's structs lie in: what is made together lies together."""

from libc.stdlib cimport calloc, free

cdef enum:
    CHUNK_BYTES = 65536


cdef class PlanMemory:
    """Zeroed memory in large pieces, freed as one. What is made together lies together."""

    def __cinit__(self):
        self.pieces = []
        self.left = 0

    cdef void* take(self, size_t size) except NULL:
        cdef size_t rounded = (size + 15) & ~<size_t>15
        cdef size_t piece_size
        if rounded > self.left:
            piece_size = max(rounded, <size_t>CHUNK_BYTES)
            piece = _Piece()
            self.at = <char*>(<_Piece>piece).claim(piece_size)
            self.left = piece_size
            self.pieces.append(piece)
        cdef void* taken = self.at
        self.at += rounded
        self.left -= rounded
        return taken

    cdef char* take_cache_lines(self, size_t count) except NULL:
        """Return that many cache lines, on the boundary of one."""
        cdef size_t start = <size_t>self.take((count + 1) * CACHE_LINE_BYTES)
        return <char*>((start + CACHE_LINE_BYTES - 1) // CACHE_LINE_BYTES * CACHE_LINE_BYTES)


cdef class _Piece:
    cdef void* start

    cdef void* claim(self, size_t size) except NULL:
        self.start = calloc(1, max(size, 1))
        if self.start == NULL:
            raise MemoryError
        return self.start

    def __dealloc__(self):
        free(self.start)
