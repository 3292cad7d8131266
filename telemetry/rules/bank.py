"""The arithmetic of packs that are one battery: in parallel, in series, or groups of them.

Promises:
- A value that needs every pack is left out where one pack lacks it. A sum of some would be a wrong answer.
- Extremes are those of the packs that report. `packs_present` of `packs_total` says how many these are.

Pure: knows no row and no time.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from operator import not_
from typing import NamedTuple

Value = float | bool | str
Values = Mapping[str, Value]

_DIGITS = 6  # so that 3.3 less 3.2 is 0.1


class _Rule(NamedTuple):
    """How members' values make one. decides: whether that of those present holds, whatever others have."""

    combined: Callable[[Sequence[float]], float]
    decides: Callable[[float], bool] = lambda _: False


def _mean_of(known: Sequence[float]) -> float:
    return fsum(known) / len(known)


def _always(_: float) -> bool:
    return True


_total, _mean_of_all, _least_of_all = _Rule(fsum), _Rule(_mean_of), _Rule(min)
_mean, _lowest, _highest = _Rule(_mean_of, _always), _Rule(min, _always), _Rule(max, _always)
_any, _every, _worst = _Rule(any, bool), _Rule(all, not_), _Rule(max, lambda level: level > 0)

# By field: in parallel, in series.
_RULES: Mapping[str, tuple[_Rule, _Rule]] = {
    "voltage_v": (_mean, _total),
    "current_a": (_total, _mean),
    "power_w": (_total, _total),
    "remaining_ah": (_total, _least_of_all),
    "capacity_ah": (_total, _least_of_all),
    "charged_ah": (_total, _mean_of_all),
    "discharged_ah": (_total, _mean_of_all),
    "charged_wh": (_total, _total),
    "discharged_wh": (_total, _total),
    "charge_limit_v": (_least_of_all, _total),
    "charge_limit_a": (_total, _least_of_all),
    "discharge_limit_a": (_total, _least_of_all),
    "charge_enabled": (_any, _every),
    "discharge_enabled": (_any, _every),
    "balancing": (_any, _any),
    "temp_min_c": (_lowest, _lowest),
    "temp_max_c": (_highest, _highest),
    "temp_switch_c": (_highest, _highest),
    "alarm_level": (_worst, _worst),
    "packs_present": (_total, _total),
    "packs_total": (_total, _total),
}
_OF_CELLS = ("cell_min_v", "cell_max_v", "cell_min_index", "cell_max_index")
FIELDS = frozenset((*_RULES, *_OF_CELLS, "soc_pct"))  # of a pack that matter to its bank


@dataclass(frozen=True, slots=True)
class Bank:
    """One `[[aggregate]]`. members: packs by name, and banks."""

    name: str
    is_parallel: bool
    members: tuple["Bank | str", ...]

    @property
    def packs(self) -> tuple[str, ...]:
        """Return those of its members, and of theirs."""
        return tuple(
            pack
            for member in self.members
            for pack in ((member,) if isinstance(member, str) else member.packs)
        )

    def values(self, packs: Mapping[str, Values], threshold_a: float) -> dict[str, Value]:
        """Return what the bank is, as fields of `battery`.

        packs: what is known of each of its packs, fields by pack; nothing of one that is silent.
        threshold_a: current beyond it charges or discharges.
        """
        found = self._combined(packs)
        if "cell_min_v" in found and "cell_max_v" in found:
            found["cell_delta_v"] = float(found["cell_max_v"]) - float(found["cell_min_v"])
        if "current_a" in found:
            found["charging"] = float(found["current_a"]) > threshold_a
            found["discharging"] = float(found["current_a"]) < -threshold_a
        return {
            name: round(value, _DIGITS) + 0.0 if isinstance(value, float) else value
            for name, value in found.items()
        }

    def _combined(self, packs: Mapping[str, Values]) -> dict[str, Value]:
        of_members = [
            _of_pack(member, packs.get(member, {})) if isinstance(member, str) else member._combined(packs)
            for member in self.members
        ]
        found: dict[str, Value] = {}
        for name, rules in _RULES.items():
            rule = rules[not self.is_parallel]
            if known := [float(each[name]) for each in of_members if name in each]:
                value = rule.combined(known)
                if len(known) == len(of_members) or rule.decides(value):
                    found[name] = value
        return found | dict(_weighted(of_members)) | dict(_weakest(of_members))


def _of_pack(name: str, values: Values) -> Values:
    own: dict[str, Value] = {"packs_present": float(bool(values)), "packs_total": 1.0}
    for cell in ("cell_min", "cell_max"):
        if f"{cell}_v" in values:
            own[f"{cell}_pack"] = name
    return {**values, **own}


def _weighted(of_members: Sequence[Values]) -> Iterator[tuple[str, Value]]:
    """Yield the state of charge, weighted by capacity."""
    if all("soc_pct" in each and "capacity_ah" in each for each in of_members):
        capacity_ah = fsum(float(each["capacity_ah"]) for each in of_members)
        if capacity_ah > 0:
            charge = fsum(float(each["soc_pct"]) * float(each["capacity_ah"]) for each in of_members)
            yield "soc_pct", charge / capacity_ah


def _weakest(of_members: Sequence[Values]) -> Iterator[tuple[str, Value]]:
    """Yield the lowest and the highest cell, each with its number and its pack."""
    for cell, choose in (("cell_min", min), ("cell_max", max)):
        having = [each for each in of_members if f"{cell}_v" in each]
        if having:
            one = choose(having, key=lambda each: float(each[f"{cell}_v"]))
            yield from (
                (name, one[name])
                for name in (f"{cell}_{end}" for end in ("v", "index", "pack"))
                if name in one
            )
