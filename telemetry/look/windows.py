"""Numbers of 8 and 16 bits that move as physical quantities do, and which quantity each may be.

Promises: a window is a number because of how it moves: by small steps, or because its high byte changes where
its low byte wraps. What quantity it is follows from its range and its steps alone. That is a guess, and its
words say why.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from math import gcd

from telemetry.look.sample import Sample
from telemetry.look.seen import Finding, Place

_LEAST_PAIRS = 15
_WITH_CARRY = (0.25, 0.4, 0.6)  # of the steps of the high byte alone, after one change of it, two, or more
_LEAST_BIT = 16  # the most that all steps may be a multiple of: of more the number has other bits
_CALM, _WIDE = 8, 200  # the mean step of a high byte, and the range of the low byte below it
_SMALL = 24.0  # the mean step of a low byte that is not noise: of noise it is 64
_ADDED_UP = 20  # the range of what adds up, such as a charge, that moves by one or two
_STEADY = 1.25  # how many times its lowest value a voltage of a battery may be


def windows(sample: Sample, taken: set[int]) -> Iterator[Finding]:
    """Yield the numbers in bytes that are not taken, each byte once, the most certain of a byte."""
    left = {byte for byte in sample.changing if byte not in taken}
    if len(sample.followed) < _LEAST_PAIRS:
        return
    found: list[tuple[float, Place]] = []
    for is_little in (False, True):
        of_order = []
        for byte in range(sample.length - 1):
            low, high = (byte, byte + 1) if is_little else (byte + 1, byte)
            if low in left and high not in taken and (score := _as_16(sample, byte, low, high)) < 1.0:
                of_order.append((score, Place(byte, 2, is_little, bit_count=16)))
        # A message has one order mostly, and its numbers side by side.
        found += [(score - 0.1 * len(of_order), place) for score, place in of_order]
    found += [(1.0 + score, Place(byte)) for byte in left if (score := _as_8(sample, byte)) < 1.0]
    used: set[int] = set()
    for _, place in sorted(found, key=lambda each: each[0]):
        bytes_of = set(range(place.byte, place.byte + place.byte_count))
        if not used & bytes_of:
            used |= bytes_of
            yield _named(sample, place)


def _as_16(sample: Sample, byte: int, low: int, high: int) -> float:
    """Return how unlike a number of two bytes it is: 0 to 1, and 1 where nothing says that it is one."""
    lows, highs = sample.columns[low], sample.columns[high]
    steps = sample.steps(Place(byte, 2, low < high, bit_count=16).read(sample.rows), 16)
    if gcd(*steps) > _LEAST_BIT or len(set(lows)) < 3:
        return 1.0
    low_steps, high_steps = sample.steps(lows, 8), sample.steps(highs, 8)
    pairs = [(step, by) for step, by in zip(steps, high_steps, strict=True) if by]
    if not pairs:
        is_empty = 2 * sum(high in (0x00, 0xFF) for high in highs) > len(highs)
        moves = sum(map(bool, low_steps))
        return 1.0 if is_empty or _mean(low_steps) >= _SMALL else 0.9 - min(moves, 20) / 400
    near = [abs(step) / 256 for step, by in pairs if abs(by) == 1]
    ratio = sum(near) / len(near) if near else 1.0
    if near and ratio < _WITH_CARRY[min(len(near), 3) - 1]:
        return ratio
    follows = all(at for at, by in zip(low_steps, high_steps, strict=True) if by)
    is_calm = sum(abs(by) for _, by in pairs) <= _CALM * len(pairs)
    return 0.95 if follows and is_calm and max(lows) - min(lows) > _WIDE else 1.0


def _as_8(sample: Sample, byte: int) -> float:
    """Return how unlike a number of one byte it is: 0 to 1."""
    column = sample.columns[byte]
    steps = [abs(step) for step in sample.steps(column, 8) if step]
    values = set(column)
    if len(values) < 3 or len(steps) < 2:
        return 1.0
    most = max(2, (max(values) - min(values)) // 8)
    small = sum(step <= most for step in steps) / len(steps)
    return 1.0 - small if small > 0.7 and _mean(sample.steps(column, 8)) < _SMALL else 1.0


def _mean(steps: Sequence[int]) -> float:
    return sum(map(abs, steps)) / max(len(steps), 1)


def _named(sample: Sample, place: Place) -> Finding:
    bits, values = place.bit_count, place.read(sample.rows)
    quarters = {value >> bits - 2 for value in values}
    if {0, 3} <= quarters and quarters.isdisjoint((1, 2)):
        place = replace(place, is_signed=True)
        values = place.read(sample.rows)
    low, high = min(values), max(values)
    usual = sorted(filter(None, values) if 2 * values.count(0) < len(values) else values)
    usual = usual[len(usual) // 20 : -(len(usual) // 20) or None]  # without zeros and ramps of a start
    steps = [step for step in sample.steps(values, bits) if step]
    is_slow = len(steps) < 0.2 * len(sample.followed) and max(map(abs, steps), default=0) <= 2
    kind, factor, offset, why = "number", 1.0, 0.0, ""
    adds_up = is_slow and (_is_one_way(values) or high - low > _ADDED_UP)
    is_steady = usual[0] > 0 and usual[-1] <= _STEADY * usual[0]
    for named, each, least, most, words in _QUANTITIES[bits]:
        is_one = adds_up if named == "charge" else is_steady
        if is_one and least <= usual[0] * each and usual[-1] * each <= most and len(set(usual)) > 2:
            kind, factor, why = named, each, words
            break
    if kind == "number" and place.is_signed and bits == 16:
        kind, factor, why = "current", 0.1, "as 0.1 A: goes through zero"
    elif kind == "number" and is_slow and bits == 8 and low >= 20 and high <= 140:
        kind, offset, why = "temperature", -40.0, "as °C from -40: changes slowly, by one"
    by = _mean(steps)
    share = f"{100 * len(steps) / len(sample.followed):.0f} %"
    changes = f"changes in {share} of frames, by {by:,.{0 if by >= 10 else 1}f}"
    words = f"{why}; {changes}" if why else changes
    return Finding(kind, place, low * factor + offset, high * factor + offset, words, factor, offset)


# By bits: the quantity, its factor, least and most, and why. The first that fits is taken.
_BY_ONE = "moves by one, and far"
_QUANTITIES = {
    16: (
        ("charge", 0.1, 1.0, 100.0, f"as 0.1 %: {_BY_ONE}"),
        ("charge", 0.01, 1.0, 100.0, f"as 0.01 %: {_BY_ONE}"),
        ("voltage", 0.1, 240.0, 480.0, "as 0.1 V: steady, as a battery; as 0.001 V a cell"),
        ("voltage", 0.1, 560.0, 900.0, "as 0.1 V: steady, as a battery"),
        ("voltage", 0.01, 280.0, 450.0, "as 0.01 V: steady, as a battery"),
        ("charge", 0.01, 1.0, 655.0, f"as 0.01 Ah: {_BY_ONE}"),
        ("voltage", 0.001, 11.0, 15.0, "as 0.001 V: steady, as 12 V"),
    ),
    8: (
        ("charge", 1.0, 1.0, 100.0, f"as 1 %: {_BY_ONE}"),
        ("charge", 0.5, 1.0, 100.0, f"as 0.5 %: {_BY_ONE}"),
        ("voltage", 0.1, 11.0, 15.0, "as 0.1 V: steady, as 12 V"),
    ),
}


def _is_one_way(values: Sequence[int]) -> bool:
    ups = sum(after > before for before, after in pairwise(values))
    downs = sum(after < before for before, after in pairwise(values))
    return max(ups, downs) > 4 * min(ups, downs) and ups + downs > 2
