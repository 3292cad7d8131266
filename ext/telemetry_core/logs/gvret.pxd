"""Data sheet of the reader of GVRET's CSV logs: it remembers nothing but what every reader of lines does."""

from telemetry_core.logs.reader cimport LineReader

cdef class GvretReader(LineReader):
    pass
