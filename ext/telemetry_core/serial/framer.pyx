"""Framers: the bytes of a serial line, in pieces of any size, as the frames of a batch.

Promises, for any bytes:

- The same messages come out however the bytes are split.
- Each message has the stamp of the feed that brought its last byte.
- After garbage, messages come again from the second whole one on.
- Memory is bounded.
- Every byte outside of messages, echoes and refusals is counted.
- A bad message costs its first byte alone: the search goes on right after it, since a good one may begin within.

Relies on the batch having room (`room_needed`).
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memmove

from telemetry_core.frames.batch cimport Frame, FrameBatch, payload

cdef enum:
    CHECK_BYTES = 2
    LONGEST_DATA = 255


cdef class Framer:
    """What every framer does. `channel` goes into each of its frames."""

    def feed(self, const uint8_t[::1] data not None, int64_t time_ns, FrameBatch frames not None):
        """Take bytes from the serial line, and append the messages that are complete now to `frames`.

        `time_ns` is the time of their arrival. Raises IndexError, and takes nothing, when `frames` has less room
        than `room_needed(len(data))`.
        """
        self._check_room(data.shape[0], frames)
        cdef Py_ssize_t index
        cdef bint has_memory = True
        with nogil:
            self.begin_feed(time_ns)
            for index in range(data.shape[0]):
                has_memory = has_memory and self.take(data[index], time_ns, frames)
        if not has_memory:
            raise MemoryError

    def finish(self, FrameBatch frames not None):
        """End the bytes so far: at the end of a recording, or when a reply is late.

        The framer gives up what is unfinished, and appends the messages within it to `frames`. Raises IndexError,
        and does nothing, when `frames` has less room than `room_needed(0)`.
        """
        self._check_room(0, frames)
        cdef bint has_memory
        with nogil:
            has_memory = self.end(frames)
        if not has_memory:
            raise MemoryError

    def room_needed(self, Py_ssize_t byte_count):
        """Return how many messages the next `byte_count` bytes may complete at most."""
        return (self.kept + byte_count) // self.shortest

    def identity(self):
        """Return what the device last said about itself, by name, in printable letters alone."""
        cdef Py_ssize_t index
        said = {}
        for index, name in enumerate(self.text_names):
            letters = self.texts[index].letters[:self.texts[index].length].decode("ascii", "replace")
            words = "".join(letter if letter.isprintable() else " " for letter in letters).strip()
            if words:
                said[name] = words
        return said

    def forget_identity(self):
        """Forget the device: the port was opened again, and another device may answer."""
        cdef Py_ssize_t index
        for index in range(MAX_TEXTS):
            self.texts[index].length = 0

    cdef object _name_texts(self, names):
        if len(names) > MAX_TEXTS:
            raise ValueError(f"at most {MAX_TEXTS} texts are kept")
        self.text_names = tuple(names)
        self.text_count = len(names)

    cdef void keep_text(self, Py_ssize_t index, const char* letters, Py_ssize_t length) noexcept nogil:
        cdef Text* text = &self.texts[index]
        text.length = <uint8_t>min(length, <Py_ssize_t>TEXT_ROOM)
        memcpy(text.letters, letters, text.length)

    cdef object _check_room(self, Py_ssize_t byte_count, FrameBatch frames):
        cdef Py_ssize_t needed = (self.kept + byte_count) // self.shortest
        if frames.capacity - frames.count < needed:
            raise IndexError(f"the batch has no room for {needed} messages")

    cdef void begin_feed(self, int64_t time_ns) noexcept nogil:
        pass

    cdef bint take(self, uint8_t byte, int64_t time_ns, FrameBatch frames) noexcept nogil:
        return True

    cdef bint end(self, FrameBatch frames) noexcept nogil:
        return True


cdef class MessageFramer(Framer):
    """Finds the messages that a MessageFraming describes.

    Of two messages that overlap the framer takes the one that begins first. A false beginning may claim to be
    long. So the framer gives up an unfinished message as soon as two whole ones lie within what it claims.
    The constructor raises ValueError for a framing that makes no sense.
    """

    def __cinit__(self, framing, uint16_t channel=0):
        self.framing = framing
        self.channel = channel
        self.start = framing.start
        self.last = framing.end
        self.good_status = framing.good_status
        self.error_status = framing.error_status
        self.kind_at = framing.kind_at
        self.status_at = framing.status_at
        self.length_at = framing.length_at
        self.data_at = framing.data_at
        self.check_from = framing.check_from
        for kind in framing.request_kinds:
            self.is_request[kind] = 1
        self.shortest = self.data_at + CHECK_BYTES + 1
        if not 0 < max(self.kind_at, self.status_at, self.length_at) < self.data_at:
            raise ValueError("kind, status and length come between the start and the data")
        if self.shortest + LONGEST_DATA > LONGEST_MESSAGE:
            raise ValueError(f"a message has at most {LONGEST_MESSAGE} bytes")
        self._pack_shapes(framing.replies)
        self._name_texts([name for _, name in framing.identity])
        for kind in range(256):
            self.text_of[kind] = -1
        for index, (kind, _) in enumerate(framing.identity):
            self.text_of[<uint8_t>kind] = index

    def __dealloc__(self):
        free(self.pieces)

    cdef object _pack_shapes(self, replies):
        cdef Py_ssize_t kind
        cdef Py_ssize_t at = 0
        cdef Shape* shape
        for kind in range(256):
            self.shapes[kind].count_at = -1
        self.pieces = <Piece*>calloc(sum(len(reply.ahead) for reply in replies) + 1, sizeof(Piece))
        if self.pieces == NULL:
            raise MemoryError
        for reply in replies:
            shape = &self.shapes[<uint8_t>reply.id]
            shape.first_piece = at
            shape.piece_count = len(reply.ahead)
            shape.ahead_bytes = sum(length for _, length in reply.ahead)
            shape.least_bytes = max((offset + length for offset, length in reply.ahead), default=0)
            shape.count_at = -1 if reply.count_at is None else reply.count_at
            shape.head_bytes = reply.head_bytes
            shape.item_bytes = reply.item_bytes
            for offset, length in reply.ahead:
                self.pieces[at] = Piece(offset, length)
                at += 1

    def reset(self):
        """Forget what is unfinished, since the port was opened again. Counts go on."""
        self.drop(self.kept)

    def counts(self):
        """Return what was found so far, by name.

        - messages: those appended.
        - lost/bad_checksum: whole but for their check.
        - lost/bad_length: too short for what their kind must have.
        - lost/error_reply: the device refused.
        - echoes: requests heard on the serial line.
        - garbage_bytes: all other bytes, those of messages with a bad checksum included.
        """
        return {
            "messages": self.messages,
            "lost/bad_checksum": self.bad_checksum,
            "lost/bad_length": self.bad_lengths,
            "lost/error_reply": self.error_replies,
            "echoes": self.echoes,
            "garbage_bytes": self.garbage_bytes,
        }

    cdef bint take(self, uint8_t byte, int64_t time_ns, FrameBatch frames) noexcept nogil:
        if self.head + self.kept == 2 * LONGEST_MESSAGE:
            memmove(self.buffer, self.buffer + self.head, self.kept)
            memmove(self.stamps, self.stamps + self.head, self.kept * sizeof(int64_t))
            self.head = 0
        self.buffer[self.head + self.kept] = byte
        self.stamps[self.head + self.kept] = time_ns
        self.kept += 1
        return self.settle(byte, False, frames)

    cdef bint end(self, FrameBatch frames) noexcept nogil:
        return self.settle(self.last, True, frames)

    cdef bint settle(self, uint8_t byte, bint is_end, FrameBatch frames) noexcept nogil:
        """Take the messages that the kept bytes decide; `byte` is the newest of them."""
        cdef Py_ssize_t size
        cdef const uint8_t* at
        cdef Verdict verdict
        while self.kept:
            at = self.buffer + self.head
            size = self.size_at(at, self.kept)
            if size == SIZE_UNKNOWN or size > self.kept:
                if not is_end and not self.is_given_up(byte):
                    return True
                self.drop(1)
                continue
            verdict = VERDICT_WRONG_END if size == SIZE_NONE else self.judge(at, size)
            if verdict == VERDICT_GOOD:
                if not self.hand_on(at, size, self.stamps[self.head + size - 1], frames):
                    return False
                self.head += size
                self.kept -= size
                continue
            self.bad_checksum += verdict == VERDICT_WRONG_CHECK
            self.drop(1)
        return True

    cdef bint is_given_up(self, uint8_t byte) noexcept nogil:
        """Whether two whole messages lie within the unfinished one, now that its newest byte is `byte`."""
        cdef const uint8_t* at = self.buffer + self.head + 1
        cdef Py_ssize_t left = self.kept - 1
        cdef Py_ssize_t size
        cdef Py_ssize_t found = 0
        if byte != self.last:
            return False  # nothing has become whole
        while left >= self.shortest and found < 2:
            size = self.size_at(at, left)
            if 0 < size <= left and self.judge(at, size) == VERDICT_GOOD:
                found += 1
            else:
                size = 1
            at += size
            left -= size
        return found == 2

    cdef Py_ssize_t size_at(self, const uint8_t* at, Py_ssize_t count) noexcept nogil:
        """Bytes of the message that begins here, as far as `count` bytes show."""
        if at[0] != self.start:
            return SIZE_NONE
        if count > max(self.kind_at, self.status_at) and not self.is_request[at[self.kind_at]]:
            if at[self.status_at] != self.good_status and at[self.status_at] != self.error_status:
                return SIZE_NONE
        if count <= self.length_at:
            return SIZE_UNKNOWN
        return self.data_at + at[self.length_at] + CHECK_BYTES + 1

    cdef Verdict judge(self, const uint8_t* at, Py_ssize_t size) noexcept nogil:
        cdef uint16_t sum = <uint16_t>(at[size - 3] << 8 | at[size - 2])
        cdef Py_ssize_t index
        if at[size - 1] != self.last:
            return VERDICT_WRONG_END
        for index in range(self.check_from, size - CHECK_BYTES - 1):
            sum += at[index]
        return VERDICT_WRONG_CHECK if sum else VERDICT_GOOD

    cdef bint hand_on(self, const uint8_t* at, Py_ssize_t size, int64_t time_ns,
                      FrameBatch frames) noexcept nogil:
        """A good message: into `frames` unless it is an echo or a refusal. False without memory."""
        cdef uint8_t kind = at[self.kind_at]
        if self.is_request[kind]:
            self.echoes += 1
            return True
        if at[self.status_at] == self.error_status:
            self.error_replies += 1
            return True
        cdef const Shape* shape = &self.shapes[kind]
        cdef const uint8_t* data = at + self.data_at
        cdef Py_ssize_t length = at[self.length_at]
        cdef const Piece* piece
        cdef Py_ssize_t index
        if shape.count_at >= 0 and shape.count_at < length:
            length = min(length, shape.head_bytes + data[shape.count_at] * shape.item_bytes)
        if length < shape.least_bytes:
            self.bad_lengths += 1
            return True
        cdef Frame* frame = frames.add(<uint16_t>(shape.ahead_bytes + length))
        if frame == NULL:
            return False
        cdef uint8_t* out = <uint8_t*>payload(frame, frames.payloads)
        for index in range(shape.first_piece, shape.first_piece + shape.piece_count):
            piece = &self.pieces[index]
            memcpy(out, data + piece.offset, piece.length)
            out += piece.length
        memcpy(out, data, length)
        frame.time_ns = time_ns
        frame.id = kind
        frame.channel = self.channel
        if self.text_of[kind] >= 0:
            self.keep_text(self.text_of[kind], <const char*>data, length)
        self.messages += 1
        return True

    cdef void drop(self, Py_ssize_t count) noexcept nogil:
        self.head += count
        self.kept -= count
        self.garbage_bytes += count
