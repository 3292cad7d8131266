"""Data sheet of the ASC reader: what its stamps count from."""

from libc.stdint cimport int64_t

from telemetry_core.frames.batch cimport WideFrame
from telemetry_core.logs.reader cimport LineReader

cdef class AscReader(LineReader):
    cdef int64_t start_ns        # of the log, or of the trigger block
    cdef int64_t undated_frames  # that were read before undated_line
    cdef readonly int64_t undated_line  # 0: none
    cdef readonly int64_t undated_start_ns
    cdef bint decimal            # base dec: ids, lengths and bytes are decimal numbers
    cdef bint relative           # each stamp counts from the line before
    cdef int64_t before_ns       # relative: the sum of the lines before the current one
    cdef int64_t after_ns        # relative: the same with the current one
    cdef int64_t stamped_line    # relative: its number

    cdef void note_date(self, bint known) noexcept
    cdef const char* take_stamp(self, const char* at, const char* end, int64_t* time_ns) noexcept nogil
    cdef const char* take_number(self, const char* at, const char* end, int64_t most, int64_t* value) noexcept nogil
    cdef const char* take_id(self, const char* at, const char* end, WideFrame* frame) noexcept nogil
    cdef const char* take_bytes(self, const char* at, const char* end, WideFrame* frame, int64_t count) noexcept nogil
    cdef int parse_classic(self, const char* at, const char* end, WideFrame* frame) noexcept nogil
    cdef int parse_fd(self, const char* at, const char* end, WideFrame* frame) noexcept nogil
    cdef int finish(self, int64_t channel, WideFrame* frame) noexcept nogil
