"""Vehicle, charger and meter held against each other and against what was asked for, ten seconds at a time.

Promises:
- A disagreement begins once it has lasted for `for_s`, and ends with the first ten seconds that agree.
- Only means over the time that a side covers are compared, and only where that is half of the ten seconds.
- A request counts as not met only while it is steady, while the voltage asked for does not limit the current,
  and after the charger has met it once or had SETTLING_S to do so.

Pure: windows come from the follower.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from math import isfinite
from typing import Any

from telemetry_core.charge.follow_spec import WINDOW

from telemetry.charging.settings import CrossCheckSettings

SETTLING_S = 30.0
_ENOUGH_S = 5.0
_ROLES = ("vehicle", "charger", "meter")
_KEYS = ("current", "voltage")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Something that begins (`active`) or ends: the code of its event, and its words."""

    code: str
    active: bool
    text: str


@dataclass(slots=True)
class CrossCheck:
    """Of one session."""

    settings: CrossCheckSettings
    waiting_ns: dict[str, int] = field(default_factory=dict)  # what disagrees: since when
    active: dict[str, str] = field(default_factory=dict)  # what has begun: its subject
    met: bool = False
    charging_s: float = 0.0  # of steady charging so far, in this attempt
    shortfall_as: float = 0.0
    shortfall_s: float = 0.0
    shortfall_max_a: float | None = None
    excess_max_v: float | None = None

    def judge(
        self, values: tuple[float, ...], since_ns: int, until_ns: int, *, counts: bool = True
    ) -> Iterator[Verdict]:
        """Judge one window; counts: it adds to the record of the session."""
        before = self.shortfall_as, self.shortfall_s, self.shortfall_max_a, self.excess_max_v
        window = dict(zip(WINDOW, values, strict=True))
        there = [role for role in _ROLES if window[f"{role}_s"] >= _ENOUGH_S]
        is_charging = bool(window["is_charging"])
        for one, other in combinations(there, 2):
            yield from self._pair(one, other, window, "a", since_ns, until_ns)
            if is_charging:
                yield from self._pair(one, other, window, "v", since_ns, until_ns)
        if is_charging and "charger" in there:
            yield from self._request(window, since_ns, until_ns)
        if not counts:
            self.shortfall_as, self.shortfall_s, self.shortfall_max_a, self.excess_max_v = before

    def interrupted(self) -> None:
        """Forget what steady charging has shown: it is paused or begins again."""
        self.met = False
        self.charging_s = 0.0

    def end(self) -> Iterator[Verdict]:
        """End all that disagrees: the session is over."""
        for key, subject in self.active.items():
            yield Verdict(_code(key), active=False, text=f"no longer: {subject}")
        self.active.clear()
        self.waiting_ns.clear()

    def _pair(
        self, one: str, other: str, window: Mapping[str, float], kind: str, since_ns: int, until_ns: int
    ) -> Iterator[Verdict]:
        first, second = window[f"{one}_{kind}"], window[f"{other}_{kind}"]
        if not (isfinite(first) and isfinite(second)):
            return
        is_beyond = abs(first - second) > self._tolerance(kind, max(abs(first), abs(second)))
        what = _KEYS[kind == "v"]
        subject = f"{what} of {one} and {other}"
        text = f"{what}: {one} {first:.1f} {kind.upper()}, {other} {second:.1f} {kind.upper()}"
        yield from self._turn(f"measurements_disagree/{subject}", is_beyond, text, since_ns, until_ns)

    def _request(self, window: Mapping[str, float], since_ns: int, until_ns: int) -> Iterator[Verdict]:
        asked_v, given_v = window["requested_v"], window["charger_v"]
        lowest, highest = window["requested_min_a"], window["requested_max_a"]
        given_a = window["charger_a"]
        window_s = window["charger_s"]
        self.charging_s += window_s
        if isfinite(asked_v) and isfinite(given_v):
            excess = given_v - asked_v
            if excess > 0:
                self.excess_max_v = max(self.excess_max_v or 0.0, excess)
            text = f"{given_v:.1f} V given, {asked_v:.1f} V asked for"
            is_beyond = excess > self._tolerance("v", abs(asked_v))
            yield from self._turn("request_exceeded/voltage", is_beyond, text, since_ns, until_ns)
        if not (isfinite(lowest) and isfinite(given_a)) or highest <= 0:
            return
        asked_a = highest
        text = f"{given_a:.1f} A given, {asked_a:.1f} A asked for"
        is_beyond = given_a - highest > self._tolerance("a", asked_a)
        yield from self._turn("request_exceeded/current", is_beyond, text, since_ns, until_ns)
        is_steady = highest - lowest <= self._tolerance("a", asked_a)
        shortfall = lowest - given_a
        self.met = self.met or shortfall <= self._tolerance("a", asked_a)
        limits = isfinite(asked_v) and isfinite(given_v) and given_v >= asked_v * 0.995 - 0.5
        if not is_steady or limits or not (self.met or self.charging_s > SETTLING_S):
            return
        self.shortfall_as += shortfall * window_s
        self.shortfall_s += window_s
        if self.shortfall_max_a is None or shortfall > self.shortfall_max_a:
            self.shortfall_max_a = shortfall
        is_beyond = shortfall > self._tolerance("a", asked_a)
        yield from self._turn("request_not_met/current", is_beyond, text, since_ns, until_ns)

    def _turn(self, key: str, is_beyond: bool, text: str, since_ns: int, until_ns: int) -> Iterator[Verdict]:
        if not is_beyond:
            self.waiting_ns.pop(key, None)
            if self.active.pop(key, None) is not None:
                yield Verdict(_code(key), active=False, text=f"no longer: {text}")
            return
        since_ns = self.waiting_ns.setdefault(key, since_ns)
        if key not in self.active and until_ns - since_ns >= self.settings.for_s * 1e9:
            self.active[key] = key.partition("/")[2]
            yield Verdict(_code(key), active=True, text=text)

    def _tolerance(self, kind: str, value: float) -> float:
        settings = self.settings
        if kind == "a":
            return settings.current_a + settings.current_pct / 100 * value
        return settings.voltage_v + settings.voltage_pct / 100 * value

    def fields(self) -> dict[str, float]:
        """Return what it adds to the session's record."""
        found: dict[str, float] = {}
        if self.shortfall_s:
            found["current_shortfall_mean_a"] = self.shortfall_as / self.shortfall_s
        if self.shortfall_max_a is not None:
            found["current_shortfall_max_a"] = self.shortfall_max_a
        if self.excess_max_v is not None:
            found["voltage_excess_max_v"] = self.excess_max_v
        return found

    def to_json(self) -> list[Any]:
        """Return all that it knows, as JSON."""
        return [
            *(self.waiting_ns, self.active, self.met, self.charging_s),
            *(self.shortfall_as, self.shortfall_s, self.shortfall_max_a, self.excess_max_v),
        ]

    @classmethod
    def from_json(cls, settings: CrossCheckSettings, known: list[Any]) -> "CrossCheck":
        """Return the check that `to_json` was made of."""
        return cls(settings, *known)


def _code(key: str) -> str:
    return key.partition("/")[0]
