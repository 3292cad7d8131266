"""Data sheet of the framers: the bytes of a serial line as frames."""

from libc.stdint cimport int64_t, uint8_t, uint16_t

from telemetry_core.frames.batch cimport FrameBatch

cdef enum:
    MAX_TEXTS = 8
    TEXT_ROOM = 64               # bytes of a text; what is longer is cut

cdef struct Text:
    uint8_t length               # 0: never heard
    char letters[TEXT_ROOM]

cdef class Framer:
    cdef readonly uint16_t channel
    cdef Py_ssize_t shortest     # bytes of the shortest message
    cdef Py_ssize_t kept         # bytes that may still become part of one
    cdef int64_t messages
    cdef int64_t bad_checksum
    cdef int64_t garbage_bytes
    cdef tuple text_names        # of `texts`
    cdef Py_ssize_t text_count
    cdef Text texts[MAX_TEXTS]   # the last of each

    cdef object _name_texts(self, names)
    cdef void keep_text(self, Py_ssize_t index, const char* letters, Py_ssize_t length) noexcept nogil
    cdef object _check_room(self, Py_ssize_t byte_count, FrameBatch frames)
    cdef void begin_feed(self, int64_t time_ns) noexcept nogil
    # One byte more; false without memory for a frame.
    cdef bint take(self, uint8_t byte, int64_t time_ns, FrameBatch frames) noexcept nogil
    cdef bint end(self, FrameBatch frames) noexcept nogil
