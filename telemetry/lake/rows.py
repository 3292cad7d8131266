"""The rows of one partition as Parquet files, while its recordings are read.

Promises:
- Memory is bounded, however long a day is. A file gets a row group as soon as its table has 131,072 rows, or
  is the largest one where all take more than `HELD_BYTES`. A writer keeps the places of its row groups: where
  these become many the file ends, and the table goes on in another one.
- The rows of a file are of one day, and their times do not go back. Steps back of less than a second cost
  nothing. A file with others, as of two logs of one hour, ends early, and is sorted in memory at its end.
- Nothing has its name yet: the parts lie in a folder of the caller's.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from telemetry_core.columns.batches import Batches

from telemetry.errors import writing
from telemetry.lake.layout import DAY_NS, day_of, file_names, fingerprint, marker_path, partition_name
from telemetry.lake.marker import Marker, Output
from telemetry.lake.store import Store
from telemetry.tables.layout import TIME
from telemetry.tables.packages import require
from telemetry.tables.table import Table

_GROUP_ROWS = 131_072
_MOST_CHUNKS = 32_768  # columns of row groups in files that are open: of each 0.9 kB are kept
_MOST_SORTED = 1 << 22  # values of a file that is to be sorted: twice 8 bytes of each
_PUTS = 8  # at once: a disk, or a store, takes as long for all of them as for one
_HELD_NS = 10**9  # stamps of a log that goes forward step back by less


_Key = tuple[str, str]  # of a table's file: its table and its day


@dataclass(slots=True)
class Part:
    """A file that is being written. chunks: columns of its row groups."""

    table: str
    day: str
    file: Path
    writer: Any
    types: dict[str, str]
    rows: int = 0
    chunks: int = 0
    last_ns: int = -(1 << 63)
    is_sorted: bool = True


class Rows(Protocol):
    """A source of rows, such as `TableSink`."""

    def take(self, at_least: int = 1) -> Iterator[Batches]: ...


class PartitionRows:
    """Writes what a sink gets into parts in `folder`."""

    def __init__(self, sink: Rows, folder: Path) -> None:
        self._arrow: Any = require("pyarrow", "a dataset")
        self._parquet: Any = require("pyarrow.parquet", "a dataset")
        self._compute: Any = require("pyarrow.compute", "a dataset")
        self._sink = sink
        self._folder = folder
        self._held: dict[_Key, Any] = {}  # the last rows, which have not been written
        self._open_parts: dict[_Key, Part] = {}
        self._ended: list[Part] = []
        self._chunks = 0  # of open parts

    def write_groups(self, at_least: int = _GROUP_ROWS) -> None:
        """Write the tables that have so many rows. Raises StorageError."""
        for batches in self._sink.take(at_least):
            self._write(batches)

    def finish(self) -> list[Part]:
        """Write the rest; return the parts, whole and sorted. Raises StorageError."""
        self.write_groups(1)
        for key, rows in self._held.items():
            self._put(key, rows)
        for key in [*self._open_parts]:
            self._end(key)
        return self._ended

    def close(self) -> None:
        """Close the files, whatever has failed."""
        for part in self._open_parts.values():
            try:
                part.writer.close()
            except OSError:
                continue

    def _write(self, batches: Batches) -> None:
        rows = self._arrow.table(Table(batches))
        times = rows[TIME].cast(self._arrow.int64())
        name = batches.spec.name
        bounds = self._compute.min_max(times).as_py()
        first_day, last_day = bounds["min"] // DAY_NS, bounds["max"] // DAY_NS
        if first_day == last_day:
            self._append((name, day_of(bounds["min"])), rows)
            return
        days = self._compute.divide(times, DAY_NS)
        for day in sorted(self._compute.unique(days).to_pylist()):
            self._append((name, day_of(day * DAY_NS)), rows.filter(self._compute.equal(days, day)))

    def _append(self, key: _Key, rows: Any) -> None:
        """Write the rows of one day but for the last second, in which the next ones may begin."""
        if key in self._held:
            rows = self._arrow.concat_tables([self._held[key], rows])
        times = self._times(rows)
        if self._compute.any(self._compute.less(times[1:], times[:-1])).as_py():
            rows = rows.unify_dictionaries().sort_by(TIME)
            times = self._times(rows)
        until = times[-1].as_py() - _HELD_NS
        count = self._compute.sum(self._compute.less_equal(times, until)).as_py()
        # A copy, since a slice would hold all rows.
        self._held[key] = rows.take(self._arrow.array(range(count, len(rows))))
        self._put(key, rows.slice(0, count))

    def _times(self, rows: Any) -> Any:
        return self._arrow.concat_arrays(rows[TIME].cast(self._arrow.int64()).chunks)

    def _put(self, key: _Key, rows: Any) -> None:
        if not len(rows):
            return
        first_ns, last_ns = (rows[TIME][at].value for at in (0, -1))
        part = self._open_parts.get(key)
        is_large = part is not None and part.rows * len(part.types) > _MOST_SORTED
        if part and is_large and not (part.is_sorted and first_ns >= part.last_ns):
            self._end(key)
        part = self._open_parts.get(key) or self._open(key, rows.schema)
        part.is_sorted &= first_ns >= part.last_ns
        part.last_ns = last_ns
        part.rows += len(rows)
        part.chunks += rows.num_columns
        self._chunks += rows.num_columns
        with writing(part.file):
            part.writer.write_table(rows, row_group_size=len(rows))
        if self._chunks > _MOST_CHUNKS:
            self._end(max(self._open_parts, key=lambda each: self._open_parts[each].chunks))

    def _open(self, key: _Key, schema: Any) -> Part:
        file = self._folder / f"{len(self._ended) + len(self._open_parts)}.part"
        types = {each.name: str(each.type) for each in schema}
        with writing(file):
            part = self._open_parts[key] = Part(*key, file, self._writer(file, schema), types)
        return part

    def _writer(self, file: Path, schema: Any) -> Any:
        return self._parquet.ParquetWriter(
            file,
            schema,
            compression="zstd",
            # Most signals have few values: a fifth of the bytes, in less time.
            use_dictionary=[name for name in schema.names if name != TIME],
            column_encoding={TIME: "DELTA_BINARY_PACKED"},
        )

    def _end(self, key: _Key) -> None:
        """Make a file whole. More rows of its table go into another one."""
        part = self._open_parts[key]
        with writing(part.file):
            part.writer.close()
            if not part.is_sorted:
                self._sort(part)
        part.writer = None  # it keeps where the row groups are
        self._chunks -= part.chunks
        self._ended.append(self._open_parts.pop(key))

    def _sort(self, part: Part) -> None:
        rows = self._parquet.read_table(part.file, partitioning=None).sort_by(TIME)
        sorted_file = part.file.with_suffix(".sorted")
        with self._writer(sorted_file, rows.schema) as writer:
            writer.write_table(rows, row_group_size=_GROUP_ROWS)
        sorted_file.replace(part.file)


def put_partition(
    store: Store, folder: Path, parts: Sequence[Part], marker: Marker, old: Marker | None
) -> Marker:
    """Give parts their names, then the marker, which is returned with them; remove what only `old` names.

    folder: of the parts. Raises StorageError, and then the old partition is there.
    """
    partition, made = partition_name(marker.vehicle, marker.day), fingerprint(marker.made_of)
    of = ((part.table, part.day) for part in parts)
    outputs = {
        path: Output(part.table, part.day, part.rows, part.file.stat().st_size, part.types)
        for part, path in zip(parts, file_names(of, marker.vehicle, partition, made), strict=True)
    }
    with ThreadPoolExecutor(_PUTS) as pool:
        deque(pool.map(store.put, [part.file for part in parts], outputs), maxlen=0)  # raises what failed
    marker = replace(marker, outputs=outputs)
    draft = folder / "marker"
    with writing(draft):
        draft.write_bytes(marker.json())
    store.put(draft, marker_path(partition))
    for path in set(old.outputs if old else ()) - set(outputs):
        store.remove(path)
    return marker
