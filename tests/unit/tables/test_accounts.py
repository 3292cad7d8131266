"""`tables.accounts` and `tables.problems`: each frame once, each log's own bytes, each warning as data."""

import dataclasses
import gzip
import hashlib
import json
import pickle
import zipfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import can
import pytest

import telemetry
from tests.support.recording import VEHICLE_DBC, record_drive
from tests.support.transport_wire import bam, isotp

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # problems are asserted as data

DBC = """VERSION ""
BU_: BMS
BO_ 256 Pack: 5 BMS
 SG_ Volts : 8|16@1+ (0.1,0) [0|0] "V" BMS
BO_ 257 Nothing: 8 BMS
BO_ 2566834689 DM1: 8 BMS
 SG_ Lamp : 0|8@1+ (1,0) [0|0] "" BMS
BO_ 2024 Long: 10 BMS
 SG_ Last : 72|8@1+ (1,0) [0|0] "" BMS
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Path("ev.dbc").write_text(DBC)
    return tmp_path


def candump(frames: Iterable[str], first_s: float = 1.0) -> str:
    return "".join(f"({first_s + number / 1000:.6f}) can0 {frame}\n" for number, frame in enumerate(frames))


def fates(tables: telemetry.Tables) -> dict[str, int]:
    """Return what became of frames, without zeros; the balance is checked."""
    counters = dict(tables.accounts.counters)
    read = counters.pop("bus/logs/read")
    of_frames = ((name, count) for name, count in counters.items() if name.startswith("frames/") and count)
    found = {name.removeprefix("frames/logs/"): count for name, count in of_frames}
    assert sum(found.values()) == read
    return found


def test_each_frame_of_every_log_counts_once_and_there_are_as_many_as_python_can_reads() -> None:
    drive = record_drive(Path("drive.log"), 20.0)
    messages = [*can.LogReader(drive)]
    half = len(messages) // 2
    for name, part in (("one.blf", messages[:half]), ("two.asc", messages[half:])):
        with can.Logger(name) as logger:
            for message in part:
                logger(message)
    Path("three.log.gz").write_bytes(gzip.compress(drive.read_bytes()))
    logs = ["drive.log", "one.blf", "two.asc", "three.log.gz"]
    read = {log: Counter(each.arbitration_id for each in can.LogReader(log)) for log in logs}
    database = telemetry.load_databases(VEHICLE_DBC)
    known = {0x310}
    whole = telemetry.read(*logs, databases=database)
    assert whole.accounts.counters["bus/logs/read"] == sum(count.total() for count in read.values())
    assert fates(whole)["decoded"] == sum(map(len, whole.values()))
    apart = [telemetry.read(log, databases=database).accounts.counters for log in logs]
    assert sum((Counter(each) for each in apart), Counter()) == Counter(whole.accounts.counters)
    of_310 = sum(count[id] for count in read.values() for id in known)
    assert len(whole["BMS_PackState"]) == of_310 > 0


def test_frames_of_sessions_of_both_protocols_and_those_without_an_end_count_by_what_became_of_them() -> None:
    whole, cut = isotp("7E8", bytes(range(10))), isotp("7E8", bytes(range(60)))[:4]
    broadcast = bam(1, bytes(20), pgn=0xFECA)
    frames = ["100#0012340000", "101#00", "123#00", "100#R", *whole, *broadcast, "zzz#", *cut]
    Path("bus.log").write_text(candump(frames))
    databases = telemetry.load_databases("ev.dbc", j1939=True)
    tables = telemetry.read("bus.log", databases=databases, isotp=["7E8"])
    assert (len(tables["Long"]), len(tables["DM1"])) == (1, 1)
    assert fates(tables) == {
        "decoded": 1,
        "without_signals": 1,
        "unknown": 1,
        "absorbed": len(whole) + len(broadcast),
        "lost/remote_frame": 1,
        "lost/damaged": 1,
        "lost/incomplete_session": len(cut),
    }


def test_frames_outside_of_the_bounds_of_time_are_counted_as_that() -> None:
    Path("bus.log").write_text(candump(["100#0012340000", "123#00"] * 50))
    tables = telemetry.read("bus.log", databases="ev.dbc", from_time="+0.010", to_time="+0.050")
    assert fates(tables) == {"decoded": 20, "unknown": 20, "outside": 60}


def test_messages_of_a_serial_port_count_as_frames_and_those_that_are_damaged_as_lost() -> None:
    good = _jbd(0x03, bytes.fromhex("0F6E00000C801388000022E8000000000000201E0304020BB80BB8"))
    bad = good[:-6] + "000077"
    lines = (f"({n}.0) port RX {data}\n" for n, data in enumerate([good, bad, good], start=1))
    Path("bms.capture").write_text("".join(lines))
    assert fates(telemetry.read("bms.capture", protocol="jbd")) == {"decoded": 2, "lost/bad_checksum": 1}


def _jbd(command: int, data: bytes) -> str:
    """Return an answer of a JBD board, whose check is 2**16 less the sum of status, length and data."""
    check = (0x10000 - sum(data) - len(data)) & 0xFFFF
    return (bytes([0xDD, command, 0, len(data)]) + data + check.to_bytes(2, "big") + b"\x77").hex().upper()


def test_inputs_are_the_logs_as_they_lie_on_the_disk_whatever_is_read_of_them() -> None:
    lines = candump(["100#0012340000"] * 5000)
    Path("a.log").write_text(lines)
    Path("b.log.gz").write_bytes(gzip.compress(lines.encode()))
    with zipfile.ZipFile("c.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("one.log", lines)
        archive.writestr("two.log", lines)
    with can.Logger("d.mf4") as logger:
        for message in can.LogReader("a.log"):
            logger(message)
    Path("e.log").write_bytes(b"SQLite format 3\0" + bytes(200_000))
    Path("f.blf").write_bytes(b"LOGG" + bytes(300))
    logs = ["a.log", "b.log.gz", "c.zip", "d.mf4", "e.log", "f.blf"]
    tables = telemetry.read(*logs, "gone.log", databases="ev.dbc")
    assert len(tables["Pack"]) == 25_000
    found = [(each.name, each.size_bytes, each.sha256) for each in tables.accounts.inputs]
    content = [Path(log).read_bytes() for log in logs]
    digests = [hashlib.sha256(each).hexdigest() for each in content]
    expected = [*zip(logs, map(len, content), digests, strict=True)]
    assert found == [*expected, ("gone.log", 0, "")]
    unread = [(each.file, each.words) for each in tables.problems if each.kind == "unread"]
    assert [file for file, _ in unread] == ["e.log", "gone.log"]
    assert unread[1] == ("gone.log", "No such file or directory")


def test_the_hash_of_databases_is_of_what_they_say_wherever_they_lie() -> None:
    Path("bus.log").write_text(candump(["100#0012340000"]))
    Path("copy.dbc").write_text(DBC)
    Path("other.dbc").write_text(DBC.replace("0.1", "0.2"))
    Path("check.toml").write_text('[[protect]]\nmessage = "Pack"\nprofile = "counter"\ncounter = "Volts"\n')
    loaded = pickle.loads(pickle.dumps(telemetry.load_databases("ev.dbc")))  # noqa: S301  our own
    ways = [{"databases": "ev.dbc"}, {"databases": "copy.dbc"}, {"databases": loaded}]
    one, *same = (telemetry.read("bus.log", **way).accounts.databases_sha256 for way in ways)
    assert len(one) == 64
    assert same == [one, one]
    others = [
        telemetry.read("bus.log", databases="other.dbc"),
        telemetry.read("bus.log", databases=telemetry.load_databases("ev.dbc", value_texts=True)),
        telemetry.read("bus.log", databases="ev.dbc", protect="check.toml"),
    ]
    assert len({one, *(tables.accounts.databases_sha256 for tables in others)}) == 4


def test_problems_say_as_data_what_warnings_say() -> None:
    Path("half.dbc").write_text(DBC.replace("8|16@1+", "8|99@1+"))
    Path("bus.log").write_text(candump(["100#0012340000", "zzz#", "100#00"]))
    Path("bus.csv").write_text("no log")
    with pytest.warns(UserWarning, match="no frame, skipped") as caught:
        tables = telemetry.read("bus.log", "missing.log", databases=["half.dbc"], on_error="skip")
    problems = [(each.kind, each.file, each.place) for each in tables.problems]
    assert problems[0] == ("database", "half.dbc", "3")
    assert ("unread", "missing.log", "") in problems
    (damage,) = (each for each in tables.problems if each.place.startswith("2"))
    assert (damage.kind, damage.file, damage.words) == ("log", "bus.log", "no frame, skipped")
    assert len(caught) == len(problems)
    for warning, problem in zip(caught, tables.problems, strict=True):
        said = str(warning.message)
        assert said.startswith(problem.file)
        assert said.endswith(problem.words)


def test_accounts_and_problems_are_pickled_with_their_tables_and_are_json() -> None:
    Path("bus.log").write_text(candump(["100#0012340000", "zzz#"]))
    tables = telemetry.read("bus.log", databases="ev.dbc")
    again = pickle.loads(pickle.dumps(tables))  # noqa: S301  our own
    assert (again.accounts, again.problems) == (tables.accounts, tables.problems)
    written = json.loads(json.dumps(dataclasses.asdict(tables.accounts)))
    assert written["counters"] == dict(tables.accounts.counters)
    assert written["inputs"][0]["name"] == "bus.log"
    assert written["version"] == telemetry.__version__
