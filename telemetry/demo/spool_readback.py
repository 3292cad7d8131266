"""What arrived, where there is no database: the batches that wait in the spool, as they lie on disk.

Relies on the gateway having stopped, so that all of them do. They stay where they are.
"""

from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from telemetry.clock import Clock
from telemetry.demo.sampling import Series
from telemetry.model.read_point import read_point, type_of, value_of
from telemetry.spool.batch import lines_of
from telemetry.spool.filesystem import FileSystem
from telemetry.spool.view import SpoolView

_VALUES_OF = ("battery", "cells", "charger", "BMS_PackPower")  # of other measurements points are only counted
_WHOLE = ("charging_session", "charging_phase", "charging_curve", "event")


class _Column:
    """Values of one field, as they come."""

    __slots__ = ("count", "times_ns", "values")

    def __init__(self) -> None:
        self.count = 0
        self.times_ns = array("q")
        self.values = array("d")

    def series(self) -> Series:
        order = sorted(range(len(self.times_ns)), key=self.times_ns.__getitem__)
        return Series([self.times_ns[at] for at in order], [self.values[at] for at in order])


class SpoolReadback:
    """All points of a spool, read once: a `Readback`."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        """Read all of it. Raises InputMissingError when there is no spool."""
        self.name = "the spool"
        self._columns: dict[tuple[str, str], dict[str, _Column]] = {}  # by measurement and source, then field
        self._points: dict[
            tuple[str, tuple[str, ...], int], dict[str, Any]
        ] = {}  # by measurement, tags, stamp
        for batch in SpoolView(FileSystem(), directory, clock).waiting():
            for line in lines_of(batch).splitlines():
                self._add(line)

    def field_counts(self, measurement: str, source: str) -> dict[str, int]:
        columns = self._columns.get((measurement, source), {})
        return {field: column.count for field, column in columns.items()}

    def series(self, measurement: str, source: str, *fields: str) -> Mapping[str, Series]:
        columns = self._columns.get((measurement, source), {})
        return {field: columns.get(field, _Column()).series() for field in fields}

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
        columns = self._columns.setdefault((point.measurement, point.tags["source"]), {})
        is_kept = point.measurement in _VALUES_OF
        for name, value in point.fields.items():
            column = columns.get(name) or columns.setdefault(name, _Column())
            column.count += 1
            if is_kept and type_of(value) == "float":
                column.times_ns.append(point.time_ns)
                column.values.append(float(value))
