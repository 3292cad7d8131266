"""The live CAN source: a link that goes and comes back, and a pipeline that falls behind."""

import errno
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from telemetry_core.frames.socketcan import set_stamp_options
from telemetry_core.frames.stamps import TimeMap

from telemetry.model.bit_rate import BitRate
from telemetry.sources.can.sockets import CanInterface, CanUnixSocket
from telemetry.sources.can.source import SocketCanSource
from telemetry.sources.inbox import Arrival, Inbox, Item, SourceEnded, SourceEvent
from telemetry.sources.stop import StopSignal
from tests.support.can_frames import classic, error, needs_stamp_options, seqpacket_pair
from tests.support.clock import FakeClock

pytestmark = needs_stamp_options

TIMEOUT_S = 60.0


class ScriptedLink:
    """Opens to one end of a socket pair, or fails, as the script says; in the end it stops the source."""

    description = "can7"
    receive_buffer_bytes = 256 * 1024

    def __init__(
        self,
        stop: StopSignal,
        script: list[socket.socket | Exception],
        bit_rates: list[BitRate] | None = None,
    ) -> None:
        self._stop = stop
        self._bit_rates = bit_rates or []
        self._script = script
        self.opened = 0

    def open(self) -> socket.socket:
        self.opened += 1
        if not self._script:
            self._stop.set()
            raise OSError(errno.ENODEV, "No such device")
        step = self._script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    def is_up(self) -> bool:
        return True

    def bit_rate(self) -> BitRate | None:
        return self._bit_rates.pop(0) if self._bit_rates else None


def wire_with(*messages: bytes) -> socket.socket:
    """Return a socket that gives these messages, and then its end."""
    sender, receiver = seqpacket_pair()
    set_stamp_options(receiver.fileno())
    for message in messages:
        sender.send(message)
    sender.close()
    return receiver


def run_script(
    *script: socket.socket | Exception,
    channel: Inbox | None = None,
    time_map: TimeMap | None = None,
) -> tuple[list[Item], SocketCanSource]:
    """Return everything that the source gives before the script is at its end."""
    channel = channel or Inbox()
    with StopSignal() as stop:
        source = SocketCanSource(
            "bus", ScriptedLink(stop, list(script)), FakeClock(), channel=2, time_map=time_map
        )
        source.run(channel, stop)
    items = []
    while (item := channel.get(0)) is not None:
        items.append(item)
    return items, source


class Emptying(ScriptedLink):
    """A link at whose second opening the channel is emptied; notes the frames in it at the third."""

    def __init__(self, stop: StopSignal, script: list[socket.socket | Exception], channel: Inbox) -> None:
        super().__init__(stop, script)
        self._channel = channel
        self.frames = -1

    def open(self) -> socket.socket:
        if self.opened == 1:
            while self._channel.get(0) is not None:
                pass
        elif self.opened == 2:
            self.frames = self._channel.frames_waiting
        return super().open()


def events_of(items: list[Item]) -> list[tuple[str, bool]]:
    return [(item.event.code, item.event.active) for item in items if isinstance(item, SourceEvent)]


def ids_of(items: list[Item]) -> list[int]:
    return [frame.id for item in items if isinstance(item, Arrival) for frame in item.batch]


def test_frames_are_delivered_and_counted() -> None:
    items, source = run_script(wire_with(classic(1, b"a"), classic(2, b"b"), b"bad"))
    assert ids_of(items) == [1, 2]
    delivery = items[0]
    assert isinstance(delivery, Arrival)
    assert delivery.counts["read"] == 3
    assert source.counts() == {
        "read": 3,
        "kernel_dropped": 0,
        "lost/bad_length": 1,
        "lost/queue_overflow": 0,
        "nudged": 0,
        "controller_overflows": 0,
    }
    assert items[-1] == SourceEnded("bus", source.counts())


def test_a_lost_link_is_an_event_and_its_return_reports_the_gap() -> None:
    items, source = run_script(
        wire_with(classic(1, b"")),
        OSError(errno.ENODEV, "No such device"),
        OSError(errno.ENODEV, "No such device"),
        wire_with(classic(2, b"")),
    )
    assert ids_of(items) == [1, 2]
    assert events_of(items) == [
        ("source_lost", True),
        ("source_lost", False),
        ("source_back", True),
        ("source_lost", True),
    ]
    back = next(item for item in items if isinstance(item, SourceEvent) and item.event.code == "source_back")
    assert back.event.text == "back after 0.7 s (No such device)"  # waited 0.1, 0.2 and 0.4 s
    assert source.counts()["read"] == 2
    assert source.status == "waiting for can7: No such device"


def test_an_interface_that_is_not_there_yet_is_waited_for() -> None:
    items, _ = run_script(OSError(errno.ENODEV, "No such device"), wire_with(classic(1, b"")))
    assert ids_of(items) == [1]
    assert events_of(items)[0] == ("source_lost", True)


def test_the_bit_rate_is_asked_each_time_the_link_is_opened_and_each_time_it_came_up() -> None:
    rates = [BitRate(125_000), BitRate(250_000), BitRate(500_000)]
    with StopSignal() as stop:
        link = ScriptedLink(stop, [wire_with(classic(1, b"")), wire_with(classic(2, b""))], rates)
        source = SocketCanSource("bus", link, FakeClock())
        assert source.bit_rate is None
        source.run(Inbox(), stop)
    assert source.bit_rate == BitRate(500_000)  # opened; opened again, and heard again


@pytest.mark.parametrize(("asked_kib", "is_reported"), [(64, False), (16 * 1024, True)])
def test_a_receive_buffer_that_is_as_large_as_asked_for_is_no_warning(
    asked_kib: int, is_reported: bool, caplog: pytest.LogCaptureFixture
) -> None:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # unlike AF_UNIX it has a buffer of its own
    set_stamp_options(opened.fileno())
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    with StopSignal() as stop:

        class Link(ScriptedLink):
            receive_buffer_bytes = asked_kib * 1024

            def bit_rate(self) -> None:
                stop.set()

        SocketCanSource("bus", Link(stop, [opened]), FakeClock()).run(Inbox(), stop)
    assert ("the receive buffer is 64 KiB instead of 16384 KiB" in caplog.text) == is_reported
    assert ("receive buffer" in caplog.text) == is_reported


def test_a_fault_of_our_own_does_not_end_the_source(caplog: pytest.LogCaptureFixture) -> None:
    items, _ = run_script(ZeroDivisionError("oops"), wire_with(classic(1, b"")))
    assert ids_of(items) == [1]
    lost = items[0]
    assert isinstance(lost, SourceEvent)
    assert lost.event.text == "internal error: ZeroDivisionError: oops"
    assert "a source failed" in caplog.text


def test_the_fastest_bus_fills_less_than_three_quarters_of_a_batch_while_frames_gather() -> None:
    """A standard frame without data takes 44 bits, with 3 more before the next one (ISO 11898-1)."""
    frames_per_s = 1_000_000 / 47
    assert 0.125 * frames_per_s < 0.75 * Inbox().batch_frames


@contextmanager
def running_into(channel: Inbox, messages: int) -> Iterator[SocketCanSource]:
    """Start a source in its own thread, send it so many messages at once, and stop it at the end."""
    with StopSignal() as stop:
        wire = wire_with(*(classic(id, b"") for id in range(messages)))
        source = SocketCanSource("bus", ScriptedLink(stop, [wire]), FakeClock())
        thread = threading.Thread(target=source.run, args=(channel, stop), daemon=True)
        thread.start()
        try:
            yield source
        finally:
            stop.set()
            thread.join(TIMEOUT_S)
            assert not thread.is_alive()


def test_frames_that_find_no_room_wait_in_the_socket() -> None:
    channel = Inbox(capacity_frames=8, batch_frames=8)
    items: list[Item | None] = []
    with running_into(channel, 60) as source:
        while not items or not isinstance(items[-1], SourceEnded):
            time.sleep(0.02)  # longer than the source takes to fill a batch
            items.append(channel.get(TIMEOUT_S))
    taken = [item for item in items if item is not None]
    assert ids_of(taken) == list(range(60))
    assert (source.counts()["read"], source.counts()["lost/queue_overflow"]) == (60, 0)
    assert ("frames_dropped", True) not in events_of(taken)


def test_stopping_does_not_wait_for_a_pipeline_that_stands_still() -> None:
    with running_into(Inbox(capacity_frames=8, batch_frames=8), 60) as source:
        deadline_s = time.monotonic() + TIMEOUT_S
        while source.counts()["read"] < 16 and time.monotonic() < deadline_s:
            time.sleep(0.01)
    counts = source.counts()
    assert (counts["read"], counts["lost/queue_overflow"]) == (16, 8)  # in the channel and in the batch


def test_equal_stamps_of_one_id_are_nudged() -> None:
    frozen = TimeMap(1e-9, 5, 0)  # a clock so slow that all stamps are one
    items, source = run_script(wire_with(*(classic(1, b"") for _ in range(3))), time_map=frozen)
    frames = [frame for item in items if isinstance(item, Arrival) for frame in item.batch]
    assert [frame.nudge_ns for frame in frames] == [0, 1, 2]
    assert len({frame.time_ns for frame in frames}) == 1
    assert source.counts()["nudged"] == 2


def test_error_frames_become_events_and_stay_frames() -> None:
    items, _ = run_script(wire_with(error(0x4, 0x08), classic(1, b""), error(0x40)))
    assert len(ids_of(items)) == 3
    assert events_of(items)[0] == ("bus_off", True)


@contextmanager
def running(source: SocketCanSource, channel: Inbox) -> Iterator[StopSignal]:
    with StopSignal() as stop:
        thread = threading.Thread(target=source.run, args=(channel, stop), daemon=True)
        thread.start()
        try:
            yield stop
        finally:
            stop.set()
            thread.join(TIMEOUT_S)
            assert not thread.is_alive()


def await_item(channel: Inbox, wanted: Callable[[Item], bool]) -> Item:
    while (item := channel.get(TIMEOUT_S)) is not None:
        if wanted(item):
            return item
    raise AssertionError("it never came")


def test_a_simulator_that_restarts_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "bus.sock"
    source = SocketCanSource("bus", CanUnixSocket(path), FakeClock())
    channel = Inbox()
    with running(source, channel):
        for id in (1, 2):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
                listener.bind(str(path))
                listener.listen()
                listener.settimeout(TIMEOUT_S)
                simulator, _ = listener.accept()
                with simulator:
                    simulator.send(classic(id, b""))
                    item = await_item(channel, lambda item: isinstance(item, Arrival))
                    assert ids_of([item]) == [id]
                    assert source.status == "receiving"
            path.unlink()
        await_item(channel, lambda item: isinstance(item, SourceEvent) and item.event.active)
    await_item(channel, lambda item: isinstance(item, SourceEnded))


def test_frames_that_waited_for_room_do_not_wait_for_a_link_that_is_gone() -> None:
    channel = Inbox(capacity_frames=4, batch_frames=4)
    batch = channel.take_empty()
    for number in range(3):
        batch.append(number, 1, b"")
    channel.put(Arrival("bus", batch, {}))
    away = OSError(errno.ENODEV, "No such device")
    with StopSignal() as stop:
        link = Emptying(stop, [wire_with(classic(1, b"a"), classic(2, b"b")), away, away], channel)
        SocketCanSource("bus", link, FakeClock()).run(channel, stop)
    assert link.frames == 2


def test_frames_that_wait_for_room_are_mapped_to_simulated_time_once() -> None:
    channel = Inbox(capacity_frames=4, batch_frames=4)
    batch = channel.take_empty()
    for number in range(3):
        batch.append(number, 1, b"")
    channel.put(Arrival("bus", batch, {}))
    with StopSignal() as stop:
        link = Emptying(
            stop, [wire_with(classic(1, b"a"), classic(2, b"b")), wire_with(classic(3, b"c"))], channel
        )
        SocketCanSource("bus", link, FakeClock(), time_map=TimeMap(1e-9, 5, 0)).run(channel, stop)
    stamps: dict[int, int] = {}
    while (item := channel.get(0)) is not None:
        if isinstance(item, Arrival):
            stamps |= {frame.id: frame.time_ns for frame in item.batch}
    assert stamps.keys() == {1, 2, 3}
    assert max(stamps.values()) - min(stamps.values()) < 1000


class DroppingReader:
    """A reader that has read and lost so many, and whose device is gone then."""

    def __init__(self, messages_read: int, kernel_dropped: int, bad_length: int) -> None:
        self.messages_read = self.kernel_dropped = self.bad_length = self.error_frames = 0
        self._ends_with = (messages_read, kernel_dropped, bad_length)

    def read(self, *_: object) -> int:
        self.messages_read, self.kernel_dropped, self.bad_length = self._ends_with
        raise OSError(errno.ENODEV, "No such device")


def test_what_was_lost_before_a_reconnect_is_still_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    readers = [DroppingReader(10, 3, 1), DroppingReader(20, 4, 2)]
    monkeypatch.setattr("telemetry.sources.can.source.CanReader", lambda *_: readers.pop(0))
    items, source = run_script(wire_with(), wire_with())
    counts = source.counts()
    assert (counts["read"], counts["kernel_dropped"], counts["lost/bad_length"]) == (30, 7, 3)
    assert dict(last_counts(items)) == counts


class OverrunReader(DroppingReader):
    """A reader that hears of what the kernel has dropped before its device is gone."""

    def read(self, *_: object) -> int:
        if self.kernel_dropped:
            raise OSError(errno.ENODEV, "No such device")
        self.kernel_dropped = 3
        return 0


def test_frames_that_the_kernel_drops_are_an_event_with_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telemetry.sources.can.source.CanReader", lambda *_: OverrunReader(0, 3, 0))
    items, _ = run_script(wire_with())
    events = [item.event for item in items if isinstance(item, SourceEvent)]
    assert ("frames_dropped", "frames dropped by the kernel: 3") in [
        (each.code, each.text) for each in events
    ]


def last_counts(items: list[Item]) -> Mapping[str, int]:
    return next(item.counts for item in reversed(items) if isinstance(item, SourceEnded))


def test_a_kernel_without_can_is_named_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: int) -> socket.socket:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    monkeypatch.setattr(socket, "socket", refused)
    with pytest.raises(OSError, match="this kernel has no CAN"):
        CanInterface("can0").open()
