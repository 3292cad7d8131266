"""Data sheet of the BLF reader: a window over what the file's containers hold, end to end.

An object may begin in one container and end in the next. `begin` is after the bytes that the object just taken
needs at least. The next object should be `wanted` bytes further on. If it is not, the search starts at `begin`.
"""

from libc.stdint cimport int64_t, uint32_t

from telemetry_core.frames.batch cimport WideFrame
from telemetry_core.logs.reader cimport LogReader

cdef enum ObjectResult:
    OBJECT_OTHER
    OBJECT_FRAME
    OBJECT_DAMAGED
    OBJECT_NEW_CHANNEL
    OBJECT_TORN                  # more bytes are needed

cdef class BlfReader(LogReader):
    cdef object pieces           # of the content, from blf_content
    cdef bytes piece             # the current one
    cdef Py_ssize_t taken        # bytes of it that were in the window
    cdef int64_t start_ns        # of the file
    cdef Py_ssize_t wanted
    cdef bint searching          # after damage: for the next object
    cdef int64_t position        # of `begin` in the content
    cdef int64_t piece_position  # of the newest piece in the content
    cdef int64_t piece_offset    # in what its container holds; -1: it is stored as it is
    cdef int64_t piece_place     # in the file, or its container's
    cdef int64_t former_position # of the piece before
    cdef int64_t former_offset
    cdef int64_t former_place
    cdef uint32_t least          # what `take` needed of the object
    cdef uint32_t size           # of that object

    cdef void damage_ahead(self, Py_ssize_t ahead) noexcept nogil
    cdef void drop(self, Py_ssize_t count) noexcept nogil
    cdef void lose(self, Py_ssize_t ahead) noexcept nogil
    cdef bint find_object(self) noexcept nogil
    cdef int take(self, WideFrame* frame) noexcept nogil
    cdef int take_frame(self, const char* object, Py_ssize_t header, uint32_t type, WideFrame* frame) noexcept nogil
