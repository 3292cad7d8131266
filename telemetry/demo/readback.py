"""What arrived: numbers about one vehicle, asked of the database.

Only the numbers of an answer are shown, never its words.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from telemetry.clock import Clock
from telemetry.demo.sampling import Series
from telemetry.overview.influx_tables import ROWS, InfluxTables, quoted
from telemetry.sinks.influx.settings import InfluxSettings


class Readback(Protocol):
    """Where points are read back from. A source is the tag of that name."""

    name: str

    def field_counts(self, measurement: str, source: str) -> dict[str, int]:
        """Stored values of each field."""
        ...

    def series(self, measurement: str, source: str, field: str) -> Series:
        """All stored values of one field, a number."""
        ...

    def means(
        self, measurement: str, source: str, fields: Sequence[str], every_ns: int
    ) -> Mapping[str, Series]:
        """Means over intervals, each stamped with its beginning; those without values are left out."""
        ...


class InfluxReadback:
    """An InfluxDB. Raises UnavailableError when it does not answer, or not with numbers."""

    def __init__(self, settings: InfluxSettings, vehicle: str, clock: Clock) -> None:
        self.name = "InfluxDB"
        self.tables = InfluxTables(settings, clock)
        self._vehicle = vehicle

    def close(self) -> None:
        """Close the connection."""
        self.tables.close()

    def field_counts(self, measurement: str, source: str) -> dict[str, int]:
        columns, rows = self.tables.table(_select("count(*)", self._of(measurement, source)))
        row = rows[0] if rows else []
        return {
            name.removeprefix("count_"): int(count)
            for name, count in zip(columns, row, strict=False)
            if name != "time" and count is not None
        }

    def series(self, measurement: str, source: str, field: str) -> Series:
        times_ns: list[int] = []
        values: list[float] = []
        before = ""
        while True:
            found = self._of(measurement, source) + before
            _, rows = self.tables.table(f"{_select(quoted(field), found)} ORDER BY time LIMIT {ROWS}")
            times_ns += [int(row[0]) for row in rows]
            values += [float(row[1]) for row in rows]
            if len(rows) < ROWS:
                return Series(times_ns, values)
            before = f" AND time > {times_ns[-1]}"

    def means(
        self, measurement: str, source: str, fields: Sequence[str], every_ns: int
    ) -> Mapping[str, Series]:
        what = ", ".join(f"mean({quoted(field)}) AS {quoted(field)}" for field in fields)
        # Intervals end now unless a query says otherwise. What a busy machine sends late is stamped later.
        query = f"{_select(what, self._of(measurement, source))} AND time > 0 AND time < now() + 1d"
        columns, rows = self.tables.table(f"{query} GROUP BY time({every_ns}ns) fill(none)")
        return {field: _column(rows, columns.index(field)) for field in fields if field in columns}

    def _of(self, measurement: str, source: str) -> str:
        """What to select from: this vehicle's points of a measurement and source."""
        return f"{quoted(measurement)} WHERE vehicle = '{self._vehicle}' AND source = '{source}'"


def bucket_means(series: Series, every_ns: int) -> Series:
    """What a database makes of it: means of intervals that begin at multiples of `every_ns`."""
    sums: dict[int, list[float]] = {}
    for time_ns, value in zip(series.times_ns, series.values, strict=True):
        sums.setdefault(time_ns // every_ns, []).append(value)
    return Series([number * every_ns for number in sums], [sum(some) / len(some) for some in sums.values()])


def _select(what: str, source: str) -> str:
    return " ".join(("SELECT", what, "FROM", source))


def _column(rows: Iterable[Sequence[Any]], index: int) -> Series:
    known = [(int(row[0]), float(row[index])) for row in rows if row[index] is not None]
    return Series([time_ns for time_ns, _ in known], [value for _, value in known])
