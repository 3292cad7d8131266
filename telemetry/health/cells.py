"""Resistance of a pack and its cells by steps of the current, and cells over the median one. Pure.

Promises: a value comes with enough steps or levels alone. Lists have the cells that are known.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import hypot, nan, sqrt
from typing import NamedTuple

from telemetry_core.health.health_spec import CellCharge, Steps

from telemetry.health.capacity import median

WEAK, RESISTIVE = 0.95, 1.3  # of the median cell: beyond it a cell is spoken of
_LEAST_STEPS, _LEAST_LEVELS = 5, 15
_MOST_RATIO_SD = 0.02
# What a volt across extra resistance does to a ratio, at worst and as sd: much where the curve bends.
_BENDS_BELOW_PCT = 45.0
_BLUR_A_VOLT, _LESS_BLUR_A_VOLT = (12.0, 7.0), (5.0, 3.0)
_PRIOR_OHM_AH, _PRIOR_SPREAD = 0.12, 0.034  # of cells whose own resistance is not known
_MOST_C, _LEAST_SD_A_C = 1.0, 0.008  # current over capacity; sd for the median cell, which is lifted too
_MILLI = 1000.0


class Resistance(NamedTuple):
    """Ohmic and charge transfer, over about a second, in mOhm."""

    mohm: float
    sd_mohm: float


class Cell(NamedTuple):
    """A cell over the median one. number: from 1; mohm: of a resistance."""

    number: int
    ratio: float
    sd: float
    mohm: float = 0.0


def resistance(steps: Steps | None) -> Resistance | None:
    """Return what steps of the current say: their regression through 0; None: too few."""
    if steps is None or steps.count < _LEAST_STEPS or not (steps.sum_ii > 0.0 and steps.sum_ui > 0.0):
        return None
    unexplained = max(steps.sum_uu - steps.sum_ui**2 / steps.sum_ii, 0.0)
    sd = sqrt(unexplained / (steps.count - 1) / steps.sum_ii)
    return Resistance(_MILLI * steps.sum_ui / steps.sum_ii, _MILLI * sd)


def by_resistance(cells: Iterable[Steps]) -> list[Cell]:
    """Return the cells whose resistance is known to 2 %."""
    each = {number: resistance(steps) for number, steps in enumerate(cells, 1)}
    known = {number: one for number, one in each.items() if one and one.sd_mohm <= _MOST_RATIO_SD * one.mohm}
    middle = median([one.mohm for one in known.values()]) if known else 0.0
    return [Cell(number, one.mohm / middle, one.sd_mohm / middle, one.mohm) for number, one in known.items()]


def by_charge(
    cells: Sequence[CellCharge],
    resistances: Iterable[Cell] = (),
    *,
    current_a: float = 0.0,
    capacity_ah: float = 0.0,
    from_soc_pct: float = nan,
) -> list[Cell]:
    """Return the cells whose charge between like voltages is known to 0.02 of the median's.

    resistances: `by_resistance`; current_a, from_soc_pct: the highest of the charge, and where it begins,
    NaN: not known; capacity_ah: of the pack, 0 where it is not. The current lifts a cell of more resistance,
    which then stands elsewhere on the curve than the others: the sd takes that in, of a cell whose
    resistance is not known as large as it may be. Over 1 C no cell is known.
    """
    rate = current_a / capacity_ah if capacity_ah > 0.0 else float(current_a > 0.0)
    if not rate <= _MOST_C:
        return []
    worst, typical = _LESS_BLUR_A_VOLT if from_soc_pct >= _BENDS_BELOW_PCT else _BLUR_A_VOLT
    blur = {
        one.number: worst * current_a * one.mohm * (1.0 - 1.0 / one.ratio) / _MILLI for one in resistances
    }
    unknown = typical * rate * _PRIOR_OHM_AH * _PRIOR_SPREAD
    sds = [
        hypot(one.sd, _LEAST_SD_A_C * rate, blur.get(number, unknown)) for number, one in enumerate(cells, 1)
    ]
    return [
        Cell(number, one.ratio, sd)
        for number, (one, sd) in enumerate(zip(cells, sds, strict=True), 1)
        if one.levels >= _LEAST_LEVELS and sd <= _MOST_RATIO_SD and one.ratio > 0.0
    ]


def counted_on(runs: Mapping[int, int], known: Iterable[Cell], shown: Collection[Cell]) -> dict[int, int]:
    """Return in how many charges running each cell has shown it.

    known: the cells of which this charge tells; others keep their number. shown: those that show it.
    """
    told = {one.number for one in known}
    kept = {number: run for number, run in runs.items() if number not in told}
    return kept | {one.number: runs.get(one.number, 0) + 1 for one in shown}
