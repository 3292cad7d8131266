"""telemetry/demo/sampling.py: no estimate is farther from the truth than it says, however it was sampled."""

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.demo.sampling import (
    Lateness,
    Series,
    cyclic_lateness,
    energy_wh,
    first_value,
    highest_value,
    largest_step,
    last_value,
    polled_lateness,
)
from tests.support.examples import examples

S = 1_000_000_000
SPAN_NS = (0, 600 * S)
ON_TIME = Lateness(0.0, 0.0)


def staircase(seed: int) -> Callable[[float], float]:
    """Return a power in W that changes every 10 s, of either sign."""
    draw = random.Random(seed)
    steps = [draw.uniform(-40_000.0, 60_000.0) for _ in range(61)]
    return lambda at_s: steps[min(int(at_s / 10.0), 60)]


def true_wh(power_w: Callable[[float], float], sign: float) -> float:
    return sum(max(sign * power_w(10.0 * step), 0.0) * 10.0 / 3600.0 for step in range(60))


@pytest.mark.parametrize("sign", [1.0, -1.0])
@settings(deadline=None, max_examples=examples(25))
@given(seed=st.integers(0, 2**32 - 1), worst_s=st.sampled_from([0.0, 0.05, 2.0, 60.0]))
def test_energy_of_late_cyclic_readings_is_within_its_error(seed: int, worst_s: float, sign: float) -> None:
    power_w = staircase(seed)
    draw = random.Random(seed)
    period_ns, times_ns, values, latest_ns = S // 2, [], [], -1
    for number in range(1201):
        late_ns = draw.expovariate(10.0) * worst_s * S if draw.random() < 0.1 else 0.0
        latest_ns = max(latest_ns + 1, number * period_ns + round(late_ns))
        times_ns.append(latest_ns)
        values.append(power_w(number / 2.0))
    lateness = cyclic_lateness(times_ns, period_ns)
    energy = energy_wh(Series(times_ns, values), lateness, 0.0, SPAN_NS, sign=sign)
    assert abs(energy.value - true_wh(power_w, sign)) <= energy.error


@pytest.mark.parametrize("sign", [1.0, -1.0])
@settings(deadline=None, max_examples=examples(25))
@given(seed=st.integers(0, 2**32 - 1))
def test_energy_of_polled_readings_is_within_its_error(seed: int, sign: float) -> None:
    power_w = staircase(seed)
    draw = random.Random(seed)
    times_ns, values, at_s = [], [], 0.0
    while at_s < 599.0:
        asked_s = at_s
        at_s += draw.uniform(0.5, 2.5)
        times_ns.append(round(at_s * S))
        values.append(power_w(draw.uniform(asked_s, at_s)))
    series = Series(times_ns, values)
    lateness = polled_lateness(times_ns, Series([], []))
    energy = energy_wh(series, lateness, 0.0, SPAN_NS, sign=sign, poll_every_s=1.0)
    assert abs(energy.value - true_wh(power_w, sign)) <= energy.error


def test_punctual_readings_of_a_constant_are_exact() -> None:
    series = Series([0, 300 * S, 600 * S], [1200.0, 1200.0, 1200.0])
    energy = energy_wh(series, [ON_TIME] * 3, 0.0, SPAN_NS)
    assert energy.value == pytest.approx(200.0)
    assert energy.error == 0.0
    assert energy_wh(series, [ON_TIME] * 3, 0.0, SPAN_NS, sign=-1.0).value == 0.0


def test_resolution_counts_for_the_whole_time() -> None:
    series = Series([0, 600 * S], [1200.0, 1200.0])
    assert energy_wh(series, [ON_TIME] * 2, 12.0, SPAN_NS).error == pytest.approx(1.0)


def test_what_nobody_asked_for_may_have_been_anything() -> None:
    times_ns = [*range(0, 100 * S, S), *range(400 * S, 601 * S, S)]
    series = Series(times_ns, [600.0] * len(times_ns))
    energy = energy_wh(series, [ON_TIME] * len(times_ns), 0.0, SPAN_NS, sign=-1.0, poll_every_s=1.0)
    assert energy.value == 0.0
    assert energy.error == pytest.approx(600.0 * 301.0 / 3600.0)


def test_what_lies_outside_of_the_readings_is_error() -> None:
    series = Series([60 * S, 540 * S], [600.0, 600.0])
    assert energy_wh(series, [ON_TIME] * 2, 0.0, SPAN_NS).error == pytest.approx(20.0)


def test_without_a_reading_nothing_is_known() -> None:
    assert energy_wh(Series([], []), [], 0.0, SPAN_NS).error == math.inf


def test_lateness_is_counted_from_the_most_punctual_stamp() -> None:
    found = cyclic_lateness([5, 16, 25, 40], 10)
    assert [late.most_s for late in found] == pytest.approx([0.0, 1e-9, 0.0, 5e-9])
    assert all(late.least_s == late.most_s for late in found)
    assert cyclic_lateness([], 10) == []


def test_an_answer_is_no_older_than_the_one_before_and_what_the_simulator_lags_by() -> None:
    lags = Series([1 * S, 2 * S, 3 * S], [0.0, 0.5, 0.0])
    found = polled_lateness([0, S // 2, 5 * S // 2, 4 * S], lags)
    assert [late.most_s for late in found] == [0.0, 0.5, 2.5, 1.5]
    assert {late.least_s for late in found} == {0.0}


def test_stamps_that_are_all_late_alike_move_nothing() -> None:
    series = Series([0, 300 * S, 301 * S, 600 * S], [0.0, 0.0, 1200.0, 1200.0])
    alike = energy_wh(series, [Lateness(5.0, 5.0)] * 4, 0.0, SPAN_NS)
    punctual = energy_wh(series, [ON_TIME] * 4, 0.0, SPAN_NS)
    assert alike == punctual
    some = [ON_TIME, ON_TIME, Lateness(6.0, 6.0), ON_TIME]
    assert energy_wh(series, some, 0.0, SPAN_NS).error > punctual.error


def test_ends_are_wrong_by_half_a_resolution_and_by_what_changes_near_them() -> None:
    readings = Series([0, S, 10 * S, 11 * S], [50.0, 50.5, 70.0, 71.0])
    assert first_value(readings, 1.0, 5.0).value == 50.0
    assert first_value(readings, 1.0, 5.0).error == 1.0
    assert last_value(readings, 1.0, 5.0).value == 71.0
    assert last_value(readings, 1.0, 5.0).error == 1.5
    assert last_value(readings, 1.0, 100.0).error == 20.0
    assert highest_value(readings, 0.5).value == 71.0
    assert largest_step(Series([0], [1.0])) == 0.0
