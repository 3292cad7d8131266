"""Data sheet of a log's reader: a sliding window over the log, its channels, and what was damaged."""

from libc.stdint cimport int32_t, int64_t

from telemetry_core.frames.batch cimport FrameBatch, WideFrame

cdef enum:
    BUFFER_BYTES = 256 * 1024
    MAX_LINE = 4096              # bytes; a frame takes 450 at most
    MAX_CHANNELS = 256           # of one log; a frame of one more is damaged

cdef enum ParseResult:
    ENOUGH
    NOT_DUE
    NEEDS_BYTES
    NEEDS_CHANNEL
    NEEDS_HEADER
    NEEDS_MEMORY

cdef enum LineResult:
    LINE_NOTHING                 # blank, or about anything but a frame
    LINE_FRAME
    LINE_DAMAGED
    LINE_NEW_CHANNEL             # to be parsed again when its channel has a number
    LINE_HEADER                  # for `take_header`
    LINE_NEXT                    # to be parsed again when more of what follows it is there

cdef struct Place:
    int64_t byte                 # in the stream
    int64_t part                 # what the format adds to it: a line, a byte in a container

cdef class LogReader:
    cdef object stream           # has readinto()
    cdef object channel_of       # str -> int
    cdef object more_soon        # () -> bool, or None
    cdef char* buffer
    cdef int64_t base            # of the buffer in the stream
    cdef Py_ssize_t begin        # first byte not yet parsed
    cdef Py_ssize_t end          # after the last byte read
    cdef bint has_all            # the stream has no more
    cdef bint is_cut_off         # and that is not the log's end
    cdef int64_t unsettled       # damaged places since the last frame
    cdef Place first_unsettled   # the first damaged place of all
    cdef Place first_place       # that, when it is counted; its byte is -1: none
    cdef int32_t channels[MAX_CHANNELS]  # the pipeline's number of the log's channel; -1: not yet known
    cdef WideFrame parsed        # the current frame
    cdef int new_channel         # one that channel_of has not numbered yet
    cdef readonly int64_t frames_read
    cdef readonly int64_t damaged
    cdef readonly int64_t unstamped  # frames for which the log has no stamp
    cdef int64_t arrival_ns      # what those get: when the newest bytes came; 0: that says nothing
    cdef readonly int64_t next_ns
    cdef readonly bint at_end
    cdef readonly bint ends_damaged  # the last damaged place is the log's end, cut off

    cdef object fill(self)
    cdef object number_channel(self)
    cdef object take_header(self)
    cdef object place(self, Place place)
    cdef int parse(self, FrameBatch batch, Py_ssize_t full, int64_t until_ns) noexcept nogil
    cdef int find_channel(self, int64_t number) noexcept nogil
    cdef void add_damage(self, int64_t byte, int64_t part) noexcept nogil
    cdef void settle(self) noexcept nogil

cdef class LineReader(LogReader):
    cdef bint discarding         # inside a line that is too long
    cdef int64_t line            # lines taken so far
    cdef Py_ssize_t line_end     # of the line that is for take_header
    cdef bint lacks_stamp        # the frame that parse_line found

    cdef void damage_line(self) noexcept nogil
    cdef int take_channel(self, int64_t number, WideFrame* frame) noexcept nogil
    cdef int parse_line(self, const char* at, const char* end, WideFrame* frame, bint* torn) noexcept nogil
