"""The cross-check alone: windows of ten seconds in, verdicts out."""

from math import nan

from telemetry_core.charge.follow_spec import WINDOW

from telemetry.charging.cross_check import CrossCheck
from telemetry.charging.moving import moved
from telemetry.charging.settings import CrossCheckSettings

SECOND_NS = 1_000_000_000


def judged(
    cross: CrossCheck, given_a: float, windows: int, *, given_v: float = 300.0, begin: int = 0
) -> list[tuple[str, bool]]:
    """So many windows in which 100 A are asked for at 400 V, and what a charger gives."""
    known = {"charger_s": 10.0, "charger_v": given_v, "charger_a": given_a, "is_charging": 1.0}
    known |= {f"requested{name}_a": 100.0 for name in ("", "_min", "_max")} | {"requested_v": 400.0}
    values = tuple(known.get(name, 0.0 if name.endswith("_s") else nan) for name in WINDOW)
    found = []
    for number in range(begin, begin + windows):
        verdicts = cross.judge(values, number * 10 * SECOND_NS, (number + 1) * 10 * SECOND_NS)
        found += [(verdict.code, verdict.active) for verdict in verdicts]
    return found


def test_after_a_pause_a_charger_has_time_again_to_give_what_is_asked_for() -> None:
    cross = CrossCheck(CrossCheckSettings())
    assert judged(cross, 100.0, 1) == []
    cross.interrupted()
    assert judged(cross, 20.0, 3, begin=1) == []
    assert cross.fields() == {"current_shortfall_mean_a": 0.0, "current_shortfall_max_a": 0.0}
    # From 30 s on it is expected to: that lasts for 30 s before it is reported.
    assert judged(cross, 20.0, 2, begin=4) == []
    assert judged(cross, 20.0, 1, begin=6) == [("request_not_met", True)]


def test_without_a_pause_what_was_met_once_is_missed_at_once() -> None:
    cross = CrossCheck(CrossCheckSettings())
    judged(cross, 100.0, 1)
    assert judged(cross, 20.0, 3, begin=1) == [("request_not_met", True)]
    assert cross.fields()["current_shortfall_max_a"] == 80.0


def test_the_greatest_voltage_over_what_is_asked_for_is_kept() -> None:
    cross = CrossCheck(CrossCheckSettings())
    for number, given_v in enumerate((399.0, 408.0, 403.0)):
        assert judged(cross, 100.0, 1, given_v=given_v, begin=number) == []
    assert cross.fields()["voltage_excess_max_v"] == 8.0


def test_stamps_of_a_clock_that_was_wrong_move_with_what_waits() -> None:
    cross = CrossCheck(CrossCheckSettings())
    judged(cross, 100.0, 1)
    assert judged(cross, 20.0, 1, begin=1) == []
    cross = moved(cross, 1000 * 10 * SECOND_NS)
    assert judged(cross, 20.0, 1, begin=1002) == []
    assert judged(cross, 20.0, 1, begin=1003) == [("request_not_met", True)]
