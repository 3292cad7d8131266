"""Listening to sources for a while: what each has sent, for how long, and that its threads end."""

import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from telemetry.clock import Clock
from telemetry.config import load_config
from telemetry.service.listening import HeardSource, listen
from telemetry.sources.inbox import Arrival, Inbox
from telemetry.sources.kinds import KINDS
from telemetry.sources.reconnect import put_end
from telemetry.sources.settings import Start
from telemetry.sources.stop import StopSignal
from telemetry.stages.prepare import compose
from tests.support.clock import FakeClock
from tests.unit.sources.test_kinds import BeaconSettings, BeaconSource

DBC = 'VERSION ""\nNS_ :\nBS_:\nBU_: X\nBO_ 291 Beacon: 8 X\n SG_ N : 0|8@1+ (1,0) [0|0] "" X\n'
HOUR_S = 3600.0


class Clocked(BeaconSource):
    """Sends a frame each second of the test's clock; ends by itself after so many, or when it is stopped."""

    def __init__(self, name: str, channel: int, frames: int, clock: FakeClock) -> None:
        super().__init__(name, channel, frames)
        self._clock = clock
        self.threads: list[bool] = []
        self.ended = threading.Event()

    def run(self, output: Inbox, stop: StopSignal) -> None:
        self.threads.append(threading.current_thread().daemon)
        for number in range(self._frames):
            batch = output.take_empty()
            self._clock.advance(1.0)
            batch.append(10**18 + number * 10**9, 291, bytes([number, *range(7)]), channel=self._channel)
            output.put(Arrival(self.name, batch, {}))
        if self._frames < 5:
            put_end(self.name, {}, output, is_complete=True)
        else:
            stop.event.wait(60.0)
            self.threads.append(stop.is_set())
        self.ended.set()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Clocked]:
    """Return a list that gets the sources that are made, in their order."""
    sources: list[Clocked] = []

    class Settings(BeaconSettings):
        def make_source(self, start: Start) -> BeaconSource:
            clock: Clock = start.clock
            assert isinstance(clock, FakeClock)
            sources.append(Clocked(self.name, start.number_of(self.name), self.frames, clock))
            return sources[-1]

    monkeypatch.setitem(KINDS, "beacon", lambda: Settings)
    return sources


def heard(folder: Path, frames: Mapping[str, int], seconds: float) -> list[HeardSource]:
    (folder / "beacon.dbc").write_text(DBC)
    beacons = "".join(
        f'[[beacon]]\nname = "{name}"\ndatabase = "beacon.dbc"\nantenna = "{name}"\nframes = {count}\n'
        for name, count in frames.items()
    )
    file = folder / "gateway.toml"
    influx = '[influx]\nurl = "http://127.0.0.1:1"\ndatabase = "d"\n'
    file.write_text(f'vehicle = "van"\n{influx}[spool]\ndirectory = "spool"\n{beacons}')
    composition, clock = compose(load_config(file, {})), FakeClock()
    clock.advance(HOUR_S)
    return listen(composition, composition.config.sources, seconds, clock)


def test_a_source_that_ends_was_listened_to_for_as_long_as_it_was_there(
    tmp_path: Path, made: list[Clocked]
) -> None:
    (one,) = heard(tmp_path, {"mast": 3}, HOUR_S)
    assert (one.source.name, one.meter.frames, one.seconds) == ("mast", 3, 3.0)
    assert made[0].threads == [True]  # it keeps no process alive


def test_one_that_goes_on_is_stopped_when_the_time_is_over(tmp_path: Path, made: list[Clocked]) -> None:
    (one,) = heard(tmp_path, {"mast": 7}, 6.5)
    assert one.seconds == 6.5
    assert made[0].ended.wait(60.0)
    assert made[0].threads == [True, True]


def test_what_each_source_sends_is_known_for_it_alone(tmp_path: Path, made: list[Clocked]) -> None:
    mast, buoy = heard(tmp_path, {"mast": 2, "buoy": 4}, HOUR_S)
    assert (mast.source.name, mast.meter.frames) == ("mast", 2)
    assert (buoy.source.name, buoy.meter.frames) == ("buoy", 4)
    rates = [each.meter.rate(1.0) for each in (mast, buoy)]
    assert [[share.measurement for share in rate.shares] for rate in rates if rate] == [["Beacon"]] * 2
    assert len(made) == 2
