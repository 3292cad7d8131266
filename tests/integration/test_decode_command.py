"""`nev-telemetry decode` as people run it."""

import csv
import gzip
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from signal import SIGINT, SIGTERM, Signals
from typing import Any

import cantools
import pytest
from cantools.database.can import Database

from firmware_sim.wire.broadcast import VEHICLE_DBC
from telemetry.databases.formats.dbc_mend import mend
from tests.support.command import Done, command

DATA = Path(__file__).parents[1] / "data"
LOG, DBC = str(DATA / "drive.log"), str(DATA / "drive.dbc")
DRIVE_CSV = (DATA / "drive.csv").read_text()
RECORDINGS = os.environ.get("NEV_TELEMETRY_RECORDINGS", "")  # a folder with kona/pcan.log and kona/pcan.dbc


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the caches."""
    return tmp_path_factory.mktemp("home")


def started(home: Path, *arguments: str, **streams: Any) -> "subprocess.Popen[bytes]":
    """Start it as a process, with pipes for `stdout` and what else `streams` says."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(home)}
    streams = {"stdout": subprocess.PIPE, **streams}
    return subprocess.Popen(
        [sys.executable, "-m", "telemetry", "decode", *arguments], env=environment, **streams
    )


def decode(home: Path, *arguments: str) -> Done:
    return command("decode", *arguments, home=home)


def test_csv_is_what_it_has_always_been(home: Path) -> None:
    with started(home, LOG, "--dbc", DBC, stderr=subprocess.PIPE) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, DRIVE_CSV.encode())
    assert err.decode().splitlines()[0] == f"warning: {LOG}:9 (byte 373): no frame, skipped"


def test_ndjson_has_an_object_a_frame_with_the_stamps_of_csv(home: Path) -> None:
    done = decode(home, LOG, "--dbc", DBC, "--format", "ndjson")
    objects = [json.loads(line) for line in done.stdout.splitlines()]
    rows = list(csv.DictReader(DRIVE_CSV.splitlines()))
    assert [
        (str(row["time_ns"]), row["channel"], row["id"], row["message"], signal)
        for row in objects
        for signal in row["signals"]
    ] == [(row["time_ns"], row["channel"], row["id"], row["message"], row["signal"]) for row in rows]


def test_a_log_in_which_nothing_is_a_frame_ends_with_65_and_prints_nothing(
    home: Path, tmp_path: Path
) -> None:
    log = tmp_path / "a.log"
    log.write_text("words\nmore words\n")
    done = decode(home, str(log), "--dbc", DBC)
    assert (done.returncode, done.stdout) == (65, "")
    assert f"{log}: nothing in it is a frame. It was read as candump" in done.stderr
    assert "its first line is `words`" in done.stderr
    both = decode(home, LOG, str(log), "--dbc", DBC)
    assert (both.returncode, both.stdout) == (65, DRIVE_CSV)


def test_values_are_printed_while_the_other_end_of_the_pipe_is_open(home: Path) -> None:
    lines = (DATA / "drive.log").read_bytes().splitlines(keepends=True)
    with started(home, "-", "--dbc", DBC, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(lines[0])
        process.stdin.flush()
        expected = DRIVE_CSV.encode().splitlines(keepends=True)
        assert [process.stdout.readline(), process.stdout.readline()] == expected[:2]
        process.stdin.write(b"".join(lines[1:]))
        process.stdin.close()
        assert process.stdout.read() == b"".join(expected[2:])


def test_an_id_in_two_databases_is_refused_unless_the_first_wins(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.dbc"
    other.write_text(Path(DBC).read_text().replace("PackState", "Impostor"))
    done = decode(home, LOG, "--dbc", DBC, "--dbc", str(other))
    assert (done.returncode, done.stdout) == (78, "")
    assert "drive.dbc" in done.stderr
    assert "other.dbc" in done.stderr
    assert done.stderr.count("\n") == 1
    done = decode(home, LOG, "--dbc", DBC, "--dbc", str(other), "--first-wins")
    assert done.stdout == DRIVE_CSV


def test_a_database_of_one_channel_stays_with_it(home: Path) -> None:
    done = decode(home, LOG, "--dbc", f"can1={DBC}")
    assert {row["channel"] for row in csv.DictReader(done.stdout.splitlines())} == {"can1"}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["missing.log", "--dbc", DBC], 66, "missing.log: No such file or directory"),
        ([LOG, "--dbc", "missing.dbc"], 78, "missing.dbc: cannot be read"),
        ([LOG, "--dbc", DBC, "-o", "/missing/out.csv"], 74, "/missing/out.csv: cannot be written"),
        ([LOG, "--format", "xml"], 64, "(choose from 'csv', 'lp', 'ndjson', 'parquet', 'dataset', 'influx')"),
        ([], 64, "decode: names no log (give the path of one, or -)"),
    ],
)
def test_a_fault_is_one_line_and_a_code(home: Path, arguments: list[str], code: int, words: str) -> None:
    done = decode(home, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_log_without_a_frame_is_readable_but_worth_a_warning(home: Path, tmp_path: Path) -> None:
    log = tmp_path / "empty.asc"
    log.touch()
    done = decode(home, str(log), "--dbc", DBC)
    assert (done.returncode, done.stdout) == (0, DRIVE_CSV.splitlines(True)[0])
    assert done.stderr == "warning: no frames in what was read\n"


@pytest.mark.parametrize(
    ("name", "beginning"),
    [("cut.blf", b""), ("cut.blf", b"LOGG".ljust(100, b"\0")), ("cut.asc.gz", b""), ("cut.log.gz", 12)],
)
def test_a_log_that_was_cut_off_at_its_very_beginning_does_not_keep_the_next_from_being_decoded(
    home: Path, tmp_path: Path, name: str, beginning: bytes | int
) -> None:
    log = tmp_path / name
    if isinstance(beginning, int):
        beginning = gzip.compress(Path(LOG).read_bytes())[:beginning]
    log.write_bytes(beginning)
    done = decode(home, str(log), LOG, "--dbc", DBC)
    assert (done.returncode, done.stdout) == (0, DRIVE_CSV)
    first, second, *_ = done.stderr.splitlines()
    assert first.startswith(f"warning: {log}: ends early: ")
    assert first.endswith(f", at byte {len(beginning)}")
    assert second == f"warning: {LOG}:9 (byte 373): no frame, skipped"


@pytest.mark.parametrize("second", ["no such.log", "empty"])
def test_a_log_that_is_not_there_is_reported_before_the_first_is_decoded(
    home: Path, tmp_path: Path, second: str
) -> None:
    (tmp_path / "empty").mkdir()
    done = decode(home, LOG, str(tmp_path / second), "--dbc", DBC)
    assert (done.returncode, done.stdout) == (66, "")
    assert done.stderr.startswith(f"nev-telemetry: {tmp_path / second}: ")


def test_a_log_is_never_overwritten_by_its_own_values(home: Path, tmp_path: Path) -> None:
    log = tmp_path / "drive.log"
    log.write_bytes(Path(LOG).read_bytes())
    assert decode(home, str(log), "--dbc", DBC, "-o", str(log)).returncode == 64
    assert log.read_bytes() == Path(LOG).read_bytes()


def test_a_full_disk_is_one_line_and_a_code(home: Path) -> None:
    with (
        open("/dev/full", "wb") as full,  # noqa: PTH123  # a device, opened for a child
        started(home, LOG, "--dbc", DBC, stdout=full, stderr=subprocess.PIPE) as process,
    ):
        _, err = process.communicate(timeout=60)
    assert process.returncode == 74
    last = err.decode().splitlines()[-1]
    assert last == "nev-telemetry: stdout: cannot be written: No space left on device"


@pytest.mark.parametrize("number", [SIGINT, SIGTERM])
def test_a_signal_ends_it_at_once_even_while_it_waits_for_stdin(home: Path, number: Signals) -> None:
    words = (LOG, "-", "--dbc", DBC, "--jobs", "4")
    with started(home, *words, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        process.stderr.readline()  # the warning of the first log: it is done
        process.send_signal(number)
        assert process.wait(60) == (130 if number == SIGINT else -SIGTERM)


@pytest.mark.parametrize("jobs", ["1", "2", "8"])
def test_logs_of_different_formats_and_sizes_come_in_their_order_whatever_the_jobs(
    home: Path, tmp_path: Path, jobs: str
) -> None:
    long, asc = tmp_path / "long.log", tmp_path / "short.asc"
    long.write_text("".join(f"({n}.0) can0 100#AC0F39FDCB40{n % 65536:04X}\n" for n in range(20_000)))
    asc.write_text(
        "date Tue Nov 14 22:13:20.000 2023\nbase hex  timestamps absolute\ninternal events logged\n"
        " 0.010000 1  101             Rx   d 8 00 AC 0F A9 0F 00 00 00\n"
    )
    packed = tmp_path / "drive.log.gz"
    packed.write_bytes(gzip.compress(Path(LOG).read_bytes()))
    logs = [str(asc), str(long), LOG, str(packed)]
    alone = [decode(home, log, "--dbc", DBC).stdout.split("\n", 1) for log in logs]
    done = decode(home, *logs, "--dbc", DBC, "--jobs", jobs)
    assert done.returncode == 0
    assert done.stdout == alone[0][0] + "\n" + "".join(rows for _, rows in alone)
    assert all(rows for _, rows in alone)


def test_a_reader_that_goes_away_is_no_fault(home: Path, tmp_path: Path) -> None:
    log = tmp_path / "long.log"
    log.write_text("(1.0) can0 100#AC0F39FDCB400003\n" * 200_000)
    with started(home, str(log), "--dbc", DBC, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 141
        assert process.stderr.read() == b""


def expected_rows(log: Path, database: Database) -> Iterator[tuple[str, str, str, str, float]]:
    """(channel, id, message, signal, value) by cantools, for a candump log."""
    messages = {(message.frame_id, message.is_extended_frame): message for message in database.messages}
    for line in log.read_text().splitlines():
        _, channel, frame = line.split()
        id, _, payload = frame.partition("#")
        message = messages.get((int(id, 16), len(id) > 3))
        if message is None:
            continue
        values = message.decode(bytes.fromhex(payload), decode_choices=False, allow_truncated=True)
        assert isinstance(values, dict)
        for signal in message.signals:
            if signal.name in values:
                value = values[signal.name]
                assert isinstance(value, int | float)
                yield channel, id, message.name, signal.name, value


@pytest.mark.optional
@pytest.mark.skipif(not RECORDINGS, reason="NEV_TELEMETRY_RECORDINGS names no folder of recordings")
def test_a_recorded_drive_equals_cantools_on_the_mended_database(home: Path) -> None:
    log, dbc = Path(RECORDINGS) / "kona" / "pcan.log", Path(RECORDINGS) / "kona" / "pcan.dbc"
    done = decode(home, str(log), "--dbc", str(dbc))
    assert done.returncode == 0
    rows = list(csv.reader(done.stdout.splitlines()))[1:]
    database = cantools.database.load_string(mend(dbc.read_text("cp1252")).text, "dbc", strict=False)
    assert isinstance(database, Database)
    expected = list(expected_rows(log, database))
    assert len(rows) == len(expected) == 228_895
    assert [tuple(row[1:5]) for row in rows] == [row[:4] for row in expected]
    values = [(float(row[5]), want[4]) for row, want in zip(rows, expected, strict=True)]
    assert all(math.isclose(value, want, rel_tol=1e-9) for value, want in values)
    again = decode(home, str(log), "--dbc", str(dbc))
    assert again.stdout == done.stdout


CAPTURE = str(DATA / "jbd.txt")


def test_captures_come_gzipped_and_through_stdin_too(home: Path, tmp_path: Path) -> None:
    packed = tmp_path / "jbd.txt.gz"
    packed.write_bytes(gzip.compress(Path(CAPTURE).read_bytes()))
    expected = (DATA / "jbd.csv").read_text()
    assert decode(home, "--protocol", "jbd", str(packed)).stdout == expected
    with started(home, "--protocol", "jbd", "-", stdin=subprocess.PIPE) as process:
        out, _ = process.communicate(Path(CAPTURE).read_bytes(), timeout=60)
    assert out.decode() == expected


def test_messages_of_a_capture_are_whole_if_wanted(home: Path) -> None:
    done = decode(home, "--protocol", "jbd", CAPTURE, "--messages")
    assert done.returncode == 0
    assert ",JbdBasic,production_year,2018\n" in done.stdout
    assert ",battery,soc_pct," in done.stdout


def test_protected_frames_are_checked_as_a_configuration_says(home: Path, tmp_path: Path) -> None:
    keys = 'profile = "crc8-j1850"\ncrc = "Checksum"\ncounter = "Counter"\ndata_id = 0x310\n'
    protect = tmp_path / "protect.toml"
    protect.write_text(f'[[protect]]\nmessage = "BMS_PackState"\n{keys}on_error = "flag"\nmax_skip = 15\n')
    log = tmp_path / "spoiled.log"
    log.write_text("(1.0) can0 310#993CC1059F095641\n(1.1) can0 310#993CC1059F095642\n")
    arguments = (str(log), "--dbc", str(VEHICLE_DBC), "--protect", str(protect))
    done = decode(home, *arguments)
    reported = [row.split(",") for row in done.stdout.splitlines() if "protection_ok" in row]
    assert [(row[0], row[5]) for row in reported] == [("1000000000", "1"), ("1100000000", "0")]
    assert "warning: BMS_PackState: frames with a wrong checksum: 1" in done.stderr
    protect.write_text(protect.read_text().replace("flag", "drop"))
    done = decode(home, *arguments)
    assert {row.split(",")[0] for row in done.stdout.splitlines()[1:]} == {"1000000000"}
    assert "warning: frames left out (bad crc): 1" in done.stderr
    protect.write_text(protect.read_text().replace("BMS_PackState", "BMS_PackStat"))
    done = decode(home, *arguments)
    assert (done.returncode, done.stdout) == (78, "")
    assert 'protect[0].message: no message "BMS_PackStat"' in done.stderr
