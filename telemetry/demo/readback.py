"""What arrived: numbers about one vehicle, asked of the database.

Only the numbers of an answer are shown, never its words.
"""

from collections.abc import Mapping
from typing import Protocol

from telemetry.demo.sampling import Series
from telemetry.sinks.influxql import quoted, text_literal
from telemetry.sinks.settings import Tables


class Readback(Protocol):
    """Where points are read back from. A source is the tag of that name."""

    name: str

    def field_counts(self, measurement: str, source: str) -> dict[str, int]:
        """Return how many values of each field are stored."""
        ...

    def series(self, measurement: str, source: str, *fields: str) -> Mapping[str, Series]:
        """Return all stored values of each of these fields, which are numbers."""
        ...


class InfluxReadback:
    """An InfluxDB. Raises UnavailableError when it does not answer, or not with numbers."""

    def __init__(self, tables: Tables, vehicle: str) -> None:
        self.name = "InfluxDB"
        self.tables = tables
        self._vehicle = vehicle

    def close(self) -> None:
        self.tables.close()

    def field_counts(self, measurement: str, source: str) -> dict[str, int]:
        columns, rows = self.tables.table(
            " ".join(("SELECT count(*) FROM", quoted(measurement), "WHERE", self._of(source)))
        )
        row = rows[0] if rows else []
        return {
            name.removeprefix("count_"): int(count)
            for name, count in zip(columns, row, strict=False)
            if name != "time" and count is not None
        }

    def series(self, measurement: str, source: str, *fields: str) -> Mapping[str, Series]:
        found: dict[str, tuple[list[int], list[float]]] = {field: ([], []) for field in fields}
        for point in self.tables.points(measurement, self._of(source), *fields):
            for field in point.keys() & found.keys():
                found[field][0].append(int(point["time"]))
                found[field][1].append(float(point[field]))
        return {field: Series(*columns) for field, columns in found.items()}

    def _of(self, source: str) -> str:
        """Return the condition that a point is this vehicle's and of that source."""
        return f"vehicle = {text_literal(self._vehicle)} AND source = {text_literal(source)}"
