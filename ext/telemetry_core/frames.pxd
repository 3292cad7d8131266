"""Data sheet of a frame and of a batch of frames."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

cdef enum:
    ID_EXTENDED = 0x80000000     # the three top bits of `id`, as in SocketCAN's struct can_frame
    ID_REMOTE = 0x40000000
    ID_ERROR = 0x20000000
    ID_MASK = 0x1FFFFFFF

    FLAG_FD = 1                  # CAN FD format
    FLAG_BRS = 2                 # FD: bit rate switched
    FLAG_ESI = 4                 # FD: sender is error passive

    MAX_PAYLOAD = 64

cdef struct Frame:
    int64_t time_ns              # as the source stamped it, since 1970 (or since boot: see clock.py)
    uint32_t nudge_ns            # added by the encoder where frames of one message share one stamp
    uint32_t id                  # arbitration id and ID_* bits
    uint16_t length              # payload bytes, 0..64
    uint16_t channel             # index into the pipeline's channel table
    uint8_t flags                # FLAG_*
    uint8_t reserved[3]
    uint8_t data[64]             # bytes past `length` are zero

cdef class FrameBatch:
    cdef Frame* frames           # `capacity` frames and SLACK readable bytes behind the last
    cdef readonly Py_ssize_t capacity
    cdef Py_ssize_t count
    cdef public int64_t position # how many frames of the source came before frames[0]
