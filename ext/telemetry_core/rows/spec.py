"""What a row is made of, as plain values: its record, the fields of that, how each is read and printed."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple


class SlotKind(IntEnum):
    """How to read the 64 bits of a slot."""

    INT = 0  # int64, raw: value = raw * factor + offset
    UINT = 1  # uint64, raw
    FLOAT = 2  # double; value = double * factor + offset
    BOOL = 3  # 0 or 1, written as a boolean
    TEXT = 4  # int64, raw; written as the text that `FieldSpec.texts` has for it, as digits without one
    WORD = 5  # the same, but left out without one
    ASCII = 6  # characters of the payload itself, the first in the lowest byte, 0 after the last


@dataclass(frozen=True, slots=True)
class DecimalScale:
    """value = (raw * multiplier + bias) / 10**decimals, exact, and within int64 for every raw value."""

    multiplier: int
    bias: int
    decimals: int  # 0..18


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field of a record: its name in the output, and how its slot is read."""

    name: str
    kind: SlotKind
    factor: float = 1.0
    offset: float = 0.0
    scale: DecimalScale | None = None  # None: the encoder writes the shortest decimal of the double
    passes: bool = False  # a change of it is never reduced away (flags, value tables, texts; no selector)
    signal: str = ""  # as the database names it, where `name` had to differ; otherwise empty
    texts: tuple[tuple[int, str], ...] = ()  # of a field of kind TEXT or WORD: raw value and text
    unit: str = ""  # as the database names it, for people: no output is scaled by it
    characters: int = 0  # of a field of kind ASCII: how many it has at most, 1..24
    comment: str = ""  # as the database has it, for people

    @property
    def signal_name(self) -> str:
        """Return what people call it: its name in the database."""
        return self.signal or self.name


@dataclass(frozen=True, slots=True)
class RecordSpec:
    """What one row is: a message of a bus's database, or a measurement of the data model."""

    measurement: str
    fields: tuple[FieldSpec, ...]
    modelled: bool = False  # rows of one stamp are meant to merge: never nudged
    message: str = ""  # as the database names it, where `measurement` had to differ; otherwise empty
    hidden: bool = False  # its rows only feed the map: they are neither written nor counted as points

    @property
    def message_name(self) -> str:
        """Return what people call it: its name in the database."""
        return self.message or self.measurement


class Row(NamedTuple):
    """One row as Python values. `raw` holds slots as they are: int, float, bool or str by field name."""

    time_ns: int
    nudge_ns: int
    measurement: str
    tags: int
    channel: int
    id: int
    raw: dict[str, Any]


class FieldExtent(NamedTuple):
    """The newest of one field. Its values are raw; None where no value came, and of a text."""

    values: int
    lowest: int | float | bool | None
    highest: int | float | bool | None
    last: int | float | bool | None


class RecordExtent(NamedTuple):
    """The newest of one record. Without rows its stamps are 0."""

    rows: int
    first_ns: int
    last_ns: int
    fields: tuple[FieldExtent, ...]


class Remembered(NamedTuple):
    """The newest of one key. The tuples run side by side and leave out fields that never came."""

    record: int
    tags: int
    channel: int
    time_ns: int
    observed_ns: int
    rows: int
    fields: tuple[int, ...]
    raw: tuple[Any, ...]
    times_ns: tuple[int, ...]
    observations_ns: tuple[int, ...]
