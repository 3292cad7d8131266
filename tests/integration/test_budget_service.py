"""A budget in the whole service, in injected time: a simulated drive, and what a server has afterwards."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest
from telemetry_core.frames.batch import FrameBatch

from telemetry.config import load_config
from telemetry.logs.log import OpenLog
from telemetry.model.events import begins
from telemetry.service.service import Service
from telemetry.sinks.link import of_write
from telemetry.sinks.verdict import Exchange
from telemetry.sources.inbox import Arrival
from telemetry.sources.stop import StopSignal
from tests.support.clock import FakeClock
from tests.support.configuration import NOWHERE
from tests.support.model_server import ModelServer
from tests.support.recording import VEHICLE_DBC, record_drive

SECOND = 1_000_000_000
MAPPED = {
    "BMS_PackPower.PackVoltage": "battery.voltage_v",
    "BMS_PackPower.PackCurrent": "battery.current_a",
    "BMS_PackState.StateOfCharge": "battery.soc_pct",
    "BMS_CellVoltages.Cell{n}Voltage": "cells.v{n}",
}
BOUNDS = {
    "battery.voltage_v": 0.1,
    "battery.current_a": 0.5,
    "battery.power_w": 200,
    "battery.*_wh": 10,
    "battery.*_ah": 0.05,
    "battery.soc_pct": 0.1,
    "battery.cell_*_v": 0.005,
    "cells.v*": 0.005,
}
_BOUNDS = "".join(f'"{glob}" = {bound}\n' for glob, bound in BOUNDS.items())
_MAP = "".join(f'[[map]]\nsignal = "{signal}"\nto = "{to}"\n' for signal, to in MAPPED.items())
CONFIG = f"""
gateway_every_s = 300
{NOWHERE}[web]
listen = "off"
[send]
messages = false
every_s = %d
[reduce]
shape = "line"
[reduce.bounds]
{_BOUNDS}[uplink]
bytes_per_hour = %d
[[can]]
name = "can0"
interface = "can0"
databases = ["{VEHICLE_DBC}"]
{_MAP}"""


@dataclass
class Server(ModelServer):
    """Notes when each line came, and says what a link carries for it."""

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.came: list[tuple[int, str]] = []

    def write(self, payload: bytes) -> Exchange:
        exchange = super().write(payload)
        self.came += [(self.clock.unix_ns(), line.decode()) for line in self.requests[-1]]
        return replace(exchange, sent_bytes=len(payload), link_bytes=of_write(len(payload), tls=False))


class Driven:
    """A service that takes a log as its bus, in the time of the log, and a server that takes everything."""

    def __init__(self, folder: Path, log: Path, bytes_per_hour: int, every_s: int = 60) -> None:
        self.log, self.config = log, folder / "gateway.toml"
        self.config.write_text(CONFIG % (every_s, bytes_per_hour))
        first_s, first_us = re.findall(r"\(([0-9]+)\.([0-9]{6})\)", log.read_text()[:100])[0]
        self.server = Server()
        self.server.clock = self.clock = FakeClock((int(first_s) * 10**6 + int(first_us)) * 1000)
        self.started_ns = self.clock.unix_ns()
        self._reported_ns = self.started_ns
        self._start()

    def _start(self) -> None:
        self.service = Service(load_config(self.config, {}), self.clock, StopSignal())
        self.service._sink._sender._client = self.server
        self._channel = self.service._channels.number("can0", "can0")

    def start_again(self, away_s: float) -> None:
        """Stop, and start after a boot."""
        self.end()
        self.clock.advance(away_s)
        self.clock.reboot()
        self._start()

    def drive(self, again_after_s: float = 0.0) -> None:
        """Let all frames come, so much later than they are stamped in the log."""
        batch = FrameBatch(50)
        shift_ns = round(again_after_s * SECOND)
        with OpenLog(self.log, lambda _: self._channel) as log:
            while log.read(batch):
                came = FrameBatch(50)
                for frame in batch:
                    came.append(frame.time_ns + shift_ns, frame.id, frame.data, channel=self._channel)
                self._until(batch[len(batch) - 1].time_ns + shift_ns, came)
                batch.clear()

    def stand(self, seconds: int) -> None:
        """Let no frame come for so long."""
        for _ in range(seconds):
            self._until(self.clock.unix_ns() + SECOND, FrameBatch(1))

    def _until(self, time_ns: int, frames: FrameBatch) -> None:
        self.clock.advance((time_ns - self.clock.unix_ns()) / SECOND)
        if time_ns - self._reported_ns > (120 if len(frames) else 500) * SECOND:
            self._reported_ns = time_ns
            self.service._own.report(begins("values_unknown", "so often", "can0"))
        self.service._output.put(Arrival("can0", frames, {}))
        self.service._step()
        self._send()

    def _send(self) -> None:
        self.service._sink._sender.step()
        while not self.service._sink.state.idle:
            self.service._sink._sender.step()

    def end(self) -> None:
        """Store and send what is left."""
        self.service._store_the_rest()
        self.service._sink.hurry()
        self._send()
        self.service._shut_down()

    @property
    def elapsed_s(self) -> int:
        return (self.clock.unix_ns() - self.started_ns) // SECOND

    @property
    def link_bytes(self) -> int:
        return self.service._sink.state.link_bytes

    def stored(self, measurement: str, field: str) -> list[tuple[int, float]]:
        """Return what the server has of a field, by stamps."""
        found = re.compile(rf"^{measurement},[^ ]* (?:[^ ]*,)?{field}=([^, ]+)[^ ]* ([0-9]+)$")
        matches = filter(None, (found.match(line) for _, line in self.server.came))
        return sorted((int(match[2]), float(match[1])) for match in matches)

    @property
    def latest_event_s(self) -> float:
        """Return how late an event has come at most."""
        events = [(came, line) for came, line in self.server.came if line.startswith("event,")]
        assert len(events) > 3
        return max((came - int(line.rpartition(" ")[2])) / SECOND for came, line in events)


def true_power(log: Path, shift_s: int = 0) -> dict[str, list[tuple[int, float]]]:
    """Return what the log's own bytes say of voltage (0.01 V) and current (0.05 A), at 0x300."""
    found: dict[str, list[tuple[int, float]]] = {"voltage_v": [], "current_a": []}
    for second, us, data in re.findall(
        r"\(([0-9]+)\.([0-9]{6})\) \S+ 300#....([0-9A-F]{8})", log.read_text()
    ):
        time_ns, raw = ((int(second) + shift_s) * 10**6 + int(us)) * 1000, bytes.fromhex(data)
        found["voltage_v"].append((time_ns, int.from_bytes(raw[:2], "little") / 100))
        found["current_a"].append((time_ns, int.from_bytes(raw[2:], "little", signed=True) / 20))
    return found


def off_by(kept: Sequence[tuple[int, float]], value: tuple[int, float]) -> float:
    """Return how far a straight line between kept values is from this one."""
    after = bisect_right(kept, value[0], key=lambda one: one[0])
    (from_ns, first), (to_ns, last) = kept[after - 1], kept[min(after, len(kept) - 1)]
    part = (value[0] - from_ns) / (to_ns - from_ns) if to_ns > from_ns else 0.0
    return abs(first + (last - first) * part - value[1])


def worst(driven: Driven, truth: dict[str, list[tuple[int, float]]]) -> tuple[float, int]:
    """Return how far off a reader is at most, in bounds times the factor in force; and of how many values."""
    factors, compared, most = driven.stored("gateway", "bound_factor"), 0, 0.0
    for field, values in truth.items():
        kept = driven.stored("battery", field)
        for value in values:
            factor = factors[bisect_right(factors, value[0], key=lambda one: one[0]) - 1][1]
            most = max(most, off_by(kept, value) / (BOUNDS[f"battery.{field}"] * factor))
            compared += 1
    return most, compared


def changes(driven: Driven) -> list[tuple[float, int]]:
    """Return when the factor that the data says has changed, in s, and to what."""
    said = [(driven.started_ns, 1.0), *driven.stored("gateway", "bound_factor")]
    return [
        ((time_ns - driven.started_ns) / SECOND, round(factor))
        for (_, before), (time_ns, factor) in pairwise(said)
        if factor != before
    ]


def test_a_factor_goes_up_and_comes_back_and_every_value_is_within_the_bound_that_the_data_says(
    tmp_path: Path,
) -> None:
    """200 s of a drive, a bus that sleeps for more than an hour, and the same drive twice: once would fit."""
    log = record_drive(tmp_path / "drive.log", 200.0)
    driven = Driven(tmp_path, log, 130_000)
    driven.drive()
    driven.stand(5000)
    again_s = driven.elapsed_s
    driven.drive(again_s)
    once_more_s = driven.elapsed_s + 1
    driven.drive(once_more_s)
    driven.end()
    factors = changes(driven)
    assert 59.0 < factors[0][0] < 62.0
    asleep = [factor for time_s, factor in factors if 200 < time_s < again_s]
    assert asleep == sorted(asleep, reverse=True)
    assert asleep[-1] == 1, "it has come back"
    assert factors[-1][0] > again_s
    assert factors[-1][1] > 1, "it rises again"
    for shift_s in (0, again_s, once_more_s):
        most, compared = worst(driven, true_power(log, shift_s))
        assert 0.9 < most < 1.0 + 1e-9
        assert compared == 40_000
    said = [line for _, line in driven.server.came if "code=resolution_changed" in line]
    assert [re.findall("by ([0-9]+)", line)[0] for line in said] == [f"{factor}" for _, factor in factors]
    assert driven.latest_event_s < 3.0


def test_two_starts_go_on_with_the_factor_and_every_value_is_within_the_bound_that_the_data_says(
    tmp_path: Path,
) -> None:
    log = record_drive(tmp_path / "drive.log", 200.0)
    driven = Driven(tmp_path, log, 130_000)
    driven.clock.step(12_345)  # whatever the time of day
    shifts_s = [12_345]
    driven.started_ns = driven.clock.unix_ns()
    driven.drive(shifts_s[-1])
    for _ in range(2):
        factor = driven.stored("gateway", "bound_factor")[-1][1]
        assert factor > 1
        driven.start_again(away_s=20.0)
        shifts_s.append(shifts_s[0] + driven.elapsed_s + 1)
        began_ns = driven.clock.unix_ns()
        driven.drive(shifts_s[-1])
        said = driven.stored("gateway", "bound_factor")
        assert next(each for time_ns, each in said if time_ns >= began_ns - SECOND) == factor
    driven.end()
    for shift_s in shifts_s:
        most, compared = worst(driven, true_power(log, shift_s))
        assert most < 1.0 + 1e-9
        assert compared == 40_000


@pytest.mark.long  # an hour of frames, and all of the service's work on them: 20 s
@pytest.mark.parametrize("every_s", [1, 60, 300])
def test_an_hour_of_driving_at_half_of_its_need_stays_within_its_budget(tmp_path: Path, every_s: int) -> None:
    log = record_drive(tmp_path / "drive.log", 3600.0)
    budget = 124_000  # without one it needs 249,000 with requests each 60 s, and 846,000 with one each second
    driven = Driven(tmp_path, log, budget, every_s)
    driven.drive()
    driven.end()
    assert 0.85 * budget < driven.link_bytes <= 1.05 * budget
    assert max(factor for _, factor in changes(driven)) >= 4
    most, compared = worst(driven, true_power(log))
    assert 0.9 < most < 1.0 + 1e-9
    assert compared == 720_000
    assert driven.latest_event_s < 3.0
