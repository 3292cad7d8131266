"""When the points of the service itself have happened, by which clock."""

from types import SimpleNamespace
from typing import cast

import pytest

from telemetry.config import Config
from telemetry.live.state import LiveState
from telemetry.model.events import Event, begins
from telemetry.service.own_points import OwnPoints
from telemetry.service.pipeline import Pipeline
from tests.support.clock import FakeClock

MINUTE_NS = 60_000_000_000


class Stamps:
    """In place of pipeline and live state: what was written, with which stamp."""

    def __init__(self) -> None:
        self.written: list[tuple[int, bool]] = []
        self.shown_ns: list[int] = []

    def add_point(self, _measurement: str, line: bytes, time_ns: int, *, time_known: bool) -> None:
        assert line.endswith(b" %d" % time_ns)
        self.written.append((time_ns, time_known))

    def set_off(self, event: Event, _time_ns: int) -> Event:
        return event

    def add_event(self, _event: object, time_ns: int) -> None:
        self.shown_ns.append(time_ns)


def points(stamps: Stamps, clock: FakeClock, *, wait_for_clock: bool) -> OwnPoints:
    config = cast(Config, SimpleNamespace(vehicle="van", wait_for_clock=wait_for_clock))
    return OwnPoints(cast(Pipeline, stamps), cast(LiveState, stamps), clock, config)


@pytest.mark.parametrize(("waits", "age_ns"), [(False, 2 * MINUTE_NS), (True, 0)])
def test_an_event_of_two_minutes_ago_is_of_a_clock_that_was_wrong_only_where_one_is_waited_for(
    waits: bool, age_ns: int
) -> None:
    stamps, clock = Stamps(), FakeClock()
    own = points(stamps, clock, wait_for_clock=waits)
    own.time_known = True
    own.write(begins("source_lost", "gone", "can0"), clock.unix_ns() - 2 * MINUTE_NS)
    own.write(begins("source_lost", "gone", "can1"), clock.unix_ns() - MINUTE_NS)
    now_ns = clock.unix_ns()
    assert stamps.written == [(now_ns - age_ns, True), (now_ns - MINUTE_NS, True)]


def test_while_the_time_is_not_known_an_event_counts_from_boot_and_has_the_time_of_its_report() -> None:
    stamps, clock = Stamps(), FakeClock()
    own = points(stamps, clock, wait_for_clock=True)
    reported_ns = clock.boot_ns()
    own.report(begins("source_lost", "gone", "can0"))
    clock.advance(3.0)
    own.write_reported()
    assert stamps.written == [(reported_ns, False)]
    assert stamps.shown_ns == [clock.unix_ns() - 3_000_000_000]
