"""Resistance by steps of the current, and the cells that are named and spoken of."""

from math import isnan, nan

import numpy as np
import pytest
from telemetry_core.health.health_spec import CellCharge, Steps

from telemetry.health.cells import Cell, by_charge, by_resistance, counted_on, resistance
from tests.support.health import steps


def test_the_resistance_is_a_regression_through_zero_with_its_sd() -> None:
    rng = np.random.default_rng(1)
    current_a = rng.uniform(20.0, 120.0, 40)
    voltage_v = 0.08 * current_a + rng.normal(0.0, 0.3, 40)
    sums = (float(current_a @ current_a), float(voltage_v @ current_a), float(voltage_v @ voltage_v))
    found = resistance(Steps(40, *sums, 25.0, 50.0))
    ((slope,), (residual,), *_) = np.linalg.lstsq(current_a[:, None], voltage_v, rcond=None)
    assert found is not None
    assert found.mohm == pytest.approx(1000.0 * slope)
    assert found.sd_mohm == pytest.approx(1000.0 * np.sqrt(residual / 39.0 / sums[0]))
    assert abs(found.mohm - 80.0) < 3.0 * found.sd_mohm


@pytest.mark.parametrize("few", [None, steps(80.0, count=4), steps(-80.0), Steps(9, 0.0, 0.0, 0.0, nan, nan)])
def test_few_steps_or_a_current_of_the_wrong_sign_give_none(few: Steps | None) -> None:
    assert resistance(few) is None
    assert resistance(steps(80.0, count=5)) is not None


def test_a_cell_that_is_not_known_to_2_percent_is_left_out() -> None:
    found = by_resistance(
        [steps(0.5), steps(0.5, scatter_v=0.01), steps(0.75), steps(0.5, count=3), steps(0.5)]
    )
    assert [one.number for one in found] == [1, 3, 5]
    assert [one.mohm for one in found] == pytest.approx([0.5, 0.75, 0.5])
    assert [one.ratio for one in found] == pytest.approx([1.0, 1.5, 1.0])
    few, vague = CellCharge(14, 0.9, 0.001), CellCharge(40, 0.9, 0.021)
    assert [one.number for one in by_charge([few, vague, CellCharge(15, 0.9, 0.02)])] == [3]
    assert by_resistance(()) == by_charge(()) == by_charge([CellCharge(40, nan, nan)]) == []


def test_runs_are_each_cell_s_own_and_a_charge_that_tells_nothing_of_it_changes_none() -> None:
    runs: dict[int, int] = {}
    seen = []
    for ratios in ((0.9, 0.9, 1.0), (0.9, 1.0, 0.9), (nan, 0.9, 0.9), (0.9, 0.9, 0.9)):
        cells = by_charge(tuple(CellCharge(0 if isnan(each) else 40, each, 0.001) for each in ratios))
        runs = counted_on(runs, cells, [one for one in cells if one.ratio < 0.95])
        seen.append(dict(sorted(runs.items())))
    assert seen == [{1: 1, 2: 1}, {1: 2, 3: 1}, {1: 2, 2: 1, 3: 2}, {1: 3, 2: 2, 3: 3}]


@pytest.mark.parametrize(
    ("from_soc_pct", "more_mohm", "current_a", "capacity_ah", "sd"),
    [
        (24.0, 0.0, 120.0, 160.0, 0.0078),
        (24.0, 0.01, 120.0, 160.0, 0.0164),  # 1.2 mV
        (24.0, 0.02, 120.0, 160.0, None),
        (nan, 0.02, 120.0, 160.0, None),
        (24.0, -0.02, 120.0, 160.0, None),
        (24.0, 0.02, 60.0, 160.0, 0.0156),
        (45.0, 0.02, 120.0, 160.0, 0.0143),  # 2.4 mV
        (45.0, 0.1, 120.0, 160.0, None),
        (24.0, None, 80.0, 160.0, 0.0156),  # 0.0286 at 1 C
        (24.0, None, 120.0, 160.0, None),
        (24.0, None, 80.0, 0.0, None),
        (45.0, None, 120.0, 160.0, 0.0120),
    ],
)
def test_extra_resistance_blurs_the_charge_of_a_cell_most_where_a_charge_begins_low(
    from_soc_pct: float, more_mohm: float | None, current_a: float, capacity_ah: float, sd: float | None
) -> None:
    resistances = [Cell(2, 1.0, 0.0, 0.8)]
    if more_mohm is not None:
        resistances.append(Cell(1, (0.8 + more_mohm) / 0.8, 0.0, 0.8 + more_mohm))
    cells = [CellCharge(40, 0.92, 0.005), CellCharge(40, 1.0, 0.005)]
    found = by_charge(
        cells, resistances, current_a=current_a, capacity_ah=capacity_ah, from_soc_pct=from_soc_pct
    )
    told = {one.number: one.sd for one in found}
    known = (0.005**2 + (0.008 * (current_a / capacity_ah if capacity_ah else 1.0)) ** 2) ** 0.5
    assert told == pytest.approx({2: known} if sd is None else {1: sd, 2: known}, abs=1e-4)


@pytest.mark.parametrize(("current_a", "told"), [(160.0, [1]), (161.0, []), (nan, [])])
def test_a_charge_above_1_c_says_nothing_of_cells(current_a: float, told: list[int]) -> None:
    found = by_charge(
        [CellCharge(40, 0.92, 0.005)],
        [Cell(1, 1.0, 0.0, 0.8)],
        current_a=current_a,
        capacity_ah=160.0,
        from_soc_pct=60.0,
    )
    assert [one.number for one in found] == told
