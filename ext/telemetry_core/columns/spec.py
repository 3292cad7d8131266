"""What a table of columns is made of, as plain values."""

from dataclasses import dataclass
from enum import IntEnum

from telemetry_core.rows.spec import FieldSpec, SlotKind


class ColumnKind(IntEnum):
    """How a column's values lie in memory, and what Arrow calls them."""

    TIME = 0  # timestamp[ns, UTC]: the row's own stamp
    INT64 = 1
    UINT64 = 2
    FLOAT64 = 3
    BOOL = 4
    WORDS = 5  # dictionary of int32 and utf8
    ID = 6  # uint32: the row's arbitration id, without flag bits


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One column.

    - head: of words that follow from a row's head, what they are: "channel", or a key of its tags
    - factor, offset: value = raw * factor + offset, as its database has it; None: it has none, or several
    - comment: of its database
    """

    name: str
    kind: ColumnKind
    unit: str = ""
    head: str = ""
    factor: float | None = None
    offset: float | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True)
class TableSpec:
    """One table, and the records whose rows go into it: each with the columns of its fields, -1: none.

    metadata: names and texts that go with its rows.
    """

    name: str
    columns: tuple[ColumnSpec, ...]
    records: tuple[tuple[int, tuple[int, ...]], ...] = ()  # indexes into schema and columns
    metadata: tuple[tuple[str, str], ...] = ()


def kind_of(field: FieldSpec) -> ColumnKind:
    """Return the kind that holds every value of `field` as text outputs print it.

    Whole numbers are integers where 64 bits hold all of them.
    """
    match field.kind:
        case SlotKind.BOOL:
            return ColumnKind.BOOL
        case SlotKind.TEXT | SlotKind.WORD | SlotKind.ASCII:
            return ColumnKind.WORDS
        case SlotKind.FLOAT:
            return ColumnKind.FLOAT64
    if field.scale is not None:
        return ColumnKind.FLOAT64 if field.scale.decimals else ColumnKind.INT64
    if field.factor == 1 and field.offset == 0:
        return ColumnKind.INT64 if field.kind is SlotKind.INT else ColumnKind.UINT64
    return ColumnKind.FLOAT64


def common_kind(one: ColumnKind, other: ColumnKind) -> ColumnKind:
    """Return the kind of a column that takes values of both kinds. Words take nothing but words."""
    if one is other:
        return one
    integers = {one, other} <= {ColumnKind.BOOL, ColumnKind.INT64}
    return ColumnKind.INT64 if integers else ColumnKind.FLOAT64
