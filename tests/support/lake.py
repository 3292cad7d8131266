"""Datasets as the values of their files, and recordings to make them of."""

import datetime
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from telemetry import lake
from tests.support.tables import HEADS, MODELLED_TEXTS, Value, plain

NOON_NS = 1_772_452_800_000_000_000  # 2026-03-02 12:00 UTC
MIDNIGHT_NS = NOON_NS + 12 * 3600 * 10**9  # 2026-03-03
DATABASE = Path(__file__).parents[2] / "firmware_sim/wire/vehicle.dbc"

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
        folders = dict(part.split("=", 1) for part in file.relative_to(where).parts[:-1])
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


def _day(ns: int) -> str:
    return datetime.datetime.fromtimestamp(ns // 10**9, datetime.UTC).strftime("%Y-%m-%d")
