"""Reads BLF logs, Vector's binary format, straight into batches.

Promises:

- Stamps are exact: the file's start (milliseconds, taken as UTC) plus each object's own count of nanoseconds or
  of ten microseconds since then.
- Classic, remote, CAN FD and error frames are read, in both versions of an object's header. All other objects
  are skipped.
- An impossible object is damaged. The reader finds the next one by its signature.

Facts: python-can's reader and writer (can/io/blf.py).
"""

from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy, memmove, memset

from telemetry_core.logs.blf_content import BlfContent

from telemetry_core.frames.batch cimport (
    FLAG_BRS, FLAG_ESI, FLAG_FD, ID_ERROR, ID_EXTENDED, ID_MASK, ID_REMOTE, MAX_PAYLOAD, FrameBatch, WideFrame,
)
from telemetry_core.logs.reader cimport (
    BUFFER_BYTES, ENOUGH, MAX_CHANNELS, NEEDS_BYTES, NEEDS_CHANNEL, NEEDS_MEMORY, NOT_DUE, LogReader, Place,
)

cdef enum ObjectResult:
    OBJECT_OTHER
    OBJECT_FRAME
    OBJECT_DAMAGED
    OBJECT_NEW_CHANNEL
    OBJECT_TORN                  # more bytes are needed

cdef enum:
    SIGNATURE_BYTES = 4
    BASE_HEADER = 16             # signature, header's size and version, object's size and type
    MAX_GAP = 4                  # of padding between objects
    MAX_FRAME_OBJECT = 1024      # bytes; a larger object of a frame's type is damaged
    MAX_OBJECT = 16777216        # bytes; a larger one of any type is
    MAX_TYPE = 255               # of an object; those that are known end below 140
    MAX_KEPT = 4096              # bytes that stay in the window for a search

    CAN_MESSAGE = 1
    CAN_ERROR = 2
    CAN_ERROR_EXT = 73
    CAN_MESSAGE2 = 86
    CAN_FD_MESSAGE = 100
    CAN_FD_MESSAGE_64 = 101
    CAN_FD_ERROR_64 = 104

    TEN_MICROSECONDS = 1         # an object's flags: its stamp's unit; otherwise nanoseconds
    MESSAGE_REMOTE = 0x80        # flags of CAN_MESSAGE, CAN_MESSAGE2, CAN_FD_MESSAGE
    MESSAGE_DIRECTION = 0x0F
    REQUESTED = 2                # the direction of what a node was asked to send: it is not on the bus yet
    FD_64_REMOTE = 0x10          # flags of CAN_FD_MESSAGE_64
    FD_64_FD = 0x1000
    FD_64_BRS = 0x2000
    FD_64_ESI = 0x4000
    FD_64_BYTES = 40             # of CAN_FD_MESSAGE_64 before its payload
    FD_ERROR_64_BYTES = 44       # of CAN_FD_ERROR_64

cdef uint8_t[16] FD_LENGTHS  # by DLC
FD_LENGTHS[:] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64]


cdef inline uint8_t _u8(const char* at) noexcept nogil:
    return <uint8_t>at[0]


cdef inline uint16_t _u16(const char* at) noexcept nogil:
    cdef uint16_t value
    memcpy(&value, at, sizeof(value))
    return value


cdef inline uint32_t _u32(const char* at) noexcept nogil:
    cdef uint32_t value
    memcpy(&value, at, sizeof(value))
    return value


cdef inline uint64_t _u64(const char* at) noexcept nogil:
    cdef uint64_t value
    memcpy(&value, at, sizeof(value))
    return value


cdef inline uint8_t _fd_flags(uint32_t brs, uint32_t esi) noexcept nogil:
    return <uint8_t>(FLAG_FD | (FLAG_BRS if brs else 0) | (FLAG_ESI if esi else 0))


cdef inline bint _is_frame(uint32_t type) noexcept nogil:
    return (type == CAN_MESSAGE or type == CAN_MESSAGE2 or type == CAN_FD_MESSAGE or type == CAN_FD_MESSAGE_64
            or type == CAN_ERROR or type == CAN_ERROR_EXT or type == CAN_FD_ERROR_64)


cdef const char* _find_signature(const char* at, const char* end) noexcept nogil:
    while end - at >= SIGNATURE_BYTES:
        at = <const char*>memchr(at, c'L', end - at - SIGNATURE_BYTES + 1)
        if at == NULL or memcmp(at, b"LOBJ", SIGNATURE_BYTES) == 0:
            return at
        at += 1
    return NULL


cdef class BlfReader(LogReader):
    """Reads the frames of a BLF log. Its channels, counted from 1, are can0, can1 …

    The constructor raises ValueError when the file does not begin as a BLF log does, EOFError when it ends inside
    its header.
    """

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

    def __cinit__(self, stream, channel_of, *_):
        content = BlfContent(stream)
        self.start_ns = content.start_ns
        self.pieces = content.pieces()
        self.piece = b""
        self.piece_offset = -1

    cdef object place(self, Place place):
        words = LogReader.place(self, place)
        return words if place.part < 0 else f"{words} (byte {place.part} of the container's content)"

    cdef object fill(self):
        # Move what is left to the front, and append as much of the content's next piece as there is room for.
        cdef Py_ssize_t left = self.end - self.begin
        cdef Py_ssize_t count
        if left:
            memmove(self.buffer, self.buffer + self.begin, left)
        self.begin = 0
        self.end = left
        if self.taken == len(self.piece):
            following = next(self.pieces, None)
            if following is None:
                self.has_all = True
                return
            if following.damaged:
                if not self.searching:
                    self.add_damage(following.place, following.offset)
                self.drop(left)
                self.wanted = 0
                self.searching = True
                return
            self.former_position = self.piece_position
            self.former_offset = self.piece_offset
            self.former_place = self.piece_place
            self.piece = following.data
            self.taken = 0
            self.piece_position = self.position + left
            self.piece_offset = following.offset
            self.piece_place = following.place
        count = min(len(self.piece) - self.taken, BUFFER_BYTES - left)
        memcpy(self.buffer + left, <const char*>self.piece + self.taken, count)
        self.taken += count
        self.end += count

    cdef int parse(self, FrameBatch batch, Py_ssize_t full, int64_t until_ns) noexcept nogil:
        cdef WideFrame* frame = &self.parsed
        cdef int result
        while batch.count < full:
            if not self.find_object():
                return NEEDS_BYTES
            result = self.take(frame)
            if result == OBJECT_TORN and not self.has_all:
                return NEEDS_BYTES
            if result == OBJECT_NEW_CHANNEL:
                return NEEDS_CHANNEL
            if result == OBJECT_FRAME and frame.time_ns > until_ns:
                self.next_ns = frame.time_ns
                return NOT_DUE
            if result == OBJECT_FRAME and not batch.take(frame):
                return NEEDS_MEMORY
            if result == OBJECT_TORN or result == OBJECT_DAMAGED:
                self.lose(0)
                self.drop(SIGNATURE_BYTES)
                continue
            self.searching = False
            self.drop(self.least)
            self.wanted = self.size - self.least
            if result == OBJECT_FRAME:
                self.frames_read += 1
                self.settle()
        return ENOUGH

    cdef bint find_object(self) noexcept nogil:
        # Go to the next object's signature. False where more bytes are needed, or at the end of the content.
        cdef const char* at
        cdef const char* found
        cdef const char* end
        cdef Py_ssize_t left
        if not self.searching:
            left = self.end - self.begin
            if left < self.wanted + MAX_GAP + SIGNATURE_BYTES and not self.has_all:
                if self.wanted > MAX_KEPT:
                    left = min(left, self.wanted)
                    self.drop(left)
                    self.wanted -= left
                return False
            if left <= self.wanted + MAX_GAP:  # nothing but padding
                if left < self.wanted:
                    self.damage_ahead(0)
                    self.ends_damaged = True
                self.drop(left)
                self.wanted = 0
                return False
            at = self.buffer + self.begin + self.wanted
            end = self.buffer + self.end
            found = _find_signature(at, min(at + MAX_GAP + SIGNATURE_BYTES, end))
            if found != NULL:
                self.drop(found - self.buffer - self.begin)
                self.wanted = 0
                return True
            self.lose(self.wanted)
        at = self.buffer + self.begin
        end = self.buffer + self.end
        found = _find_signature(at, end)
        if found == NULL:
            self.ends_damaged = self.has_all
            self.drop(max(end - at - SIGNATURE_BYTES + 1, 0))
            return False
        self.drop(found - at)
        return True

    cdef void damage_ahead(self, Py_ssize_t ahead) noexcept nogil:
        # Damage `ahead` bytes after `begin`. In a compressed container the place is the container's.
        cdef int64_t position = self.position + ahead
        cdef int64_t place = self.piece_place, offset = self.piece_offset
        if position >= self.piece_position:
            position -= self.piece_position
        else:
            place = self.former_place
            offset = self.former_offset
            position = max(position - self.former_position, 0)
        if offset < 0:
            self.add_damage(place + position, -1)
        else:
            self.add_damage(place, offset + position)

    cdef void drop(self, Py_ssize_t count) noexcept nogil:
        self.begin += count
        self.position += count

    cdef void lose(self, Py_ssize_t ahead) noexcept nogil:
        # Look for the next object after damage. One search is one damaged place.
        if not self.searching:
            self.damage_ahead(ahead)
        self.wanted = 0
        self.searching = True

    cdef int take(self, WideFrame* frame) noexcept nogil:
        # The object at `begin`, whose signature is there.
        cdef const char* object = self.buffer + self.begin
        cdef Py_ssize_t left = self.end - self.begin
        cdef uint16_t version
        cdef uint32_t type
        cdef Py_ssize_t header
        cdef uint64_t stamp
        if left < BASE_HEADER:
            return OBJECT_TORN
        version = _u16(object + 6)
        self.size = _u32(object + 8)
        type = _u32(object + 12)
        self.least = BASE_HEADER
        header = _u16(object + 4)
        if header < BASE_HEADER or header > <Py_ssize_t>self.size or self.size > MAX_OBJECT or type > MAX_TYPE:
            return OBJECT_DAMAGED
        if not _is_frame(type):
            return OBJECT_OTHER
        header = 32 if version == 1 else 40
        if version < 1 or version > 2 or self.size < header or self.size > MAX_FRAME_OBJECT:
            return OBJECT_DAMAGED
        if left < <Py_ssize_t>self.size:
            return OBJECT_TORN
        memset(frame, 0, sizeof(WideFrame))
        stamp = _u64(object + 24)
        if _u32(object + 16) == TEN_MICROSECONDS:
            if stamp > INT64_MAX // 10000:
                return OBJECT_DAMAGED
            stamp *= 10000
        if stamp > <uint64_t>(INT64_MAX - self.start_ns):
            return OBJECT_DAMAGED
        frame.time_ns = self.start_ns + <int64_t>stamp
        return self.take_frame(object, header, type, frame)

    cdef int take_frame(self, const char* object, Py_ssize_t header, uint32_t type, WideFrame* frame) noexcept nogil:
        # The part of a frame's object that follows the header.
        cdef const char* body = object + header
        cdef Py_ssize_t room = self.size - header
        cdef uint16_t channel
        cdef uint8_t dlc = 0
        cdef uint32_t flags
        cdef Py_ssize_t length = 0, stored, offset = 0
        cdef int number
        cdef bint remote = False, requested = False
        if room < 8:
            return OBJECT_DAMAGED
        channel = _u16(body)
        if type == CAN_MESSAGE or type == CAN_MESSAGE2 or type == CAN_FD_MESSAGE:
            offset = 20 if type == CAN_FD_MESSAGE else 8
            if room < offset:
                return OBJECT_DAMAGED
            dlc = _u8(body + 3)
            frame.id = _u32(body + 4)
            remote = _u8(body + 2) & MESSAGE_REMOTE != 0
            requested = _u8(body + 2) & MESSAGE_DIRECTION == REQUESTED
            stored = length = _u8(body + 14) if type == CAN_FD_MESSAGE else min(dlc, 8)
            if type == CAN_FD_MESSAGE and _u8(body + 13) & 1:
                frame.flags = _fd_flags(_u8(body + 13) & 2, _u8(body + 13) & 4)
        elif type == CAN_FD_MESSAGE_64 or type == CAN_FD_ERROR_64:
            offset = FD_64_BYTES if type == CAN_FD_MESSAGE_64 else FD_ERROR_64_BYTES
            if room < offset:
                return OBJECT_DAMAGED
            channel = _u8(body)
            dlc = _u8(body + 1)
            length = _u8(body + 2)
            if type == CAN_FD_ERROR_64:
                frame.id = ID_ERROR | (_u32(body + 12) & ID_MASK)
                frame.flags = FLAG_FD
                stored = _u8(body + 10)
            else:
                frame.id = _u32(body + 4)
                flags = _u32(body + 12)
                remote = flags & FD_64_REMOTE != 0
                requested = _u8(body + 34) == REQUESTED
                if flags & FD_64_FD:
                    frame.flags = _fd_flags(flags & FD_64_BRS, flags & FD_64_ESI)
                stored = _u8(body + 35)
            # Fewer bytes may be there than the frame has: the rest are zeros. More may follow them.
            stored = (stored if stored else self.size) - header - offset
            stored = max(min(stored, length), 0)
        elif type == CAN_ERROR_EXT:
            if room < 24:
                return OBJECT_DAMAGED
            offset = 24
            dlc = _u8(body + 10)
            frame.id = ID_ERROR | (_u32(body + 16) & ID_MASK)
            stored = length = min(dlc, 8)
        else:
            stored = 0
            frame.id = ID_ERROR
        if dlc > 15 or length > (MAX_PAYLOAD if frame.flags & FLAG_FD else 8) or channel > MAX_CHANNELS:
            return OBJECT_DAMAGED
        if not frame.id & ID_ERROR:
            if frame.id & ~<uint32_t>(ID_EXTENDED | ID_MASK):
                return OBJECT_DAMAGED
        if remote:
            frame.id |= ID_REMOTE
            length = min(FD_LENGTHS[dlc], 8)
            stored = 0
        if room < offset + stored:
            return OBJECT_DAMAGED
        self.least = <uint32_t>(header + offset + stored)
        if requested:
            return OBJECT_OTHER
        memcpy(frame.data, body + offset, stored)
        frame.length = <uint16_t>length
        number = self.find_channel(max(<int>channel - 1, 0))
        if number < 0:
            return OBJECT_NEW_CHANNEL
        frame.channel = <uint16_t>number
        return OBJECT_FRAME
