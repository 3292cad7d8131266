"""What the transport stage passes on: frames as they came, and payloads that it put together.

Both functions add to `out`. They raise MemoryError.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy

from telemetry_core.frames.batch cimport INLINE_PAYLOAD, Frame, FrameBatch, payload


cdef inline void copy_head(Frame* to, const Frame* frame) noexcept nogil:
    """All but length and payload."""
    to.time_ns = frame.time_ns
    to.nudge_ns = frame.nudge_ns
    to.id = frame.id
    to.channel = frame.channel
    to.flags = frame.flags


cdef inline int pass_on(FrameBatch out, const Frame* frame, const uint8_t* payloads) except -1 nogil:
    """Pass the frame itself on."""
    cdef Frame* copy = out.add(frame.length)
    if copy == NULL:
        with gil:
            raise MemoryError
    if frame.length <= INLINE_PAYLOAD:
        copy[0] = frame[0]
        return 0
    memcpy(<uint8_t*>payload(copy, out.payloads), payload(frame, payloads), frame.length)
    copy_head(copy, frame)
    return 0


cdef inline int emit(FrameBatch out, const Frame* last, uint32_t id, uint8_t flags, const uint8_t* data,
                     uint32_t size, bint with_length) except -1 nogil:
    """Pass a payload on, with the stamp of the frame that completed it."""
    cdef Frame* frame = out.add(<uint16_t>(size + with_length))
    cdef uint8_t* to
    if frame == NULL:
        with gil:
            raise MemoryError
    copy_head(frame, last)
    frame.id = id
    frame.flags = flags
    to = <uint8_t*>payload(frame, out.payloads)
    if with_length:
        to[0] = size & 0xFF
    memcpy(to + with_length, data, size)
    return 0
