"""Lines of text on their way into a batch: a growing buffer, and new stamps for lines made before the time
was known.

Promises:

- Every line in a buffer is whole, not empty and ended by a newline.
- `first_ns` and `last_ns` bound their stamps.
- A buffer keeps the memory that it has used.
- A buffer can be read in place (the buffer protocol). Meanwhile it neither grows nor is emptied.
"""

from cpython.buffer cimport PyBuffer_FillInfo
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

from telemetry_core.memory cimport resized


cdef uint64_t contents = 0


cdef class LineBuffer:
    """Holds consecutive lines. `len()` is their bytes, `lines` their number.

    `room` is the size at first, in bytes. `overlaps`: an earlier content of a buffer may hold one of its points
    of the data model, too. `urgent`: a line of it should not wait for others to be sent.
    """

    def __cinit__(self, size_t room=65536):
        self.room = max(room, 256)
        self.data = <char*>resized(NULL, self.room)
        self.clear()

    def __dealloc__(self):
        free(self.data)

    def __len__(self):
        return self.used

    def __getbuffer__(self, Py_buffer* view, int flags):
        PyBuffer_FillInfo(view, self, self.data, self.used, 1, flags)
        self.readers += 1

    def __releasebuffer__(self, Py_buffer* view):
        self.readers -= 1

    @property
    def lines(self):
        """The number of lines."""
        return self.line_count

    @property
    def first_ns(self):
        """The earliest stamp, in ns; 0 when the buffer is empty."""
        return self.first_stamp_ns if self.line_count else 0

    @property
    def last_ns(self):
        """The latest stamp, in ns; 0 when the buffer is empty."""
        return self.last_stamp_ns if self.line_count else 0

    cdef char* reserve(self, size_t line_bytes) noexcept nogil:
        cdef char* grown
        cdef size_t room
        if self.used + line_bytes > self.room:
            if self.readers:
                return NULL
            room = 2 * self.room + line_bytes
            grown = <char*>realloc(self.data, room)
            if grown == NULL:
                return NULL
            self.data = grown
            self.room = room
        return self.data + self.used

    cdef void commit(self, char* end, int64_t time_ns) noexcept nogil:
        self.used = end - self.data
        self.line_count += 1
        self.first_stamp_ns = min(self.first_stamp_ns, time_ns)
        self.last_stamp_ns = max(self.last_stamp_ns, time_ns)

    def append(self, bytes line not None, int64_t time_ns, *, bint overlaps=False, bint urgent=False):
        """Add one line, given without its newline. Raises ValueError if it is empty or holds a newline.

        overlaps: earlier contents may hold its point, too; urgent: it should not wait to be sent.
        """
        if not line or b"\n" in line:
            raise ValueError("a line is not empty and holds no newline")
        cdef size_t length = len(line)
        cdef char* out = self.reserve(length + 1)
        if out == NULL:
            raise MemoryError
        memcpy(out, <char*>line, length)
        out[length] = b"\n"
        self.commit(out + length + 1, time_ns)
        self.overlaps |= overlaps
        self.urgent |= urgent

    def take(self):
        """Return all lines and empty the buffer."""
        taken = PyBytes_FromStringAndSize(self.data, self.used)
        self.clear()
        return taken

    def clear(self):
        """Forget all lines. The memory stays. Raises BufferError while somebody reads it in place."""
        if self.readers:
            raise BufferError("a buffer of lines is being read")
        global contents
        contents += 1
        self.content = contents
        self.overlaps = self.urgent = False
        self.used = 0
        self.line_count = 0
        self.first_stamp_ns = INT64_MAX
        self.last_stamp_ns = INT64_MIN


def restamp(bytes lines not None, shift_ns):
    """Return `lines` with `shift_ns` added to each line's stamp: for batches stamped relative to boot.

    Raises ValueError if a line lacks its newline or its stamp, or if a stamp leaves 64 bits.
    """
    shifted = []
    for line in lines.split(b"\n")[:-1]:
        head, _, stamp = line.rpartition(b" ")
        time_ns = int(stamp) + shift_ns
        if not head or not INT64_MIN <= time_ns <= INT64_MAX:
            raise ValueError("a line without a stamp, or with one out of range")
        shifted.append(b"%b %d\n" % (head, time_ns))
    if not lines.endswith(b"\n") and lines:
        raise ValueError("the last line is cut off")
    return b"".join(shifted)
