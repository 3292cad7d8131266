"""Framers: the bytes of a serial line, in pieces of any size, as the frames of a batch.

Promises, for any bytes:

- The same messages come out however the bytes are split.
- Each message has the stamp of the feed that brought its last byte.
- After garbage, messages come again from the second whole one on.
- Memory is bounded.
- Every byte outside of messages, echoes and refusals is counted.

Relies on the batch having room (`room_needed`).
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t
from libc.string cimport memcpy

from telemetry_core.frames.batch cimport FrameBatch


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
