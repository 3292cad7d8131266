"""The rows of one partition as Parquet files, while its recordings are read.

Promises:
- Memory is bounded: a file gets a row group as soon as its table has 32,768 rows.
- The rows of a file are of one day, and their times do not go back. Steps back of less than a second cost
  nothing. A table with others, as of two logs of one hour, is sorted at its end, and is in memory then.
- Nothing has its name yet: the parts lie in a folder of the caller's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from telemetry_core.columns.batches import Batches

from telemetry.errors import writing
from telemetry.lake.layout import DAY_NS, day_of, file_name, fingerprint, marker_path, partition_name
from telemetry.lake.marker import Marker, Output
from telemetry.lake.store import Store
from telemetry.tables.layout import TIME
from telemetry.tables.packages import require
from telemetry.tables.table import Table

_GROUP_ROWS = 32_768
_HELD_NS = 10**9  # stamps of a log that goes forward step back by less


@dataclass(slots=True)
class Part:
    """A file that is being written."""

    table: str
    day: str
    file: Path
    writer: Any
    types: dict[str, str]
    rows: int = 0
    last_ns: int = -(1 << 63)
    is_sorted: bool = True
    dictionaries: list[str] = field(default_factory=list)
    held: Any = None  # the last rows, which have not been written


class Rows(Protocol):
    """A source of rows, such as `TableSink`."""

    def take(self, at_least: int = 1) -> Iterator[Batches]: ...


class PartitionRows:
    """Writes what a sink gets into parts in `folder`. A context manager, which closes them."""

    def __init__(self, sink: Rows, folder: Path) -> None:
        how = "pip install 'nev-telemetry[parquet]'"
        self._arrow: Any = require("pyarrow", "a dataset", how)
        self._parquet: Any = require("pyarrow.parquet", "a dataset", how)
        self._compute: Any = require("pyarrow.compute", "a dataset", how)
        self._sink = sink
        self._folder = folder
        self._parts: dict[tuple[str, str], Part] = {}

    def write_groups(self, at_least: int = _GROUP_ROWS) -> None:
        """Write the tables that have so many rows. Raises StorageError."""
        for batches in self._sink.take(at_least):
            self._write(batches)

    def finish(self) -> list[Part]:
        """Write the rest; return the parts, whole and sorted. Raises StorageError."""
        self.write_groups(1)
        for part in self._parts.values():
            self._put(part, part.held)
            part.held = None
            with writing(part.file):
                part.writer.close()
                if not part.is_sorted:
                    self._sort(part)
        return [*self._parts.values()]

    def close(self) -> None:
        """Close the files, whatever has failed."""
        for part in self._parts.values():
            try:
                part.writer.close()
            except OSError:
                continue

    def _write(self, batches: Batches) -> None:
        rows = self._arrow.table(Table(batches))
        times = rows[TIME]
        bounds = self._compute.min_max(times.cast(self._arrow.int64())).as_py()
        first_day, last_day = bounds["min"] // DAY_NS, bounds["max"] // DAY_NS
        if first_day == last_day:
            self._append(batches, rows, day_of(bounds["min"]))
            return
        days = self._compute.divide(times.cast(self._arrow.int64()), DAY_NS)
        for day in sorted(self._compute.unique(days).to_pylist()):
            self._append(batches, rows.filter(self._compute.equal(days, day)), day_of(day * DAY_NS))

    def _append(self, batches: Batches, rows: Any, day: str) -> None:
        """Write the rows of one day but for the last second, in which the next ones may begin."""
        part = self._parts.get((batches.spec.name, day)) or self._open(batches, rows, day)
        if part.held is not None:
            rows = self._arrow.concat_tables([part.held, rows])
        times = self._times(rows)
        if self._compute.any(self._compute.less(times[1:], times[:-1])).as_py():
            rows = rows.unify_dictionaries().sort_by(TIME)
            times = self._times(rows)
        until = times[-1].as_py() - _HELD_NS
        count = self._compute.sum(self._compute.less_equal(times, until)).as_py()
        part.held = rows.slice(count)
        self._put(part, rows.slice(0, count))

    def _times(self, rows: Any) -> Any:
        return self._arrow.concat_arrays(rows[TIME].cast(self._arrow.int64()).chunks)

    def _put(self, part: Part, rows: Any) -> None:
        if not len(rows):
            return
        first_ns, last_ns = (rows[TIME][at].value for at in (0, -1))
        part.is_sorted &= first_ns >= part.last_ns
        part.last_ns = last_ns
        part.rows += len(rows)
        with writing(part.file):
            part.writer.write_table(rows, row_group_size=_GROUP_ROWS)

    def _open(self, batches: Batches, rows: Any, day: str) -> Part:
        file = self._folder / f"{len(self._parts)}.part"
        few = [column.name for column in batches.spec.columns if column.name != TIME]
        types = {each.name: str(each.type) for each in rows.schema}
        with writing(file):
            writer = self._writer(file, rows.schema, few)
        part = Part(batches.spec.name, day, file, writer, types, dictionaries=few)
        self._parts[batches.spec.name, day] = part
        return part

    def _writer(self, file: Path, schema: Any, dictionaries: list[str]) -> Any:
        return self._parquet.ParquetWriter(
            file,
            schema,
            compression="zstd",
            use_dictionary=dictionaries,  # most signals have few values: a fifth of the bytes, in less time
            column_encoding={TIME: "DELTA_BINARY_PACKED"},
        )

    def _sort(self, part: Part) -> None:
        rows = self._parquet.read_table(part.file, partitioning=None).sort_by(TIME)
        sorted_file = part.file.with_suffix(".sorted")
        part.writer = self._writer(sorted_file, rows.schema, part.dictionaries)
        part.writer.write_table(rows, row_group_size=_GROUP_ROWS)
        part.writer.close()
        sorted_file.replace(part.file)


def put_partition(
    store: Store, folder: Path, parts: Sequence[Part], marker: Marker, old: Marker | None
) -> Marker:
    """Give parts their names, then the marker, which is returned with them; remove what only `old` names.

    folder: of the parts. Raises StorageError, and then the old partition is there.
    """
    partition, made = partition_name(marker.vehicle, marker.day), fingerprint(marker.made_of)
    outputs = {}
    for part in parts:
        path = file_name(part.table, marker.vehicle, part.day, partition, made)
        size = part.file.stat().st_size
        outputs[path] = Output(part.table, part.day, part.rows, size, part.types)
        store.put(part.file, path)
    marker = replace(marker, outputs=outputs)
    draft = folder / "marker"
    with writing(draft):
        draft.write_bytes(marker.json())
    store.put(draft, marker_path(partition))
    for path in set(old.outputs if old else ()) - set(outputs):
        store.remove(path)
    return marker
