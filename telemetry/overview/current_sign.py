"""What a log says of the sign of a battery's current: is it positive into the battery, or out of it?

Evidence, never a proof: a short log, or one without a load, says nothing. Two witnesses are heard. The state
of charge follows the flow. The voltage rises at once with a current into the battery.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

Series = Sequence[tuple[int, float]]  # stamp in ns, value

_STRONG = 0.3  # of a correlation
_LEAST_PAIRS = 20
_TOGETHER_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Evidence:
    """is_into: whether it says that positive is into the battery; None: it says nothing. words: why."""

    is_into: bool | None
    words: str


def by_charge(current: Series, soc: Series) -> Evidence:
    """Return what the state of charge says, in %: whether it rises while the sum of the current does."""
    if len(current) < 2 or len(soc) < 2:
        return Evidence(None, "state of charge: too few values")
    begin_ns, end_ns = max(current[0][0], soc[0][0]), min(current[-1][0], soc[-1][0])
    inside = [(at, value) for at, value in soc if begin_ns <= at <= end_ns]
    if len(inside) < 2 or inside[0][1] == inside[-1][1]:
        return Evidence(None, "state of charge: it does not change in this log")
    charge_ah = 0.0
    for (before_ns, before), (at_ns, value) in itertools.pairwise(current):
        if inside[0][0] <= before_ns and at_ns <= inside[-1][0]:
            charge_ah += (before + value) / 2.0 * (at_ns - before_ns) / 3.6e12
    change = inside[-1][1] - inside[0][1]
    began, ended = (f"{value:.6g}" for _, value in (inside[0], inside[-1]))
    words = f"state of charge: {began} to {ended} %, while the current adds up to {charge_ah:+.3g} Ah"
    return Evidence(None if charge_ah == 0.0 else (charge_ah > 0.0) == (change > 0.0), words)


def by_voltage(current: Series, voltage: Series) -> Evidence:
    """Return what the voltage says, in V: whether its steps go with those of the current."""
    pairs = _together(current, voltage)
    steps = [(b[0] - a[0], b[1] - a[1]) for a, b in itertools.pairwise(pairs)]
    moved = [(ampere, volt) for ampere, volt in steps if ampere]
    if len(moved) < _LEAST_PAIRS:
        return Evidence(None, "voltage: too few steps of the current")
    r = _correlation(moved)
    words = f"voltage: its steps and those of the current correlate by {r:+.2f} ({len(moved)} steps)"
    return Evidence(None if abs(r) < _STRONG else r > 0.0, words)


def _together(one: Series, other: Series) -> list[tuple[float, float]]:
    """Pair each value of `one` with the newest of `other`, where that is not older than a second."""
    pairs, at = [], -1
    for time_ns, value in one:
        while at + 1 < len(other) and other[at + 1][0] <= time_ns:
            at += 1
        if at >= 0 and time_ns - other[at][0] <= _TOGETHER_NS:
            pairs.append((value, other[at][1]))
    return pairs


def _correlation(pairs: Sequence[tuple[float, float]]) -> float:
    """Return Pearson's correlation; 0 where one of the two does not vary."""
    count = len(pairs)
    mean_x, mean_y = (math.fsum(values) / count for values in zip(*pairs, strict=True))
    xy = math.fsum((x - mean_x) * (y - mean_y) for x, y in pairs)
    xx = math.fsum((x - mean_x) ** 2 for x, _ in pairs)
    yy = math.fsum((y - mean_y) ** 2 for _, y in pairs)
    return xy / math.sqrt(xx * yy) if xx and yy else 0.0
