"""Data sheet of a buffer of lines."""

from libc.stdint cimport int64_t, uint64_t

cdef class LineBuffer:
    cdef char* data
    cdef size_t used             # bytes
    cdef size_t room             # bytes
    cdef Py_ssize_t line_count
    cdef int64_t first_stamp_ns  # of the earliest and the latest line; meaningless without lines
    cdef int64_t last_stamp_ns
    cdef uint64_t content        # a number that no other content of any buffer has
    cdef readonly bint overlaps  # a point of it may be one of earlier contents, too
    cdef readonly bint urgent    # a line of it should not wait for others to be sent
    cdef int readers             # those who read it in place now

    # Where the next line goes: `line_bytes` writable bytes, valid until the next call. NULL without memory,
    # or when the buffer would have to grow while somebody reads it.
    cdef char* reserve(self, size_t line_bytes) noexcept nogil
    # A line was written there: it ends before `end`, its newline included.
    cdef void commit(self, char* end, int64_t time_ns) noexcept nogil
