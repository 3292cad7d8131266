"""Datasets as the values of their files, and recordings to make them of."""

import datetime
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from telemetry import lake
from telemetry.decode.decoder import Decoder
from telemetry.decode.described import by_config
from telemetry.ledger import add
from telemetry.tables.sink import TableSink
from telemetry.tables.table import Table
from tests.support.tables import HEADS, MODELLED_TEXTS, Value, plain

NOON_NS = 1_772_452_800_000_000_000  # 2026-03-02 12:00 UTC
MIDNIGHT_NS = NOON_NS + 12 * 3600 * 10**9  # 2026-03-03
DATABASE = Path(__file__).parents[2] / "firmware_sim/wire/vehicle.dbc"

Row = tuple[str, frozenset[tuple[str, Any]]]  # table, and the values that are there
Frame = tuple[int, str, str]  # time_ns, id, data


def candump(file: Path, frames: Iterable[Frame], channel: str = "can0") -> Path:
    """Write frames as candump -L does."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = (f"({ns // 10**9}.{ns // 1000 % 10**6:06d}) {channel} {id}#{data}\n" for ns, id, data in frames)
    file.write_text("".join(lines), "utf-8")
    return file


def lake_values(where: Path, leave_out: Sequence[str] = MODELLED_TEXTS) -> Counter[Value]:
    """Count the values of all files, as `csv_values` does. Times of each file do not go back."""
    found = Counter[Value]()
    for file in map(Path, lake.files(where)):
        folders = _folders(file, where)
        rows = pq.ParquetFile(file).read()
        times = rows["time"].cast("int64").to_pylist()
        assert times == sorted(times)
        assert {_day(ns) for ns in times} == {folders["day"]}
        channels = rows["channel"].to_pylist()
        for name in rows.column_names:
            if name in HEADS or name in leave_out:
                continue
            for time, channel, value in zip(times, channels, rows[name].to_pylist(), strict=True):
                if value is not None:
                    table = folders["table"]
                    found[time, channel, table, name, plain(table, name, value)] += 1
    return found


def _folders(file: Path, where: Path) -> dict[str, str]:
    return dict(part.split("=", 1) for part in file.relative_to(where).parts[:-1])


def _day(ns: int) -> str:
    return datetime.datetime.fromtimestamp(ns // 10**9, datetime.UTC).strftime("%Y-%m-%d")


def lake_rows(where: Path) -> Counter[Row]:
    """Count the rows of all files."""
    return Counter(
        row
        for file in map(Path, lake.files(where))
        for row in rows_of(_folders(file, where)["table"], pq.ParquetFile(file).read())
    )


def one_run(logs: Sequence[Path], config: Path) -> tuple[Counter[Row], dict[str, int]]:
    """Count the rows of one `decode --config` over all logs; return the accounts of its frames, too."""
    sink = TableSink()
    decoder = Decoder(*by_config(config).make(sink), accounts=True)
    with decoder.pieces(logs) as pieces:
        counted = add(*(piece.counts for piece in pieces))
    tables = [Table(batches) for batches in sink.take()]
    rows = Counter(row for table in tables for row in rows_of(table.name, pa.table(table)))
    return rows, frame_accounts(counted)


def frame_accounts(counted: dict[str, int]) -> dict[str, int]:
    """Return what has become of frames, without zeros."""
    of_frames = ("bus/", "frames/", "sessions/", "protection/")
    return {name: count for name, count in counted.items() if count and name.startswith(of_frames)}


def rows_of(name: str, rows: pa.Table) -> Iterator[Row]:
    """Yield the rows of a table of this name, without what is absent."""
    at = rows.column_names.index("time")
    rows = rows.set_column(at, "time", rows["time"].cast("int64"))
    for row in rows.to_pylist():
        yield name, frozenset((key, value) for key, value in row.items() if value is not None)


def tree(where: Path) -> dict[Path, bytes]:
    """Return all files, with their content."""
    return {file.relative_to(where): file.read_bytes() for file in sorted(where.rglob("*")) if file.is_file()}
