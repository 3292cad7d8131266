"""Data sheet of the transport stage: what it listens for."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from telemetry_core.frames cimport Frame, FrameBatch
from telemetry_core.plan cimport Plan
from telemetry_core.sessions cimport Session, SessionCounts, Sessions

cdef struct IsoTpRule:
    uint32_t id                  # with its ID_* bits
    uint8_t address_bytes        # before the protocol's own: 1 with extended addressing, else 0
    uint8_t with_length          # the payload is preceded by the low byte of its length

cdef struct Listening:           # on one channel
    uint16_t bus                 # index into Plan.buses
    uint8_t j1939
    uint16_t rule_count
    IsoTpRule* rules

cdef class Transport:
    cdef readonly Plan plan
    cdef Sessions sessions
    cdef SessionCounts* channel_counts  # those of `sessions`
    cdef Listening* listening    # one for each 16-bit channel number
    cdef bint is_idle            # nothing is listened for on any channel
    cdef FrameBatch out

    cdef const IsoTpRule* _rule(self, const Frame* frame) noexcept nogil
    cdef bint _hears(self, const Frame* frame) noexcept nogil
    cdef Py_ssize_t _first(self, FrameBatch frames) noexcept nogil
    cdef bint _run(self, FrameBatch frames) noexcept nogil
    cdef bint _pass(self, const Frame* frame, const uint8_t* payloads) noexcept nogil
    cdef bint _emit(self, const Frame* last, uint32_t id, uint8_t flags, const uint8_t* data, uint32_t size,
                    bint with_length) noexcept nogil

    cdef bint _j1939(self, const Frame* frame) noexcept nogil
    cdef Session* _announced(self, const Frame* frame) noexcept nogil
    cdef Session* _to_abort(self, const Frame* frame) noexcept nogil

    cdef bint _isotp(self, const Frame* frame, const IsoTpRule* rule, const uint8_t* data) noexcept nogil
    cdef Session* _refused(self, const Frame* frame, const IsoTpRule* rule, uint64_t key) noexcept nogil
    cdef void _refuse(self, const Frame* frame, int how) noexcept nogil
    cdef bint _single(self, const Frame* frame, const IsoTpRule* rule, Session* session, const uint8_t* data,
                      Py_ssize_t length) noexcept nogil
    cdef bint _first_frame(self, const Frame* frame, uint64_t key, Session* session, const uint8_t* data,
                           Py_ssize_t length) noexcept nogil
    cdef bint _consecutive(self, const Frame* frame, const IsoTpRule* rule, Session* session,
                           const uint8_t* data, Py_ssize_t length) noexcept nogil
