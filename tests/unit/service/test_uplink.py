"""What a budget changes of a running service, and what the data says of it."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from telemetry.config import Config, load_config
from telemetry.errors import ConfigError
from telemetry.model.events import Event
from telemetry.service.own_points import OwnPoints
from telemetry.service.pipeline import Pipeline
from telemetry.service.uplink import Uplink
from telemetry.sinks.sink import Sink
from telemetry.sinks.state import SinkState
from telemetry.stages.prepare import compose
from tests.support.clock import FakeClock
from tests.support.recording import VEHICLE_DBC

CONFIG = """
vehicle = "van"
gateway_every_s = 30.0
[influx]
url = "https://influx.example.org"
database = "d"
[spool]
directory = "spool"
[send]
every_s = 60.0
[reduce]
longest_s = 100.0
[reduce.bounds]
"battery.*" = 0.1
[uplink]
bytes_per_hour = {budget}
[[can]]
name = "bus"
socket = "bus.sock"
databases = ["{dbc}"]
"""


def config(folder: Path, budget: int = 36_000) -> Config:
    file = folder / "gateway.toml"
    file.write_text(CONFIG.format(budget=budget, dbc=VEHICLE_DBC))
    return load_config(file, {})


@dataclass
class Told(Pipeline, Sink, OwnPoints):  # type: ignore[misc]  # one object stands for the three
    """All that is told to the pipeline, to the sink and to the data."""

    factors: list[tuple[int, float]] = field(default_factory=list)
    every_s: list[float] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    points: list[tuple[int, float]] = field(default_factory=list)
    carried: int = 0
    clock: FakeClock = field(default_factory=FakeClock)
    time_known: bool = True  # type: ignore[assignment]  # one object stands for the three
    uplink_memory: bytes = b""

    def bytes_by_measurement(self) -> dict[str, int]:
        return {"battery": 2 * self.carried}

    def begin(self) -> Uplink:
        return Uplink(self, self, self, self.clock)

    def at(self, uplink: Uplink, now_s: float) -> bool:
        self.clock.advance(now_s - self.clock.monotonic_s())
        return uplink.tick()

    @property
    def state(self) -> SinkState:
        return SinkState(link_bytes=self.carried)

    def set_factor(self, factor: int, longest_s: float) -> None:
        self.factors.append((factor, longest_s))

    def send_every(self, every_s: float) -> None:
        self.every_s.append(every_s)

    def send_backlog(self, *, newest_first: bool) -> None:
        assert not newest_first

    def report(self, event: Event) -> None:
        self.events.append(f"{event.code}: {event.text}")

    def write_factor(self, factor: int, *, ago_s: float = 0.0) -> None:
        self.points.append((factor, ago_s))


def test_over_the_budget_bounds_and_times_follow_and_the_data_says_so(tmp_path: Path) -> None:
    told = Told()
    uplink = told.begin()
    uplink.adopt(config(tmp_path))
    assert (told.factors, told.every_s, uplink.gateway_every_s) == ([(1, 100.0)], [60.0, 60.0], 30.0)
    changed = []
    for second in range(121):
        told.carried += 30  # three times the budget
        if told.at(uplink, float(second)):
            changed.append(second)
    assert changed[0] == 60
    assert told.factors[1] == (4, 400.0)
    assert told.every_s[2] == 240.0
    assert told.points[:3] == [(1, 1.0), (4, 1.0), (told.points[2][0], told.points[2][1])]
    assert told.events[0].startswith("resolution_changed: bounds are multiplied by 4, no longer by 1; ")
    factor = told.factors[-1][0]
    assert uplink.gateway_every_s == 30.0 * factor
    assert uplink.gauges == {"bound_factor": factor}
    uplink.adopt(config(tmp_path))  # new stages begin as configured: they get the factor
    assert told.factors[-1][0] == factor
    uplink.adopt(config(tmp_path, 50_000))
    assert told.factors[-1] == (1, 100.0)


@pytest.mark.parametrize("budget", [None, 50_000])
def test_a_reload_that_takes_a_budget_away_says_that_bounds_are_as_configured(
    tmp_path: Path, budget: int | None
) -> None:
    told = Told()
    uplink, running = told.begin(), config(tmp_path)
    uplink.adopt(running)
    for second in range(62):
        told.carried += 30
        told.at(uplink, float(second))
    assert told.points[-1][0] == 4
    uplink.adopt(replace(running, uplink=replace(running.uplink, bytes_per_hour=budget)))
    told.at(uplink, 70.0)
    assert told.points[-1] == (1, 0.0)
    assert "bounds are multiplied by 1, no longer by 4" in told.events[-1]


def test_without_a_budget_all_is_as_configured(tmp_path: Path) -> None:
    told = Told(carried=10**9)
    uplink = told.begin()
    without = config(tmp_path)
    uplink.adopt(replace(without, uplink=replace(without.uplink, bytes_per_hour=None)))
    assert not any(told.at(uplink, float(second)) for second in range(1000))
    assert (told.factors, told.every_s, told.points, uplink.gauges) == ([], [60.0], [], {})


def test_a_budget_that_is_too_small_is_refused_before_anything_runs(tmp_path: Path) -> None:
    compose(config(tmp_path))
    with pytest.raises(ConfigError, match=r"bytes_per_hour: is less than the [\d,]+ bytes an hour"):
        compose(config(tmp_path, 5_000))


def test_factors_have_stamps_in_the_order_in_which_they_are_said(tmp_path: Path) -> None:
    """A rise is stamped a second ago: also where the factor of before was said since then."""
    told, stamps = Told(), []
    uplink = told.begin()
    uplink.adopt(config(tmp_path))
    for now_s in (1.0, 61.0, 61.5, *range(62, 4000)):
        told.carried += 3000 if now_s == 61.5 else 0
        count = len(told.points)
        told.at(uplink, now_s)
        stamps += [now_s - ago_s for _, ago_s in told.points[count:]]
    factors = [factor for factor, _ in told.points]
    assert (factors[:3], stamps[:3]) == ([1, 1, 8], [0.0, 60.0, 60.5])
    assert factors[-1] == 1, "it has come back"
    assert stamps == sorted(set(stamps))


def run(told: Told, uplink: Uplink, seconds: int, rate: int) -> list[int]:
    """Let time pass, with so many bytes a second. Return the factors."""
    factors = []
    for _ in range(seconds):
        told.carried += rate
        told.at(uplink, told.clock.monotonic_s() + 1)
        factors.append(told.points[-1][0])
    return factors


@pytest.mark.parametrize(
    ("away_s", "time_is_known", "factor", "said"),
    [
        (90.0, True, 4, []),
        (7200.0, True, 1, ["resolution_changed: bounds are multiplied by 1, no longer by 4"]),
        (7200.0, False, 4, []),  # how long it was away is not known
        (-1e9, True, 4, []),  # a clock that has stepped back
    ],
)
def test_a_start_goes_on_with_the_factor_and_what_was_spent(
    tmp_path: Path, away_s: float, time_is_known: bool, factor: int, said: list[str]
) -> None:
    told = Told()
    uplink = told.begin()
    uplink.adopt(config(tmp_path))
    run(told, uplink, 62, 30)
    run(told, uplink, 600, 8)
    assert told.points[-1][0] == 4
    left = Told(uplink_memory=told.uplink_memory, time_known=time_is_known)
    left.clock.step(told.clock.monotonic_s() + away_s)
    again = left.begin()
    again.adopt(config(tmp_path))
    assert left.factors == [(4, 400.0)]
    run(left, again, 1, 8)
    assert left.points == [(factor, 1.0)]
    assert [event.partition(";")[0] for event in left.events] == said


def test_starts_and_reloads_forget_nothing_that_the_hour_has_spent(tmp_path: Path) -> None:
    """Eight minutes at the budget's rate are left of the hour, after two starts and a reload."""
    told = Told()
    uplink = told.begin()
    uplink.adopt(config(tmp_path))
    for _ in range(3):
        run(told, uplink, 1040, 10)
        told = Told(uplink_memory=told.uplink_memory, clock=told.clock)
        uplink = told.begin()
        uplink.adopt(config(tmp_path))
    uplink.adopt(config(tmp_path, 35_000))
    afresh = Told()
    other = afresh.begin()
    other.adopt(config(tmp_path, 35_000))
    assert set(run(afresh, other, 300, 14)) == {1}
    assert run(told, uplink, 300, 14)[-1] > 1


@pytest.mark.parametrize("left", [b"[]", b"{", b"[0,2,3]", b"[0,2,[1,2,3,[]]]"])
def test_what_another_version_has_left_is_no_reason_not_to_start(tmp_path: Path, left: bytes) -> None:
    told = Told(uplink_memory=left)
    uplink = told.begin()
    uplink.adopt(config(tmp_path))
    assert run(told, uplink, 100, 1)[-1] == 1
