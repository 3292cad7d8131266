"""One table, and all tables of a recording.

Promises:
- A table never changes. It hands its columns over as they are, by Arrow's PyCapsule interface.
- `column` and `to_pandas` copy each column once. They need NumPy or pandas, not pyarrow.
- It can be pickled, as a stream of Arrow's IPC format, by pyarrow. A copy of it is itself.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, Self

from telemetry_core.columns.batches import Batches
from telemetry_core.columns.spec import ColumnKind, TableSpec

from telemetry.errors import DataError, UsageError
from telemetry.settings.likeness import likely
from telemetry.tables.accounts import NOTHING_READ, Accounts, Problem
from telemetry.tables.arrays import copied
from telemetry.tables.layout import ONE_BY_ONE, TIME
from telemetry.tables.packages import require
from telemetry.tables.pickled import as_stream, from_stream
from telemetry.tables.shown import Listed, page_of, page_of_all
from telemetry.tables.wide import widen

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_OF_TABLES = {"wide": ": say tables.wide(), of all that `read` returned"}
_PANDAS_INTEGERS = (ColumnKind.INT64, ColumnKind.UINT64)


class NoSuchError(DataError, KeyError):
    """There is no table or column of this name."""


class Table:
    """The rows of one message, or of one measurement of the data model; `len()` is their number.

    Columns: `time` (of the frame, UTC), `channel`, `id` of a message or `pack` and `charger` of a
    measurement, then one a signal. A value that a row has not is null.

    As with a DataFrame of pandas, `table["SoC"]` is a column, `in` and iteration are over names of columns.
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

    def __iter__(self) -> Iterator[str]:
        return iter(self._indexes)

    def __contains__(self, name: object) -> bool:
        return name in self._indexes

    def __getitem__(self, name: str) -> "np.ndarray[Any, Any]":
        """Return a column, as `column` does."""
        return self.column(name)

    if not TYPE_CHECKING:  # to whom no name would be wrong any more

        def __getattr__(self, name: str) -> Any:
            raise _no_attribute("a table", name, self)

    def __repr__(self) -> str:
        return f"<Table {self.name}: {Listed(self._batches)}>"

    def _repr_html_(self) -> str:
        """Return the first and the last rows, for a notebook."""
        return page_of(self._batches)

    def column(self, name: str) -> "np.ndarray[Any, Any]":
        """Return one column as a NumPy array of `len()` values, a copy.

        Times are datetime64[ns] (UTC), numbers float64 with NaN for absent ones. Whole numbers and flags
        are int64, uint64 and bool, or float64 with NaN where one is absent. Words are str or None. Raises
        TelemetryError for a name that is not in `columns`, and without NumPy.
        """
        np: Any = require("numpy", "a column as an array")
        index = self._index(name)
        kind = self._spec.columns[index].kind
        values, absent = copied(np, self._batches, index)
        if kind is ColumnKind.WORDS:
            words = np.array([*self._batches.texts(index), None], dtype=object)
            return words[np.where(absent, -1, values)]  # type: ignore[no-any-return]  # NumPy, untyped here
        if absent.any() and kind not in (ColumnKind.FLOAT64, ColumnKind.TIME):
            values = values.astype("float64")
            values[absent] = np.nan
        return values  # type: ignore[no-any-return]  # NumPy, untyped here

    def to_pandas(self) -> "pd.DataFrame":
        """Return a pandas DataFrame whose index is `time`, if there is one; pyarrow is not needed.

        Times are in UTC. Numbers are float64, with NaN where a row has none. Whole numbers are int64 (ids
        uint32), flags bool. Where one is absent they are pandas' Int64 and boolean with <NA>, so that no
        digit is lost. Words are categories. Raises TelemetryError without pandas.
        """
        pd: Any = require("pandas", "a DataFrame")
        np: Any = require("numpy", "a DataFrame")
        columns = {name: self._series(pd, np, index) for name, index in self._indexes.items()}
        time = columns.pop(TIME, None)
        frame = pd.DataFrame(columns, index=None if time is None else time.rename(TIME), copy=False)
        frame.attrs["units"] = self.units
        return frame

    def __arrow_c_schema__(self) -> object:
        """Return the capsule of Arrow's schema."""
        return self._batches.schema()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the capsule of a stream of record batches, which are not copied."""
        return self._batches.stream()

    def __reduce__(self) -> tuple[object, ...]:
        return _unpickled, as_stream(self, self._spec)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def _index(self, name: object) -> int:
        if not isinstance(name, str):
            hint = "a column has a name; to_pandas() has rows, and takes several columns"
            raise NoSuchError(f"no column is called {name!r}", where=self.name, hint=hint)
        if name not in self:
            raise NoSuchError(f"no column is called {name!r}", where=self.name, hint=_nearest(name, self))
        return self._indexes[name]

    def _series(self, pd: Any, np: Any, index: int) -> Any:
        kind = self._spec.columns[index].kind
        values, absent = copied(np, self._batches, index)
        if kind is ColumnKind.TIME:
            return pd.DatetimeIndex(values, tz="UTC")
        if kind is ColumnKind.WORDS:
            values[absent] = -1
            return pd.Categorical.from_codes(values, categories=list(self._batches.texts(index)))
        if kind in _PANDAS_INTEGERS and absent.any():
            return pd.arrays.IntegerArray(values, absent)
        if kind is ColumnKind.BOOL and absent.any():
            return pd.arrays.BooleanArray(values, absent)
        return values


class RecordBatch(Table):
    """Some rows of a table, which Arrow takes as one record batch."""

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        """Return the capsules of its schema and of its rows, which are not copied."""
        return self._batches.schema(), self._batches.array()


def _no_attribute(owner: str, name: str, items: Iterable[str]) -> AttributeError:
    """Return the error for a name that the owner does not have. Names with `_` are asked for by copies."""
    hint = ""
    if not name.startswith("_"):
        hint = f': say {owner.removeprefix("a ")}["{name}"]' if name in items else _OF_TABLES.get(name, "")
    return AttributeError(f"no attribute of {owner} is called {name!r}{hint}")


class Tables(Mapping[str, Table]):
    """Tables by the name of their message or measurement; those that got no row are not there.

    accounts: what was read, and what became of each frame; problems: what warnings said.
    """

    def __init__(
        self,
        tables: Iterable[Table],
        accounts: Accounts | None = None,
        problems: Iterable[Problem] = (),
    ) -> None:
        self._tables = {table.name: table for table in tables}
        self.accounts = accounts or NOTHING_READ
        self.problems = tuple(problems)

    def __getitem__(self, name: str) -> Table:
        """Return the table. Raises a TelemetryError, which is a KeyError, that names the nearest ones."""
        if not isinstance(name, str) or name not in self._tables:
            what = f"no rows of {name!r}" if self._tables else f"no rows of {name!r}, nor of anything"
            owners = [table.name for table in self.values() if isinstance(name, str) and name in table]
            hint = f"it is a column of {', '.join(owners[:3])}" if owners else _nearest(name, self._tables)
            raise NoSuchError(what, hint=hint)
        return self._tables[name]

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise _no_attribute("tables", name, self)

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    def wide(self, every: str | timedelta | None = None, fill: Literal["last"] | None = "last") -> Table:
        """Return one table of all signals, whose rows are instants.

        - `every`: the step between them, such as "100ms" or "1s" (ns, us, ms, s, min, h) or a timedelta. They
          are its multiples since 1970, from the first one at or after the first stamp to the first one at or
          after the last stamp. Without it: each stamp that any table has.
        - `fill`: "last": an instant holds a signal's last value at or before it. None: only one that came
          after the instant before.

        Nothing is interpolated. A column is called like its signal; `MESSAGE.SIGNAL` where several messages
        have it; with ` (can0)`, an id or a pack where several have sent it. It keeps its unit and its type.
        Events, charging sessions and battery health are left out: they have no value at an instant. Needs
        NumPy. Raises TelemetryError for a step that is not a time, and for a result of more than 2**29
        values.
        """
        if fill not in ("last", None):
            raise UsageError(f'{fill!r} is neither "last" nor None', where="fill")
        chosen = [table._batches for table in self.values() if table.name not in ONE_BY_ONE]
        return Table(widen(chosen, every, hold=fill is not None))

    def __repr__(self) -> str:
        lines = [f"\n  {name}: {Listed(table._batches)}" for name, table in self._tables.items()]
        return f"<Tables: {len(self)}{''.join(lines)}>"

    def _repr_html_(self) -> str:
        """Return a list of the tables, for a notebook."""
        return page_of_all(table._batches for table in self._tables.values())


def _unpickled(spec: TableSpec, content: bytes) -> Table:
    return Table(from_stream(spec, content))


def _nearest(name: object, names: Iterable[str]) -> str:
    known = list(names)
    return f"there are {', '.join(likely(str(name), known) or known[:5])}" if known else ""
