"""Data sheet of the reader of GVRET's CSV logs: what its stamps count from."""

from libc.stdint cimport int64_t

from telemetry_core.logs.reader cimport LineReader

cdef class GvretReader(LineReader):
    cdef int64_t offset_us       # added to each stamp of the log
    cdef readonly bint is_rebased
    cdef readonly int64_t start_ns  # if so: of the first frame

    cdef const char* take_stamp(self, const char* at, const char* end, int64_t* time_ns) noexcept nogil
