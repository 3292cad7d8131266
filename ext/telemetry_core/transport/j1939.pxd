"""Data sheet of J1939's transport: which frames may be of a session."""

from libc.stdint cimport uint8_t, uint32_t

from telemetry_core.frames.batch cimport ID_ERROR, ID_EXTENDED, ID_REMOTE, Frame, FrameBatch
from telemetry_core.decode.plan cimport EXTENDED_DATA_PAGE, Bus
from telemetry_core.transport.sessions cimport Sessions

cdef enum:
    TP_CONTROL = 0xEC            # PDU format of the frames that open and close sessions
    TP_DATA = 0xEB
    DATA_PAGE = 0x01000000


cdef inline uint8_t pdu_format(uint32_t id) noexcept nogil:
    return (id >> 16) & 0xFF


cdef inline bint may_concern(const Frame* frame) noexcept nogil:
    """Return whether the frame may be of a session."""
    cdef uint32_t flags = frame.id & (<uint32_t>ID_EXTENDED | ID_REMOTE | ID_ERROR | EXTENDED_DATA_PAGE)
    return (flags == <uint32_t>ID_EXTENDED
            and (pdu_format(frame.id) == TP_CONTROL or pdu_format(frame.id) == TP_DATA)
            and (frame.id & DATA_PAGE) == 0 and frame.length == 8)


cdef int take_j1939(Sessions sessions, const Frame* frame, const Bus* bus, FrameBatch out) except -1 nogil
