"""`look`: what it finds without a database is what the database says."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import cantools
import pytest
from cantools.database.can import Database

from firmware_sim.wire.broadcast import VEHICLE_DBC
from tests.support.command import command, failed, printed
from tests.support.look_page import LookPage

HEADER = [
    "id",
    "extended",
    "frames",
    "period_ms",
    "jitter_ms",
    "length",
    "byte",
    "kind",
    "from",
    "to",
    "known",
]


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    log = tmp_path_factory.mktemp("look") / "drive.log"
    printed("sim", "drive", "--output", log, "--duration", "300")
    return log


def looked(*words: object) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in json.loads(printed("look", *words, "--format", "json"))["ids"]}


def test_counters_checksums_voltage_and_charge_of_a_drive_are_those_of_its_database(drive: Path) -> None:
    database = cantools.database.load_file(VEHICLE_DBC)
    assert isinstance(database, Database)
    ids = looked(drive)
    found = {(id, finding["kind"], finding["byte"]) for id, one in ids.items() for finding in one["bytes"]}
    wanted = {("Counter", 4): ("counter", "{}.0-3"), ("Checksum", 8): ("checksum", "{}")}
    expected = {
        (f"{message.frame_id:03X}", kind, place.format(signal.start // 8))
        for message in database.messages
        for signal in message.signals
        for kind, place in [wanted.get((signal.name, signal.length), ("", ""))]
        if kind and f"{message.frame_id:03X}" in ids
    }
    assert len(expected) == 24
    assert expected <= found
    assert {each for each in found if each[1] in ("counter", "checksum")} == expected
    assert ("310", "charge", "3-2") in found  # StateOfCharge : 16|16@1+ (0.01,0)
    (selector,) = (each for each in found if each[:2] == ("340", "multiplexer"))
    assert selector[2] == "0"  # Page M : 0|8@1+


def test_csv_has_a_row_an_id_and_a_row_a_finding_and_json_the_same_by_id(drive: Path) -> None:
    rows = list(csv.reader(io.StringIO(printed("look", drive, "--format", "csv"))))
    assert rows[0] == HEADER
    ids = looked(drive)
    assert [row[0] for row in rows[1:] if not row[6]] == list(ids)
    assert list(ids["300"])[1:7] == HEADER[:6]
    assert rows[1][:6] == ["300", "False", str(ids["300"]["frames"]), "10.0", "0.0", "8"]
    of_id = [row for row in rows if row[0] == "300" and row[6]]
    assert [list(one) for one in ids["300"]["bytes"]] == [HEADER[6:]] * len(of_id)
    assert [row[6:8] for row in of_id] == [[one["byte"], one["kind"]] for one in ids["300"]["bytes"]]


def test_the_table_fits_a_terminal_and_names_messages_of_a_folder_in_depth(
    drive: Path, tmp_path: Path
) -> None:
    deep = tmp_path / "makers" / "ours"
    deep.mkdir(parents=True)
    (deep / "vehicle.dbc").write_bytes(VEHICLE_DBC.read_bytes())
    text = printed("look", drive, "--dbc", tmp_path)
    assert max(map(len, text.splitlines())) <= 100
    assert "BMS_PackPower (vehicle.dbc)" in text
    assert "every 10 ms" in text


def test_a_log_without_a_frame_or_a_message_without_a_database_says_what_to_do(tmp_path: Path) -> None:
    log = tmp_path / "empty.log"
    log.write_text("(1.0) can0 101#R2\n")
    assert "holds no frames" in failed(65, "look", log)
    assert "look shows what is there" in command("signals", log).stderr


def test_a_page_is_written_in_place_of_the_table_beside_a_format_and_over_nothing_that_is_read(
    tmp_path: Path,
) -> None:
    log, database, report = tmp_path / "a.log", tmp_path / "a.dbc", tmp_path / "look.html"
    log.write_text("(1700000000.0) can0 123#0102\n")
    database.write_text('VERSION ""\nBU_: X\nBO_ 291 Pack: 2 X\n SG_ A : 0|8@1+ (1,0) [0|0] "" X\n')
    done = command("look", log, "--dbc", database, "--report", report)
    assert (done.returncode, done.stdout, done.stderr.splitlines()[-1]) == (0, "", str(report))
    read = LookPage(report.read_text())
    assert read.data["name"] == "a.log"
    assert read.frames == {("can0", "123"): [(0.0, b"\1\2")]}
    both = command("look", log, "--format", "csv", "--report", tmp_path / "both.html")
    assert both.stdout == command("look", log, "--format", "csv").stdout != ""
    assert LookPage((tmp_path / "both.html").read_text()).frames == read.frames
    before = database.read_text()
    assert "is a file that is to be read" in failed(64, "look", log, "--dbc", database, "--report", database)
    assert database.read_text() == before


def test_a_folder_and_a_glob_are_looked_at_as_their_logs_are(drive: Path, tmp_path: Path) -> None:
    frames = drive.read_bytes().splitlines(keepends=True)
    for name in ("a/one.log", "two.log"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"".join(frames[:5000]))
    (tmp_path / "notes.md").write_text("none")
    logs = looked(tmp_path / "a/one.log", tmp_path / "two.log")
    assert looked(tmp_path) == looked(tmp_path / "**/*.log") == logs
    assert "left out, since not named as recordings: notes.md" in command("look", tmp_path).stderr
