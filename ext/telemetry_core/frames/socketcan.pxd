"""Data sheet of the SocketCAN reader: the buffers of one recvmmsg call, and what it counts."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from posix.time cimport timespec

from telemetry_core.frames.batch cimport Frame, FrameBatch
from telemetry_core.frames.stamps cimport HardwareClock

cdef extern from "<sys/socket.h>" nogil:
    struct iovec:
        void* iov_base
        size_t iov_len
    struct msghdr:
        iovec* msg_iov
        size_t msg_iovlen
        void* msg_control
        size_t msg_controllen
        int msg_flags
    struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    struct cmsghdr:
        int cmsg_level
        int cmsg_type

cdef enum:
    MESSAGES = 64                # of one recvmmsg call
    MESSAGE_BYTES = 80           # a word more than struct canfd_frame, so that what is too long is seen
    CONTROL_BYTES = 160          # three time stamps and a drop counter take 96

cdef struct Control:             # of one message; a stamp of 0: none
    int64_t software_ns
    int64_t hardware_ns
    uint32_t drops               # the kernel's counter
    uint8_t has_drops

cdef enum BusState:
    BUS_ACTIVE = 0
    BUS_WARNING = 1
    BUS_PASSIVE = 2
    BUS_OFF = 3

cdef class CanReader:
    cdef mmsghdr messages[MESSAGES]
    cdef iovec parts[MESSAGES]
    cdef uint8_t payloads[MESSAGES][MESSAGE_BYTES]
    cdef uint8_t controls[MESSAGES][CONTROL_BYTES]
    cdef int fd
    cdef int stop_fd
    cdef uint16_t channel
    cdef bint has_ended          # an empty message came: the other side is gone
    cdef int pending_errno       # raised by the next read, as frames came first
    cdef bint queue_is_long      # as the last read found it
    cdef uint32_t drops_seen     # the kernel's counter
    cdef HardwareClock clock
    cdef readonly int64_t messages_read
    cdef readonly int64_t kernel_dropped
    cdef readonly int64_t bad_length
    cdef readonly int64_t error_frames

    cdef bint wait(self, int timeout_ms, int gather_ms) noexcept nogil
    cdef void drain(self, FrameBatch batch) noexcept nogil
    cdef void take(self, mmsghdr* message, FrameBatch batch, int64_t* read_ns) noexcept nogil
    cdef int64_t stamp_of(self, msghdr* header, int64_t* read_ns) noexcept nogil

cdef class ErrorStates:
    cdef readonly int state      # BusState, after the newest error frame
    cdef readonly int64_t state_ns
    cdef readonly int worst      # since `forget_worst`
    cdef readonly int64_t worst_ns
    cdef readonly int64_t restarts
    cdef readonly int64_t controller_overflows
    cdef readonly int64_t bus_errors
    cdef readonly int64_t not_acknowledged
    cdef readonly int64_t transceiver_faults

    cdef void take(self, const Frame* frame, const uint8_t* data) noexcept nogil
