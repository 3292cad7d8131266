"""Data sheet of the CRTD reader: it remembers nothing but what every reader of lines does."""

from telemetry_core.logs.reader cimport LineReader

cdef class CrtdReader(LineReader):
    pass
