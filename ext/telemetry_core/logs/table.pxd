"""Data sheet of the reader of tables: its columns."""

from libc.stdint cimport uint8_t

from telemetry_core.frames.batch cimport WideFrame
from telemetry_core.logs.reader cimport LineReader

cdef enum:
    MAX_COLUMNS = 16

cdef class TableReader(LineReader):
    cdef uint8_t[MAX_COLUMNS] roles
    cdef int columns             # 0: the header is still to come
    cdef char separator
    cdef bytes header            # the line, without spaces after it
    cdef const char* header_text
    cdef Py_ssize_t header_bytes

    cdef int parse_row(self, const char* at, const char* end, WideFrame* frame) noexcept nogil
