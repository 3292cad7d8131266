"""A log that is not as it should be costs itself alone, and each frame counts in one partition."""

import gzip
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import telemetry
from telemetry import lake
from telemetry.errors import UsageError
from tests.support.command import failed
from tests.support.lake import DATABASE, MIDNIGHT_NS, NOON_NS, candump, lake_values
from tests.support.tables import csv_values

SECOND_NS = 10**9


def frames(begin_ns: int, count: int = 20) -> list[tuple[int, str, str]]:
    return [(begin_ns + n * SECOND_NS, "310", f"{n:02X}00000000000000") for n in range(count)]


def written(folder: Path) -> lake.Written:
    return lake.write(folder / "ev7", to=folder / "lake", databases=str(DATABASE))


def test_a_truncated_log_is_read_up_to_its_break(tmp_path: Path) -> None:
    whole = gzip.compress(candump(tmp_path / "whole.log", frames(NOON_NS, 5000)).read_bytes())
    (tmp_path / "ev7").mkdir()
    log = tmp_path / "ev7/1.log.gz"
    log.write_bytes(whole[: len(whole) // 2])
    (outcome,) = written(tmp_path).outcomes
    expected = csv_values(tmp_path / "rows.csv", str(log), "--dbc", str(DATABASE))
    assert lake_values(tmp_path / "lake") == expected
    assert 1000 < outcome.accounts["bus/logs/read"] < 4000
    assert any("1.log.gz" in problem for problem in outcome.problems)


def test_an_unreadable_log_costs_itself_and_the_command_ends_with_65(tmp_path: Path) -> None:
    candump(tmp_path / "ev7/1.log", frames(NOON_NS))
    (tmp_path / "ev7/2.log").write_bytes(b"PK\3\4" + bytes(100))
    candump(tmp_path / "ev7/3.log", frames(NOON_NS + 60 * SECOND_NS))
    command = ("decode", tmp_path / "ev7", "--dbc", DATABASE, "--format", "dataset", "-o", tmp_path / "lake")
    said = failed(65, *command)
    assert "2.log" in said
    assert "1 recording could not be read; all else is in the dataset" in said
    assert lake.accounts(tmp_path / "lake")["bus/logs/read"] == 40


def test_an_empty_log_makes_no_partition(tmp_path: Path) -> None:
    candump(tmp_path / "ev7/1.log", [])
    candump(tmp_path / "ev7/2.log", frames(NOON_NS))
    (outcome,) = written(tmp_path).outcomes
    assert (outcome.day, outcome.accounts["bus/logs/read"]) == ("2026-03-02", 20)


def test_a_log_of_another_bus_counts_as_unknown_and_is_warned_of(tmp_path: Path) -> None:
    candump(tmp_path / "ev7/1.log", [(NOON_NS + n * SECOND_NS, "7E8", "00") for n in range(30)])
    (outcome,) = written(tmp_path).outcomes
    assert (outcome.rows, outcome.accounts["frames/logs/unknown"]) == (0, 30)
    assert any("0 of 30 frames have a known message" in problem for problem in outcome.problems)


def test_two_logs_of_one_hour_are_sorted_by_time(tmp_path: Path) -> None:
    one, two = frames(NOON_NS), frames(NOON_NS + SECOND_NS // 2)
    candump(tmp_path / "ev7/a.log", one)
    candump(tmp_path / "ev7/b.log", two, "can1")
    whole = tmp_path / "whole.log"
    logs = [str(tmp_path / f"ev7/{name}.log") for name in "ab"]
    written(tmp_path)
    expected = csv_values(whole, *logs, "--dbc", str(DATABASE))
    assert lake_values(tmp_path / "lake") == expected


def test_each_frame_counts_in_one_partition_damaged_ones_too(tmp_path: Path) -> None:
    log = candump(tmp_path / "ev7/1.log", frames(MIDNIGHT_NS - 10 * SECOND_NS))
    lines = log.read_text().splitlines()
    lines[3:3] = ["nonsense"]
    lines += ["(1772496"]
    log.write_text("\n".join(lines))
    outcomes = written(tmp_path).outcomes
    assert [each.accounts["bus/logs/read"] for each in outcomes] == [10, 12]
    assert lake.accounts(tmp_path / "lake")["frames/logs/lost/damaged"] == 2


def test_days_of_a_vehicle_that_a_table_names(tmp_path: Path) -> None:
    candump(tmp_path / "all/x.log", frames(NOON_NS))
    candump(tmp_path / "all/y.log", frames(NOON_NS))
    table = tmp_path / "recordings.csv"
    table.write_text("path,vehicle,start\nall/x.log,truck/1,2026-03-02T12:00:00Z\nall/y.log,truck 2,\n")
    done = lake.write(to=tmp_path / "lake", databases=str(DATABASE), recordings=table)
    assert [each.vehicle for each in done.outcomes] == ["truck 2", "truck/1"]
    (file,) = lake.files(tmp_path / "lake", table="BMS_PackState", vehicle="truck/1")
    assert "/table=BMS_PackState/vehicle=truck%2F1/day=2026-03-02/truck%2F1_2026-03-02-" in file


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path;vehicle\n", "has not the header of recordings"),
        ("path,vehicle\na.log,\n", "recordings.csv:2: has no path, or no vehicle"),
        (
            "path,vehicle,start\na.log,x,\nb.log,x,yesterday\n",
            "recordings.csv:3: start 'yesterday' is no time",
        ),
        ("path,vehicle\na.log,x\na.log,x\na.log,y\n", "recordings.csv:4: names a.log for y, and an earlier"),
    ],
)
def test_a_table_of_recordings_that_is_wrong_is_refused_by_its_line(
    tmp_path: Path, text: str, words: str
) -> None:
    table = tmp_path / "recordings.csv"
    table.write_text(text)
    with pytest.raises(UsageError, match=words):
        lake.write(to=tmp_path / "lake", databases=str(DATABASE), recordings=table)


def test_signals_with_names_of_other_columns_get_another(tmp_path: Path) -> None:
    names = ["time", "channel", "id", "vehicle", "day", "pack", "charger"]
    signals = (f' SG_ {name} : {8 * n}|8@1+ (1,0) [0|0] "" ECU\n' for n, name in enumerate(names))
    database = tmp_path / "ev.dbc"
    database.write_text('VERSION ""\nBU_: ECU\nBO_ 784 Each: 8 ECU\n' + "".join(signals))
    candump(tmp_path / "ev7/1.log", frames(NOON_NS, 2))
    with pytest.warns(UserWarning, match="a reserved name, written with _signal"):
        databases = telemetry.load_databases(database)
    lake.write(tmp_path / "ev7", to=tmp_path / "lake", databases=databases)
    (file,) = lake.files(tmp_path / "lake")
    columns = pq.ParquetFile(file).schema_arrow.names
    assert columns == ["time", "channel", "id", *(f"{name}_signal" for name in names)]
