"""Sources that come, go and change while the others run on."""

import contextlib
import errno
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from telemetry.databases.bus import BusDatabases
from telemetry.errors import UnavailableError
from telemetry.model.bit_rate import BitRate
from telemetry.model.ids import IsoTpId
from telemetry.sources.assemble import Assembled
from telemetry.sources.can.settings import CanSettings
from telemetry.sources.can.sockets import CanInterface
from telemetry.sources.inbox import Inbox, SourceEnded
from telemetry.sources.reconnect import put_end
from telemetry.sources.replay.settings import ReplaySettings
from telemetry.sources.running import RunningSources
from telemetry.sources.settings import SourceSettings
from telemetry.sources.source import Source
from telemetry.sources.stop import StopSignal

CAN = CanSettings(name="bus", link=CanInterface("can0"))
LOG = ReplaySettings(name="bus", log=Path("drive.log"), speed=None)


class WaitingSource(Source):
    """Runs until it is stopped."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def status(self) -> str:
        return "receiving"

    def counts(self) -> Mapping[str, int]:
        return {}

    def run(self, output: Inbox, stop: StopSignal) -> None:
        stop.event.wait()
        put_end(self.name, {}, output)


def assemble(settings: SourceSettings) -> Assembled:
    return Assembled(WaitingSource(settings.name), settings, resume_as="")


class Bench:
    """Sources and the pipeline's end of their channel."""

    def __init__(self, *settings: SourceSettings) -> None:
        self.output = Inbox()
        self.sources = RunningSources([assemble(entry) for entry in settings], self.output, assemble)
        self.sources.start()

    def take_end(self) -> str:
        item = self.output.get(10.0)
        assert isinstance(item, SourceEnded)
        self.sources.ended(item.source)
        return item.source

    def change(self, *settings: SourceSettings) -> None:
        self.sources.retire(settings)
        while self.sources.retiring:
            self.take_end()
        self.sources.adopt(settings)

    @property
    def names(self) -> list[str]:
        return [source.name for source in self.sources]


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench(CAN, replace(CAN, name="other"))
    yield made
    made.sources.stop()
    while made.sources.any_running:
        made.take_end()


def test_another_bit_rate_is_known_at_once_and_the_source_goes_on(bench: Bench) -> None:
    before = bench.sources["bus"]
    bench.change(replace(CAN, bit_rate=BitRate(250_000)), replace(CAN, name="other"))
    assert bench.sources["bus"].source is before.source
    assert (before.bit_rate, bench.sources["bus"].bit_rate) == (None, BitRate(250_000))


def test_what_did_not_change_is_the_same_source_as_before(bench: Bench) -> None:
    before = bench.sources["bus"].source
    bench.change(CAN, replace(CAN, name="third"))
    assert bench.names == ["bus", "third"]
    assert bench.sources["bus"].source is before
    assert bench.sources.get("other") is None


def test_other_databases_do_not_touch_the_device(bench: Bench) -> None:
    before = bench.sources["bus"].source
    described = replace(CAN, buses=(BusDatabases("bus", (Path("vehicle.dbc"),)),))
    bench.change(described, replace(CAN, name="other"))
    assert bench.sources["bus"].source is before
    assert bench.sources["bus"].settings == described


@pytest.mark.parametrize("changed", [replace(CAN, link=CanInterface("can1")), LOG])
def test_a_changed_device_is_another_source_once_the_old_one_has_ended(
    bench: Bench, changed: SourceSettings
) -> None:
    before = bench.sources["bus"].source
    bench.change(changed, replace(CAN, name="other"))
    assert bench.sources["bus"].source is not before
    assert bench.sources["bus"].settings == changed


def test_one_that_does_not_stop_in_time_is_replaced_when_it_has(bench: Bench) -> None:
    before = bench.sources["bus"].source
    changed = [replace(CAN, link=CanInterface("can1")), replace(CAN, name="other")]
    bench.sources.retire(changed)
    bench.sources.adopt(changed)  # without waiting
    assert bench.sources["bus"].source is before
    bench.take_end()
    assert bench.sources["bus"].settings == changed[0]


def test_one_that_does_not_stop_in_time_is_described_as_its_successor(bench: Bench) -> None:
    """For the channel keeps its number, and the line hears of it once."""
    isotp = (IsoTpId(0x7E8),)
    changed = replace(CAN, link=CanInterface("can1"), isotp=isotp)
    bench.sources.retire([changed, replace(CAN, name="other")])
    bench.sources.adopt([changed, replace(CAN, name="other")])  # without waiting
    assert bench.sources["bus"].settings.isotp == isotp


def test_one_that_is_removed_and_does_not_stop_in_time_is_known_until_it_has(bench: Bench) -> None:
    bench.sources.retire([CAN])
    bench.sources.adopt([CAN])
    assert bench.names == ["bus", "other"]
    assert bench.take_end() == "other"
    assert bench.names == ["bus"]


def test_one_that_comes_back_before_it_has_ended_runs_again(bench: Bench) -> None:
    bench.sources.retire([CAN])
    bench.sources.adopt([CAN])
    bench.sources.retire([CAN, replace(CAN, name="other")])
    bench.sources.adopt([CAN, replace(CAN, name="other")])
    bench.take_end()
    assert bench.names == ["bus", "other"]
    bench.sources.stop()
    assert {bench.take_end(), bench.take_end()} == {"bus", "other"}


def test_what_ended_by_itself_does_not_begin_again_unless_its_device_changed(bench: Bench) -> None:
    bench.sources.ended("bus")  # a log at its end
    bench.change(CAN, replace(CAN, name="other"))
    assert bench.sources.any_running
    bench.sources.stop()
    assert bench.take_end() == "other"
    assert not bench.sources.any_running


def test_databases_of_single_channels_are_no_part_of_the_device() -> None:
    described = (BusDatabases("bus", ()), BusDatabases("bus/can1", (Path("b.dbc"),)))
    assert LOG.is_same_device(replace(LOG, buses=described))
    assert not LOG.is_same_device(replace(LOG, speed=1.0))
    assert not LOG.is_same_device(CAN)


NEW = [replace(CAN, name=name) for name in ("third", "fourth", "fifth")]


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def join_new() -> None:
    """Wait for the threads that were reserved for NEW to end by themselves."""
    for thread in threading.enumerate():
        if thread.name in {entry.name for entry in NEW}:
            thread.join(10.0)
            assert not thread.is_alive()


def descriptors() -> int:
    """Count the open stop signals: other files of the process may close whenever they are collected."""
    links = []
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # of the listing itself
            links.append(str(each.readlink()))
    return sum("eventfd" in link for link in links)


def refuse_after(count: int, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the system room for `count` more threads, or descriptors for stop signals."""
    owner, name = (threading.Thread, "start") if isinstance(error, RuntimeError) else (os, "eventfd")
    given, left = getattr(owner, name), [None] * count

    def refuse(*words: Any) -> Any:
        if not left:
            raise error
        left.pop()
        return given(*words)

    monkeypatch.setattr(owner, name, refuse)


NONE_LEFT = [RuntimeError("can't start new thread"), OSError(errno.EMFILE, "Too many open files")]


@pytest.mark.parametrize("error", NONE_LEFT)
def test_a_set_for_which_there_is_no_room_is_refused_before_anything_changes(
    bench: Bench, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = descriptors()
    with monkeypatch.context() as system:
        refuse_after(2, error, system)
        with pytest.raises(UnavailableError, match="can be started"):
            bench.sources.reserve(NEW)
    join_new()
    assert descriptors() == before
    assert bench.names == ["bus", "other"]
    assert not bench.sources.retiring


@pytest.mark.parametrize("error", NONE_LEFT)
def test_a_set_that_was_reserved_starts_whatever_becomes_of_the_system(
    bench: Bench, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [replace(CAN, link=CanInterface("can1")), replace(CAN, name="third")]
    bench.sources.reserve(wanted)
    refuse_after(0, error, monkeypatch)
    bench.change(*wanted)
    assert bench.names == ["bus", "third"]
    assert {"bus", "third"} <= threads()


def test_what_was_reserved_and_is_not_needed_is_given_back(bench: Bench) -> None:
    before = descriptors()
    bench.sources.reserve(NEW)
    assert {"third", "fourth", "fifth"} <= threads()
    bench.sources.reserve([CAN, replace(CAN, name="other")])
    join_new()
    assert descriptors() == before


@pytest.mark.parametrize("error", NONE_LEFT)
def test_a_first_start_without_room_says_so(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_after(0, error, monkeypatch)
    with pytest.raises(UnavailableError):
        RunningSources([assemble(CAN)], Inbox(), assemble).start()
