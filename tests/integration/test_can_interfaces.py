"""The SocketCAN source on real interfaces: a vcan that goes up, down and away, errors, floods, slcan."""

import os
import pty
import shutil
import socket
import subprocess
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.socketcan import CanReader

from telemetry.clock import Clock
from telemetry.model.bit_rate import BitRate
from telemetry.sources.can.sockets import CanInterface, receive_buffer_bytes, receive_buffer_warning
from telemetry.sources.can.source import SocketCanSource
from telemetry.sources.inbox import Arrival, Inbox, Item, SourceEvent
from telemetry.sources.stop import StopSignal
from tests.support.can_frames import BRS, CANFD_BRS, EXTENDED, FD, classic, error, fd

pytestmark = pytest.mark.vcan

TIMEOUT_S = 60.0
INTERFACE = "vcan7"  # the bed's own are left alone


def ip_link(*commands: str) -> None:
    """Give the commands to one process: in User Mode Linux starting one takes most of a second."""
    batch = "".join(f"link {command}\n" for command in commands)
    subprocess.run(
        ["ip", "-batch", "-"], input=batch.encode(), check=True, capture_output=True, timeout=TIMEOUT_S
    )


MADE = (f"add dev {INTERFACE} type vcan", f"set dev {INTERFACE} mtu 72 up")


def left_behind() -> list[str]:
    """Return the command that deletes what the test before has left."""
    return [f"delete {INTERFACE}"] if Path("/sys/class/net", INTERFACE).exists() else []


@pytest.fixture(scope="module", autouse=True)
def nothing_left_at_the_end() -> Iterator[None]:
    yield
    ip_link(*left_behind())


@pytest.fixture
def interface() -> str:
    """Make a vcan interface of the test's own and set it up."""
    ip_link(*left_behind(), *MADE)
    return INTERFACE


def open_sender(name: str) -> socket.socket:
    sender = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
    sender.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FD_FRAMES, 1)
    sender.bind((name,))
    return sender


class Running:
    """A source in its thread, and what it gave so far."""

    def __init__(self, source: SocketCanSource, channel: Inbox) -> None:
        self.source = source
        self._channel = channel
        self.items: list[Item] = []

    def wait_for(self, wanted: Callable[[Item], bool]) -> Item:
        deadline_s = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline_s:
            item = self._channel.get(1.0)
            if item is not None:
                self.items.append(item)
                if wanted(item):
                    return item
        raise AssertionError(f"it never came; {self.source.status}, {self.source.counts()}")

    def wait_for_event(self, code: str, *, active: bool = True) -> SourceEvent:
        item = self.wait_for(
            lambda item: (
                isinstance(item, SourceEvent) and (item.event.code, item.event.active) == (code, active)
            )
        )
        assert isinstance(item, SourceEvent)
        return item

    def wait_for_frame(self, id: int) -> None:
        self.wait_for(lambda item: isinstance(item, Arrival) and id in [frame.id for frame in item.batch])

    def wait_until_receiving(self) -> None:
        deadline_s = time.monotonic() + TIMEOUT_S
        while self.source.status != "receiving" and time.monotonic() < deadline_s:
            time.sleep(0.01)
        assert self.source.status == "receiving"


@contextmanager
def running(name: str) -> Iterator[Running]:
    source = SocketCanSource("bus", CanInterface(name), Clock())
    channel = Inbox()
    with StopSignal() as stop:
        thread = threading.Thread(target=source.run, args=(channel, stop))
        thread.start()
        try:
            yield Running(source, channel)
        finally:
            stop.set()
            thread.join(TIMEOUT_S)
            assert not thread.is_alive()


def test_classic_and_fd_frames_arrive_with_the_kernels_stamp(interface: str) -> None:
    with CanInterface(interface).open() as opened, open_sender(interface) as sender, StopSignal() as stop:
        before_ns = time.time_ns()
        sender.send(classic(0x123, b"\x01\x02"))
        sender.send(fd(0x1ABCDEF0 | EXTENDED, b"\x05" * 64, CANFD_BRS))
        batch = FrameBatch(10)
        reader = CanReader(opened.fileno(), stop.fileno())
        assert reader.read(batch, 1000, 0) == 2
        after_ns = time.time_ns()
    assert [(frame.id, frame.data, frame.flags) for frame in batch] == [
        (0x123, b"\x01\x02", 0),
        (0x1ABCDEF0 | EXTENDED, b"\x05" * 64, FD | BRS),
    ]
    assert all(before_ns <= frame.time_ns <= after_ns for frame in batch)
    assert reader.bad_length == 0


def test_what_a_small_buffer_drops_is_counted_by_the_kernel(interface: str) -> None:
    sent = 5000
    link = CanInterface(interface, receive_buffer_bytes=50_000)
    with link.open() as opened, open_sender(interface) as sender, StopSignal() as stop:
        assert receive_buffer_warning(opened, link.receive_buffer_bytes) == ""  # it is what was asked for
        more = receive_buffer_warning(opened, 16 * 1024 * 1024)
        assert "instead of 16384 KiB" in more
        assert "sysctl -w net.core.rmem_max=16777216" in more
        reader = CanReader(opened.fileno(), stop.fileno())
        batch = FrameBatch(sent)
        for id in range(sent):
            sender.send(classic(id & 0x7FF, b""))
        reader.read(batch, 0, 0)
        sender.send(classic(0x7FF, b""))  # the counter comes with the next frame
        reader.read(batch, 1000, 0)
        assert reader.kernel_dropped > 0
        assert len(batch) + reader.kernel_dropped == sent + 1
        assert batch[len(batch) - 1].id == 0x7FF


def test_the_large_buffer_loses_nothing_of_a_burst(interface: str) -> None:
    sent = 20_000
    link = CanInterface(interface)
    with link.open() as opened, open_sender(interface) as sender, StopSignal() as stop:
        if receive_buffer_bytes(opened) < 16 * 1024 * 1024:
            pytest.skip("not allowed to force the buffer's size")
        assert receive_buffer_warning(opened, link.receive_buffer_bytes) == ""
        for id in range(sent):
            sender.send(classic(id & 0x7FF, b""))
        batch = FrameBatch(sent)
        reader = CanReader(opened.fileno(), stop.fileno())
        assert reader.read(batch, 1000, 0) == sent
        assert reader.kernel_dropped == 0


def test_an_interface_that_goes_down_and_up_again_is_heard_at_once(interface: str) -> None:
    with running(interface) as bus:
        bus.wait_until_receiving()
        ip_link(f"set {interface} down")
        assert bus.wait_for_event("source_lost").event.text == f"{interface} is down"
        ip_link(f"set {interface} up")
        with open_sender(interface) as sender:
            sender.send(classic(0x5, b""))  # the same socket hears it: nothing waits for a new attempt
            bus.wait_for_frame(0x5)
        assert bus.source.counts()["read"] == 1


def test_the_return_of_a_silent_interface_is_an_event(interface: str) -> None:
    with running(interface) as bus:
        bus.wait_until_receiving()
        ip_link(f"set {interface} down")
        bus.wait_for_event("source_lost")
        ip_link(f"set {interface} up")
        assert bus.wait_for_event("source_back").event.text.endswith(f"({interface} is down)")


def test_an_interface_that_is_down_at_start_is_waited_for(interface: str) -> None:
    ip_link(f"set {interface} down")
    with running(interface) as bus:
        bus.wait_for_event("source_lost")
        ip_link(f"set {interface} up")
        bus.wait_for_event("source_back")
        with open_sender(interface) as sender:
            sender.send(classic(0x6, b""))
            bus.wait_for_frame(0x6)


def test_an_interface_that_is_deleted_and_made_again_is_found(interface: str) -> None:
    with running(interface) as bus:
        bus.wait_until_receiving()
        ip_link(f"delete {interface}")
        bus.wait_for_event("source_lost")
        ip_link(*MADE)
        bus.wait_for_event("source_back")
        with open_sender(interface) as sender:
            sender.send(classic(0x7, b""))
            bus.wait_for_frame(0x7)


def test_an_interface_that_does_not_exist_yet_is_waited_for() -> None:
    ip_link(*left_behind())
    with running(INTERFACE) as bus:
        lost = bus.wait_for_event("source_lost")
        assert lost.event.text == "No such device"
        ip_link(*MADE)
        bus.wait_for_event("source_back")


def test_error_frames_of_the_kernel_are_events_and_frames(interface: str) -> None:
    with running(interface) as bus:
        bus.wait_until_receiving()
        with open_sender(interface) as sender:
            sender.send(error(0x4, 0x20))
            bus.wait_for_event("error_passive")
            sender.send(error(0x40))
            bus.wait_for_event("bus_off")
            sender.send(error(0x100))
            bus.wait_for_event("bus_restarted")
            bus.wait_for_event("bus_off", active=False)  # a change of state waits for its second
        assert bus.source.counts()["read"] == 3


@contextmanager
def serial_adapter(*, is_up: bool = True) -> Iterator[tuple[int, str]]:
    """Start an slcan adapter, played on a pty; yield it with its network interface."""
    adapter, line = pty.openpty()
    tty.setraw(line)
    daemon = subprocess.Popen(
        ["slcand", "-F", "-o", "-s6", os.ttyname(line), "slc7"], stderr=subprocess.DEVNULL
    )
    try:
        deadline_s = time.monotonic() + TIMEOUT_S
        while b"slc7" not in (dev := open_bytes("/proc/net/dev")) and time.monotonic() < deadline_s:
            time.sleep(0.05)
        assert b"slc7" in dev
        if is_up:
            ip_link("set slc7 up")
        yield adapter, "slc7"
    finally:
        daemon.terminate()
        daemon.wait(TIMEOUT_S)
        os.close(line)
        os.close(adapter)


def open_bytes(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123  # a file of /proc, read whole each time
        return file.read()


def test_a_virtual_interface_has_no_bit_rate(interface: str) -> None:
    assert CanInterface(interface).bit_rate() is None
    with running(interface) as bus:
        bus.wait_until_receiving()
        assert bus.source.bit_rate is None


@pytest.mark.optional
def test_the_bit_rate_of_a_real_controller_is_the_one_that_the_kernel_has_now() -> None:
    if shutil.which("slcand") is None:
        pytest.skip("slcand (can-utils) is not installed")
    with serial_adapter(is_up=False) as (_, name):
        assert CanInterface(name).bit_rate() is None
        for rate in (500_000, 250_000):
            ip_link(f"set {name} type can bitrate {rate}")
            assert CanInterface(name).bit_rate() == BitRate(rate)


@pytest.mark.optional
def test_a_real_controllers_states_are_events() -> None:
    if shutil.which("slcand") is None:
        pytest.skip("slcand (can-utils) is not installed")
    with serial_adapter() as (adapter, name), running(name) as bus:
        bus.wait_until_receiving()
        os.write(adapter, b"t1232AABB\r")
        bus.wait_for_frame(0x123)
        os.write(adapter, b"sw100050\r")
        bus.wait_for_event("error_warning")
        os.write(adapter, b"sp150050\r")
        bus.wait_for_event("error_passive")
        os.write(adapter, b"sb000000\r")
        bus.wait_for_event("bus_off")
