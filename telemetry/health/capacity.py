"""The capacity of a pack from those of its charges, with an interval of 95 %. Pure.

Promises:
- The interval has a part that shrinks with charges, and one that does not: gain and offset of the current.
- It is of the moment of the last charge that came. Fade is known beforehand to 5 % a year, either way.
- Fewer than three charges, none of 80 %, give nothing.

Relies on charges whose errors are independent of each other, each with its own standard deviation.
"""

from collections.abc import Iterable, Sequence
from math import hypot, sqrt
from typing import NamedTuple

from telemetry.health.settings import HealthSettings

MOST_CHARGES = 200
_LEAST_CHARGES, _WIDE_PCT = 3, 80.0
_FADE_A_YEAR = 0.05  # sd of the slope, of the capacity
_LEAST_TO_DROP, _FAR = 5, 3.0
_MAD_TO_SD = 1.48
_BOTH = 0.9  # of the sum of gain and offset: one sensor may have both, of one sign
TWO_SIDED = 1.96  # sd to either side hold 95 %
_YEAR_NS = 365.25 * 86_400e9


class Used(NamedTuple):
    """Give the capacity by a charge that counts. time_ns: its start."""

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
    """Return the capacity at the last charge of the history; None: too little is known.

    The stamp of another one may be later, by a clock that was wrong: it weighs no more than it says.
    measured_offset_a: of the current, from full to full; a larger one than is expected widens the interval.
    """
    newest = history[-MOST_CHARGES:]
    kept = _near(newest)
    if len(kept) < _LEAST_CHARGES and not any(one.window_pct >= _WIDE_PCT for one in kept):
        return None
    # Relative errors of one middle: sd of their own would give weight to those that came out too small.
    middle = median([one.capacity_ah for one in kept])
    weights = [(one.capacity_ah / (one.sd_ah * middle)) ** 2 for one in kept]
    years = [(one.time_ns - newest[-1].time_ns) / _YEAR_NS for one in kept]
    total = sum(weights)

    def mean(values: Iterable[float]) -> float:
        return sum(weight * value for weight, value in zip(weights, values, strict=True)) / total

    capacity_ah = mean(one.capacity_ah for one in kept)
    when = mean(years)
    spread = total * mean((t - when) ** 2 for t in years) + (_FADE_A_YEAR * capacity_ah) ** -2
    moments = ((t - when) * one.capacity_ah for t, one in zip(years, kept, strict=True))
    level = capacity_ah - when * total * mean(moments) / spread  # along the slope, from the mean's time on
    offset_a = max(settings.current_offset_a, abs(measured_offset_a))
    offset = offset_a * mean(1.0 / one.mean_current_a for one in kept)
    systematic = level * _BOTH * (settings.current_error_pct / 100.0 + offset)
    half = TWO_SIDED * hypot(sqrt(1.0 / total + when**2 / spread), systematic)
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
