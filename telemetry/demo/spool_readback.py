"""What arrived, where there is no database: the batches that wait in the spool, read as a sink reads them.

Relies on the gateway having stopped: a spool belongs to one process. Its points stay where they are.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from telemetry.clock import Clock
from telemetry.demo.readback import bucket_means
from telemetry.demo.sampling import Series
from telemetry.model.read_point import read_point, type_of
from telemetry.spool.compress import decompress
from telemetry.spool.spool import Spool

_VALUES_OF = ("battery", "cells", "charger", "BMS_PackPower")  # of other measurements points are only counted
_LIMIT_BYTES = 64 * 1024 * 1024  # of one batch, unpacked


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
        """Raises StorageError when the spool cannot be opened."""
        self.name = "the spool"
        self._columns: dict[tuple[str, str], dict[str, _Column]] = {}  # by measurement and source, then field
        spool = Spool(directory, clock=clock)
        try:
            for line in _lines(spool):
                self._add(line)
        finally:
            spool.close()

    def field_counts(self, measurement: str, source: str) -> dict[str, int]:
        columns = self._columns.get((measurement, source), {})
        return {field: column.count for field, column in columns.items()}

    def series(self, measurement: str, source: str, field: str) -> Series:
        column = self._columns.get((measurement, source), {}).get(field)
        return Series([], []) if column is None else column.series()

    def means(
        self, measurement: str, source: str, fields: Sequence[str], every_ns: int
    ) -> Mapping[str, Series]:
        found = {field: self.series(measurement, source, field) for field in fields}
        return {field: bucket_means(series, every_ns) for field, series in found.items() if len(series)}

    def _add(self, line: bytes) -> None:
        point = read_point(line)
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


def _lines(spool: Spool) -> Iterator[bytes]:
    """What is handed out stays in flight, so each call gives the next batch; the newest comes last."""
    while (entry := spool.next_backlog() or spool.next_live()) is not None:
        yield from decompress(entry.batch.payload, _LIMIT_BYTES).splitlines()
