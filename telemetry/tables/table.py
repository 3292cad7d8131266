"""One table, and all tables of a recording.

Promises:
- A table never changes. It hands its columns over as they are, by Arrow's PyCapsule interface.
- `column` and `to_pandas` copy each column once. They need NumPy or pandas, not pyarrow.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from telemetry_core.columns.batches import Batches
from telemetry_core.columns.spec import ColumnKind

from telemetry.errors import DataError
from telemetry.tables.layout import TIME
from telemetry.tables.packages import require

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_DTYPES = {
    ColumnKind.TIME: "datetime64[ns]",
    ColumnKind.INT64: "int64",
    ColumnKind.UINT64: "uint64",
    ColumnKind.FLOAT64: "float64",
    ColumnKind.BOOL: "bool",
    ColumnKind.WORDS: "int32",
    ColumnKind.ID: "uint32",
}
_PANDAS_INTEGERS = (ColumnKind.INT64, ColumnKind.UINT64)


class NoSuchError(DataError, KeyError):
    """There is no table or column of this name."""


class Table:
    """The rows of one message, or of one measurement of the data model; `len()` is their number.

    Columns: `time` (of the frame, UTC), `channel`, `id` of a message or `pack` and `charger` of a
    measurement, then one a signal. A value that a row has not is null.
    """

    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self._spec = batches.spec
        self._indexes = {column.name: index for index, column in enumerate(self._spec.columns)}

    @property
    def name(self) -> str:
        """Name of the message or measurement."""
        return self._spec.name

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns, in their order."""
        return tuple(self._indexes)

    @property
    def units(self) -> dict[str, str]:
        """Return the unit of each column that has one, as its database or the data model writes it."""
        return {column.name: column.unit for column in self._spec.columns if column.unit}

    def __len__(self) -> int:
        return len(self._batches)

    def __repr__(self) -> str:
        return f"<Table {self.name}: {len(self)} rows of {', '.join(self.columns)}>"

    def column(self, name: str) -> "np.ndarray[Any, Any]":
        """Return one column as a NumPy array of `len()` values, a copy.

        Times are datetime64[ns] (UTC), numbers float64 with NaN for absent ones. Whole numbers and flags
        are int64, uint64 and bool, or float64 with NaN where one is absent. Words are str or None. Raises
        TelemetryError for a name that is not in `columns`, and without NumPy.
        """
        np: Any = require("numpy", "a column as an array")
        index = self._index(name)
        kind = self._spec.columns[index].kind
        values, absent = self._values(np, index)
        if kind is ColumnKind.WORDS:
            words = np.array([*self._batches.texts(index), None], dtype=object)
            return words[np.where(absent, -1, values)]  # type: ignore[no-any-return]  # NumPy, untyped here
        if absent.any() and kind is not ColumnKind.FLOAT64:
            values = values.astype("float64")
            values[absent] = np.nan
        return values  # type: ignore[no-any-return]  # NumPy, untyped here

    def to_pandas(self) -> "pd.DataFrame":
        """Return a pandas DataFrame whose index is `time`, in UTC; pyarrow is not needed.

        Numbers are float64, with NaN where a row has none. Whole numbers are int64 (ids uint32), flags bool.
        Where one is absent they are pandas' Int64 and boolean with <NA>, so that no digit is lost. Words are
        categories. Raises TelemetryError without pandas.
        """
        pd: Any = require("pandas", "a DataFrame")
        np: Any = require("numpy", "a DataFrame")
        columns = {name: self._series(pd, np, index) for name, index in self._indexes.items()}
        time = pd.DatetimeIndex(columns.pop(TIME), tz="UTC", name=TIME)
        frame = pd.DataFrame(columns, index=time, copy=False)
        frame.attrs["units"] = self.units
        return frame

    def __arrow_c_schema__(self) -> object:
        """Return the capsule of Arrow's schema."""
        return self._batches.schema()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the capsule of a stream of record batches, which are not copied."""
        return self._batches.stream()

    def _index(self, name: str) -> int:
        if name not in self._indexes:
            raise NoSuchError(
                f"no column is called {name!r}", where=self.name, hint=_nearest(name, self.columns)
            )
        return self._indexes[name]

    def _values(self, np: Any, index: int) -> tuple[Any, Any]:
        """Return a column, and which rows have no value in it."""
        values = np.empty(len(self), _DTYPES[self._spec.columns[index].kind])
        absent = np.empty(len(self), "bool")
        self._batches.copy(index, values.view("uint8"), absent.view("uint8"))
        return values, absent

    def _series(self, pd: Any, np: Any, index: int) -> Any:
        kind = self._spec.columns[index].kind
        values, absent = self._values(np, index)
        if kind is ColumnKind.WORDS:
            values[absent] = -1
            return pd.Categorical.from_codes(values, categories=list(self._batches.texts(index)))
        if kind in _PANDAS_INTEGERS and absent.any():
            return pd.arrays.IntegerArray(values, absent)
        if kind is ColumnKind.BOOL and absent.any():
            return pd.arrays.BooleanArray(values, absent)
        return values


class Tables(Mapping[str, Table]):
    """Tables by the name of their message or measurement; those that got no row are not there."""

    def __init__(self, tables: Iterable[Table]) -> None:
        self._tables = {table.name: table for table in tables}

    def __getitem__(self, name: str) -> Table:
        """Return the table. Raises a TelemetryError, which is a KeyError, that names the nearest ones."""
        if name not in self._tables:
            what = f"no rows of {name!r}" if self._tables else f"no rows of {name!r}, nor of anything"
            raise NoSuchError(what, hint=_nearest(name, self._tables))
        return self._tables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    def __repr__(self) -> str:
        return "<Tables " + ", ".join(f"{name}: {len(table)}" for name, table in self._tables.items()) + ">"


def _nearest(name: str, names: Iterable[str]) -> str:
    known = {each.casefold(): each for each in names}
    close = difflib.get_close_matches(name.casefold(), known, n=3, cutoff=0.5)
    return f"there are {', '.join(known[each] for each in close or list(known)[:5])}" if known else ""
