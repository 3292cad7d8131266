"""The cross-check window by window: what is compared, at which distance, and what a shortfall is."""

import math

import pytest
from telemetry_core.charge.follow_spec import WINDOW

from telemetry.charging.cross_check import CrossCheck
from telemetry.charging.moving import moved
from telemetry.charging.settings import CrossCheckSettings

SECOND_NS = 10**9
# 2 A and 10 % of current, 4 V and 1 % of voltage, at once
AT_ONCE = CrossCheckSettings(current_a=2.0, current_pct=10.0, voltage_v=4.0, voltage_pct=1.0, for_s=10.0)


def window(**known: float) -> tuple[float, ...]:
    """Return a window of ten seconds that covers all that is known, and nothing that is absent."""
    covered = {f"{name.split('_')[0]}_s": 10.0 for name in known if name.endswith(("_a", "_v"))}
    values = {**dict.fromkeys(("vehicle_s", "charger_s", "meter_s"), 0.0), **covered, **known}
    return tuple(float(values.get(name, math.nan if name != "is_charging" else 1.0)) for name in WINDOW)


def judged(check: CrossCheck, *windows: tuple[float, ...]) -> list[tuple[str, bool, str]]:
    """Code, whether it begins, and words."""
    return [
        (verdict.code, verdict.active, verdict.text)
        for number, values in enumerate(windows)
        for verdict in check.judge(values, number * 10 * SECOND_NS, (number + 1) * 10 * SECOND_NS)
    ]


def asked(
    given_a: float, lowest_a: float, highest_a: float | None = None, **more: float
) -> tuple[float, ...]:
    highest_a = lowest_a if highest_a is None else highest_a
    return window(charger_a=given_a, requested_min_a=lowest_a, requested_max_a=highest_a, **more)


def test_the_mean_shortfall_counts_each_window_by_what_was_measured_in_it() -> None:
    check = CrossCheck(AT_ONCE)
    judged(check, asked(100.0, 100.0), asked(70.0, 100.0, charger_s=6.0), asked(20.0, 100.0, charger_s=4.0))
    assert check.fields()["current_shortfall_mean_a"] == pytest.approx((0 * 10 + 30 * 6) / 16)


@pytest.mark.parametrize(
    ("vehicle", "charger", "disagree"),
    [
        ({"vehicle_a": 88.0}, {"charger_a": 100.0}, False),  # 12 A: 2 A and 10 % of the larger one
        ({"vehicle_a": 87.9}, {"charger_a": 100.0}, True),
        ({"vehicle_a": 100.0}, {"charger_a": 87.9}, True),
        ({"vehicle_v": 393.0}, {"charger_v": 400.0}, False),
        ({"vehicle_v": 392.0}, {"charger_v": 400.0}, False),  # 8 V: 4 V and 1 %
        ({"vehicle_v": 391.9}, {"charger_v": 400.0}, True),
        ({"vehicle_v": 400.0, "is_charging": 0.0}, {"charger_v": 300.0}, False),  # of no common circuit
        ({"vehicle_a": 0.0, "vehicle_s": 4.9}, {"charger_a": 100.0}, False),
        ({"vehicle_a": 0.0, "vehicle_s": 5.0}, {"charger_a": 100.0}, True),
        ({"vehicle_v": 400.0}, {"charger_a": 100.0}, False),
    ],
)
def test_measurements_of_two_ends_disagree_beyond_the_tolerance_of_the_larger_one(
    vehicle: dict[str, float], charger: dict[str, float], disagree: bool
) -> None:
    found = judged(CrossCheck(AT_ONCE), window(**vehicle, **charger))
    assert [code for code, _, _ in found] == ["measurements_disagree"] * disagree


def test_a_disagreement_says_who_measures_what_and_ends_with_a_window_that_agrees() -> None:
    far, near = window(vehicle_a=50.0, charger_a=100.0), window(vehicle_a=100.0, charger_a=100.0)
    found = judged(CrossCheck(AT_ONCE), far, far, near, near)
    assert found == [
        ("measurements_disagree", True, "current: vehicle 50.0 A, charger 100.0 A"),
        ("measurements_disagree", False, "no longer: current: vehicle 100.0 A, charger 100.0 A"),
    ]
    check = CrossCheck(AT_ONCE)
    judged(check, far)
    (verdict,) = check.end()
    assert (verdict.active, verdict.text) == (False, "no longer: current of vehicle and charger")
    assert list(check.end()) == []


def test_it_has_to_last_and_begins_anew_after_a_window_that_agrees() -> None:
    settings = CrossCheckSettings(current_a=2.0, current_pct=0.0, for_s=20.0)
    far, near = window(vehicle_a=50.0, charger_a=100.0), window(vehicle_a=100.0, charger_a=100.0)
    assert judged(CrossCheck(settings), far, near, far) == []
    assert len(judged(CrossCheck(settings), far, far)) == 1
    check = CrossCheck(settings)
    assert list(check.judge(far, 10 * SECOND_NS, 20 * SECOND_NS)) == []
    check = moved(check, 100 * SECOND_NS)
    assert list(check.judge(far, 110 * SECOND_NS, 129 * SECOND_NS)) == []
    assert len(list(check.judge(far, 120 * SECOND_NS, 130 * SECOND_NS))) == 1


@pytest.mark.parametrize(
    ("given_v", "exceeded", "excess_v"), [(400.0, False, None), (408.0, False, 8.0), (408.1, True, 8.1)]
)
def test_a_voltage_over_what_was_asked_for_is_measured_and_reported_beyond_the_tolerance(
    given_v: float, exceeded: bool, excess_v: float | None
) -> None:
    check = CrossCheck(AT_ONCE)
    found = judged(check, window(charger_v=given_v, requested_v=400.0))
    assert found == [("request_exceeded", True, "408.1 V given, 400.0 V asked for")] * exceeded
    assert check.fields().get("voltage_excess_max_v") == (excess_v and pytest.approx(excess_v))


@pytest.mark.parametrize(
    ("given_a", "code"),
    [(112.0, None), (112.1, "request_exceeded"), (88.0, None), (87.9, None)],  # 2 A and 10 % of 100 A
)
def test_a_current_over_what_was_asked_for_is_reported_and_one_below_it_not_before_it_was_met(
    given_a: float, code: str | None
) -> None:
    found = judged(CrossCheck(AT_ONCE), asked(given_a, 100.0))
    assert [each for each, _, _ in found] == ([] if code is None else [code])


def test_once_met_or_after_half_a_minute_a_shortfall_is_reported_and_measured() -> None:
    check = CrossCheck(AT_ONCE)
    found = judged(check, asked(88.0, 100.0), asked(87.9, 100.0), asked(80.0, 100.0))
    assert found == [("request_not_met", True, "87.9 A given, 100.0 A asked for")]
    assert check.fields() == {
        "current_shortfall_max_a": 20.0,
        "current_shortfall_mean_a": pytest.approx((12.0 + 12.1 + 20.0) / 3),
    }
    late = CrossCheck(AT_ONCE)
    assert judged(late, *[asked(50.0, 100.0)] * 3) == []
    assert late.fields() == {}
    assert [code for code, _, _ in judged(late, asked(50.0, 100.0))] == ["request_not_met"]
    late.interrupted()
    assert judged(late, asked(50.0, 100.0)) == []


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        (asked(80.0, 90.0, 101.0), True),  # 11 A apart: steady, by 12.1 A of tolerance
        (asked(80.0, 90.0, 102.0), True),
        (asked(80.0, 90.0, 103.0), False),
        (asked(80.0, 90.0, charger_v=397.4, requested_v=400.0), True),
        (asked(80.0, 90.0, charger_v=397.5, requested_v=400.0), False),  # the voltage limits the current
        (asked(80.0, math.nan), False),
        (asked(math.nan, 90.0), False),
        (asked(0.0, 0.0), False),
        (asked(-5.0, -1.0, 0.0), False),
    ],
)
def test_a_request_counts_while_it_is_steady_and_the_voltage_does_not_limit_the_current(
    values: tuple[float, ...], counts: bool
) -> None:
    check = CrossCheck(AT_ONCE, met=True)
    judged(check, values)
    assert ("current_shortfall_max_a" in check.fields()) == counts


def test_nothing_is_asked_of_a_charger_that_is_not_there_or_while_nothing_flows() -> None:
    for values in (
        asked(50.0, 100.0, charger_s=4.0),
        asked(50.0, 100.0, is_charging=0.0),
        asked(500.0, 100.0, is_charging=0.0),
    ):
        check = CrossCheck(AT_ONCE, met=True)
        assert judged(check, values) == []
        assert check.fields() == {}


def test_what_it_knows_goes_on_in_another_process() -> None:
    check = CrossCheck(AT_ONCE)
    judged(check, asked(100.0, 100.0, vehicle_a=50.0, charger_v=410.0, requested_v=400.0), asked(70.0, 100.0))
    assert CrossCheck.from_json(AT_ONCE, check.to_json()) == check
    assert check.active
    assert check.fields()


def test_a_disagreement_holds_while_one_of_the_two_is_not_known() -> None:
    check = CrossCheck(AT_ONCE)
    apart = window(vehicle_a=0.0, charger_a=100.0)
    without_one = window(charger_a=100.0, vehicle_v=400.0, charger_v=400.0)
    found = judged(check, apart, without_one)
    assert [(code, is_beginning) for code, is_beginning, _ in found] == [("measurements_disagree", True)]
    assert check.active
