"""Texts of csv that a spreadsheet would take for formulas, in all that writes csv; and nowhere else."""

import csv
import io
import json
from pathlib import Path

import pytest
from telemetry_core.rows.schema import guarded

from tests.support.charges import played_charge
from tests.support.command import failed, printed

# Names of a database, a word of a table, and a channel of a log.
DATABASE = """VERSION ""
BU_: A
BO_ 256 M: 8 A
 SG_ A : 0|8@1- (1,0) [0|0] "-" A
 SG_ B : 8|8@1+ (1,0) [0|0] "@x" A
VAL_ 256 B 0 "=1+1" 1 "+49, x" 2 "\t2" 3 "-5 C" 4 "@a" 5 "plain" ;
"""
WORDS = ["=1+1", "+49, x", " 2", "-5 C", "@a", "plain"]
UNMARKED = (" 2", "plain")


@pytest.fixture
def drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("d.dbc").write_text(DATABASE)
    Path("l.log").write_text("".join(f"(1.{number}) =cmd 100#FF0{number}\n" for number in range(6)))
    return Path("l.log")


@pytest.mark.parametrize("first", "=+-@\t")
def test_a_text_is_marked_by_its_first_letter_alone(first: str) -> None:
    assert guarded(f"{first}1") == f"'{first}1"
    assert [guarded(text) for text in ("", f"1{first}", "'=", "\xbd", "\u013d")] == [
        "",
        f"1{first}",
        "'=",
        "\xbd",
        "\u013d",
    ]


def rows(*words: str) -> list[list[str]]:
    return [*csv.reader(io.StringIO(printed(*words), newline=""))]


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("wide", [False, True])
def test_texts_of_decode_follow_an_apostrophe_and_numbers_stay_numbers(
    raw: bool, wide: bool, drive: Path
) -> None:
    options = ["--raw-text"] * raw + ["--wide"] * wide
    _, *found = rows("decode", str(drive), "--dbc", "d.dbc", "--value-texts", "--time", "relative", *options)
    mark = "" if raw else "'"
    assert {row[1] for row in found} == {f"{mark}=cmd"}
    words = [row[-1] for row in found if wide or row[4] == "B_text"]
    assert words == [word if word in UNMARKED else f"{mark}{word}" for word in WORDS]
    assert {row[3 if wide else -1] for row in found if wide or row[4] == "A"} == {"-1"}


def test_other_formats_have_texts_as_they_are(drive: Path) -> None:
    options = ["--dbc", "d.dbc", "--value-texts"]
    objects = [
        json.loads(line) for line in printed("decode", drive, *options, "--format", "ndjson").splitlines()
    ]
    assert [(each["channel"], each["signals"]["B_text"]) for each in objects] == [
        ("=cmd", word) for word in WORDS
    ]
    assert "source==cmd" in printed("decode", drive, *options, "--format", "lp").replace("\\", "")
    for command in (["decode", str(drive), *options], ["sessions", str(drive)], ["signals", "d.dbc"]):
        other = "ndjson" if command[0] == "decode" else "json"
        assert "--raw-text: is for csv" in failed(64, *command, "--raw-text", "--format", other)


@pytest.mark.parametrize(("options", "mark"), [([], "'"), (["--raw-text"], "")])
def test_lists_of_ids_signals_and_sessions_do_likewise(
    options: list[str], mark: str, drive: Path, tmp_path: Path
) -> None:
    drive.write_text("(1.0) @can 7DF#00\n")
    _, row = rows("decode", str(drive), "--dbc", "d.dbc", "--unknown", *options)
    assert row[0] == f"{mark}@can"
    _, *units = rows("signals", "d.dbc", "--format", "csv", *options)
    assert [row[3] for row in units] == [f"{mark}-", f"{mark}@x"]
    log = played_charge("38").write_log(tmp_path / "charge.log")
    head, row = rows("sessions", str(log), "--format", "csv")
    vin = row[head.index("vin")]
    begins, formula = ((first + vin[1:4]).encode().hex().upper() for first in (vin[0], "="))  # in one packet
    log.write_text(log.read_text("ascii").upper().replace(begins, formula).replace("CAN0", "can0"), "ascii")
    head, row = rows("sessions", str(log), "--format", "csv", *options)
    assert row[head.index("vin")] == f"{mark}={vin[1:]}"
    assert float(row[head.index("energy_wh")]) > 0
