"""What a partition has in memory is bounded by numbers, not by the length of its day."""

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pyarrow.parquet as pq
import pytest

from telemetry import lake
from telemetry.lake.rows import Part, PartitionRows
from tests.support.lake import DATABASE, NOON_NS, Frame, candump, lake_values
from tests.support.tables import csv_values

IDS = ("300", "310", "320")


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telemetry.tables.sink.HELD_BYTES", 20_000)
    monkeypatch.setattr("telemetry.lake.rows._GROUP_ROWS", 100)
    monkeypatch.setattr("telemetry.lake.rows._MOST_CHUNKS", 200)
    monkeypatch.setattr("telemetry.lake.rows._MOST_SORTED", 2000)
    monkeypatch.setattr("telemetry.lake.task.BATCH_FRAMES", 512)


def frames(count: int, first_ns: int = NOON_NS) -> Iterator[Frame]:
    """Yield frames of a bus: 100 a second, of several messages in turns."""
    return ((first_ns + n * 10**7, IDS[n % 3], f"{n % 65536:04X}000000000000") for n in range(count))


def equals_csv(tmp_path: Path, logs: list[Path]) -> bool:
    names = [str(log) for log in logs]
    return lake_values(tmp_path / "lake") == csv_values(tmp_path / "rows.csv", *names, "--dbc", str(DATABASE))


def test_memory_of_a_day_does_not_grow_with_its_length(tmp_path: Path) -> None:
    bytes_waiting, bytes_held, chunks, written = [0], [0], [0], [0]
    write_groups, finish = PartitionRows.write_groups, PartitionRows.finish

    def counted(rows: PartitionRows, *at_least: int) -> None:
        write_groups(rows, *at_least)
        bytes_waiting.append(rows._sink._columns.held_bytes)  # type: ignore[attr-defined]
        bytes_held.append(sum(each.get_total_buffer_size() for each in rows._held.values()))
        chunks.append(sum(each.chunks for each in rows._open_parts.values()))

    def finished(rows: PartitionRows) -> list[Part]:
        parts = finish(rows)
        written.append(sum(part.chunks for part in parts))
        return parts

    log = candump(tmp_path / "logs/day.log", frames(20_000))
    with patch.multiple(PartitionRows, write_groups=counted, finish=finished):
        lake.write(log, to=tmp_path / "lake", databases=str(DATABASE))
    assert len(chunks) > 40
    assert 10_000 < max(bytes_waiting) <= 20_000
    assert max(bytes_held) < 20_000  # the last second
    assert max(chunks) <= 200
    groups = [pq.read_metadata(file) for file in lake.files(tmp_path / "lake")]
    assert sum(each.num_row_groups * each.num_columns for each in groups) == max(written)
    files = lake.files(tmp_path / "lake", table="BMS_PackState")
    assert len(files) > 2
    starts = [pq.read_table(file, partitioning=None)["time"][0].value for file in files]
    assert starts == sorted(starts)
    assert [*map(Path, files)] == sorted(map(Path, files))
    assert equals_csv(tmp_path, [log])


def test_logs_of_one_hour_are_sorted_some_rows_at_a_time(tmp_path: Path) -> None:
    starts_ns = [NOON_NS + number // 2 * 4 * 10**9 for number in range(40)]
    logs = [candump(tmp_path / f"logs/{n:02}.log", frames(400, first)) for n, first in enumerate(starts_ns)]
    sorted_values = []
    sort = PartitionRows._sort

    def counted(rows: PartitionRows, part: Part) -> None:
        sorted_values.append(part.rows * len(part.types))
        sort(rows, part)

    with patch.object(PartitionRows, "_sort", counted):
        lake.write(*logs, to=tmp_path / "lake", databases=str(DATABASE))
    assert len(sorted_values) > 1
    assert 2000 < max(sorted_values) < 5000
    assert equals_csv(tmp_path, logs)
