"""What each channel carries: frames, and the time they take on a CAN bus, in bits.

Promises: a few nanoseconds a frame, no Python object.

Bits count from the start of a frame to the end of the pause after it (ISO 11898-1). They go into two sums, since
the data part of a CAN FD frame may have a bit rate of its own. Stuff bits are estimated: one in STUFFED bits that
may be stuffed. On recorded buses of passenger cars, chargers and the simulator it is one in 10 to 15, so that the
sum is right within 2 %.

Remote frames count with their own bits. Error frames, serial messages and payloads of transport sessions count
as frames of no bits.
"""

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free

from telemetry_core.frames.batch cimport (
    FLAG_BRS, FLAG_FD, ID_ERROR, ID_EXTENDED, ID_REMOTE, MAX_PAYLOAD, Frame, FrameBatch,
)
from telemetry_core.memory cimport zeroed

from telemetry_core.frames.spec import ChannelTraffic

cdef struct Counted:             # of one channel
    uint64_t frames
    uint64_t nominal_bits        # at the nominal bit rate: arbitration, and all of a frame that does not switch
    uint64_t data_bits           # at the data bit rate of CAN FD
    int64_t first_ns             # stamp of the first frame
    int64_t time_ns              # stamp of the last frame
    int64_t observed_ns

cdef enum:
    CHANNELS = 65536
    STUFFED = 12

    # Classic frames: bits from the start of frame to the checksum without the payload, and the bits after it
    # (delimiters, acknowledgement, end of frame, intermission).
    CLASSIC_HEAD = 34
    CLASSIC_HEAD_EXTENDED = 54
    CLASSIC_TAIL = 13
    CLASSIC_PAYLOAD = 8

    # FD frames: bits up to the bit rate switch; from there ESI and length code; stuff count and checksum with
    # their fixed stuff bits; the checksum's delimiter; the bits after it.
    FD_HEAD = 17
    FD_HEAD_EXTENDED = 36
    FD_CONTROL = 5
    FD_CHECK_SHORT = 27          # 4 + 17 bits, 6 fixed stuff bits: payloads up to 16 bytes
    FD_CHECK_LONG = 32           # 4 + 21 bits, 7 fixed stuff bits
    FD_SHORT_PAYLOAD = 16
    FD_DELIMITER = 1
    FD_TAIL = 12


cdef inline uint32_t stuffed(uint32_t bits) noexcept nogil:
    return bits + bits // STUFFED


cdef class Traffic:
    """Counts frames and bits by channel."""

    cdef Counted* channels       # one for each 16-bit channel number: untouched pages cost nothing

    def __cinit__(self):
        self.channels = <Counted*>zeroed(CHANNELS, sizeof(Counted))

    def __dealloc__(self):
        free(self.channels)

    def count(self, FrameBatch frames not None, int64_t observed_ns):
        """Count the frames of one batch. `observed_ns` is the present time of the caller's clock."""
        cdef const Frame* frame
        cdef Counted* counted
        cdef Py_ssize_t number
        with nogil:
            for number in range(frames.count):
                frame = &frames.frames[number]
                counted = &self.channels[frame.channel]
                if counted.frames == 0:
                    counted.first_ns = frame.time_ns
                counted.frames += 1
                counted.time_ns = frame.time_ns
                counted.observed_ns = observed_ns
                self._count(frame, counted)

    cdef void _count(self, const Frame* frame, Counted* counted) noexcept nogil:
        cdef bint extended = frame.id & ID_EXTENDED != 0
        cdef uint32_t length = frame.length
        cdef uint32_t head
        cdef uint32_t data
        if frame.id & ID_ERROR or length > MAX_PAYLOAD:
            return
        if frame.flags & FLAG_FD:
            head = stuffed(FD_HEAD_EXTENDED if extended else FD_HEAD)
            data = stuffed(FD_CONTROL + 8 * length) + FD_DELIMITER
            data += FD_CHECK_SHORT if length <= FD_SHORT_PAYLOAD else FD_CHECK_LONG
            counted.nominal_bits += head + FD_TAIL
            if frame.flags & FLAG_BRS:
                counted.data_bits += data
            else:
                counted.nominal_bits += data
        elif length <= CLASSIC_PAYLOAD:
            head = CLASSIC_HEAD_EXTENDED if extended else CLASSIC_HEAD
            counted.nominal_bits += stuffed(head + (0 if frame.id & ID_REMOTE else 8 * length)) + CLASSIC_TAIL

    def of(self, uint16_t channel):
        """Return what `channel` has carried so far."""
        cdef Counted* counted = &self.channels[channel]
        return ChannelTraffic(counted.frames, counted.nominal_bits, counted.data_bits, counted.first_ns,
                              counted.time_ns, counted.observed_ns)
