"""The capacity of a pack against simulated histories, whose truth is known, and against numpy."""

import random
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
import pytest

from telemetry.health.capacity import Used, estimate
from telemetry.health.charge import judged
from telemetry.health.settings import HealthSettings
from tests.support.health import DAY_NS, START_NS, TRUE, Sensors, charges

SETTINGS = HealthSettings()
YEAR_NS = 365.25 * DAY_NS
HISTORIES = 200


def used(
    rng: random.Random,
    capacity_ah: Callable[[float], float] = lambda _years: 100.0,
    sensors: Sensors = TRUE,
    every_days: float = 3.0,
) -> Iterator[Used]:
    """Yield the charges that count, of a history."""
    for charge in charges(rng, capacity_ah, sensors, every_days):
        found = judged(charge, SETTINGS)
        if found.capacity_ah and found.sd_ah:
            measured = (found.capacity_ah, found.sd_ah, charge.mean_current_a, found.window_pct)
            yield Used(charge.start_ns, *measured)


@pytest.mark.parametrize(
    ("sensors", "every_days", "fade_a_year"),
    [
        (TRUE, 3.0, 0.0),
        (Sensors(gain_pct=1.0), 3.0, 0.0),
        (Sensors(gain_pct=-1.0), 3.0, 6.0),
        (Sensors(offset_a=0.5, current_a=30.0), 3.0, 0.0),
        (Sensors(offset_a=0.5, current_a=100.0), 3.0, 0.0),
        (Sensors(gain_pct=1.0, offset_a=0.5, current_a=30.0), 3.0, 0.0),
        (Sensors(gain_pct=1.0, offset_a=0.5, current_a=100.0), 3.0, 0.0),
        (TRUE, 10.0, 4.0),
    ],
    ids=[
        *("true", "gain", "gain and fade", "offset at 30 A", "offset at 100 A"),
        *("both at 30 A", "both at 100 A", "fade of 4 % a year"),
    ],
)
def test_the_interval_holds_nine_times_in_ten_and_is_6_percent_or_less_after_ten_charges(
    sensors: Sensors, every_days: float, fade_a_year: float
) -> None:
    held, widths = dict.fromkeys((3, 10, 30, 100), 0), list[float]()
    for seed in range(HISTORIES):
        history: list[Used] = []
        for charge in used(
            random.Random(seed), lambda years: 100.0 - fade_a_year * years, sensors, every_days
        ):
            history.append(charge)
            if len(history) in held:
                found = estimate(history, SETTINGS)
                assert found is not None
                true_ah = 100.0 - fade_a_year * (charge.time_ns - START_NS) / YEAR_NS
                held[len(history)] += found.low_ah <= true_ah <= found.high_ah
                if len(history) == 10:
                    widths.append((found.high_ah - found.low_ah) / 2.0 / true_ah)
            if len(history) == max(held):
                break
    assert {many: count / HISTORIES for many, count in held.items() if count < 0.9 * HISTORIES} == {}
    assert max(widths) <= 0.06


def test_both_gain_and_offset_are_within_the_interval_where_the_offset_is_measured() -> None:
    held = 0
    for seed in range(HISTORIES):
        sensors = Sensors(gain_pct=1.0, offset_a=0.5)
        history = list(islice(used(random.Random(seed), sensors=sensors), 100))
        found = estimate(history, SETTINGS, measured_offset_a=0.5)
        assert found is not None
        held += found.low_ah <= 100.0 <= found.high_ah
    assert held >= 0.9 * HISTORIES


def test_it_is_that_of_weighted_least_squares_with_a_slope_that_is_known_beforehand() -> None:
    """By numpy: the prior is one more equation, 0 = slope, with its own sd; covariance from the same."""
    history = list(islice(used(random.Random(7), lambda years: 100.0 - 5.0 * years, every_days=9.0), 40))
    found = estimate(history, SETTINGS)
    assert found is not None
    assert found.charges == 40
    capacities = np.array([one.capacity_ah for one in history])
    relative = np.array([one.sd_ah / one.capacity_ah for one in history])
    sds = relative * np.median(capacities)
    years = np.array([(one.time_ns - history[-1].time_ns) / YEAR_NS for one in history])
    mean = np.average(capacities, weights=sds**-2)
    design = np.vstack([np.column_stack([1.0 / sds, years / sds]), [0.0, 1.0 / (0.05 * mean)]])
    (level, _), *_ = np.linalg.lstsq(design, np.append(capacities / sds, 0.0), rcond=None)
    variance = np.linalg.inv(design.T @ design)[0, 0]
    offset = 0.3 * np.average([1.0 / one.mean_current_a for one in history], weights=sds**-2)
    half = 1.96 * np.sqrt(variance + level**2 * (0.9 * (0.01 + offset)) ** 2)
    assert found.capacity_ah == pytest.approx(level, rel=1e-9)
    assert found.high_ah - found.capacity_ah == pytest.approx(half, rel=1e-9)
    assert found.capacity_ah - found.low_ah == pytest.approx(half, rel=1e-9)


def one(capacity_ah: float = 100.0, window_pct: float = 60.0, day: float = 0.0) -> Used:
    sd_ah = capacity_ah * 3.3 / window_pct
    return Used(START_NS + int(day * DAY_NS), capacity_ah, sd_ah, 50.0, window_pct)


@pytest.mark.parametrize(
    ("history", "charges"),
    [
        ([], None),
        ([one()] * 2, None),
        ([one(day=1.0), one(window_pct=79.9)], None),
        ([one(window_pct=80.0)], 1),
        ([one(window_pct=85.0), one(day=1.0)], 2),
        ([one(), one(day=1.0), one(day=2.0)], 3),
    ],
)
def test_three_charges_or_one_of_80_percent_are_needed(history: list[Used], charges: int | None) -> None:
    found = estimate(history, SETTINGS)
    assert (found and found.charges) == charges


@pytest.mark.parametrize("wrong_ah", [60.0, 75.0, 140.0])
def test_one_charge_with_a_wrong_start_takes_nothing_off(wrong_ah: float) -> None:
    right = [one(100.0 + number % 3 - 1.0, day=number) for number in range(9)]
    found = estimate([*right[:4], one(wrong_ah, day=3.5), *right[4:]], SETTINGS)
    assert found == estimate(right, SETTINGS)
    assert found is not None
    assert found.charges == 9


def test_of_a_history_the_last_200_count_and_the_order_of_those_before_the_last_does_not_matter() -> None:
    history = list(islice(used(random.Random(3)), 230))
    found = estimate(history, SETTINGS)
    assert found == estimate(history[30:], SETTINGS)
    mixed = estimate([*random.Random(1).sample(history[30:-1], 199), history[-1]], SETTINGS)
    assert mixed == pytest.approx(found, rel=1e-9)


@pytest.mark.parametrize("years", [-50.0, 12.0])
def test_one_charge_by_a_clock_that_was_wrong_moves_nothing(years: float) -> None:
    history = list(islice(used(random.Random(9)), 20))
    wrong = history[6]._replace(time_ns=START_NS + int(years * YEAR_NS))
    found, right = estimate([*history[:6], wrong, *history[7:]], SETTINGS), estimate(history, SETTINGS)
    assert found is not None
    assert right is not None
    assert abs(found.capacity_ah - right.capacity_ah) < 1.0
    assert found.high_ah - found.low_ah == pytest.approx(right.high_ah - right.low_ah, rel=0.3)
