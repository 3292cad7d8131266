"""Data sheet of ISO-TP: how an id is listened to."""

from libc.stdint cimport uint8_t, uint32_t

from telemetry_core.frames.batch cimport Frame, FrameBatch
from telemetry_core.transport.sessions cimport Sessions

cdef struct IsoTpRule:
    uint32_t id                  # with its ID_* bits
    uint8_t address_bytes        # before the protocol's own: 1 with extended addressing, otherwise 0
    uint8_t with_length          # the payload is preceded by the low byte of its length
    uint8_t is_used              # otherwise its slot is free

cdef int take_isotp(Sessions sessions, const Frame* frame, const IsoTpRule* rule, const uint8_t* data,
                    FrameBatch out) except -1 nogil
