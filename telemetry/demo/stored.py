"""What arrived: numbers about one vehicle, asked of the database, or read out of the spool where there is
none.

Of a database's answer only the numbers are shown, never its words. The spool is read as it lies on disk, and
stays as it is; all batches wait there once the gateway has stopped.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from telemetry.clock import Clock
from telemetry.demo.sampling import Series
from telemetry.model.read_point import read_point, type_of, value_of
from telemetry.sinks.influxql import quoted, text_literal
from telemetry.sinks.settings import Tables
from telemetry.spool.batch import lines_of
from telemetry.spool.filesystem import FileSystem
from telemetry.spool.view import SpoolView

_VALUES_OF = ("battery", "cells", "charger", "BMS_PackPower")  # of other measurements points are only counted
_WHOLE = ("charging_session", "charging_phase", "charging_curve", "event")


class Readback(Protocol):
    """A database that points are read back from. A source is the tag of that name."""

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


class SpoolReadback:
    """All points of a spool, read once: a `Readback`."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        """Read all of it. Raises InputMissingError when there is no spool."""
        self.name = "the spool"
        # By measurement and source: how many values each field has, and its stamps and values.
        self._counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self._readings: dict[tuple[str, str, str], tuple[array[int], array[float]]] = {}
        # By measurement, tags and stamp.
        self._points: dict[tuple[str, tuple[str, ...], int], dict[str, Any]] = {}
        for batch in SpoolView(FileSystem(), directory, clock).waiting():
            for line in lines_of(batch).splitlines():
                self._add(line)

    def field_counts(self, measurement: str, source: str) -> dict[str, int]:
        return dict(self._counts.get((measurement, source), ()))

    def series(self, measurement: str, source: str, *fields: str) -> Mapping[str, Series]:
        found = {}
        for field in fields:
            stamps, values = self._readings.get((measurement, source, field), ((), ()))
            order = sorted(range(len(stamps)), key=stamps.__getitem__)
            found[field] = Series([stamps[at] for at in order], [values[at] for at in order])
        return found

    def points(self, measurement: str, condition: str) -> Iterator[dict[str, Any]]:
        """Yield all points of charges, by their stamps; see `PointsOfSessions`."""
        del condition
        found = [point for (of, _, _), point in self._points.items() if of == measurement]
        yield from sorted(found, key=lambda point: int(point["time"]))

    def _add(self, line: bytes) -> None:
        point = read_point(line)
        if point is not None and point.measurement in _WHOLE:
            key = (point.measurement, tuple(sorted(point.tags.values())), point.time_ns)
            known = self._points.setdefault(key, {"time": point.time_ns, **point.tags})
            known |= {name: value_of(value) for name, value in point.fields.items()}  # a later row adds to it
        if point is None or "source" not in point.tags or point.measurement == "event":
            return
        owner = point.measurement, point.tags["source"]
        self._counts[owner].update(point.fields.keys())
        for name, value in point.fields.items() if point.measurement in _VALUES_OF else ():
            if type_of(value) == "float":
                stamps, values = self._readings.setdefault((*owner, name), (array("q"), array("d")))
                stamps.append(point.time_ns)
                values.append(float(value))
