"""What the service reports of its own spool and clock, and how often."""

import pytest

from telemetry.model.events import Event
from telemetry.service.watch import ClockWatch, SpoolWatch
from tests.support.clock import FakeClock


def reported(events: list[Event]) -> list[tuple[str, bool]]:
    return [(event.code, event.active) for event in events]


def test_a_disk_that_refuses_is_reported_once_and_so_is_its_recovery() -> None:
    watch = SpoolWatch(evicted=0, damaged=0)
    seen = [
        reported(watch.observe(volatile=volatile, evicted=0, damaged=0, now_s=now_s))
        for now_s, volatile in enumerate(("", "No space left on device", "No space left on device", "", ""))
    ]
    assert seen == [[], [("spool_volatile", True)], [], [("spool_volatile", False)], []]


def test_losses_are_reported_at_once_and_then_summed_up_until_they_end() -> None:
    watch = SpoolWatch(evicted=7, damaged=0)

    def at(now_s: float, evicted: int) -> list[Event]:
        return watch.observe(volatile="", evicted=evicted, damaged=0, now_s=now_s)

    assert at(0.0, 7) == []
    (first,) = at(1.0, 10)
    assert (first.code, first.active, first.text) == ("spool_evicting", True, "3 points")
    assert at(60.9, 20) == []
    (second,) = at(61.0, 30)
    assert second.text == "20 points"
    assert at(660.9, 30) == []
    (last,) = at(661.0, 30)
    assert (last.code, last.active, last.text) == ("spool_evicting", False, "no more points for 10 minutes")
    assert at(1300.0, 30) == []


@pytest.mark.parametrize("seconds", [3600.0, -3600.0, 1.0, -1.0])
def test_a_clock_that_is_set_ahead_or_back_is_reported_with_how_far(seconds: float) -> None:
    clock = FakeClock()
    watch = ClockWatch(clock)
    clock.step(seconds)
    (event,) = watch.observe(time_known=True)
    assert (event.code, event.text) == ("clock_step", f"the wall clock was set by {seconds:+.1f} s")
    assert watch.observe(time_known=True) == []


@pytest.mark.parametrize("seconds", [0.9, -0.9])
def test_a_clock_that_is_slewed_is_not_reported(seconds: float) -> None:
    clock = FakeClock()
    watch = ClockWatch(clock)
    clock.step(seconds)
    assert watch.observe(time_known=True) == []


def test_damage_that_is_found_at_the_start_is_reported() -> None:
    watch = SpoolWatch(evicted=0, damaged=5)
    assert reported(watch.observe(volatile="", evicted=0, damaged=9, now_s=0.0)) == [("spool_damaged", True)]


def test_a_clock_that_is_not_known_and_then_set_is_three_events() -> None:
    clock = FakeClock()
    watch = ClockWatch(clock)
    assert reported(watch.observe(time_known=False)) == [("clock_unknown", True)]
    clock.advance(10.0)
    assert watch.observe(time_known=False) == []
    clock.step(3600.0)
    assert reported(watch.observe(time_known=True)) == [("clock_step", True), ("clock_unknown", False)]
    clock.advance(10.0)
    assert watch.observe(time_known=True) == []
