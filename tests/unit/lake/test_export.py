"""A day out of a store whose answers are made here: what is asked for at once has an end."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from telemetry import lake
from telemetry.lake.export import Exporter

START_NS = 1_772_323_200_000_000_000  # 2026-03-01
SECONDS = 86_400


class _Store:
    """Two vehicles with two values a second, for so long. asked: values of each answer."""

    def __init__(self, seconds: int = SECONDS) -> None:
        self.seconds = seconds
        self.asked: list[int] = []

    def table(self, query: str) -> tuple[list[str], list[list[Any]]]:
        if '"battery"' not in query:
            return [], []
        if query.startswith("SHOW TAG VALUES"):
            return ["key", "value"], [["vehicle", "bus 1"], ["vehicle", "bus 2"]]
        if query.startswith("SHOW FIELD KEYS"):
            return ["fieldKey", "fieldType"], [["current_a", "float"], ["voltage_v", "float"]]
        return ["time", "count_current_a", "count_voltage_v"], [[0, self.seconds, self.seconds]]

    def points(self, _measurement: str, condition: str, *_: str) -> Iterator[dict[str, Any]]:
        first_ns, stop_ns = map(int, re.findall(r"time [<>]=? (\d+)", condition))
        seconds = range(-(-(first_ns - START_NS) // 10**9), -(-(stop_ns - START_NS) // 10**9))
        self.asked.append(2 * len(seconds))
        for second in seconds[: self.seconds]:
            yield {"time": START_NS + second * 10**9, "current_a": second, "voltage_v": 0.5}

    def close(self) -> None:
        raise AssertionError


def test_a_busy_day_of_two_vehicles_is_asked_for_in_parts_of_100_000_values(tmp_path: Path) -> None:
    store = _Store()
    exporter = Exporter(store, "http://influx/d", tmp_path / "lake")
    done = [*exporter.export("2026-03-01", START_NS + 9 * SECONDS * 10**9)]
    assert [(each.vehicle, each.reason, each.rows) for each in done] == [
        ("bus 1", "new", SECONDS),
        ("bus 2", "new", SECONDS),
    ]
    assert sum(store.asked) == 4 * SECONDS
    assert max(store.asked) <= 100_000
    for vehicle in ("bus 1", "bus 2"):
        (file,) = lake.files(tmp_path / "lake", vehicle=vehicle)
        rows = pq.ParquetFile(file).read()
        assert rows["current_a"].to_pylist() == [float(second) for second in range(SECONDS)]
        assert (rows["voltage_v"].null_count, rows["power_w"].null_count) == (0, SECONDS)


def test_a_day_of_which_a_file_is_gone_is_exported_again(tmp_path: Path) -> None:
    exporter = Exporter(_Store(20), "http://influx/d", tmp_path / "lake")
    reasons = list[list[str]]()
    for gone in (False, True, False):
        if gone:
            Path(lake.files(tmp_path / "lake", vehicle="bus 2")[0]).unlink()
        done = exporter.export("2026-03-01", START_NS + 9 * SECONDS * 10**9)
        reasons.append([each.reason for each in done])
    assert reasons == [["new", "new"], ["", "changed"], ["", ""]]
