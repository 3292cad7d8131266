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
    cdef bint at_end             # the stream has no more
    cdef bint discarding         # inside a line that is too long
    cdef int64_t line            # lines taken so far
    cdef ChannelName names[MAX_CHANNELS]
    cdef int name_count
    cdef int last_name           # the newest line's
    cdef const char* new_name    # in buffer: a name that channel_of has not numbered yet
    cdef Py_ssize_t new_name_length
    cdef readonly int64_t frames_read
    cdef readonly int64_t damaged_lines
    cdef readonly int64_t first_damaged_line

    cdef object fill(self)
    cdef object name_channel(self)
    cdef int parse(self, FrameBatch batch) noexcept nogil
    cdef int parse_line(self, const char* at, const char* end, FrameBatch batch) noexcept nogil
    cdef int parse_frame(self, const char* at, const char* end, Frame* frame) noexcept nogil
    cdef int find_channel(self, const char* name, Py_ssize_t length) noexcept nogil
    cdef void damaged(self) noexcept nogil
