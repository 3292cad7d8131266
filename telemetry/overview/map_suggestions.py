"""Proposals for `[[map]]` from the names, units and ranges of signals, as TOML with comments.

Promises:

- What is proposed is accepted by `check` beside the same databases: each field once, each signal by its name.
- With a log, a signal that never came, or whose values the field cannot have, is not proposed.
- Other candidates, and what a log says of the sign of a current, stand in comments: people decide.

The rules look at words: `BMS_PackPower.PackVoltage` is "bms pack power pack voltage". Units say how a value
is scaled; a signal without the unit that a field needs is not a candidate for it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from telemetry.overview.current_sign import Evidence
from telemetry.overview.signals import ListedMessage, ListedSignal

CURRENT = "battery.current_a"
_MOST_OTHERS = 5
_DIGITS = re.compile("[0-9]+")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SHORT = {
    "batt": "battery",
    "bat": "battery",
    "btry": "battery",
    "volt": "voltage",
    "volts": "voltage",
    "u": "voltage",
    "v": "voltage",
    "curr": "current",
    "crnt": "current",
    "amps": "current",
    "i": "current",
    "tmp": "temperature",
    "temp": "temperature",
    "mn": "min",
    "minimum": "min",
    "lowest": "min",
    "mx": "max",
    "maximum": "max",
    "highest": "max",
    "req": "requested",
    "request": "requested",
    "chg": "charger",
    "chgr": "charger",
    "obc": "charger",
    "dcdc": "converter",
    "lim": "limit",
    "no": "index",
    "num": "index",
    "number": "index",
    "idx": "index",
}
_UNITS = {
    "V": {"v": 1.0, "volt": 1.0, "volts": 1.0, "mv": 0.001},
    "A": {"a": 1.0, "amp": 1.0, "amps": 1.0, "ampere": 1.0, "ma": 0.001},
    "%": {"%": 1.0, "percent": 1.0, "pct": 1.0},
    "C": {"c": 1.0, "°c": 1.0, "degc": 1.0, "deg c": 1.0, "deg": 1.0, "celsius": 1.0},
    "Ah": {"ah": 1.0, "mah": 0.001},
    "Wh": {"wh": 1.0, "kwh": 1000.0},
    "W": {"w": 1.0, "kw": 1000.0},
    "kOhm": {"kohm": 1.0, "kohms": 1.0, "ohm": 0.001, "ohms": 0.001},
}


@dataclass(frozen=True, slots=True)
class NameRule:
    """One field: what its signal's words hold, one of each group, and what they do not.

    unit: a key of the units; empty: a number without one. low, high: values that can be, in the field's unit.
    """

    field: str
    unit: str
    needs: Sequence[str]
    without: str = ""
    low: float = float("-inf")
    high: float = float("inf")
    of_charger: bool = False
    is_flag: bool = False

    def fits(self, message: str, signal: str) -> bool:
        """Return whether the words of a signal, and of its message, are what it needs."""
        words = f"{message} {signal}"
        if self.of_charger is not bool(re.search(r"\b(charger|evse|wallbox)\b", words)):
            return False
        if self.field.startswith("battery.") and (_STARTER.search(message) or _STARTER.search(signal)):
            return False  # of each alone: `Info12` and `Voltage` are no 12 V
        if self.without and re.search(rf"\b({self.without})\b", words if self.is_flag else signal):
            return False
        return all(
            re.search(rf"\b({need})\b", signal if number == 0 else words)
            for number, need in enumerate(self.needs)
        )


_ASIDE = "limit|requested|target|upper|lower|aux|low|converter|threshold|available|allowed|pred|predicted|cmd"
_BATTERY = "battery|pack|bms|hv|hvbattery|traction|accumulator"
# The battery of the lamps and the radio.
_STARTER = re.compile(r"\b((12|twelve) voltage|starter|lead acid)\b")
RULES: Sequence[NameRule] = (
    NameRule("battery.voltage_v", "V", ("voltage", _BATTERY), f"cell|min|max|link|{_ASIDE}", 5.0, 1500.0),
    NameRule("battery.current_a", "A", ("current", _BATTERY), f"cell|min|max|{_ASIDE}", -3000.0, 3000.0),
    NameRule("battery.soc_pct", "%", ("soc|state of charge",), f"min|max|{_ASIDE}", 0.0, 110.0),
    NameRule("battery.soh_pct", "%", ("soh|state of health",), f"min|max|{_ASIDE}", 0.0, 110.0),
    NameRule("battery.cell_min_v", "V", ("cell", "min", "voltage"), f"index|{_ASIDE}", 0.5, 6.0),
    NameRule("battery.cell_max_v", "V", ("cell", "max", "voltage"), f"index|{_ASIDE}", 0.5, 6.0),
    NameRule("battery.cell_min_index", "", ("cell", "min", "index"), "temperature", 0.0, 1000.0),
    NameRule("battery.cell_max_index", "", ("cell", "max", "index"), "temperature", 0.0, 1000.0),
    NameRule("battery.temp_min_c", "C", ("temperature", "min", _BATTERY), _ASIDE, -60.0, 150.0),
    NameRule("battery.temp_max_c", "C", ("temperature", "max", _BATTERY), _ASIDE, -60.0, 150.0),
    NameRule("battery.remaining_ah", "Ah", ("capacity", "remaining|rest|left"), _ASIDE, 0.0, 5000.0),
    NameRule("battery.capacity_ah", "Ah", ("capacity", "full|nominal|total|present"), _ASIDE, 0.0, 5000.0),
    NameRule("battery.cycles", "", ("cycles", _BATTERY), _ASIDE, 0.0, 100_000.0),
    NameRule("battery.insulation_kohm", "kOhm", ("insulation|isolation",), _ASIDE, 0.0, 1e6),
    NameRule("battery.balancing", "", ("balancing", _BATTERY), is_flag=True),
    NameRule(
        "battery.charge_enabled",
        "",
        ("enabled|enable|allowed", r"charge|charging"),
        "discharge",
        is_flag=True,
    ),
    NameRule(
        "battery.discharge_enabled", "", ("enabled|enable|allowed", "discharge|discharging"), is_flag=True
    ),
    NameRule("charger.voltage_v", "V", ("voltage", "output|out|dc"), f"min|max|{_ASIDE}", 0.0, 1500.0, True),
    NameRule(
        "charger.current_a", "A", ("current", "output|out|dc"), f"min|max|{_ASIDE}", -1000.0, 1000.0, True
    ),
    NameRule("charger.power_w", "W", ("power", "output|out|dc"), f"min|max|{_ASIDE}", -1e6, 1e6, True),
    NameRule("charger.max_voltage_v", "V", ("voltage", "max"), "requested|input", 0.0, 1500.0, True),
    NameRule("charger.max_current_a", "A", ("current", "max"), "requested|input", 0.0, 1000.0, True),
    NameRule("charger.temp_c", "C", ("temperature", "charger"), f"min|max|{_ASIDE}", -60.0, 200.0, True),
    NameRule("charger.energy_wh", "Wh", ("energy", "charger"), _ASIDE, 0.0, 1e9, True),
)
CELLS = (
    NameRule("cells.v{n}", "V", ("cell", "voltage"), f"min|max|index|mean|avg|sum|{_ASIDE}", 0.5, 6.0),
    NameRule(
        "cells.t{n}",
        "C",
        ("temperature|sensor|module", "cell|module|sensor|probe", "temperature"),
        "min|max|mean",
    ),
)
LEAST_FAMILY = 4  # cells or sensors


def words(name: str) -> str:
    """Return the words of a name in lower case, abbreviations written out."""
    found = [_SHORT.get(word.lower(), word.lower()) for word in _WORD.findall(name)]
    return " ".join(found)


def scale_to(unit: str, given: str) -> float | None:
    """Return the factor from the unit that a database gives to a field's; None: it is another quantity."""
    if not unit:
        return 1.0 if given.strip() in ("", "-", "1", "#") else None
    known: Mapping[str, float] = _UNITS[unit]
    return known.get(given.strip().casefold())


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One entry. others: signals that could be meant as well; seen: the log's range, in the signal's unit."""

    signal: str  # Message.Signal, with {n} of a family
    to: str
    scale: float = 1.0
    index_from: int = 1
    unit: str = ""
    seen: str = ""
    others: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()


def suggest(messages: Sequence[ListedMessage], *, with_log: bool) -> list[Suggestion]:
    """Return an entry for each field that some signal fits. with_log: `messages` hold what a log has."""
    candidates = [
        (message, signal)
        for message in messages
        for signal in message.signals
        if not with_log or (signal.seen is not None and signal.seen.values)
    ]
    found = [entry for rule in RULES if (entry := _of_rule(rule, candidates))]
    found += [entry for rule in CELLS if (entry := _family(rule, candidates))]
    return found


def as_toml(suggestions: Sequence[Suggestion]) -> str:
    """Return the entries as a part of a configuration."""
    return "\n".join(["\n".join(_lines(one)) + "\n" for one in suggestions])


def _lines(one: Suggestion) -> Iterator[str]:
    if one.seen:
        yield f"# in the log: {one.seen}{one.unit and ' '}{one.unit}"
    for other in one.others:
        yield f"# or: {other}"
    if one.to == CURRENT:
        yield from _sign_lines(one.evidence)
    yield "[[map]]"
    yield f'signal = "{one.signal}"'
    yield f'to = "{one.to}"'
    scale = one.scale if _is_into(one.evidence) is not False else -one.scale
    if scale != 1.0:
        yield f"scale = {scale:g}"
    if one.index_from != 1:
        yield f"index_from = {one.index_from}"


def _sign_lines(evidence: Sequence[Evidence]) -> Iterator[str]:
    yield "# OPEN: is a positive current into the battery? The data model wants that; scale = -1 turns it."
    if not evidence:
        yield "# A log would say more: nev-telemetry map suggest --dbc FILE LOG"
    for each in evidence:
        if each.is_into is None:
            witness, _, why = each.words.partition(": ")
            yield f"# {witness}: no evidence, {why}"
        else:
            yield f"# {each.words}: positive is {'into the battery' if each.is_into else 'out of it'}"


def _is_into(evidence: Sequence[Evidence]) -> bool | None:
    """Return what all evidence that says something agrees on; None: nothing, or it does not agree."""
    said = {each.is_into for each in evidence} - {None}
    return said.pop() if len(said) == 1 else None


def _of_rule(rule: NameRule, candidates: Sequence[tuple[ListedMessage, ListedSignal]]) -> Suggestion | None:
    fitting = [(message, signal) for message, signal in candidates if _fits(rule, message, signal)]
    names = list(dict.fromkeys(f"{message.name}.{signal.name}" for message, signal in fitting))
    if not names:
        return None
    # The signal whose own name says most is meant before one whose message alone does; then the first.
    fitting.sort(key=lambda one: -_own_words(rule, one[1]))
    message, signal = fitting[0]
    name = f"{message.name}.{signal.name}"
    others = tuple(other for other in names if other != name)[:_MOST_OTHERS]
    scale = scale_to(rule.unit, signal.unit) or 1.0
    return Suggestion(name, rule.field, scale, unit=signal.unit, seen=_range(signal), others=others)


def _own_words(rule: NameRule, signal: ListedSignal) -> int:
    own = words(signal.name)
    return sum(re.search(rf"\b({need})\b", own) is not None for need in rule.needs)


def _fits(rule: NameRule, message: ListedMessage, signal: ListedSignal) -> bool:
    return rule.fits(words(message.name), words(signal.name)) and not why_not(rule, signal)


def why_not(rule: NameRule, signal: ListedSignal) -> str:
    """Return why a signal, by its name one of the rule, is none: its unit or its values; empty: it is one."""
    scale = scale_to(rule.unit, signal.unit)
    if scale is None:
        unit = f'its unit is "{signal.unit}"' if signal.unit else "it has no unit"
        return f"{rule.field} is in {rule.unit}, and {unit}" if rule.unit else f"{rule.field}: {unit}"
    if rule.is_flag != _is_flag(signal):
        return f"{rule.field} is {'' if rule.is_flag else 'not '}a flag of 0 and 1"
    ends = [float(text) for text in (signal.seen.lowest, signal.seen.highest) if text] if signal.seen else []
    known = [end for end in ends if end] or ends  # many send 0 until they have measured
    if all(rule.low <= end * scale <= rule.high for end in known):
        return ""
    return f"{_range(signal)} {signal.unit} cannot be {rule.field}"


def _is_flag(signal: ListedSignal) -> bool:
    return not signal.unit and (signal.minimum, signal.maximum) == (0.0, 1.0)


def _family(rule: NameRule, candidates: Sequence[tuple[ListedMessage, ListedSignal]]) -> Suggestion | None:
    """Return the largest family of numbered signals of one message."""
    families: dict[tuple[str, str], dict[int, ListedSignal]] = {}
    for message, signal in candidates:
        if _fits(rule, message, signal):
            for run in _DIGITS.finditer(signal.name):
                name = f"{signal.name[: run.start()]}{{n}}{signal.name[run.end() :]}"
                families.setdefault((message.name, name), {})[int(run[0])] = signal
    if not families:
        return None
    (message_name, name), members = max(families.items(), key=lambda each: len(each[1]))
    if len(members) < LEAST_FAMILY or min(members) not in (0, 1):
        return None
    first = members[min(members)]
    seen = f"{len(members)} members; the first {_range(first)}" if _range(first) else ""
    scale = scale_to(rule.unit, first.unit) or 1.0
    return Suggestion(f"{message_name}.{name}", rule.field, scale, min(members), first.unit, seen)


def _range(signal: ListedSignal) -> str:
    if signal.seen is None or not signal.seen.values:
        return ""
    return f"{signal.seen.lowest} to {signal.seen.highest}"


def signals_of(suggestions: Sequence[Suggestion]) -> Mapping[str, str]:
    """Return the proposed signal by field."""
    return {one.to: one.signal for one in suggestions}
