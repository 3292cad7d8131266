"""The capacity of a pack from those of its charges, with an interval of 95 %. Pure.

Promises:
- The interval has a part that shrinks with charges, and one that does not: gain and offset of the current.
- It is of the moment of the last charge. Fade is known beforehand to 5 % a year, in either direction.
- Fewer than three charges, none of 80 %, give nothing.

Relies on charges whose errors are independent of each other, each with its own standard deviation.
"""

from collections.abc import Sequence
from math import hypot, sqrt
from typing import NamedTuple

from telemetry.health.settings import HealthSettings

MOST_CHARGES = 200
_LEAST_CHARGES, _WIDE_PCT = 3, 80.0
_FADE_A_YEAR = 0.05  # sd of the slope, of the capacity
_LEAST_TO_DROP, _FAR = 5, 3.0
_MAD_TO_SD = 1.48
_TWO_SIDED = 1.96
_YEAR_NS = 365.25 * 86_400e9


class Used(NamedTuple):
    """What a charge that counts says of the capacity. time_ns: its start."""

    time_ns: int
    capacity_ah: float
    sd_ah: float
    mean_current_a: float
    window_pct: float


class Estimate(NamedTuple):
    """The capacity and its interval of 95 %, in Ah. charges: those that it is of, without far ones."""

    capacity_ah: float
    low_ah: float
    high_ah: float
    charges: int


def estimate(
    history: Sequence[Used], settings: HealthSettings, measured_offset_a: float = 0.0
) -> Estimate | None:
    """Return the capacity at the newest charge; None: too little is known.

    measured_offset_a: of the current, from full to full; a larger one than is expected widens the interval.
    """
    newest = sorted(history, key=lambda one: one.time_ns)[-MOST_CHARGES:]
    kept = _near(newest)
    if len(kept) < _LEAST_CHARGES and not any(one.window_pct >= _WIDE_PCT for one in kept):
        return None
    # Relative errors of one middle: sd of their own would give weight to those that came out too small.
    middle = median([one.capacity_ah for one in kept])
    weights = [(one.capacity_ah / (one.sd_ah * middle)) ** 2 for one in kept]
    years = [(one.time_ns - newest[-1].time_ns) / _YEAR_NS for one in kept]
    total = sum(weights)
    mean = sum(w * one.capacity_ah for w, one in zip(weights, kept, strict=True)) / total
    by_time = sum(w * t for w, t in zip(weights, years, strict=True))
    by_square = sum(w * t * t for w, t in zip(weights, years, strict=True)) + (_FADE_A_YEAR * mean) ** -2
    moment = sum(w * t * one.capacity_ah for w, t, one in zip(weights, years, kept, strict=True))
    determinant = total * by_square - by_time**2
    level = (by_square * total * mean - by_time * moment) / determinant
    slowness = sum(w / one.mean_current_a for w, one in zip(weights, kept, strict=True)) / total  # in 1/A
    offset = max(settings.current_offset_a, abs(measured_offset_a)) * slowness
    systematic = level * hypot(settings.current_error_pct / 100.0, offset)
    half = _TWO_SIDED * hypot(sqrt(by_square / determinant), systematic)
    return Estimate(level, max(level - half, 0.0), level + half, len(kept))


def median(values: Sequence[float]) -> float:
    """Return the middle one, or the mean of the two in the middle. `statistics` takes 2 MB."""
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2.0


def _near(charges: Sequence[Used]) -> Sequence[Used]:
    """Return those that are no further from the median than their own sd and the others' scatter explain."""
    if len(charges) < _LEAST_TO_DROP:
        return charges
    middle = median([one.capacity_ah for one in charges])
    scatter = _MAD_TO_SD * median([abs(one.capacity_ah - middle) for one in charges])
    return [one for one in charges if abs(one.capacity_ah - middle) <= _FAR * max(scatter, one.sd_ah)]
