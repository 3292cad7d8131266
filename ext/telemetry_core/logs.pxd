"""Data sheet of the candump reader: a sliding window over the log, and the names of its channels."""

from libc.stdint cimport int64_t, uint8_t, uint16_t

from telemetry_core.frames cimport Frame, FrameBatch

cdef enum:
    MAX_NAME = 32                # bytes of a channel's name
    MAX_CHANNELS = 256           # names in one log; a line with one more is damaged

cdef struct ChannelName:
    uint16_t number              # as the pipeline numbers it
    uint8_t length
    char text[MAX_NAME]

cdef class CandumpReader:
    cdef object stream           # has readinto()
    cdef object channel_of       # str -> int
    cdef char* buffer
    cdef Py_ssize_t begin        # first byte not yet parsed
    cdef Py_ssize_t end          # behind the last byte read
    cdef bint has_all            # the stream has no more
    cdef bint discarding         # inside a line that is too long
    cdef int64_t line            # lines taken so far
    cdef int64_t unsettled       # damaged lines since the last frame
    cdef int64_t first_damaged
    cdef ChannelName names[MAX_CHANNELS]
    cdef int name_count
    cdef int last_name           # the newest line's
    cdef const char* new_name    # in buffer: a name that channel_of has not numbered yet
    cdef Py_ssize_t new_name_length
    cdef readonly int64_t frames_read
    cdef readonly int64_t damaged_lines
    cdef readonly int64_t first_damaged_line
    cdef readonly int64_t next_ns
    cdef readonly bint at_end

    cdef object fill(self)
    cdef object name_channel(self)
    cdef int parse(self, FrameBatch batch, Py_ssize_t full, int64_t until_ns) noexcept nogil
    cdef int parse_line(self, const char* at, const char* end, Frame* frame, bint* torn) noexcept nogil
    cdef int parse_frame(self, const char* at, const char* end, Frame* frame) noexcept nogil
    cdef int find_channel(self, const char* name, Py_ssize_t length) noexcept nogil
    cdef void damaged(self, int64_t line) noexcept nogil
    cdef void settle(self) noexcept nogil
