"""What the data model says of a field: its type, its unit, and how people see it on every face."""

from dataclasses import dataclass
from enum import Enum

_UNITS = {
    "_ah": "Ah",
    "_wh": "Wh",
    "_kohm": "kΩ",
    "_mohm": "mΩ",
    "_pct": "%",
    "_bytes": "byte",
    "_bytes_per_h": "byte/h",
    "_per_h": "1/h",
    "_v": "V",
    "_a": "A",
    "_w": "W",
    "_c": "°C",
    "_s": "s",
}
_OF_FAMILIES = {"vNNN": "V", "tNNN": "°C", "rNNN": "mΩ", "dNNN": "mV"}


class Kind(Enum):
    """A field's type in the database, which never changes."""

    FLOAT = "float"
    BOOL = "boolean"
    TEXT = "string"


class Place(Enum):
    """Beside which others people look for a field: page, terminal and status show places in this order."""

    ELECTRICAL = "electrical"
    CHARGE = "charge"
    FLAG = "flag"
    STATE = "state"
    CELLS = "cells"
    TEMPERATURE = "temperature"
    COUNTED = "counted"
    LIMIT = "limit"
    RAW = "raw"


@dataclass(frozen=True, slots=True)
class Shown:
    """How people see a field, on every face of the program.

    - `label` on the page and on dashboards; `short` in a terminal, before the value; None: the label.
    - `decimals` of the value times `factor`, in `unit`; the field's own, unless these say otherwise.
    - `own_decimals`: of the value in the field's own unit, which a terminal shows in place of `unit`.
    - `is_signed`: a plus is shown.
    - `on`, `off`: of a flag; without `off` one that is off is not shown.
    - `numbered`: the field with the number of the cell whose value it is.
    """

    label: str
    decimals: int = 0
    place: Place = Place.STATE
    short: str | None = None
    unit: str = ""
    factor: float = 1.0
    own_decimals: int | None = None
    is_signed: bool = False
    on: str = ""
    off: str = ""
    numbered: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """One field. A name with capitals names a family: `vNNN` is v001, v002, …

    shown: None: by the words of its name, after all others.
    """

    name: str
    kind: Kind
    meaning: str
    shown: Shown | None = None

    @property
    def is_family(self) -> bool:
        return not self.name.islower()

    @property
    def unit(self) -> str:
        """Return the unit that the name's ending gives; empty for plain numbers, flags and texts."""
        if self.name in _OF_FAMILIES:
            return _OF_FAMILIES[self.name]
        endings = [ending for ending in _UNITS if self.name.endswith(ending)]
        return _UNITS[max(endings, key=len)] if endings and self.kind is Kind.FLOAT else ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measurement: what a point of it is, and what it may hold."""

    name: str
    meaning: str
    tags: tuple[str, ...]
    fields: tuple[Field, ...]
    notes: str = ""  # further facts, a paragraph
    is_written: bool = True  # False: its name and fields are reserved, and no point of it is made yet


def number(name: str, meaning: str, shown: Shown | None = None) -> Field:
    """Return a field of a number."""
    return Field(name, Kind.FLOAT, meaning, shown)


def flag(name: str, meaning: str, on: str = "", off: str = "") -> Field:
    """Return a field of a flag, with the words that people see while it is on or off."""
    return Field(name, Kind.BOOL, meaning, Shown("", place=Place.FLAG, on=on, off=off) if on else None)


def text(name: str, meaning: str, shown: Shown | None = None) -> Field:
    """Return a field of a text."""
    return Field(name, Kind.TEXT, meaning, shown)


def shown(measurement: Measurement, *places: Place) -> list[Field]:
    """Return the fields that people see in these places (none named: in any), place by place."""
    fields = [field for field in measurement.fields if field.shown and field.shown.place in (places or Place)]
    order = list(places or Place)
    return sorted(fields, key=lambda field: order.index(field.shown.place) if field.shown else 0)
