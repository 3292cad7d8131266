"""Resistance of a pack and its cells by steps of the current, and the cells to look at. Pure.

Promises: a value comes with enough steps or levels alone, and a cell is spoken of once it has shown the same
in three charges running. Lists have an entry a cell, NaN where it is not known.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite, nan, sqrt
from typing import NamedTuple

from telemetry_core.health.health_spec import CellCharge, Steps

from telemetry.health.capacity import median

RUNNING = 3  # charges
_LEAST_STEPS, _LEAST_LEVELS = 5, 15
_MOST_RATIO_SD = 0.02
_WEAK, _RESISTIVE = 0.95, 1.3
_MILLI = 1000.0


class Resistance(NamedTuple):
    """Ohmic and charge transfer, over about a second, in mOhm."""

    mohm: float
    sd_mohm: float


class Cell(NamedTuple):
    """A cell over the median one. number: from 1."""

    number: int
    ratio: float
    sd: float


def resistance(steps: Steps | None) -> Resistance | None:
    """Return what steps of the current say: their regression through 0; None: too few."""
    if steps is None or steps.count < _LEAST_STEPS or not (steps.sum_ii > 0.0 and steps.sum_ui > 0.0):
        return None
    unexplained = max(steps.sum_uu - steps.sum_ui**2 / steps.sum_ii, 0.0)
    sd = sqrt(unexplained / (steps.count - 1) / steps.sum_ii)
    return Resistance(_MILLI * steps.sum_ui / steps.sum_ii, _MILLI * sd)


def resistances(cells: Iterable[Steps]) -> list[float]:
    """Return those of cells, in mOhm, that are known to 2 %."""
    return [each.mohm for each in _precise(cells)]


def by_resistance(cells: Iterable[Steps]) -> list[Cell]:
    """Return each of them over the median one."""
    each = _precise(cells)
    known = [one.mohm for one in each if isfinite(one.mohm)]
    middle = median(known) if known else nan
    return [Cell(number, one.mohm / middle, one.sd_mohm / middle) for number, one in enumerate(each, 1)]


def by_charge(cells: Sequence[CellCharge]) -> list[Cell]:
    """Return each cell's charge between like voltages over the median's, of those that tell it."""
    return [
        Cell(number, each.ratio, each.sd)
        if each.levels >= _LEAST_LEVELS and each.sd <= _MOST_RATIO_SD
        else Cell(number, nan, nan)
        for number, each in enumerate(cells, 1)
    ]


def least(cells: Iterable[Cell]) -> Cell | None:
    """Return the cell with the smallest ratio that is known."""
    return min((one for one in cells if isfinite(one.ratio)), key=lambda one: one.ratio, default=None)


def greatest(cells: Iterable[Cell]) -> Cell | None:
    """Return the cell with the largest ratio that is known."""
    return max((one for one in cells if isfinite(one.ratio)), key=lambda one: one.ratio, default=None)


def weak(cells: Iterable[Cell]) -> list[Cell]:
    """Return those that are surely weak."""
    return [one for one in cells if one.ratio + 2.0 * one.sd < _WEAK]


def resistive(cells: Iterable[Cell]) -> list[Cell]:
    """Return those whose resistance is surely too high."""
    return [one for one in cells if one.ratio - 2.0 * one.sd > _RESISTIVE]


def counted_on(runs: Mapping[int, int], known: Iterable[Cell], showing: Iterable[Cell]) -> dict[int, int]:
    """Return in how many charges running each cell has shown it.

    known: the cells of which this charge tells; others keep their number. showing: those that show it.
    """
    told = {one.number for one in known if isfinite(one.ratio)}
    shown = {one.number for one in showing}
    kept = {number: run for number, run in runs.items() if number not in told}
    return kept | {number: runs.get(number, 0) + 1 for number in shown}


def _precise(cells: Iterable[Steps]) -> list[Resistance]:
    found = (resistance(steps) for steps in cells)
    return [
        one if one is not None and one.sd_mohm <= _MOST_RATIO_SD * one.mohm else Resistance(nan, nan)
        for one in found
    ]
