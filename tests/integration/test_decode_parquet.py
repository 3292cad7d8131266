"""`decode --format parquet`: a file a message or measurement, what is in it, and what is refused."""

import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import telemetry
from telemetry.__main__ import main
from tests.support.command import command, printed
from tests.support.recording import VEHICLE_DBC, record_drive

DBC = """VERSION ""
BU_: A
BO_ 256 Pack: 4 A
 SG_ Volts : 0|16@1+ (0.1,0) [0|0] "V" A
 SG_ State : 16|8@1+ (1,0) [0|0] "" A
VAL_ 256 State 0 "off" 1 "on" ;
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Path("ev.dbc").write_text(DBC)
    Path("bus.log").write_text("(1.5) can0 100#A00F0100\n(2.5) can1 100#A10F0200\n")
    return tmp_path


def decode(*arguments: str, dbc: Path | str = "ev.dbc") -> int:
    return main(["decode", "--format", "parquet", "--dbc", str(dbc), *arguments])


def test_files_hold_what_tables_hold() -> None:
    log = record_drive(Path("drive.log"), 10.0)
    assert decode("-o", "out/tables", str(log), dbc=VEHICLE_DBC) == 0
    tables = telemetry.read(log, databases=VEHICLE_DBC)
    assert {file.name for file in Path("out/tables").iterdir()} == {f"{name}.parquet" for name in tables}
    for name, table in tables.items():
        found = pq.read_table(f"out/tables/{name}.parquet")
        expected = pa.table(table)
        assert found.to_pydict() == expected.to_pydict()
        assert found.schema.names == expected.schema.names


def test_a_file_keeps_units_words_and_what_is_absent() -> None:
    assert decode("--value-texts", "-o", "out", "bus.log") == 0
    pack = pq.read_table("out/Pack.parquet")
    assert pack.schema.field("Volts").metadata[b"unit"] == b"V"
    assert pack.schema.field("time").type == pa.timestamp("ns", "UTC")
    assert pack["State_text"].to_pylist() == ["on", None]
    assert pack["channel"].to_pylist() == ["can0", "can1"]


def test_a_long_table_is_several_row_groups() -> None:
    lines = (f"({n // 1000}.{n % 1000:03d}) can0 100#{n & 0xFFFF:04X}0000\n" for n in range(70_000))
    Path("long.log").write_text("".join(lines))
    assert decode("-o", "out", "long.log") == 0
    file = pq.ParquetFile("out/Pack.parquet")
    assert file.metadata.num_row_groups == 3
    assert file.metadata.num_rows == 70_000
    times = file.read(["time"])["time"].cast(pa.int64()).to_pylist()
    assert times == [n * 1_000_000 for n in range(70_000)]


def test_without_a_folder_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert decode("bus.log") == 64
    assert capsys.readouterr().err == (
        "nev-telemetry: --format parquet: is a folder of files (name the folder: --output DIR)\n"
    )


def test_a_file_in_place_of_the_folder_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert decode("-o", "ev.dbc", "bus.log") == 74
    assert capsys.readouterr().err == "nev-telemetry: ev.dbc: cannot be written: File exists\n"


def test_without_pyarrow_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "pyarrow.parquet", raising=False)
    assert decode("-o", "out", "bus.log") != 0
    assert capsys.readouterr().err == (
        "nev-telemetry: Parquet needs the package pyarrow (pip install 'nev-telemetry[parquet]')\n"
    )
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["late.log", "late.log"], 65),
        (["unknown.log"], 65),
        (["bus.log", "--dbc", "none.dbc"], 78),
        (["bus.log", "--id-mask", "7G0"], 64),
        (["bus.log", "--wide"], 64),
        (["none.log"], 66),
    ],
)
def test_a_decode_that_fails_leaves_no_file_and_no_folder_of_its_own(words: list[str], code: int) -> None:
    Path("late.log").write_bytes(b"SQLite format 3\0")
    Path("unknown.log").write_text("(1.0) can0 7DF#00\n")
    Path("kept").mkdir()
    for out in ("out", "kept/in/it", "kept"):
        assert decode("-o", out, *words) == code
    assert not Path("out").exists()
    assert list(Path("kept").iterdir()) == []


def test_a_folder_with_files_of_an_earlier_run_is_refused_and_they_stay(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("out").mkdir()
    Path("out/notes.txt").write_text("other files do not matter")
    assert decode("-o", "out", "bus.log") == 0
    before = Path("out/Pack.parquet").read_bytes()
    capsys.readouterr()
    assert decode("-o", "out", "bus.log") == 64
    assert capsys.readouterr().err == (
        "nev-telemetry: out: holds 1 .parquet file of an earlier run (give a new or empty folder)\n"
    )
    assert Path("out/Pack.parquet").read_bytes() == before


def test_names_that_are_no_file_names_are_written_as_near_ones() -> None:
    from telemetry.tables.parquet import ParquetFolder

    folder = ParquetFolder(Path("out"))
    for name in ("a/b", "..", "A_B", "x" * 300):
        folder._files[name] = folder._file(name)
    assert [file.name for file in folder._files.values()] == [
        *("a_b.parquet", "_..parquet", "A_B_2.parquet"),
        f"{'x' * 200}.parquet",
    ]


def test_charging_sessions_have_tables_of_their_own_with_their_phases_and_curve() -> None:
    assert main(["sim", "dc-charge", "--scenario", "19", "--log", "charge.log"]) == 0
    assert (
        command(
            "decode", "--protocol", "gbt27930", "--format", "parquet", "-o", "out", "charge.log"
        ).returncode
        == 0
    )
    (session,) = json.loads(printed("sessions", "charge.log", "--format", "json"))
    (row,) = pq.read_table("out/charging_session.parquet").to_pylist()
    named = {name: value for name, value in session.items() if value is not None and name in row}
    assert {name: value for name, value in row.items() if name in named} == named
    assert {"outcome", "energy_wh", "attempts", "station"} <= named.keys()
    assert row["time"].value == session["start_ns"]
    phases = pq.read_table("out/charging_phase.parquet").to_pylist()
    assert [(each["time"].value, each["phase"]) for each in phases] == [
        (each["start_ns"], each["phase"]) for each in session["phases"]
    ]
    curve = pq.read_table("out/charging_curve.parquet").to_pylist()
    assert [each["time"].value for each in curve] == [each["at_ns"] for each in session["curve"]]
