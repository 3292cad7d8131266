import re
from pathlib import Path

import pytest

from telemetry import lake
from tests.support.command import noted
from tests.support.lake import DATABASE, MIDNIGHT_NS, candump, lake_values
from tests.support.tables import csv_values

LOG = Path(__file__).parents[3] / "examples/charge.log"


def test_a_dataset_holds_what_csv_prints(tmp_path: Path) -> None:
    done = noted("decode", LOG, "--dbc", DATABASE, "--format", "dataset", "-o", tmp_path / "lake")
    assert "examples 2026-03-02: new: 180 rows" in done
    expected = csv_values(tmp_path / "rows.csv", str(LOG), "--dbc", str(DATABASE))
    assert lake_values(tmp_path / "lake") == expected
    assert expected.total() == 1160


def test_what_is_done_is_skipped(tmp_path: Path) -> None:
    first = lake.write(LOG, to=tmp_path, databases=str(DATABASE))
    files = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.parquet")}
    second = lake.write(LOG, to=tmp_path, databases=str(DATABASE))
    assert [(each.reason, each.rows) for each in (*first.outcomes, *second.outcomes)] == [
        ("new", 180),
        ("", 180),
    ]
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.parquet")} == files
    assert lake.accounts(tmp_path)["bus/logs/read"] == 180


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_a_recording_over_midnight_is_cut_there(tmp_path: Path, parts: int) -> None:
    frames = [(MIDNIGHT_NS + (n - 50) * 10**8, "310", f"{n:02X}00000000000000") for n in range(100)]
    whole = candump(tmp_path / "whole.log", frames)
    size = -(-len(frames) // parts)
    for number in range(parts):
        candump(tmp_path / f"ev7/{number}.log", frames[number * size : (number + 1) * size])
    written = lake.write(tmp_path / "ev7", to=tmp_path / "lake", databases=str(DATABASE))
    assert [(each.vehicle, each.day, each.accounts["bus/logs/read"]) for each in written.outcomes] == [
        ("ev7", "2026-03-02", 50),
        ("ev7", "2026-03-03", 50),
    ]
    expected = csv_values(tmp_path / "rows.csv", str(whole), "--dbc", str(DATABASE))
    assert lake_values(tmp_path / "lake") == expected


def test_the_setup_of_the_page_stands_where_a_table_has_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("duckdb")
    pytest.importorskip("polars")
    lake.write(LOG, to=tmp_path / "lake", databases=str(DATABASE))
    monkeypatch.chdir(tmp_path)
    page = (LOG.parents[1] / "docs/lake.md").read_text("utf-8")
    setups = re.findall(r"^```python setup\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    for code in setups:
        exec(code, names)  # noqa: S102 - it is the page that is tested
    assert {"db", "battery", "charging_session"} <= {*names}
