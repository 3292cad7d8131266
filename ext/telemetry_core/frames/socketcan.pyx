"""Reads CAN frames from a socket, many with one system call, without the GIL: the live hot path.

Promises:

- A frame carries the kernel's own stamp of its arrival.
- The reader counts what the kernel dropped and what is not a frame.
- Setting the stop descriptor ends every wait at once.

Relies on a socket that keeps message borders and carries `struct can_frame` (16 bytes) or `struct canfd_frame`
(72 bytes): CAN_RAW, or AF_UNIX SOCK_SEQPACKET, which the same code reads. An empty message ends the stream.

A wake-up costs as much as eight frames. So after one the reader waits (`gather_ms`) for more frames before it
drains the queue. If the last read filled three quarters of a batch, it does not wait: waiting would gain nothing.

Sources: can(7) of the kernel's documentation (networking/can.rst), linux/can.h, linux/can/error.h.
"""

from cpython.exc cimport PyErr_SetFromErrno
from libc.errno cimport EAGAIN, EINTR, ENOMEM, errno
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset
from posix.time cimport CLOCK_REALTIME, clock_gettime, timespec

from telemetry_core.frames.batch cimport (
    FLAG_BRS, FLAG_ESI, FLAG_FD, ID_ERROR, ID_EXTENDED, ID_REMOTE, MAX_PAYLOAD, Frame, FrameBatch, payload,
)
from telemetry_core.frames.stamps cimport HardwareClock

import os

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

cdef extern from "<sys/socket.h>" nogil:
    enum: SOL_SOCKET, SO_TIMESTAMPNS, SO_TIMESTAMPING, SO_RXQ_OVFL, MSG_DONTWAIT
    int recvmmsg(int fd, mmsghdr* messages, unsigned int count, int flags, timespec* timeout)
    int setsockopt(int fd, int level, int name, const void* value, unsigned int length)
    cmsghdr* CMSG_FIRSTHDR(msghdr* header)
    cmsghdr* CMSG_NXTHDR(msghdr* header, cmsghdr* previous)
    uint8_t* CMSG_DATA(cmsghdr* part)

cdef extern from "<linux/net_tstamp.h>" nogil:
    enum:
        SOF_TIMESTAMPING_RX_HARDWARE
        SOF_TIMESTAMPING_RX_SOFTWARE
        SOF_TIMESTAMPING_SOFTWARE
        SOF_TIMESTAMPING_RAW_HARDWARE

cdef extern from "<poll.h>" nogil:
    struct pollfd:
        int fd
        short events
        short revents
    enum: POLLIN
    int poll(pollfd* fds, unsigned long count, int timeout_ms)

cdef extern from "<linux/can.h>" nogil:
    enum: CAN_SFF_MASK, CANFD_BRS, CANFD_ESI

cdef extern from "<linux/can/error.h>" nogil:
    enum:
        CAN_ERR_CRTL, CAN_ERR_PROT, CAN_ERR_TRX, CAN_ERR_ACK, CAN_ERR_BUSOFF, CAN_ERR_BUSERROR, CAN_ERR_RESTARTED
        CAN_ERR_CRTL_RX_OVERFLOW, CAN_ERR_CRTL_RX_WARNING, CAN_ERR_CRTL_TX_WARNING
        CAN_ERR_CRTL_RX_PASSIVE, CAN_ERR_CRTL_TX_PASSIVE, CAN_ERR_CRTL_ACTIVE

cdef enum:
    CLASSIC_BYTES = 16           # struct can_frame
    FD_BYTES = 72                # struct canfd_frame
    LENGTH_AT = 4                # in both
    FLAGS_AT = 5
    DATA_AT = 8


def set_stamp_options(int fd, *, bint hardware=False):
    """Make the kernel report, with each message, when it came and how many messages it has dropped.

    Call this before binding or connecting: earlier messages carry no stamp. Raises OSError.
    """
    cdef int on = 1
    if hardware:
        on = (SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RX_SOFTWARE
              | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RAW_HARDWARE)
    if setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING if hardware else SO_TIMESTAMPNS, &on, sizeof(on)) < 0:
        PyErr_SetFromErrno(OSError)
    on = 1
    if setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on)) < 0:
        PyErr_SetFromErrno(OSError)


cdef inline int64_t _ns(const uint8_t* at) noexcept nogil:
    cdef timespec time
    memcpy(&time, at, sizeof(time))
    return <int64_t>time.tv_sec * 1000000000 + time.tv_nsec


cdef inline Frame* _add_frame(FrameBatch batch, const uint8_t* message, unsigned int message_bytes) noexcept nogil:
    # id, flags and payload out of the kernel's structure; NULL when its lengths are wrong.
    cdef unsigned int length = message[LENGTH_AT]
    cdef uint8_t flags = 0
    cdef Frame* frame
    if message_bytes == FD_BYTES and length <= MAX_PAYLOAD:
        flags = FLAG_FD
        if message[FLAGS_AT] & CANFD_BRS:
            flags |= FLAG_BRS
        if message[FLAGS_AT] & CANFD_ESI:
            flags |= FLAG_ESI
    elif message_bytes != CLASSIC_BYTES or length > 8:
        return NULL
    frame = batch.add(<uint16_t>length)
    frame.flags = flags
    memcpy(&frame.id, message, 4)
    if not frame.id & (ID_EXTENDED | ID_ERROR):
        frame.id &= CAN_SFF_MASK | ID_REMOTE
    if not frame.id & ID_REMOTE:
        memcpy(<uint8_t*>payload(frame, batch.payloads), message + DATA_AT, length)
    return frame


cdef Control read_control(msghdr* header) noexcept nogil:
    """The stamps of a message, 0 where there is none, and the kernel's drop counter."""
    cdef Control control
    cdef cmsghdr* part = CMSG_FIRSTHDR(header)
    memset(&control, 0, sizeof(Control))
    while part != NULL:
        if part.cmsg_level == SOL_SOCKET:
            if part.cmsg_type == SO_TIMESTAMPNS:
                control.software_ns = _ns(CMSG_DATA(part))
            elif part.cmsg_type == SO_TIMESTAMPING:  # software, one that is not used any more, hardware
                control.software_ns = _ns(CMSG_DATA(part))
                control.hardware_ns = _ns(CMSG_DATA(part) + 2 * sizeof(timespec))
            elif part.cmsg_type == SO_RXQ_OVFL:
                memcpy(&control.drops, CMSG_DATA(part), sizeof(control.drops))
                control.has_drops = True
        part = CMSG_NXTHDR(header, part)
    return control


def control_of(bytes parts not None):
    """Return what a reader finds in `parts`, the control part of a message as recvmsg gives it.

    That is the software and the hardware stamp in ns (0: none) and the kernel's drop counter (None: absent).
    """
    cdef msghdr header
    memset(&header, 0, sizeof(msghdr))
    header.msg_control = <char*>parts
    header.msg_controllen = len(parts)
    cdef Control control = read_control(&header)
    return control.software_ns, control.hardware_ns, control.drops if control.has_drops else None


cdef class CanReader:
    """Reads one socket. The caller owns both descriptors and keeps them open while the reader lives.

    `channel` goes into each frame. The reader counts from its creation: `messages_read` (frames good and bad),
    `kernel_dropped` (a lower bound: known with the next message), `bad_length` and `error_frames`.
    """

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

    def __cinit__(self, int fd, int stop_fd, uint16_t channel=0):
        cdef int index
        self.fd = fd
        self.stop_fd = stop_fd
        self.channel = channel
        self.clock = HardwareClock()
        for index in range(MESSAGES):
            self.parts[index].iov_base = &self.payloads[index][0]
            self.parts[index].iov_len = MESSAGE_BYTES
            self.messages[index].msg_hdr.msg_iov = &self.parts[index]
            self.messages[index].msg_hdr.msg_iovlen = 1
            self.messages[index].msg_hdr.msg_control = &self.controls[index][0]

    def read(self, FrameBatch batch not None, int timeout_ms, int gather_ms=50):
        """Append frames to `batch` and return their number. 0: none came in time, or the reader was stopped.

        Waits up to `timeout_ms` for the first frame (-1: without end), then `gather_ms` for more. Raises OSError
        for an error of the socket (ENETDOWN, ENODEV …) and EOFError at its end, each after the frames before it.
        Raises IndexError for a full batch.
        """
        cdef Py_ssize_t before = batch.count
        if batch.count >= batch.capacity:
            raise IndexError("the batch is full")
        if self.pending_errno == 0 and not self.has_ended:
            with nogil:
                if self.wait(timeout_ms, gather_ms):
                    self.drain(batch)
        if batch.count > before:
            return batch.count - before
        if self.has_ended:
            raise EOFError("the other side has closed the socket")
        if self.pending_errno:
            problem, self.pending_errno = self.pending_errno, 0
            raise OSError(problem, os.strerror(problem))
        return 0

    cdef bint wait(self, int timeout_ms, int gather_ms) noexcept nogil:
        # Whether there is something to drain: frames, an error, or the end.
        cdef pollfd fds[2]
        fds[0].fd = self.fd
        fds[1].fd = self.stop_fd
        fds[0].events = fds[1].events = POLLIN
        fds[0].revents = fds[1].revents = 0
        if poll(fds, 2, timeout_ms) < 0 and errno != EINTR:
            self.pending_errno = errno
            return False
        if fds[0].revents == 0:
            return False
        if fds[1].revents == 0 and gather_ms > 0 and not self.queue_is_long:
            poll(&fds[1], 1, gather_ms)
        return True

    cdef void drain(self, FrameBatch batch) noexcept nogil:
        # Take messages until the queue is empty or the batch is full.
        cdef Py_ssize_t before = batch.count
        cdef int64_t read_ns = 0
        cdef int wanted, got, index
        while batch.count < batch.capacity and not self.has_ended:
            wanted = <int>min(<Py_ssize_t>MESSAGES, batch.capacity - batch.count)
            if not batch.make_room(wanted * MAX_PAYLOAD):  # while the kernel still holds every frame
                self.pending_errno = ENOMEM
                break
            for index in range(wanted):
                self.messages[index].msg_hdr.msg_controllen = CONTROL_BYTES
            got = recvmmsg(self.fd, self.messages, wanted, MSG_DONTWAIT, NULL)
            if got < 0:
                if errno != EAGAIN and errno != EINTR:
                    self.pending_errno = errno
                break
            for index in range(got):
                if self.messages[index].msg_len == 0:
                    self.has_ended = True
                    break
                self.take(&self.messages[index], batch, &read_ns)
            if got < wanted:
                break
        self.queue_is_long = 4 * (batch.count - before) >= 3 * batch.capacity or batch.count == batch.capacity

    cdef void take(self, mmsghdr* message, FrameBatch batch, int64_t* read_ns) noexcept nogil:
        cdef const uint8_t* content = <const uint8_t*>message.msg_hdr.msg_iov.iov_base
        cdef int64_t time_ns = self.stamp_of(&message.msg_hdr, read_ns)
        cdef Frame* frame = _add_frame(batch, content, message.msg_len)
        self.messages_read += 1
        if frame == NULL:
            self.bad_length += 1
            return
        frame.time_ns = time_ns
        frame.channel = self.channel
        self.error_frames += (frame.id & ID_ERROR) != 0

    cdef int64_t stamp_of(self, msghdr* header, int64_t* read_ns) noexcept nogil:
        # The message's stamp from its control part, which holds the drop counter too. Without a stamp: the
        # time of reading, which is asked for once a drain.
        cdef Control control = read_control(header)
        cdef timespec now
        if control.has_drops:
            self.kernel_dropped += <uint32_t>(control.drops - self.drops_seen)
            self.drops_seen = control.drops
        if control.software_ns == 0:
            if read_ns[0] == 0:
                clock_gettime(CLOCK_REALTIME, &now)
                read_ns[0] = <int64_t>now.tv_sec * 1000000000 + now.tv_nsec
            control.software_ns = read_ns[0]
        if control.hardware_ns == 0:
            return control.software_ns
        return self.clock.anchored(control.software_ns, control.hardware_ns)


cdef class ErrorStates:
    """Collects what the error frames of one bus report about its controller.

    `state` is the state after the newest frame, `worst` the worst since `forget_worst`. Both are 0 (error active),
    1 (warning), 2 (passive) or 3 (bus off), and `state_ns` and `worst_ns` are the stamps of their frames.

    The other attributes count the frames that report:

    - `restarts`: the controller was restarted.
    - `controller_overflows`: the controller had no room for a frame.
    - `bus_errors`: an error on the wire.
    - `not_acknowledged`: nobody acknowledged a frame.
    - `transceiver_faults`: a fault of the transceiver.
    """

    cdef readonly int state      # BusState, after the newest error frame
    cdef readonly int64_t state_ns
    cdef readonly int worst      # since `forget_worst`
    cdef readonly int64_t worst_ns
    cdef readonly int64_t restarts
    cdef readonly int64_t controller_overflows
    cdef readonly int64_t bus_errors
    cdef readonly int64_t not_acknowledged
    cdef readonly int64_t transceiver_faults

    def scan(self, FrameBatch batch not None, Py_ssize_t start=0):
        """Read the error frames of `batch` from index `start` on. Raises IndexError for a wrong `start`."""
        cdef Py_ssize_t index
        if not 0 <= start <= batch.count:
            raise IndexError(start)
        with nogil:
            for index in range(start, batch.count):
                if batch.frames[index].id & ID_ERROR:
                    self.take(&batch.frames[index], payload(&batch.frames[index], batch.payloads))

    def forget_worst(self):
        """Set `worst` back to the present state."""
        self.worst = self.state
        self.worst_ns = self.state_ns

    cdef void take(self, const Frame* frame, const uint8_t* data) noexcept nogil:
        cdef int state = self.state
        cdef uint8_t controller = data[1]
        if frame.id & CAN_ERR_CRTL:
            self.controller_overflows += (controller & CAN_ERR_CRTL_RX_OVERFLOW) != 0
            if controller & (CAN_ERR_CRTL_RX_PASSIVE | CAN_ERR_CRTL_TX_PASSIVE):
                state = BUS_PASSIVE
            elif controller & (CAN_ERR_CRTL_RX_WARNING | CAN_ERR_CRTL_TX_WARNING):
                state = BUS_WARNING
            elif controller & CAN_ERR_CRTL_ACTIVE:
                state = BUS_ACTIVE
        self.bus_errors += (frame.id & (CAN_ERR_PROT | CAN_ERR_BUSERROR)) != 0
        self.not_acknowledged += (frame.id & CAN_ERR_ACK) != 0
        self.transceiver_faults += (frame.id & CAN_ERR_TRX) != 0
        if frame.id & CAN_ERR_RESTARTED:
            self.restarts += 1
            state = BUS_ACTIVE
        if frame.id & CAN_ERR_BUSOFF:
            state = BUS_OFF
        if state == self.state:
            return
        self.state = state
        self.state_ns = frame.time_ns
        if state > self.worst:
            self.worst = state
            self.worst_ns = frame.time_ns
