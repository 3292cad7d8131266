"""A model of what is measured at a plug and does not fit together, written from docs/charging.md.

It keeps all samples of vehicle, charger and meter, and integrates along straight lines between them. Stamps
are seconds. A stretch between two samples counts in the ten seconds in which it ends.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise

WINDOW_S = 10.0
JOINED_S = 2.0  # what lies further apart is not guessed
ENOUGH_S = 5.0  # of ten seconds have to be covered
SETTLING_S = 30.0
NO_LONGER = "no longer: "


@dataclass(frozen=True, slots=True)
class Sample:
    """Voltage and current of one frame."""

    at_s: float
    voltage_v: float
    current_a: float

    @property
    def power_w(self) -> float:
        return self.voltage_v * self.current_a


@dataclass(frozen=True, slots=True)
class Tolerance:
    """`[cross_check]`."""

    current_a: float
    current_pct: float
    voltage_v: float
    voltage_pct: float
    for_s: float

    def of(self, kind: str, value: float) -> float:
        if kind == "A":
            return self.current_a + self.current_pct / 100 * value
        return self.voltage_v + self.voltage_pct / 100 * value


@dataclass(slots=True)
class Measured:
    """All that came in one measured."""

    sides: dict[str, list[Sample]] = field(
        default_factory=lambda: {"vehicle": [], "charger": [], "meter": []}
    )
    requests: list[tuple[float, float, float]] = field(default_factory=list)  # stamp, volts, amperes
    charging: list[tuple[float, float]] = field(default_factory=list)  # from and to, without pauses
    end_s: float = 0.0


def stretches(samples: Sequence[Sample]) -> Iterator[tuple[Sample, Sample]]:
    """Yield two neighbours each, between which nothing is guessed."""
    for one, other in pairwise(samples):
        if 0 < other.at_s - one.at_s <= JOINED_S + 1e-9:
            yield one, other


def integral(name: str, parts: Sequence[tuple[Sample, Sample]]) -> float:
    return sum((b.at_s - a.at_s) * float(getattr(a, name) + getattr(b, name)) / 2 for a, b in parts)


def trapezoids(rows: Sequence[Sample]) -> tuple[float, float, float]:
    """Return watt-hours, ampere-hours and the seconds that they cover."""
    parts = list(stretches(rows))
    covered_s = sum(other.at_s - one.at_s for one, other in parts)
    return integral("power_w", parts) / 3600, integral("current_a", parts) / 3600, covered_s


def common(measured: Measured, name: str) -> tuple[float, float, float]:
    """Seconds that vehicle and charger both cover with power, and the integrals of each over them."""
    covered_s = vehicle = charger = 0.0
    of_charger = list(powered(measured, "charger", "vehicle"))
    for a, b in powered(measured, "vehicle", "charger"):
        for c, d in of_charger:
            from_s, to_s = max(a.at_s, c.at_s), min(b.at_s, d.at_s)
            if from_s < to_s:
                covered_s += to_s - from_s
                vehicle += (to_s - from_s) * line(a, b, name, (from_s + to_s) / 2)
                charger += (to_s - from_s) * line(c, d, name, (from_s + to_s) / 2)
    return covered_s, vehicle, charger


def powered(measured: Measured, side: str, other: str) -> Iterator[tuple[Sample, Sample]]:
    """Yield the stretches of a side, but those without power while the other has measured none."""
    for one, next_one in stretches(measured.sides[side]):
        heard = [
            each.power_w
            for each in measured.sides[other]
            if each.at_s < next_one.at_s or (each.at_s == next_one.at_s and side == "charger")  # as rows come
        ]
        if one.power_w or next_one.power_w or (heard and heard[-1]):
            yield one, next_one


def line(one: Sample, other: Sample, name: str, at_s: float) -> float:
    first, second = float(getattr(one, name)), float(getattr(other, name))
    return first + (second - first) * (at_s - one.at_s) / (other.at_s - one.at_s)


def fields(measured: Measured) -> dict[str, float | None]:
    """Return what the session stores of it, without shortfall and excess."""
    found: dict[str, float | None] = {}
    parts = {side: list(stretches(samples)) for side, samples in measured.sides.items()}
    covered = {side: sum(b.at_s - a.at_s for a, b in parts[side]) for side in parts}
    for side in parts:
        found[f"covered_{side}_s"] = covered[side] or None
        found[f"energy_{side}_wh"] = integral("power_w", parts[side]) / 3600 if covered[side] else None
    most_s = max(covered.values())
    whole = [side for side in ("meter", "charger", "vehicle") if covered[side] + 1e-9 >= 0.9 * most_s > 0]
    if len(whole) == 3:
        meter_wh, *ends_wh = (integral("power_w", parts[side]) / 3600 for side in whole)
        tenth_wh = 0.1 * max(map(abs, ends_wh))
        if max(ends_wh) - min(ends_wh) <= tenth_wh and all(abs(meter_wh - wh) > tenth_wh for wh in ends_wh):
            whole.remove("meter")
    best = whole[0] if whole else None
    found["energy_wh"] = found[f"energy_{best}_wh"] if best else None
    found["charged_ah"] = integral("current_a", parts[best]) / 3600 if best else None
    found["peak_power_w"] = max(each.power_w for each in measured.sides[best]) if best else None
    common_s, vehicle_ws, charger_ws = common(measured, "power_w")
    found["energy_difference_pct"] = 100 * (charger_ws - vehicle_ws) / vehicle_ws if vehicle_ws else None
    for name, unit in (("current", "a"), ("voltage", "v")):
        common_s, vehicle, charger = common(measured, f"{name}_{unit}")
        found[f"{name}_difference_mean_{unit}"] = (charger - vehicle) / common_s if common_s else None
    found["requested_max_a"] = max((amperes for _, _, amperes in measured.requests), default=None)
    return found


@dataclass(slots=True)
class Judge:
    """Goes through windows of ten seconds."""

    tolerance: Tolerance
    events: list[tuple[float, str, bool, str]] = field(default_factory=list)
    since: dict[tuple[str, str], float] = field(default_factory=dict)
    active: set[tuple[str, str]] = field(default_factory=set)
    shortfalls: list[tuple[float, float]] = field(default_factory=list)  # amperes, seconds
    excess_v: list[float] = field(default_factory=list)
    is_met: bool = False
    charged_s: float = 0.0
    charging: tuple[float, float] | None = None

    def turn(self, code: str, subject: str, is_beyond: bool, text: str, from_s: float) -> None:
        """Note that one window says that something is beyond its tolerance, or within."""
        key = code, subject
        if not is_beyond:
            self.since.pop(key, None)
            if key in self.active:
                self.active.remove(key)
                self.events.append((from_s + WINDOW_S, code, False, NO_LONGER + text))
            return
        since_s = self.since.setdefault(key, from_s)
        if key not in self.active and from_s + WINDOW_S - since_s >= self.tolerance.for_s:
            self.active.add(key)
            self.events.append((from_s + WINDOW_S, code, True, text))

    def compare(self, one: str, first: float, other: str, second: float, unit: str, from_s: float) -> None:
        is_beyond = abs(first - second) > self.tolerance.of(unit, max(abs(first), abs(second)))
        what = {"A": "current", "V": "voltage"}[unit]
        text = f"{what}: {one} {first:.1f} {unit}, {other} {second:.1f} {unit}"
        self.turn("measurements_disagree", f"{what} of {one} and {other}", is_beyond, text, from_s)

    def hold_against_request(
        self, given: Sample, covered_s: float, volts: float, lowest_a: float, highest_a: float
    ) -> None:
        """given: means of the charger, stamped with the window's begin."""
        text = f"{given.voltage_v:.1f} V given, {volts:.1f} V asked for"
        excess_v = given.voltage_v - volts
        self.excess_v += [excess_v] if excess_v > 0 else []
        is_beyond = excess_v > self.tolerance.of("V", volts)
        self.turn("request_exceeded", "voltage", is_beyond, text, given.at_s)
        if highest_a <= 0:
            return
        text = f"{given.current_a:.1f} A given, {highest_a:.1f} A asked for"
        tolerance_a = self.tolerance.of("A", highest_a)
        is_beyond = given.current_a - highest_a > tolerance_a
        self.turn("request_exceeded", "current", is_beyond, text, given.at_s)
        shortfall_a = lowest_a - given.current_a
        self.is_met = self.is_met or shortfall_a <= tolerance_a
        is_steady = highest_a - lowest_a <= tolerance_a
        is_limited = given.voltage_v >= volts * 0.995 - 0.5
        if is_steady and not is_limited and (self.is_met or self.charged_s > SETTLING_S + 1e-9):
            self.shortfalls.append((shortfall_a, covered_s))
            self.turn("request_not_met", "current", shortfall_a > tolerance_a, text, given.at_s)

    def fields(self) -> dict[str, float | None]:
        """Return what the session stores of shortfall and excess."""
        covered_s = sum(seconds for _, seconds in self.shortfalls)
        lacking_as = sum(amperes * seconds for amperes, seconds in self.shortfalls)
        return {
            "current_shortfall_mean_a": lacking_as / covered_s if covered_s else None,
            "current_shortfall_max_a": max((amperes for amperes, _ in self.shortfalls), default=None),
            "voltage_excess_max_v": max(self.excess_v, default=None),
        }


def judged(measured: Measured, tolerance: Tolerance) -> Judge:
    """Go through all whole windows of the measured."""
    judge = Judge(tolerance)
    for number in range(int(measured.end_s // WINDOW_S)):
        from_s, to_s = number * WINDOW_S, (number + 1) * WINDOW_S
        charging = next((each for each in measured.charging if each[0] < from_s and to_s <= each[1]), None)
        means, covered = {}, {}
        for side, samples in measured.sides.items():
            parts = [(a, b) for a, b in stretches(samples) if from_s <= b.at_s < to_s]
            covered[side] = sum(b.at_s - a.at_s for a, b in parts)
            if covered[side] >= ENOUGH_S - 1e-9:
                volts, amperes = integral("voltage_v", parts), integral("current_a", parts)
                means[side] = Sample(from_s, volts / covered[side], amperes / covered[side])
        for one, other in combinations(means, 2):
            judge.compare(one, means[one].current_a, other, means[other].current_a, "A", from_s)
            if charging:
                judge.compare(one, means[one].voltage_v, other, means[other].voltage_v, "V", from_s)
        if charging != judge.charging and charging:
            judge.is_met, judge.charged_s, judge.charging = False, 0.0, charging
        heard = [each for each in measured.requests if each[0] < to_s]
        if charging and "charger" in means:
            judge.charged_s += covered["charger"]
            if heard:
                standing = [each for each in heard if each[0] < from_s][-1:]
                asked = [
                    amperes for _, _, amperes in standing + [each for each in heard if each[0] >= from_s]
                ]
                judge.hold_against_request(
                    means["charger"], covered["charger"], heard[-1][1], min(asked), max(asked)
                )
    for code, subject in judge.active:
        judge.events.append((measured.end_s, code, False, NO_LONGER + subject))
    return judge
