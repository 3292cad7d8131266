"""Data sheet of ISO-TP: how an id is listened to, and what follows its sessions."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from telemetry_core.frames.batch cimport Frame, FrameBatch
from telemetry_core.transport.sessions cimport Session, SessionCounts, Sessions

cdef struct IsoTpRule:
    uint32_t id                  # with its ID_* bits
    uint8_t address_bytes        # before the protocol's own: 1 with extended addressing, otherwise 0
    uint8_t with_length          # the payload is preceded by the low byte of its length

cdef class IsoTpTransport:
    cdef Sessions sessions
    cdef SessionCounts* channel_counts  # those of `sessions`

    cdef bint take(self, const Frame* frame, const IsoTpRule* rule, const uint8_t* data,
                   FrameBatch out) noexcept nogil
    cdef Session* _refused(self, const Frame* frame, const IsoTpRule* rule, uint64_t key) noexcept nogil
    cdef void _refuse(self, const Frame* frame, int how) noexcept nogil
    cdef bint _single(self, const Frame* frame, const IsoTpRule* rule, Session* session, const uint8_t* data,
                      Py_ssize_t length, FrameBatch out) noexcept nogil
    cdef bint _first_frame(self, const Frame* frame, uint64_t key, Session* session, const uint8_t* data,
                           Py_ssize_t length) noexcept nogil
    cdef bint _consecutive(self, const Frame* frame, const IsoTpRule* rule, Session* session, const uint8_t* data,
                           Py_ssize_t length, FrameBatch out) noexcept nogil
