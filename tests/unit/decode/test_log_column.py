"""Which log a row is of: `--log-column` and `log_column=True`; and logs named by lists, globs and folders."""

import csv
import gzip
import io
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import telemetry
from tests.support.charges import BEGAN_NS, charge_from, written
from tests.support.command import command, failed, printed
from tests.support.configuration import GATEWAY

DBC = """VERSION ""
BU_: BMS
BO_ 256 Pack: 3 BMS
 SG_ PackVoltage : 0|16@1+ (0.1,0) [0|0] "V" BMS
 SG_ log : 16|8@1+ (1,0) [0|0] "" BMS
"""
LOGS = ("drives/a.log", "drives/deeper/b.candump", "drives/=c,d.log")
COPY = "a copy.log"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four logs, two of which are the same."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Path("drives/deeper").mkdir(parents=True)
    Path("ev.dbc").write_text(DBC)
    for number, log in enumerate(LOGS):
        lines = (f"(1700000000.{n}) can{n % 2} 100#{10 * number + n:02X}0007\n" for n in range(2))
        Path(log).write_text("".join(lines))
    shutil.copy(LOGS[0], COPY)
    return tmp_path


GIVEN = [LOGS[0], LOGS[1], COPY, LOGS[2]]
OF_ROWS = [log for log in GIVEN for _ in range(2)]


@pytest.mark.parametrize("jobs", ["1", "3"])
@pytest.mark.parametrize("wide", [[], ["--wide"]], ids=["rows", "wide"])
def test_csv_has_the_log_last_and_all_else_as_without(wide: list[str], jobs: str) -> None:
    words = ["decode", "--dbc", "ev.dbc", "--raw-text", "--jobs", jobs, *wide, *GIVEN]
    plain = list(csv.reader(io.StringIO(printed(*words))))
    found = list(csv.reader(io.StringIO(printed(*words, "--log-column"))))
    assert [row[:-1] for row in found] == plain
    rows = OF_ROWS if wide else [log for log in OF_ROWS for _ in ("PackVoltage", "log")]
    assert [row[-1] for row in found] == ["log", *rows]


def test_a_name_that_a_spreadsheet_takes_for_a_formula_is_guarded_as_texts_are() -> None:
    at = Path("drives")
    text = command("decode", "--dbc", "../ev.dbc", "--log-column", "./=c,d.log", folder=at).stdout
    assert text.splitlines()[1].endswith(""",PackVoltage,2,"'=c,d.log\"""")


def test_ndjson_and_tables_say_it_beside_a_signal_of_that_name() -> None:
    pytest.importorskip("numpy")  # there are no wheels for 32 bits
    lines = printed("decode", "--dbc", "ev.dbc", "--format", "ndjson", "--log-column", *GIVEN).splitlines()
    assert [json.loads(line)["log"] for line in lines] == OF_ROWS
    assert {json.loads(line)["signals"]["log"] for line in lines} == {7}
    pack = telemetry.read(*GIVEN, databases="ev.dbc", log_column=True)["Pack"]
    assert pack.columns == ("time", "channel", "id", "log", "PackVoltage", "log_signal")
    assert pack["log"].tolist() == OF_ROWS
    assert pack["log_signal"].tolist() == [7] * 8
    assert "log_signal" not in telemetry.read(*GIVEN, databases="ev.dbc")["Pack"]


def test_parquet_has_the_same() -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    assert (
        command(
            "decode", "--dbc", "ev.dbc", "--format", "parquet", "-o", "t", "--log-column", *GIVEN
        ).returncode
        == 0
    )
    assert pq.read_table("t/Pack.parquet")["log"].to_pylist() == OF_ROWS


def test_rows_that_are_held_back_are_of_their_own_log() -> None:
    """An interval of [reduce] ends with its log, and so does a charging session, whose row comes later."""
    pytest.importorskip("numpy")  # there are no wheels for 32 bits
    one = written(Path("one.log"), charge_from(BEGAN_NS, 40, seconds=20))
    two = written(Path("two.log"), charge_from(BEGAN_NS - 3600 * 10**9, 60, seconds=20))
    interface = one.read_text().split()[1]
    Path("gateway.toml").write_text(
        GATEWAY + f'[[can]]\nname = "{interface}"\nprotocol = "gbt27930"\n[reduce]\nevery_s = 60\n'
    )
    with pytest.warns(UserWarning, match=r"^two.log: its clock begins 3619.5 s before"):
        tables = telemetry.read(one, two, config="gateway.toml", log_column=True)
    assert tables["charging_session"]["log"].tolist() == ["one.log", "two.log"]
    assert set(tables["charging_phase"]["log"]) == {"one.log", "two.log"}
    for table in tables.values():  # the first log has the later stamps
        is_of_one = table["time"].astype("int64") >= BEGAN_NS
        assert (table["log"] == "one.log").tolist() == is_of_one.tolist()
        assert table.name in ("event", "charging_curve") or set(is_of_one) == {True, False}
    assert tables["event"].columns[:6] == ("time", "channel", "pack", "charger", "log", "code")
    rows = csv.DictReader(
        io.StringIO(printed("decode", one, two, "--config", "gateway.toml", "--log-column"))
    )
    by_log = {(row["log"], row["message"]) for row in rows}
    assert by_log >= {(log, "charging_session") for log in ("one.log", "two.log")}
    assert next(csv.reader(io.StringIO(printed("decode", one, "--config", "gateway.toml", "--log-column"))))[
        -4:
    ] == [
        "pack",
        "charger",
        "source",
        "log",
    ]


@pytest.mark.parametrize("words", [["--format", "lp"], ["--unknown"]], ids=" ".join)
def test_it_is_refused_where_there_is_no_such_column(words: list[str]) -> None:
    assert "--log-column" in failed(64, "decode", LOGS[0], "--dbc", "ev.dbc", "--log-column", *words)


SORTED = ["drives/=c,d.log", "drives/a.log", "drives/deeper/b.candump"]


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ((list(LOGS),), list(LOGS)),
        ((LOGS[1], (LOGS[0], Path(LOGS[2]))), [LOGS[1], LOGS[0], LOGS[2]]),
        (("drives/*.log",), SORTED[:2]),
        (("drives/**/*.[cl]*",), SORTED),
        (("drives",), SORTED),
        (([Path("drives/deeper"), "drives/a*"],), [SORTED[2], SORTED[1]]),
        (("drives/[1].log",), ["drives/[1].log"]),
    ],
)
def test_a_list_a_glob_and_a_folder_are_their_files_in_order(
    named: tuple[object, ...], found: list[str]
) -> None:
    pytest.importorskip("numpy")  # there are no wheels for 32 bits
    Path("drives/[1].log").write_text(Path(LOGS[0]).read_text()) if "[1]" in str(named) else None
    pack = telemetry.read(*named, databases="ev.dbc", log_column=True)["Pack"]  # type: ignore[arg-type]
    assert pack["log"].tolist() == [log for log in found for _ in range(2)]


def test_what_a_folder_has_besides_recordings_is_named() -> None:
    for name in ("notes.md", "deeper/ev.dbc", "c.log.gz.part"):
        Path("drives", name).write_text("")
    Path("drives/d.LOG.gz").write_bytes(gzip.compress(b""))
    line = "drives: left out, since not named as recordings: c.log.gz.part and 2 more"
    with pytest.warns(UserWarning, match=line) as warned:
        telemetry.read("drives", databases="ev.dbc")
    assert len(warned) == 1
    said = command("decode", "drives", "--dbc", "ev.dbc", "--format", "ndjson")
    assert (said.returncode, said.stdout.count("\n"), said.stderr) == (0, 6, f"warning: {line}\n")


def test_of_a_folder_archives_are_recordings_and_what_is_hidden_is_none() -> None:
    pytest.importorskip("numpy")  # there are no wheels for 32 bits
    for hidden in (".Trash/a.log", "deeper/.b.log", "__MACOSX/a.log", ".notes"):
        Path("both", hidden).parent.mkdir(parents=True, exist_ok=True)
        Path("both", hidden).write_text(Path(LOGS[0]).read_text())
    with tarfile.open("both/one.tar.gz", "w:gz") as tar, zipfile.ZipFile("both/two.ZIP", "w") as zipped:
        tar.add(LOGS[0], "a.log")
        zipped.write(LOGS[1], "b.log")
    pack = telemetry.read("both", databases="ev.dbc", log_column=True)["Pack"]
    assert pack["log"].tolist() == [
        log for log in ("both/one.tar.gz:a.log", "both/two.ZIP:b.log") for _ in "12"
    ]


def test_the_names_of_recordings_are_known_whatever_is_imported() -> None:
    words = """
from pathlib import Path
from telemetry.logs.files import recording_files
print(len(recording_files([Path("drives")], print)))
"""
    said = subprocess.run([sys.executable, "-c", words], check=True, capture_output=True, text=True)
    assert said.stdout == "3\n"


@pytest.mark.parametrize(
    ("named", "line"),
    [
        ("none/*.log", "none/*.log: matches no file (known are .asc, .blf, "),
        ("empty", "empty: holds no file that is named as a recording (known are .asc, "),
        ("gone.log", "gone.log: No such file or directory"),
    ],
)
def test_what_names_no_recording_is_an_error_that_says_it(named: str, line: str) -> None:
    Path("empty").mkdir()
    Path("empty/ev.dbc").write_text("")
    with pytest.raises(telemetry.TelemetryError) as raised:
        telemetry.read(named, databases="ev.dbc")
    assert str(raised.value).startswith(line)
    assert failed(66, "decode", named, "--dbc", "ev.dbc").startswith(f"nev-telemetry: {line}")


def test_a_list_of_nothing_names_no_log() -> None:
    with pytest.raises(telemetry.TelemetryError, match="names no log"):
        telemetry.read([], databases="ev.dbc")
