"""The compiled reader of CAN sockets, over socket pairs that carry the kernel's structures."""

import os
import socket
import struct
import time
from collections.abc import Iterator

import pytest
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.socketcan import CanReader, ErrorStates, control_of, set_stamp_options

from telemetry.sources.stop import StopSignal
from tests.support.can_frames import (
    BRS,
    CANFD_BRS,
    CANFD_ESI,
    ERROR,
    ESI,
    EXTENDED,
    FD,
    REMOTE,
    classic,
    error,
    fd,
    needs_stamp_options,
    seqpacket_pair,
)

pytestmark = needs_stamp_options

# asm-generic/socket.h, linux/net_tstamp.h
SO_TIMESTAMPNS, SO_TIMESTAMPING, SO_RXQ_OVFL = 35, 37, 40
SOF_TIMESTAMPING_RX_HARDWARE, SOF_TIMESTAMPING_RAW_HARDWARE = 1 << 2, 1 << 6


class Wire:
    """A reader and the socket at its other end."""

    def __init__(self) -> None:
        self.sender, self.receiver = seqpacket_pair()
        set_stamp_options(self.receiver.fileno())
        self.stop = StopSignal()
        self.reader = CanReader(self.receiver.fileno(), self.stop.fileno(), channel=3)
        self.batch = FrameBatch(200)

    def read(self, timeout_ms: int = 0) -> int:
        return self.reader.read(self.batch, timeout_ms, 0)

    def close(self) -> None:
        self.sender.close()
        self.receiver.close()
        self.stop.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    opened = Wire()
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("message", "id", "data", "flags"),
    [
        (classic(0x123, b"\x01\x02"), 0x123, b"\x01\x02", 0),
        (classic(0x123, b""), 0x123, b"", 0),
        (classic(0x1ABCDEF0 | EXTENDED, bytes(8)), 0x1ABCDEF0 | EXTENDED, bytes(8), 0),
        (classic(0x123 | REMOTE, b"\xff\xff", 4), 0x123 | REMOTE, bytes(4), 0),
        (error(0x40), 0x40 | ERROR, bytes(8), 0),
        (fd(0x123, b"\x01" * 64), 0x123, b"\x01" * 64, FD),
        (fd(0x123, b"\x01", CANFD_BRS), 0x123, b"\x01", FD | BRS),
        (fd(0x123, b"\x01", CANFD_ESI | 4), 0x123, b"\x01", FD | ESI),
        (classic(0xFFFFF123 & ~(EXTENDED | ERROR | REMOTE), b""), 0x123, b"", 0),
    ],
)
def test_a_message_is_a_frame(wire: Wire, message: bytes, id: int, data: bytes, flags: int) -> None:
    wire.sender.send(message)
    assert wire.read() == 1
    (frame,) = wire.batch
    assert (frame.id, frame.data, frame.flags, frame.channel) == (id, data, flags, 3)


def test_bytes_past_the_length_do_not_get_in(wire: Wire) -> None:
    wire.sender.send(classic(1, b"\xff" * 8, length=3))
    wire.sender.send(classic(1, b"\x11" * 8))
    wire.read()
    assert [frame.data for frame in wire.batch] == [b"\xff" * 3, b"\x11" * 8]


@pytest.mark.parametrize(
    "message",
    [
        classic(1, b"")[:15],
        classic(1, b"") + b"\0",
        classic(1, b"", length=9),
        fd(1, b"")[:71],
        fd(1, b"") + b"\0",
        fd(1, b"", length=65),
        bytes(2000),
        b"\0",
    ],
)
def test_a_message_of_another_length_is_counted_and_nothing_else(wire: Wire, message: bytes) -> None:
    for sent in (classic(1, b"a"), message, classic(2, b"b")):
        wire.sender.send(sent)
    assert wire.read() == 2
    assert [frame.id for frame in wire.batch] == [1, 2]
    assert (wire.reader.messages_read, wire.reader.bad_length) == (3, 1)


def test_the_kernel_stamps_each_frame(wire: Wire) -> None:
    before_ns = time.time_ns()
    wire.sender.send(classic(1, b""))
    between_ns = time.time_ns()
    wire.sender.send(classic(2, b""))
    after_ns = time.time_ns()
    wire.read()
    first, second = (frame.time_ns for frame in wire.batch)
    assert before_ns <= first <= between_ns <= second <= after_ns


def test_a_frame_without_a_stamp_has_the_time_of_reading() -> None:
    sender, receiver = seqpacket_pair()
    with sender, receiver, StopSignal() as stop:
        sender.send(classic(1, b""))
        batch = FrameBatch(1)
        before_ns = time.time_ns()
        CanReader(receiver.fileno(), stop.fileno()).read(batch, 0, 0)
        assert before_ns <= batch[0].time_ns <= time.time_ns()


def test_more_than_one_system_call_can_take_are_read_in_order(wire: Wire) -> None:
    for id in range(150):
        wire.sender.send(classic(id, b""))
    assert wire.read() == 150
    assert [frame.id for frame in wire.batch] == list(range(150))


def test_reading_goes_on_after_what_the_batch_holds_and_stops_when_it_is_full(wire: Wire) -> None:
    wire.batch = FrameBatch(5)
    wire.batch.append(0, 0x7FF, b"")
    for id in range(6):
        wire.sender.send(classic(id, b""))
    assert wire.read() == 4
    assert [frame.id for frame in wire.batch] == [0x7FF, 0, 1, 2, 3]
    with pytest.raises(IndexError):
        wire.read()
    wire.batch.clear()
    assert wire.read() == 2


def test_silence_is_no_frames(wire: Wire) -> None:
    assert wire.read() == 0


def test_frames_before_the_end_come_first(wire: Wire) -> None:
    wire.sender.send(classic(1, b""))
    wire.sender.close()
    assert wire.read() == 1
    for _ in range(2):
        with pytest.raises(EOFError):
            wire.read()


def test_an_empty_message_is_the_end(wire: Wire) -> None:
    wire.sender.send(b"")
    with pytest.raises(EOFError):
        wire.read()


def test_an_error_of_the_socket_is_raised() -> None:
    with StopSignal() as stop:
        descriptor = os.open(os.devnull, os.O_RDONLY)
        reader = CanReader(descriptor, stop.fileno())
        with pytest.raises(OSError, match="non-socket"):
            reader.read(FrameBatch(1), 0, 0)
        os.close(descriptor)
        with pytest.raises(OSError, match="Bad file descriptor"):
            reader.read(FrameBatch(1), 0, 0)


def test_a_stop_ends_the_wait(wire: Wire) -> None:
    wire.stop.set()
    assert wire.read(timeout_ms=-1) == 0


def test_what_has_arrived_is_read_even_when_stopped(wire: Wire) -> None:
    wire.sender.send(classic(1, b""))
    wire.stop.set()
    assert wire.reader.read(wire.batch, -1, 60_000) == 1


def read_queue(wire: Wire, frames: int) -> None:
    for id in range(frames):
        wire.sender.send(classic(id, b""))
    assert wire.read() == frames
    wire.batch.clear()
    wire.sender.send(classic(1, b""))


def test_a_queue_of_three_quarters_of_a_batch_is_not_left_to_grow(wire: Wire) -> None:
    read_queue(wire, wire.batch.capacity * 3 // 4)
    assert wire.reader.read(wire.batch, 0, 600_000) == 1  # ten minutes, had it waited for more


def test_after_a_shorter_queue_frames_gather(wire: Wire) -> None:
    read_queue(wire, wire.batch.capacity * 3 // 4 - 1)
    start_ns = time.monotonic_ns()
    assert wire.reader.read(wire.batch, 0, 50) == 1
    assert time.monotonic_ns() - start_ns >= 50_000_000


def test_error_frames_are_counted_and_kept(wire: Wire) -> None:
    wire.sender.send(error(0x4, 0x10))
    wire.sender.send(classic(1, b""))
    assert wire.read() == 2
    assert wire.reader.error_frames == 1


def test_options_of_a_bad_descriptor_are_refused() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        set_stamp_options(-1)


def test_hardware_stamps_can_be_asked_for() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as opened:
        set_stamp_options(opened.fileno(), hardware=True)
        asked_for = opened.getsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING)
    assert asked_for & (SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE) == 1 << 2 | 1 << 6


def part(kind: int, content: bytes, level: int = socket.SOL_SOCKET) -> bytes:
    """Return one part of a control message, as cmsg(3) has it."""
    header = struct.pack("@Nii", struct.calcsize("@Nii") + len(content), level, kind)
    return (header + content).ljust(struct.calcsize("@Nii") + (len(content) + 7) // 8 * 8, b"\0")


def stamps(*seconds_and_ns: tuple[int, int]) -> bytes:
    """struct timespec, one after the other."""
    return b"".join(struct.pack("@ll", *each) for each in seconds_and_ns)


def test_of_three_stamps_the_first_is_the_systems_and_the_last_the_controllers() -> None:
    both = part(SO_TIMESTAMPING, stamps((1_700_000_000, 1), (5, 6), (77, 999_999_999)))
    assert control_of(both) == (1_700_000_000_000_000_001, 77_999_999_999, None)
    assert control_of(part(SO_TIMESTAMPNS, stamps((3, 4)))) == (3_000_000_004, 0, None)
    overflow = part(SO_RXQ_OVFL, struct.pack("=I", 4_294_967_295))
    assert control_of(both + overflow) == (1_700_000_000_000_000_001, 77_999_999_999, 4_294_967_295)
    assert control_of(overflow) == (0, 0, 4_294_967_295)
    assert control_of(part(SO_TIMESTAMPING, bytes(48), level=socket.SOL_SOCKET + 1)) == (0, 0, None)
    assert control_of(b"") == (0, 0, None)


def test_a_remote_frame_has_no_byte_of_the_frame_that_was_there_before(wire: Wire) -> None:
    wire.sender.send(fd(1, b"\xff" * 64))
    assert wire.read() == 1
    wire.batch.clear()
    wire.sender.send(fd(REMOTE | 1, b"\xee" * 64))
    assert wire.read() == 1
    assert wire.batch[0].data == bytes(64)


def scanned(*frames: tuple[int, int]) -> ErrorStates:
    """Error frames of (classes, data[1]), stamped 1, 2, 3 …"""
    batch = FrameBatch(len(frames) + 1)
    for stamp, (classes, controller) in enumerate(frames, 1):
        batch.append(stamp, ERROR | classes, bytes([0, controller, 0, 0, 0, 0, 0, 0]))
    batch.append(99, 0x40, b"\0\x20")  # no error frame, whatever its id says
    states = ErrorStates()
    states.scan(batch)
    return states


@pytest.mark.parametrize(
    ("frame", "state"),
    [
        ((0x4, 0x04), 1),
        ((0x4, 0x08), 1),
        ((0x4, 0x10), 2),
        ((0x4, 0x20), 2),
        ((0x4, 0x14), 2),
        ((0x40, 0), 3),
        ((0x200, 0x20), 0),  # without its class bit data[1] means nothing
    ],
)
def test_an_error_frame_reports_the_state_of_the_controller(frame: tuple[int, int], state: int) -> None:
    states = scanned(frame)
    assert (states.state, states.worst) == (state, state)
    assert states.state_ns == (1 if state else 0)


def test_the_worst_state_is_kept_until_it_is_forgotten() -> None:
    states = scanned((0x4, 0x08), (0x40, 0), (0x100, 0), (0x4, 0x08))
    assert (states.state, states.state_ns, states.worst, states.worst_ns) == (1, 4, 3, 2)
    assert states.restarts == 1
    states.forget_worst()
    assert (states.worst, states.worst_ns) == (1, 4)


def test_a_controller_that_is_active_again_says_so() -> None:
    states = scanned((0x4, 0x10), (0x4, 0x40))
    assert (states.state, states.state_ns) == (0, 2)


def test_other_troubles_are_counted() -> None:
    states = scanned((0x4, 0x01), (0x8, 0), (0x80, 0), (0x88, 0), (0x20, 0), (0x10, 0))
    assert states.controller_overflows == 1
    assert states.bus_errors == 3
    assert states.not_acknowledged == 1
    assert states.transceiver_faults == 1
