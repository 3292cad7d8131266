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
    uplink = Uplink(told, told, told)
    uplink.adopt(config(tmp_path), 0.0)
    assert (told.factors, told.every_s, uplink.gateway_every_s) == ([(1, 100.0)], [60.0, 60.0], 30.0)
    changed = []
    for second in range(121):
        told.carried += 30  # three times the budget
        if uplink.tick(float(second)):
            changed.append(second)
    assert changed[0] == 60
    assert told.factors[1] == (4, 400.0)
    assert told.every_s[2] == 240.0
    assert told.points[:3] == [(1, 1.0), (4, 1.0), (told.points[2][0], told.points[2][1])]
    assert told.events[0].startswith("resolution_changed: bounds are multiplied by 4, no longer by 1; ")
    factor = told.factors[-1][0]
    assert uplink.gateway_every_s == 30.0 * factor
    assert uplink.gauges == {"bound_factor": factor}
    uplink.adopt(config(tmp_path), 200.0)  # new stages begin as configured: they get the factor
    assert told.factors[-1][0] == factor
    uplink.adopt(config(tmp_path, 50_000), 201.0)
    assert told.factors[-1] == (1, 100.0)


@pytest.mark.parametrize("budget", [None, 50_000])
def test_a_reload_that_takes_a_budget_away_says_that_bounds_are_as_configured(
    tmp_path: Path, budget: int | None
) -> None:
    told = Told()
    uplink, running = Uplink(told, told, told), config(tmp_path)
    uplink.adopt(running, 0.0)
    for second in range(62):
        told.carried += 30
        uplink.tick(float(second))
    assert told.points[-1][0] == 4
    uplink.adopt(replace(running, uplink=replace(running.uplink, bytes_per_hour=budget)), 70.0)
    uplink.tick(70.0)
    assert told.points[-1] == (1, 0.0)
    assert "bounds are multiplied by 1, no longer by 4" in told.events[-1]


def test_without_a_budget_all_is_as_configured(tmp_path: Path) -> None:
    told = Told(carried=10**9)
    uplink = Uplink(told, told, told)
    without = config(tmp_path)
    uplink.adopt(replace(without, uplink=replace(without.uplink, bytes_per_hour=None)), 0.0)
    assert not any(uplink.tick(float(second)) for second in range(1000))
    assert (told.factors, told.every_s, told.points, uplink.gauges) == ([], [60.0], [], {})


def test_a_budget_that_is_too_small_is_refused_before_anything_runs(tmp_path: Path) -> None:
    compose(config(tmp_path))
    with pytest.raises(ConfigError, match=r"bytes_per_hour: is less than the [\d,]+ bytes an hour"):
        compose(config(tmp_path, 5_000))


def test_factors_have_stamps_in_the_order_in_which_they_are_said(tmp_path: Path) -> None:
    """A rise is stamped a second ago: also where the factor of before was said since then."""
    told, stamps = Told(), []
    uplink = Uplink(told, told, told)
    uplink.adopt(config(tmp_path), 0.0)
    for now_s in (1.0, 61.0, 61.5, *range(62, 4000)):
        told.carried += 3000 if now_s == 61.5 else 0
        count = len(told.points)
        uplink.tick(now_s)
        stamps += [now_s - ago_s for _, ago_s in told.points[count:]]
    factors = [factor for factor, _ in told.points]
    assert (factors[:3], stamps[:3]) == ([1, 1, 8], [0.0, 60.0, 60.5])
    assert factors[-1] == 1, "it has come back"
    assert stamps == sorted(set(stamps))
