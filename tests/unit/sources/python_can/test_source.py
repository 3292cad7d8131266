"""Any python-can bus as a source, over python-can's own virtual one and over adapters that fail."""

import threading
from collections.abc import Callable
from typing import Any

import can
import pytest

from telemetry.sources.inbox import Arrival, Inbox, Item, SourceEnded, SourceEvent
from telemetry.sources.python_can.source import PythonCanSource
from telemetry.sources.stop import StopSignal
from tests.support.can_frames import BRS, ERROR, EXTENDED, FD, REMOTE
from tests.support.clock import FakeClock

NOW_S = 1_700_000_000
MESSAGE = can.Message(NOW_S + 0.1, 0x123, is_extended_id=False, data=b"\x01")


class Adapter:
    """What `can.Bus` gives: says what the script says, then nothing more, and stops the source."""

    def __init__(self, stop: StopSignal, script: list[can.Message | Exception | None]) -> None:
        self._stop = stop
        self._script = script

    def recv(self, timeout: float | None) -> can.Message | None:
        if not self._script:
            assert timeout is not None  # otherwise a stop would never be seen
            self._stop.set()
            return None
        step = self._script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    def __enter__(self) -> "Adapter":
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[list[Item], PythonCanSource]]:
    """Run a source over adapters that do what the scripts say, one after the other."""

    def run_scripts(
        *scripts: list[can.Message | Exception | None] | Exception, channel: Inbox | None = None
    ) -> tuple[list[Item], PythonCanSource]:
        remaining = list(scripts)
        channel = channel or Inbox()
        with StopSignal() as stop:

            def open_bus(**options: Any) -> Adapter:
                assert options == {"interface": "scripted", "bitrate": 500_000}
                script = remaining.pop(0)
                if isinstance(script, Exception):
                    raise script
                return Adapter(stop, [*script])

            monkeypatch.setattr(can, "Bus", open_bus)
            source = PythonCanSource(
                "adapter", {"interface": "scripted", "bitrate": 500_000}, FakeClock(NOW_S * 10**9), channel=4
            )
            source.run(channel, stop)
        items = []
        while (item := channel.get(0)) is not None:
            items.append(item)
        return items, source

    return run_scripts


Run = Callable[..., tuple[list[Item], PythonCanSource]]


def frames_of(items: list[Item]) -> list[tuple[int, int, bytes, int]]:
    return [
        (frame.time_ns - NOW_S * 10**9, frame.id, frame.data, frame.flags)
        for item in items
        if isinstance(item, Arrival)
        for frame in item.batch
    ]


def events_of(items: list[Item]) -> list[tuple[str, str]]:
    return [(item.event.code, item.event.text) for item in items if isinstance(item, SourceEvent)]


def test_messages_are_frames_with_stamps_in_microseconds(run: Run) -> None:
    items, source = run(
        [
            can.Message(NOW_S + 0.123456, 0x123, is_extended_id=False, data=b"\x01"),
            can.Message(NOW_S + 0.2, 0x1ABCDEF0, data=b""),
            can.Message(NOW_S + 0.3, 0x7, is_extended_id=False, is_remote_frame=True, dlc=2),
            can.Message(
                NOW_S + 0.4, 0x8, is_extended_id=False, is_fd=True, bitrate_switch=True, data=bytes(64)
            ),
            can.Message(NOW_S + 0.5, 0x40, is_error_frame=True, data=bytes(8)),
        ]
    )
    assert frames_of(items) == [
        (123_456_000, 0x123, b"\x01", 0),
        (200_000_000, 0x1ABCDEF0 | EXTENDED, b"", 0),
        (300_000_000, 0x7 | REMOTE, bytes(2), 0),
        (400_000_000, 0x8, bytes(64), FD | BRS),
        (500_000_000, 0x40 | ERROR, bytes(8), 0),
    ]
    assert events_of(items) == [("bus_off", "the controller has left the bus")]
    assert isinstance(items[0], Arrival)
    assert {frame.channel for frame in items[0].batch} == {4}
    assert items[-1] == SourceEnded("adapter", source.counts())


def test_a_message_without_a_stamp_has_the_time_of_reading(run: Run) -> None:
    items, _ = run([can.Message(0.0, 0x1, data=b"")])
    assert frames_of(items)[0][0] == 0


def test_stamps_of_the_adapters_own_clock_keep_their_distances(run: Run) -> None:
    items, _ = run([can.Message(5.0, 0x1, data=b""), can.Message(5.004, 0x1, data=b"")])
    first_ns, second_ns = (frame[0] for frame in frames_of(items))
    assert second_ns - first_ns == pytest.approx(4_000_000, abs=10_000)  # they were read 10 ms apart


def test_an_adapter_that_is_unplugged_and_comes_back_loses_nothing_but_the_gap(run: Run) -> None:
    items, source = run(
        [MESSAGE, can.CanOperationError("unplugged")],
        can.CanInitializationError("no such adapter"),
        ValueError("bad option"),
        [None, MESSAGE],
    )
    assert len(frames_of(items)) == 2
    assert [code for code, _ in events_of(items)] == ["source_lost", "source_lost", "source_back"]
    assert events_of(items)[0] == ("source_lost", "unplugged")
    assert source.counts()["read"] == 2


def test_frames_that_came_before_an_adapter_was_unplugged_do_not_wait_for_it(run: Run) -> None:
    channel = Inbox()
    waiting: list[int] = []

    class Away(can.CanInitializationError):
        def __str__(self) -> str:
            waiting.append(channel.frames_waiting)
            return "no such adapter"

    items, _ = run([MESSAGE, MESSAGE, can.CanOperationError("unplugged")], Away(), [], channel=channel)
    assert waiting[0] == 2
    assert [frame.nudge_ns for item in items if isinstance(item, Arrival) for frame in item.batch] == [0, 1]


def test_frames_that_find_no_room_are_counted_and_an_event(run: Run) -> None:
    channel = Inbox(capacity_frames=2, batch_frames=2)
    items, source = run([MESSAGE] * 7, channel=channel)
    assert len(frames_of(items)) == 2
    assert (source.counts()["read"], source.counts()["lost/queue_overflow"]) == (7, 5)
    assert events_of(items)[0] == ("frames_dropped", "frames dropped by a full queue: 2")
    assert len(events_of(items)) == 1  # the rest is summed up a minute later


def test_a_payload_of_an_impossible_length_is_counted(run: Run) -> None:
    items, source = run([can.Message(NOW_S, 0x1, data=bytes(9)), MESSAGE])
    assert len(frames_of(items)) == 1
    assert (source.counts()["read"], source.counts()["lost/bad_length"]) == (2, 1)


def test_equal_stamps_are_nudged(run: Run) -> None:
    items, source = run([MESSAGE, MESSAGE])
    assert isinstance(items[0], Arrival)
    assert [frame.nudge_ns for frame in items[0].batch] == [0, 1]
    assert source.counts()["nudged"] == 1


def test_frames_that_wait_for_room_are_nudged_once(run: Run) -> None:
    channel = Inbox(capacity_frames=4, batch_frames=4)
    batch = channel.take_empty()
    for number in range(3):
        batch.append(number, 1, b"")
    channel.put(Arrival("adapter", batch, {}))
    later = can.Message(NOW_S + 0.2, 0x123, is_extended_id=False)
    _, source = run([MESSAGE, MESSAGE, None, later, None], channel=channel)
    assert source.counts()["nudged"] == 1


def test_a_real_bus_of_python_can() -> None:
    source = PythonCanSource("virtual", {"interface": "virtual", "channel": "nudge"}, FakeClock())
    channel = Inbox()
    with StopSignal() as stop, can.Bus(interface="virtual", channel="nudge") as sender:
        thread = threading.Thread(target=source.run, args=(channel, stop), daemon=True)
        thread.start()
        while source.status != "receiving":
            thread.join(0.001)
        sender.send(MESSAGE)
        item = channel.get(10)
        stop.set()
        thread.join(10)
        assert not thread.is_alive()
    assert isinstance(item, Arrival)
    assert item.batch[0].id == 0x123


def test_an_interface_whose_package_is_missing_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    missing = [can.CanInterfaceNotImplementedError("msgpack not installed")]
    channel = Inbox()
    with StopSignal() as stop:

        def open_bus(**_: Any) -> Adapter:
            if missing:
                raise missing.pop()
            return Adapter(stop, [])

        monkeypatch.setattr(can, "Bus", open_bus)
        source = PythonCanSource("bench", {"interface": "udp_multicast"}, FakeClock(NOW_S * 10**9), channel=0)
        source.run(channel, stop)
    said = channel.get(0)
    assert isinstance(said, SourceEvent)
    assert said.event.text == "msgpack not installed (pip install 'python-can[multicast]')"
