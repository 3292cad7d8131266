"""Data sheet of a frame and of a batch of frames."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    ID_EXTENDED = 0x80000000     # the three top bits of `id`, as in SocketCAN's struct can_frame
    ID_REMOTE = 0x40000000
    ID_ERROR = 0x20000000
    ID_MASK = 0x1FFFFFFF

    FLAG_FD = 1                  # CAN FD format
    FLAG_BRS = 2                 # FD: bit rate switched
    FLAG_ESI = 4                 # FD: sender is error passive
    FLAG_PAYLOAD = 8             # not a frame of the bus, but the payload of several or of a transport protocol
    FLAG_BY_PGN = 16             # a payload of J1939: matched by PGN, even if its database declares otherwise
    FLAG_CHECKED = 32            # the protection stage has checked it, and its message reports the result
    FLAG_WRONG = 64              # checked, and its checksum or counter is wrong

    INLINE_PAYLOAD = 8           # what lies in the frame itself: all of classic CAN
    MAX_PAYLOAD = 64             # of a CAN frame; a longer payload comes from several frames or a serial port
    MAX_LONG_PAYLOAD = 65535

cdef struct Frame:               # half a cache line: fetching frames is what decoding them waits for
    int64_t time_ns              # as the source stamped it, since 1970 (or since boot: see clock.py)
    uint32_t nudge_ns            # added by the encoder where frames of one message share one stamp
    uint32_t id                  # arbitration id and ID_* bits
    uint16_t length              # payload bytes; over INLINE_PAYLOAD: `data` says where they are, see `payload`
    uint16_t channel             # index into the pipeline's channel table
    uint8_t flags                # FLAG_*
    uint8_t reserved[3]
    uint8_t data[8]              # bytes past `length` are zero

cdef struct WideFrame:           # begins as a Frame does; has room for any payload of CAN, and for zeros after it
    int64_t time_ns
    uint32_t nudge_ns
    uint32_t id
    uint16_t length
    uint16_t channel
    uint8_t flags
    uint8_t reserved[3]
    uint8_t data[64]

cdef class FrameBatch:
    cdef Frame* frames           # `capacity` frames
    cdef readonly Py_ssize_t capacity
    cdef Py_ssize_t count
    cdef public int64_t position # how many frames of the source came before frames[0]
    cdef uint8_t* payloads       # those over INLINE_PAYLOAD, each with zeros up to a multiple of eight bytes
    cdef size_t payloads_used    # bytes
    cdef size_t payloads_room

    # Add a frame of `length` payload bytes, with all other fields zero. NULL when full or without memory. The
    # caller writes the payload to `payload(frame)`.
    cdef Frame* add(self, uint16_t length) noexcept nogil
    # Add a copy of the frame; False when full or without memory.
    cdef bint take(self, const WideFrame* wide) noexcept nogil
    # Make room for `count` bytes of payloads, so that `add` finds it.
    cdef bint make_room(self, size_t count) noexcept nogil
    cdef _copy(self, FrameBatch other, Py_ssize_t start, Py_ssize_t stop)

cdef inline const uint8_t* payload(const Frame* frame, const uint8_t* payloads) noexcept nogil:
    """The bytes of a frame, with the `payloads` of its batch; zeros follow up to a multiple of eight."""
    cdef uint64_t offset
    if frame.length <= INLINE_PAYLOAD:
        return frame.data
    memcpy(&offset, frame.data, sizeof(offset))
    return payloads + offset
