"""Data sheet of the candump reader: the names of the channels."""

from libc.stdint cimport uint8_t, uint16_t

from telemetry_core.frames.batch cimport WideFrame
from telemetry_core.logs.reader cimport MAX_CHANNELS, LineReader

cdef enum:
    MAX_NAME = 32                # bytes of a channel's name
    MAX_PLAIN = 1024             # bytes of a line without its colours

cdef struct ChannelName:
    uint16_t number              # as the pipeline numbers it
    uint8_t length
    char text[MAX_NAME]

cdef class CandumpReader(LineReader):
    cdef ChannelName names[MAX_CHANNELS]
    cdef int name_count
    cdef int last_name           # the newest line's
    cdef char plain[MAX_PLAIN]   # the line without its colours, if it has some
    cdef const char* new_name    # in buffer or plain: a name that channel_of has not numbered yet
    cdef Py_ssize_t new_name_length

    cdef int parse_frame(self, const char* at, const char* end, WideFrame* frame) noexcept nogil
    cdef const char* take_plain(self, const char* at, const char* end) noexcept nogil
    cdef int find_name(self, const char* name, Py_ssize_t length) noexcept nogil
