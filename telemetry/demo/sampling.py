"""Readings of one quantity over time: what they say, and by how much sampling may make it wrong. Pure.

Promises: an error is computed from the readings themselves and bounds what sampling can do. No error is a
number that was found to fit.
- A value that was read is wrong by half its resolution.
- A stamp is wrong by as much as it is late.
- Between two readings a value is taken to lie between them. So the trapezium is wrong by half their
  difference at most.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_NS_PER_S = 1e9
_S_PER_H = 3600.0
_MISSED_POLLS = 3


@dataclass(frozen=True, slots=True)
class Series:
    """Readings in the order of their stamps."""

    times_ns: Sequence[int]
    values: Sequence[float]

    def __len__(self) -> int:
        return len(self.times_ns)

    def between(self, first_ns: int, last_ns: int) -> "Series":
        """Return the readings from `first_ns` to `last_ns`, both included."""
        some = slice(bisect_left(self.times_ns, first_ns), bisect_right(self.times_ns, last_ns))
        return Series(self.times_ns[some], self.values[some])


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value, and by how much it may be wrong either way."""

    value: float
    error: float


@dataclass(frozen=True, slots=True)
class Lateness:
    """By how many seconds a stamp is late: from `least` to `most`."""

    least_s: float
    most_s: float


def cyclic_lateness(times_ns: Sequence[int], period_ns: int) -> list[Lateness]:
    """Return that of what is sent at equal intervals, against the most punctual stamp."""
    offsets_ns = [time_ns - number * period_ns for number, time_ns in enumerate(times_ns)]
    punctual_ns = min(offsets_ns, default=0)
    late_s = [(offset_ns - punctual_ns) / _NS_PER_S for offset_ns in offsets_ns]
    return [Lateness(seconds, seconds) for seconds in late_s]


def polled_lateness(times_ns: Sequence[int], lag_s: Series) -> list[Lateness]:
    """Return that of what is asked for, one request at a time.

    A request goes out after the answer before it: so a value is no older than that answer, and no older than
    the device itself is late. lag_s: how late the same simulator was with what it sends at equal intervals.
    """
    found = [Lateness(0.0, 0.0)] if times_ns else []
    for before_ns, now_ns in pairwise(times_ns):
        meanwhile_s = max(lag_s.between(before_ns, now_ns).values, default=0.0)
        found.append(Lateness(0.0, (now_ns - before_ns) / _NS_PER_S + meanwhile_s))
    return found


def energy_wh(
    power: Series,
    lateness: Sequence[Lateness],
    resolution_w: float,
    span_ns: tuple[int, int],
    *,
    sign: float = 1.0,
    poll_every_s: float | None = None,
) -> Estimate:
    """Return the integral over `span_ns` of that part of the power that has this sign.

    lateness: of each stamp. poll_every_s: of what is asked for; where several polls were
    missed, before the first answer and after the last one, the power may have been any that was seen.
    """
    parts_w = [max(sign * power_w, 0.0) for power_w in power.values]
    if not parts_w:
        return Estimate(0.0, math.inf)
    intervals_s = [(now - before) / _NS_PER_S for before, now in pairwise(power.times_ns)]
    steps = list(zip(pairwise(parts_w), intervals_s, strict=True))
    energy_ws = math.fsum(0.5 * (before + now) * seconds for (before, now), seconds in steps)
    between_ws = math.fsum(0.5 * abs(now - before) * seconds for (before, now), seconds in steps)
    stamps_ws = _moved_ws(parts_w, lateness)
    outside_s = (
        max(power.times_ns[0] - span_ns[0], 0) / _NS_PER_S,
        max(span_ns[1] - power.times_ns[-1], 0) / _NS_PER_S,
    )
    if poll_every_s is not None:
        limit_s = _MISSED_POLLS * poll_every_s
        unseen_s = math.fsum((*outside_s, *(seconds for seconds in intervals_s if seconds > limit_s)))
        unseen_ws = unseen_s * max(abs(power_w) for power_w in power.values)
    else:
        unseen_ws = parts_w[0] * outside_s[0] + parts_w[-1] * outside_s[1]
    resolution_ws = 0.5 * resolution_w * (span_ns[1] - span_ns[0]) / _NS_PER_S
    error_ws = between_ws + stamps_ws + unseen_ws + resolution_ws
    return Estimate(energy_ws / _S_PER_H, error_ws / _S_PER_H)


def _moved_ws(parts_w: Sequence[float], lateness: Sequence[Lateness]) -> float:
    """Return the most energy that late stamps move to the wrong side.

    A stamp counts by what the power differs on its two sides. If all are late by the same time nothing is
    wrong, so that only what differs from a time in their middle counts.
    """
    last = len(parts_w) - 1
    moves = []
    for index, late in enumerate(lateness):
        before_w = parts_w[index - 1] + parts_w[index] if index > 0 else 0.0
        after_w = parts_w[index] + parts_w[index + 1] if index < last else 0.0
        if before_w != after_w:
            moves.append((0.5 * (late.least_s + late.most_s), late, 0.5 * abs(after_w - before_w)))
    middle_s = _weighted_median([(late_s, weight_w) for late_s, _, weight_w in moves])
    return math.fsum(
        weight_w * max(late.most_s - middle_s, middle_s - late.least_s) for _, late, weight_w in moves
    )


def _weighted_median(weighted: Sequence[tuple[float, float]]) -> float:
    """Return the value with half of the weight on either side of it; 0 of none."""
    half = 0.5 * math.fsum(weight for _, weight in weighted)
    passed = 0.0
    for value, weight in sorted(weighted):
        passed += weight
        if passed >= half:
            return value
    return 0.0


def first_value(readings: Series, resolution: float, within_s: float) -> Estimate:
    """Return the first reading; its error has the largest step within the first `within_s`, too."""
    near = readings.between(readings.times_ns[0], readings.times_ns[0] + round(within_s * _NS_PER_S))
    return Estimate(readings.values[0], 0.5 * resolution + largest_step(near))


def last_value(readings: Series, resolution: float, within_s: float) -> Estimate:
    """Return the last reading; its error has the largest step within the last `within_s`, too."""
    near = readings.between(readings.times_ns[-1] - round(within_s * _NS_PER_S), readings.times_ns[-1])
    return Estimate(readings.values[-1], 0.5 * resolution + largest_step(near))


def highest_value(readings: Series, resolution: float) -> Estimate:
    """Return the highest of readings between which nothing is missed."""
    return Estimate(max(readings.values), 0.5 * resolution)


def largest_step(readings: Series) -> float:
    """Return the most that one reading differs from the next."""
    return max((abs(now - before) for before, now in pairwise(readings.values)), default=0.0)
