"""Which names and units of signals usually mean which field of the data model.

The rules look at words: `BMS_PackPower.PackVoltage` is "bms pack power pack voltage". Units say how a value
is scaled; a signal without the unit that a field needs is not a candidate for it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
