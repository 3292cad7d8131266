"""Data sheet of the transport stage: what it listens for."""

from libc.stdint cimport uint8_t, uint16_t

from telemetry_core.frames.batch cimport Frame, FrameBatch
from telemetry_core.transport.isotp cimport IsoTpRule, IsoTpTransport
from telemetry_core.transport.j1939 cimport J1939Transport
from telemetry_core.decode.plan cimport Plan
from telemetry_core.transport.sessions cimport Sessions

cdef struct Listening:           # on one channel
    uint16_t bus                 # index into Plan.buses
    uint8_t j1939
    uint16_t rule_count
    IsoTpRule* rules

cdef class Transport:
    cdef readonly Plan plan
    cdef Sessions sessions       # of both protocols
    cdef J1939Transport j1939
    cdef IsoTpTransport isotp
    cdef Listening* listening    # one for each 16-bit channel number
    cdef readonly bint is_idle   # nothing is listened for on any channel
    cdef FrameBatch out

    cdef const IsoTpRule* _rule(self, const Frame* frame) noexcept nogil
    cdef bint _hears(self, const Frame* frame) noexcept nogil
    cdef Py_ssize_t _first(self, FrameBatch frames) noexcept nogil
    cdef bint _run(self, FrameBatch frames) noexcept nogil
