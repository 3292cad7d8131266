"""Frames of one source as few bytes, and back: what the black box keeps.

A frame is one byte for its kind (id, length, channel, flags), its stamp less the one before, and its data; up to eight
bytes of them less (XOR) those of the frame of that kind before. Byte 255 introduces a kind: it takes a place by its hash.

Promises: frames come back as they were, but for their nudges; damaged bytes are a ValueError.
"""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcmp, memcpy, memset

from telemetry_core.frames.batch cimport INLINE_PAYLOAD, Frame, FrameBatch, payload
from telemetry_core.memory cimport resized

cdef enum:
    PLACES = 255
    NEW_KIND = 255
    LONGEST_HEAD = 1 + 9 + 10    # bytes of a frame before its data

cdef struct Kind:
    uint32_t id                  # these three as in a Frame
    uint16_t length
    uint16_t channel
    uint8_t flags
    uint8_t is_known
    uint8_t data[8]


cdef inline uint32_t _place(const uint32_t* id, uint8_t flags) noexcept nogil:
    # Of a kind, whose id, length and channel lie one after the other, as those of a frame do.
    cdef uint64_t key
    memcpy(&key, id, 8)
    return <uint32_t>(((key ^ flags) * <uint64_t>0x9E3779B97F4A7C15) >> 40) % PLACES


cdef inline void _mix(uint8_t* data, const uint8_t* other) noexcept nogil:
    cdef uint32_t byte
    for byte in range(8):
        data[byte] ^= other[byte]


@cython.final
cdef class Packer:
    """Packs frames of one source, one after the other."""

    cdef Kind kinds[PLACES]
    cdef int64_t last_ns
    cdef uint8_t* bytes
    cdef size_t used
    cdef size_t room

    def __dealloc__(self):
        free(self.bytes)

    def pack(self, FrameBatch frames not None):
        """Return these frames; `unpack` needs all that this one has packed before them, too."""
        cdef Py_ssize_t number
        self.used = 0
        for number in range(frames.count):
            self._add(&frames.frames[number], frames.payloads)
        return (<char*>self.bytes)[:self.used] if self.used else b""

    cdef int _add(self, const Frame* frame, const uint8_t* payloads) except -1 nogil:
        cdef uint32_t place = _place(&frame.id, frame.flags)
        cdef Kind* kind = &self.kinds[place]
        cdef uint64_t gap = <uint64_t>frame.time_ns - <uint64_t>self.last_ns
        cdef uint8_t data[8]
        if self.used + LONGEST_HEAD + frame.length > self.room:
            self.room = 2 * self.room + LONGEST_HEAD + frame.length
            self.bytes = <uint8_t*>resized(self.bytes, self.room)
        cdef uint8_t* out = self.bytes + self.used
        if not kind.is_known or memcmp(&kind.id, &frame.id, 8) != 0 or kind.flags != frame.flags:
            out[0] = NEW_KIND
            memcpy(out + 1, &frame.id, 8)
            out[9] = frame.flags
            out += 10
            memset(kind, 0, sizeof(Kind))
            memcpy(&kind.id, &frame.id, 8)
            kind.flags, kind.is_known = frame.flags, True
        else:
            out[0] = place
            out += 1
        gap = gap << 1 ^ (0 - (gap >> 63))
        while gap >= 0x80:
            out[0] = <uint8_t>(gap | 0x80)
            gap >>= 7
            out += 1
        out[0] = <uint8_t>gap
        out += 1
        self.last_ns = frame.time_ns
        if frame.length <= INLINE_PAYLOAD:
            memcpy(data, frame.data, 8)
            _mix(data, kind.data)
            memcpy(kind.data, frame.data, 8)
            memcpy(out, data, frame.length)
        else:
            memcpy(out, payload(frame, payloads), frame.length)
        self.used = out + frame.length - self.bytes
        return 0


def unpack(const uint8_t[::1] packed not None):
    """Return the frames as a FrameBatch. Raises ValueError for bytes that are damaged."""
    cdef Kind kinds[PLACES]
    cdef Kind* kind
    cdef Kind given
    cdef FrameBatch batch = FrameBatch(packed.shape[0] // 2 + 1)
    cdef Py_ssize_t at = 0, end = packed.shape[0]
    cdef uint32_t shift
    cdef uint64_t gap
    cdef int64_t time_ns = 0
    cdef Frame* frame
    cdef uint8_t byte
    memset(kinds, 0, sizeof(kinds))
    memset(&given, 0, sizeof(given))
    while at < end:
        if packed[at] == NEW_KIND:
            if end - at < 10:
                raise ValueError("a kind of frames is cut off")
            memcpy(&given.id, &packed[at + 1], 8)
            given.flags, given.is_known = packed[at + 9], True
            kind = &kinds[_place(&given.id, given.flags)]
            kind[0] = given
            at += 10
        else:
            kind = &kinds[packed[at]]
            at += 1
        gap = shift = 0
        while True:
            if at >= end or shift > 63 or not kind.is_known:
                raise ValueError("a frame is cut off, or of no kind")
            byte = packed[at]
            at += 1
            gap |= <uint64_t>(byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        if end - at < kind.length:
            raise ValueError("the data of a frame are cut off")
        time_ns = <int64_t>(<uint64_t>time_ns + (gap >> 1 ^ (0 - (gap & 1))))
        frame = batch.add(kind.length)
        if frame == NULL:
            raise MemoryError
        frame.time_ns, frame.id, frame.flags, frame.channel = time_ns, kind.id, kind.flags, kind.channel
        if kind.length <= INLINE_PAYLOAD:
            if kind.length:
                memcpy(frame.data, &packed[at], kind.length)
            for byte in range(kind.length):
                frame.data[byte] ^= kind.data[byte]
            memcpy(kind.data, frame.data, 8)
        else:
            memcpy(<uint8_t*>payload(frame, batch.payloads), &packed[at], kind.length)
        at += kind.length
    return batch
