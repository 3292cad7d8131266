"""One recording of several that cannot be read costs itself: in each command and format, and in Python."""

import csv
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

import telemetry
from telemetry.decode.decoder import Decoder
from telemetry.decode.described import by_protocol
from telemetry.ledger import add
from telemetry.stages.formats import OutputFormat
from tests.support.charges import BEGAN_NS, charge_from, written
from tests.support.command import Done, command
from tests.support.log_decoders import pieces_of, text_of
from tests.support.plugins import installed
from tests.support.recording import VEHICLE_DBC

DBC = """VERSION ""
BU_: BMS
BO_ 256 Pack: 2 BMS
 SG_ PackVoltage : 0|16@1+ (0.1,0) [0|0] "V" BMS
BO_ 2618382068 Status: 9 BMS
 SG_ Voltage : 0|16@1+ (0.1,0) [0|0] "V" BMS
"""
DRIVE = str(Path(__file__).parents[3] / "examples" / "charge.log")
BINARY = bytes(range(256)) * 40
SESSION = ("1CEC56F4#1009000200001100", "1CEB56F4#01FE0E5A0E51414D", "1CEB56F4#022B00FFFFFFFFFF")  # Status
WHY = {
    "bad.log": "bad.log: is binary and no known log (known are candump",
    "base.log": "base.log: is an SQLite database, and no log that is known",
    "bad.log.gz": "bad.log.gz: no gzip data",
}
FORMATS = [["csv"], ["csv", "--wide"], ["ndjson"], ["lp"]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Path("ev.dbc").write_text(DBC)
    for number in (1, 2, 3):
        Path(f"{number}.log").write_text(f"({1_700_000_000 + number}.0) can0 100#{number:02X}00\n")
    Path("known.log").write_text("(1.0) can0 1826F456#0101010000000000\n")  # CHM of GB/T 27930
    Path("bad.log").write_bytes(BINARY)
    Path("base.log").write_bytes(b"SQLite format 3\0")
    Path("bad.log.gz").write_bytes(b"no gzip\n" * 99)
    return tmp_path


def decoded(*words: object) -> Done:
    return command("decode", "--dbc", "ev.dbc", *words)


@pytest.mark.parametrize("form", FORMATS, ids=" ".join)
@pytest.mark.parametrize(
    "logs",
    [
        ["bad.log", "1.log", "2.log"],
        ["1.log", "base.log", "bad.log", "2.log"],
        ["1.log", "2.log", "bad.log.gz"],
        ["bad.log", "1.log", "bad.log.gz", "2.log", "base.log"],
    ],
    ids=" ".join,
)
def test_the_others_are_decoded_as_if_it_were_not_there_and_the_end_is_65(
    logs: Sequence[str], form: Sequence[str]
) -> None:
    alone = decoded("1.log", "2.log", "--format", *form)
    assert (alone.returncode, alone.stderr) == (0, "")
    said = decoded(*logs, "--format", *form)
    assert (said.returncode, said.stdout) == (65, alone.stdout)
    bad = [log for log in logs if log in WHY]
    *lines, last = said.stderr.splitlines()
    assert [line.startswith(f"warning: {WHY[log]}") for line, log in zip(lines, bad, strict=True)]
    assert last == (
        f"nev-telemetry: {len(bad)} of {len(logs)} recordings could not be read; all else was "
        "(the warnings say which, and why)"
    )


def test_parquet_has_the_rows_of_the_others_and_no_half_of_a_file() -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    assert decoded("1.log", "bad.log", "2.log", "--format", "parquet", "-o", "out").returncode == 65
    assert [file.name for file in Path("out").iterdir()] == ["Pack.parquet"]
    assert pq.read_table("out/Pack.parquet")["PackVoltage"].to_pylist() == [0.1, 0.2]


@pytest.mark.parametrize("form", [*FORMATS, ["parquet"]], ids=" ".join)
def test_where_none_can_be_read_nothing_is_claimed(form: Sequence[str]) -> None:
    said = decoded("bad.log", "base.log", "--format", *form, "-o", "out")
    assert (said.returncode, Path("out").exists()) == (65, False)
    assert said.stderr.splitlines()[-1].startswith("nev-telemetry: none of 2 recordings could be read (")
    assert said.stderr.count("\n") == 3
    assert (
        decoded("bad.log", "base.log", "--format", *form[:1], *(["-o", "x"] * (form == ["parquet"]))).stdout
        == ""
    )


def test_one_log_alone_is_an_error_as_ever() -> None:
    assert [decoded(log).returncode for log in ("bad.log", "base.log", "gone.log")] == [65, 65, 66]


@pytest.mark.parametrize(
    ("words", "there"),
    [
        (["decode", "--unknown", "--dbc", "ev.dbc"], "channel,id,frames"),
        (["signals", "ev.dbc"], "PackVoltage"),
        (["map", "suggest", "--dbc", VEHICLE_DBC, DRIVE], "battery.voltage_v"),
        (["scan", "--dbc", "ev.dbc", "--log", "1.log", "--log", "base.log", "--log"], "ev.dbc"),
        (["sessions", "known.log"], "#  start"),
    ],
    ids=lambda each: each[0] if isinstance(each, list) else "",
)
def test_each_command_that_takes_several_logs_reads_the_others(words: list[object], there: str) -> None:
    said = command(*words, *(["1.log", "bad.log"] if words[0] != "scan" else ["bad.log"]))
    assert (said.returncode, there in said.stdout) == (65, True), said
    assert WHY["bad.log"] in said.stderr
    assert "recordings could not be read" in said.stderr.splitlines()[-1]


def test_scrub_copies_the_others_and_leaves_no_empty_file() -> None:
    said = command("scrub", "1.log", "bad.log", "2.log", "-o", "out")
    assert (said.returncode, WHY["bad.log"] in said.stderr) == (65, True)
    assert sorted(file.name for file in Path("out").iterdir()) == ["1.log", "2.log"]


def test_a_charge_does_not_go_on_over_a_log_that_cannot_be_read() -> None:
    one = written(Path("one.log"), charge_from(BEGAN_NS, 40, seconds=20))
    two = written(Path("two.log"), charge_from(BEGAN_NS + 20 * 10**9, 40, seconds=20))

    def durations(*logs: object) -> list[float]:
        said = command("sessions", "--format", "json", *logs)
        return [round(session["duration_s"], 3) for session in json.loads(said.stdout)]

    assert durations(one, two) == [39.5]
    for bad in ("bad.log", "base.log"):
        assert durations(one, bad, two) == [19.5, 19.5]
        assert durations(bad, one, two, bad) == [39.5]


@pytest.mark.parametrize(("between", "values"), [([], ["383.8"]), (["bad.log"], [])])
def test_a_message_of_several_frames_is_not_put_together_over_it(
    between: Sequence[str], values: Sequence[str]
) -> None:
    for name, frames in {"a.log": SESSION[:2], "b.log": (*SESSION[2:], "100#0A00")}.items():
        Path(name).write_text("".join(f"(1700000000.{n}) can0 {frame}\n" for n, frame in enumerate(frames)))
    said = decoded("a.log", *between, "b.log")
    found = [row for row in csv.DictReader(said.stdout.splitlines()) if row["message"] == "Status"]
    assert [row["value"] for row in found] == values
    assert ("transport sessions without a message" in said.stderr) == bool(between)


def test_a_log_that_breaks_keeps_what_came_before_and_the_accounts_balance(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """A reader of a package may raise in the middle of a file, after which nothing of it can be read."""
    code = """
import can
from telemetry.errors import DataError

def read(file):
    for number in range(3):
        data = [16 + number, 0]
        yield can.Message(timestamp=1700000005 + number, arbitration_id=256, is_extended_id=False, data=data)
    raise DataError("breaks after 3 frames", where="x.acme")
"""
    installed(monkeypatch, folder, "broken-parts", {"logs": {"acme": "broken_parts:read"}}, code)
    Path("x.acme").write_bytes(b"acme")
    said = decoded("1.log", "x.acme", "2.log")
    assert said.returncode == 65
    assert [row["value"] for row in csv.DictReader(said.stdout.splitlines())] == [
        "0.1",
        "1.6",
        "1.7",
        "1.8",
        "0.2",
    ]
    assert "warning: x.acme: breaks after 3 frames\n" in said.stderr


@pytest.mark.parametrize("jobs", [1, 3])
def test_the_accounts_say_what_was_read(jobs: int) -> None:
    described = by_protocol("gbt27930", with_messages=True)
    log = written(Path("charge.log"), charge_from(BEGAN_NS, 40, seconds=20))
    logs = [log, Path("bad.log"), Path(shutil.copy(log, "again.log")), Path("base.log")]
    decoder = Decoder(*described.make(OutputFormat.LINE_PROTOCOL), jobs=jobs, accounts=True)
    pieces = pieces_of(decoder, logs)
    counts = add(*(piece.counts for piece in pieces))
    frames = 2 * len(log.read_text().splitlines())
    fates = sum(count for name, count in counts.items() if name.startswith("frames/logs/"))
    assert counts["bus/logs/read"] == fates >= frames
    assert counts["bus/logs/read"] - counts["frames/logs/lost/damaged"] == frames == decoder.frames_read
    assert [piece.is_end for piece in pieces].count(True) == 1
    assert text_of(pieces)


def test_python_skips_with_a_warning_each_and_raises_where_it_is_asked_to() -> None:
    with pytest.warns(UserWarning, match="^(bad|gone).log: ") as warned:
        tables = telemetry.read("1.log", "bad.log", "gone.log", "2.log", databases="ev.dbc")
    assert [str(each.message)[:8] for each in warned] == ["bad.log:", "gone.log"]
    assert {each.filename for each in warned} == {__file__}
    assert len(tables["Pack"]) == 2
    for logs, words, kind in (
        (("1.log", "bad.log", "2.log"), "^bad.log: is binary", "raise"),
        (("gone.log", "1.log"), "^gone.log: No such file", "raise"),
        (("bad.log",), "^bad.log: is binary", "skip"),
    ):
        with pytest.raises(telemetry.TelemetryError, match=words):
            telemetry.read(*logs, databases="ev.dbc", on_error=kind)  # type: ignore[arg-type]  # one of both
    with (
        pytest.warns(UserWarning, match="^(bad|gone).log: "),
        pytest.raises(telemetry.TelemetryError, match="none of 2 recordings"),
    ):
        telemetry.read("bad.log", "gone.log", databases="ev.dbc")
    with pytest.raises(telemetry.TelemetryError, match="on_error: 'ignore' is neither"):
        telemetry.read("1.log", databases="ev.dbc", on_error="ignore")  # type: ignore[arg-type]  # on purpose
