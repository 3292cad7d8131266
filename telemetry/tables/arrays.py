"""Columns as NumPy arrays."""

from typing import Any

from telemetry_core.columns.batches import Batches
from telemetry_core.columns.spec import ColumnKind

DTYPES = {
    ColumnKind.TIME: "datetime64[ns]",
    ColumnKind.INT64: "int64",
    ColumnKind.UINT64: "uint64",
    ColumnKind.FLOAT64: "float64",
    ColumnKind.BOOL: "bool",
    ColumnKind.WORDS: "int32",
    ColumnKind.ID: "uint32",
}


def copied(np: Any, batches: Batches, index: int) -> tuple[Any, Any]:
    """Return a column, words as codes, and which rows have no value in it."""
    values = np.empty(len(batches), DTYPES[batches.spec.columns[index].kind])
    absent = np.empty(len(batches), "bool")
    batches.copy(index, values.view("uint8"), absent.view("uint8"))
    if batches.spec.columns[index].kind is ColumnKind.TIME:
        values[absent] = np.datetime64("NaT")
    return values, absent
