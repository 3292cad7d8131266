"""A log that is not as it should be costs itself alone, and each frame counts in one partition."""

import gzip
import zipfile
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
            "recordings.csv:3: start 'yesterday' is no time with a zone",
        ),
        (
            "path,vehicle,start\na.log,x,2026-03-02T12:00:00\n",
            "recordings.csv:2: start '2026-03-02T12:00:00' is no",
        ),
        ("path,vehicle,start\na.log,x,+90\n", r"recordings.csv:2: start '\+90' is no date"),
        ("path,vehicle\na.log,x\na.log,x\na.log,y\n", "recordings.csv:4: names a.log again, and says"),
    ],
)
def test_a_table_of_recordings_that_is_wrong_is_refused_by_its_line(
    tmp_path: Path, text: str, words: str
) -> None:
    table = tmp_path / "recordings.csv"
    table.write_text(text)
    with pytest.raises(UsageError, match=words):
        lake.write(to=tmp_path / "lake", databases=str(DATABASE), recordings=table)


def test_a_log_without_a_date_begins_when_its_table_says_and_a_dated_one_by_its_stamps(
    tmp_path: Path,
) -> None:
    """Two logs of `candump -t z`, the second one over midnight, and one of a clock that began in 1970."""
    candump(tmp_path / "zero.log", frames(0))
    candump(tmp_path / "late.log", frames(0, 30))
    candump(tmp_path / "boot.log", frames(50 * 86_400 * SECOND_NS + 7))
    candump(tmp_path / "dated.log", frames(NOON_NS))
    table = tmp_path / "recordings.csv"
    rows = ["zero.log,ev7,2026-03-02T13:00:00+01:00", "late.log,ev7,2026-03-02T23:59:50.5Z"]
    rows += ["boot.log,ev8,2026-03-05", "dated.log,ev9,2026-03-05"]
    table.write_text("\n".join(["path,vehicle,start", *rows]))

    def write() -> lake.Written:
        return lake.write(to=tmp_path / "lake", databases=str(DATABASE), recordings=table)

    done = write()
    assert [(each.vehicle, each.day, each.rows, each.problems) for each in done.outcomes] == [
        ("ev7", "2026-03-02", 30, []),
        ("ev7", "2026-03-03", 20, []),
        ("ev8", "2026-03-05", 20, []),
        ("ev9", "2026-03-02", 20, []),
    ]
    late_ns = MIDNIGHT_NS - 19 * SECOND_NS // 2
    expected = [NOON_NS + n * SECOND_NS for n in range(20)] + [late_ns + n * SECOND_NS for n in range(30)]
    assert stamps(tmp_path / "lake", "ev7") == expected
    boot_ns = MIDNIGHT_NS + 2 * 86_400 * SECOND_NS
    assert stamps(tmp_path / "lake", "ev8") == [boot_ns + n * SECOND_NS for n in range(20)]
    # Whoever names it without the table changes nothing; another start moves it, and leaves no row behind.
    again = lake.write(tmp_path / "boot.log", to=tmp_path / "lake", databases=str(DATABASE), vehicle="ev8")
    assert [each.reason for each in (*write().outcomes, *again.outcomes)] == [""] * 5
    table.write_text(table.read_text().replace("boot.log,ev8,2026-03-05", "boot.log,ev8,2026-03-09"))
    moved = [(each.day, each.reason, each.rows) for each in write().outcomes if each.vehicle == "ev8"]
    assert moved == [("2026-03-05", "changed: logs", 0), ("2026-03-09", "new", 20)]
    assert stamps(tmp_path / "lake", "ev8") == [boot_ns + (4 * 86_400 + n) * SECOND_NS for n in range(20)]
    assert lake.accounts(tmp_path / "lake")["bus/logs/read"] == 90


def test_a_table_names_the_logs_in_an_archive_each_with_its_start(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "drives.zip", "w") as archive:
        for name in ("x.log", "y.log"):
            archive.write(candump(tmp_path / name, frames(0)), name)
    table = tmp_path / "recordings.csv"
    rows = ["drives.zip:x.log,ev7,2026-03-02T12:00:00Z", "drives.zip:y.log,ev7,2026-03-03"]
    table.write_text("\n".join(["path,vehicle,start", *rows]))
    for reason in ("new", ""):
        done = lake.write(to=tmp_path / "lake", databases=str(DATABASE), recordings=table)
        assert (done.unread, [each.reason for each in done.outcomes]) == ([], [reason] * 2)
    begins = (NOON_NS, MIDNIGHT_NS)
    assert stamps(tmp_path / "lake", "ev7") == [ns + n * SECOND_NS for ns in begins for n in range(20)]


def stamps(where: Path, vehicle: str) -> list[int]:
    files = lake.files(where, table="BMS_PackState", vehicle=vehicle)
    return sorted(
        ns for file in files for ns in pq.ParquetFile(file).read()["time"].cast("int64").to_pylist()
    )


def test_a_warning_of_damage_names_the_log_and_all_others_the_day(tmp_path: Path) -> None:
    for number, name in enumerate("abc"):
        log = candump(tmp_path / f"logs/ev7/{name}.log", frames(NOON_NS + number * 100 * SECOND_NS))
        if name == "b":
            log.write_text(log.read_text().replace("\n", "\nno frame\n", 2))
        candump(tmp_path / f"logs/ev8/{name}.log", [(NOON_NS + number, "7E8", "00")])
    done = lake.write(tmp_path / "logs", to=tmp_path / "lake", databases=str(DATABASE))
    (of_ev7,), (of_ev8,) = (each.problems for each in sorted(done.outcomes, key=lambda each: each.vehicle))
    assert of_ev7 == f"{tmp_path}/logs/ev7/b.log:2 (byte 46): no frame, skipped, and 1 more"
    assert of_ev8.startswith("ev8 2026-03-02: 0 of 3 frames have a known message")


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
