"""What of the settings reaches a source, and the numbers of its channels."""

from collections.abc import Mapping
from pathlib import Path

import can
import pytest

from telemetry.sources.assemble import ChannelTable, assemble_source, without_replaced
from telemetry.sources.inbox import Arrival, Inbox
from telemetry.sources.python_can.settings import PythonCanSettings
from telemetry.sources.replay.settings import ReplaySettings
from telemetry.sources.stop import StopSignal
from tests.support.clock import FakeClock

MAX_CHANNELS = 4096


class OneMessage:
    """What `can.Bus` gives: one frame, and the stop."""

    def __init__(self, stop: StopSignal) -> None:
        self._stop = stop

    def recv(self, timeout: float | None) -> can.Message | None:
        if self._stop.is_set() or timeout == 0:
            return None
        self._stop.set()
        return can.Message(1.7e9, 0x123, is_extended_id=False, data=b"\x01")

    def __enter__(self) -> "OneMessage":
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_frames_of_two_python_can_buses_are_of_two_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    channels, clock = ChannelTable(), FakeClock()
    settings = [PythonCanSettings(name=name, options={}) for name in ("first", "second")]
    sources = [assemble_source(one, channels, clock, {}).source for one in settings]
    found = {}
    for source in sources:
        output = Inbox()
        with StopSignal() as stop:
            monkeypatch.setattr(can, "Bus", lambda stop=stop: OneMessage(stop))
            source.run(output, stop)
        arrival = output.get(0)
        assert isinstance(arrival, Arrival)
        found[source.name] = arrival.batch[0].channel
    names = {channel.number: channel.source for channel in channels.since(0)}
    assert {name: names[number] for name, number in found.items()} == {"first": "first", "second": "second"}


def test_of_positions_those_of_replaced_logs_alone_are_given_up(tmp_path: Path) -> None:
    log = tmp_path / "drive.log"
    log.write_text("(1700000000.000000) can0 123#01\n")
    settings = ReplaySettings(name="drive", log=log, speed=None)
    source = assemble_source(settings, ChannelTable(), FakeClock(), {})
    now: Mapping[str, int] = {source.resume_as: 7, f"{source.resume_as}/end": 7}
    of_another = {"bus2@0123456789ab": 3, "bus2@0123456789ab/end": 3}
    replaced = {"drive@0123456789ab": 5, "drive@0123456789ab/end": 5}
    assert without_replaced({**now, **of_another, **replaced}, [source]) == {**now, **of_another}


def test_channels_are_numbered_in_the_order_in_which_they_appear() -> None:
    table = ChannelTable()
    assert [table.number("log", "can0"), table.number("log", "can1"), table.number("bus", "can0")] == [
        0,
        1,
        2,
    ]
    assert table.number("log", "can1") == 1
    assert [(channel.source, channel.name) for channel in table.since(1)] == [
        ("log", "can1"),
        ("bus", "can0"),
    ]


def test_a_log_that_names_channels_without_end_costs_bounded_memory() -> None:
    table = ChannelTable()
    numbers = {table.number("log", f"can{index}") for index in range(MAX_CHANNELS + 100)}
    assert numbers == set(range(MAX_CHANNELS))


def test_positions_that_an_earlier_version_had_of_sources_that_are_no_logs_are_given_up() -> None:
    assert without_replaced({"box3/can0": 5, "drive@0123456789ab": 3}, []) == {"drive@0123456789ab": 3}
