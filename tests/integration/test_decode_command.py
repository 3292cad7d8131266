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

import cantools
import pytest
from cantools.database.can import Database

from firmware_sim.wire.broadcast import VEHICLE_DBC as VEHICLE
from telemetry.databases.formats.dbc_mend import mend
from tests.support.lineprotocol import parse_lines

DATA = Path(__file__).parents[1] / "data"
LOG, DBC = str(DATA / "drive.log"), str(DATA / "drive.dbc")
CHARGE = str(Path(__file__).parents[2] / "examples" / "charge.log")
VEHICLE_DBC = str(VEHICLE)
RECORDINGS = os.environ.get("NEV_TELEMETRY_RECORDINGS", "")  # a folder with kona/pcan.log and kona/pcan.dbc


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    cache = tmp_path_factory.mktemp("cache")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "XDG_CACHE_HOME": str(cache)}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "telemetry", "decode", *arguments]


def decode(
    environment: dict[str, str], *arguments: str, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command(*arguments), env=environment, input=stdin, capture_output=True, check=False, timeout=60
    )


def test_csv_is_what_it_has_always_been(environment: dict[str, str]) -> None:
    done = decode(environment, LOG, "--dbc", DBC)
    assert done.returncode == 0
    assert done.stdout == (DATA / "drive.csv").read_bytes()
    assert done.stderr.decode().splitlines()[0] == f"warning: {LOG}:9 (byte 373): no frame, skipped"


def test_line_protocol_is_read_by_a_strict_parser(environment: dict[str, str]) -> None:
    done = decode(environment, LOG, "--dbc", DBC, "--format", "lp", "--vehicle", "car 7")
    assert done.stdout == (DATA / "drive.lp").read_bytes()
    points = parse_lines(done.stdout)
    assert {point.tags["vehicle"] for point in points} == {"car 7"}
    assert len({(point.measurement, tuple(point.tags.items()), point.time_ns) for point in points}) == len(
        points
    )


def test_ndjson_has_an_object_a_frame_with_the_stamps_of_csv(environment: dict[str, str]) -> None:
    done = decode(environment, LOG, "--dbc", DBC, "--format", "ndjson")
    objects = [json.loads(line) for line in done.stdout.splitlines()]
    rows = list(csv.DictReader((DATA / "drive.csv").read_text().splitlines()))
    assert [
        (str(row["time_ns"]), row["channel"], row["id"], row["message"], signal)
        for row in objects
        for signal in row["signals"]
    ] == [(row["time_ns"], row["channel"], row["id"], row["message"], row["signal"]) for row in rows]


def test_a_log_in_which_nothing_is_a_frame_ends_with_65_and_prints_nothing(
    environment: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "a.log"
    log.write_text("words\nmore words\n")
    done = decode(environment, str(log), "--dbc", DBC)
    assert (done.returncode, done.stdout) == (65, b"")
    assert f"{log}: nothing in it is a frame. It was read as candump" in done.stderr.decode()
    assert "its first line is `words`" in done.stderr.decode()
    both = decode(environment, LOG, str(log), "--dbc", DBC)
    assert (both.returncode, both.stdout) == (65, (DATA / "drive.csv").read_bytes())


def test_values_are_printed_while_the_other_end_of_the_pipe_is_open(environment: dict[str, str]) -> None:
    lines = (DATA / "drive.log").read_bytes().splitlines(keepends=True)
    with subprocess.Popen(
        command("-", "--dbc", DBC), env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(lines[0])
        process.stdin.flush()
        expected = (DATA / "drive.csv").read_bytes().splitlines(keepends=True)
        assert [process.stdout.readline(), process.stdout.readline()] == expected[:2]
        process.stdin.write(b"".join(lines[1:]))
        process.stdin.close()
        assert process.stdout.read() == b"".join(expected[2:])


def test_several_logs_are_one_output_with_one_header(environment: dict[str, str], tmp_path: Path) -> None:
    packed = tmp_path / "drive.log.gz"
    packed.write_bytes(gzip.compress(Path(LOG).read_bytes()))
    done = decode(environment, LOG, str(packed), "--dbc", DBC)
    header, rows = (DATA / "drive.csv").read_bytes().split(b"\n", 1)
    assert done.stdout == header + b"\n" + rows + rows


def test_a_log_comes_through_stdin_too(environment: dict[str, str]) -> None:
    done = decode(environment, "-", "--dbc", DBC, stdin=Path(LOG).read_bytes())
    assert done.stdout == (DATA / "drive.csv").read_bytes()


def test_output_goes_into_a_file(environment: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "drive.csv"
    done = decode(environment, LOG, "--dbc", DBC, "-o", str(out))
    assert (done.returncode, done.stdout) == (0, b"")
    assert out.read_bytes() == (DATA / "drive.csv").read_bytes()


def test_an_id_in_two_databases_is_refused_unless_the_first_wins(
    environment: dict[str, str], tmp_path: Path
) -> None:
    other = tmp_path / "other.dbc"
    other.write_text(Path(DBC).read_text().replace("PackState", "Impostor"))
    done = decode(environment, LOG, "--dbc", DBC, "--dbc", str(other))
    assert (done.returncode, done.stdout) == (78, b"")
    assert b"drive.dbc" in done.stderr
    assert b"other.dbc" in done.stderr
    assert done.stderr.count(b"\n") == 1
    done = decode(environment, LOG, "--dbc", DBC, "--dbc", str(other), "--first-wins")
    assert done.stdout == (DATA / "drive.csv").read_bytes()


def test_a_database_of_one_channel_stays_with_it(environment: dict[str, str]) -> None:
    done = decode(environment, LOG, "--dbc", f"can1={DBC}")
    assert {row["channel"] for row in csv.DictReader(done.stdout.decode().splitlines())} == {"can1"}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["missing.log", "--dbc", DBC], 66, "missing.log: No such file or directory"),
        ([LOG, "--dbc", "missing.dbc"], 78, "missing.dbc: cannot be read"),
        ([LOG, "--dbc", DBC, "-o", "/missing/out.csv"], 74, "/missing/out.csv: cannot be written"),
        ([LOG, "--format", "xml"], 64, "invalid choice"),
        ([], 64, "required: LOG"),
    ],
)
def test_a_fault_is_one_line_and_a_code(
    environment: dict[str, str], arguments: list[str], code: int, words: str
) -> None:
    done = decode(environment, *arguments)
    assert done.returncode == code
    assert words in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1
    assert done.stdout == b""


def test_a_wrong_format_is_reported_with_the_formats_there_are(environment: dict[str, str]) -> None:
    done = decode(environment, LOG, "--dbc", DBC, "--format", "xml")
    assert done.returncode == 64
    assert b"(choose from 'csv', 'lp', 'ndjson', 'parquet', 'influx')" in done.stderr


@pytest.mark.parametrize("database", ["can0=", "=ev.dbc", ""])
def test_half_a_database_is_a_wrong_command_line(environment: dict[str, str], database: str) -> None:
    done = decode(environment, LOG, "--dbc", database)
    assert done.returncode == 64
    assert done.stderr.count(b"\n") == 1


def test_a_log_without_a_frame_is_readable_but_worth_a_warning(
    environment: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "empty.asc"
    log.touch()
    done = decode(environment, str(log), "--dbc", DBC)
    assert (done.returncode, done.stdout) == (0, (DATA / "drive.csv").read_bytes().splitlines(True)[0])
    assert done.stderr == b"warning: no frames in what was read\n"


@pytest.mark.parametrize(
    ("name", "beginning"),
    [("cut.blf", b""), ("cut.blf", b"LOGG".ljust(100, b"\0")), ("cut.asc.gz", b""), ("cut.log.gz", 12)],
)
def test_a_log_that_was_cut_off_at_its_very_beginning_does_not_keep_the_next_from_being_decoded(
    environment: dict[str, str], tmp_path: Path, name: str, beginning: bytes | int
) -> None:
    log = tmp_path / name
    if isinstance(beginning, int):
        beginning = gzip.compress(Path(LOG).read_bytes())[:beginning]
    log.write_bytes(beginning)
    done = decode(environment, str(log), LOG, "--dbc", DBC)
    assert (done.returncode, done.stdout) == (0, (DATA / "drive.csv").read_bytes())
    first, second, *_ = done.stderr.decode().splitlines()
    assert first.startswith(f"warning: {log}: ends early: ")
    assert first.endswith(f", at byte {len(beginning)}")
    assert second == f"warning: {LOG}:9 (byte 373): no frame, skipped"


@pytest.mark.parametrize("second", ["no such.log", "."])
def test_a_log_that_is_not_there_is_reported_before_the_first_is_decoded(
    environment: dict[str, str], second: str
) -> None:
    done = decode(environment, LOG, second, "--dbc", DBC)
    assert (done.returncode, done.stdout) == (66, b"")
    assert done.stderr.startswith(f"nev-telemetry: {second}: ".encode())


def test_a_log_is_never_overwritten_by_its_own_values(environment: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "drive.log"
    log.write_bytes(Path(LOG).read_bytes())
    done = decode(environment, str(log), "--dbc", DBC, "-o", str(log))
    assert done.returncode == 64
    assert log.read_bytes() == Path(LOG).read_bytes()


def test_a_full_disk_is_one_line_and_a_code(environment: dict[str, str]) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123  # a device, opened for a child
        done = subprocess.run(
            command(LOG, "--dbc", DBC), env=environment, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 74
    last = done.stderr.decode().splitlines()[-1]
    assert last == "nev-telemetry: stdout: cannot be written: No space left on device"


@pytest.mark.parametrize("number", [SIGINT, SIGTERM])
def test_a_signal_ends_it_at_once_even_while_it_waits_for_stdin(
    environment: dict[str, str], number: Signals
) -> None:
    with subprocess.Popen(
        command(LOG, "-", LOG, "--dbc", DBC, "--jobs", "4"),
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        process.stderr.readline()  # the warning of the first log: it is done
        process.send_signal(number)
        assert process.wait(60) == (130 if number == SIGINT else -SIGTERM)


@pytest.mark.parametrize("jobs", ["1", "2", "8"])
def test_logs_of_different_formats_and_sizes_come_in_their_order_whatever_the_jobs(
    environment: dict[str, str], tmp_path: Path, jobs: str
) -> None:
    long, asc = tmp_path / "long.log", tmp_path / "short.asc"
    long.write_text("".join(f"({n}.0) can0 100#AC0F39FDCB40{n % 65536:04X}\n" for n in range(20_000)))
    asc.write_text(
        "date Tue Nov 14 22:13:20.000 2023\nbase hex  timestamps absolute\ninternal events logged\n"
        " 0.010000 1  101             Rx   d 8 00 AC 0F A9 0F 00 00 00\n"
    )
    logs = [str(asc), str(long), LOG]
    alone = [decode(environment, log, "--dbc", DBC).stdout.split(b"\n", 1) for log in logs]
    done = decode(environment, *logs, "--dbc", DBC, "--jobs", jobs)
    assert done.returncode == 0
    assert done.stdout == alone[0][0] + b"\n" + b"".join(rows for _, rows in alone)
    assert all(rows for _, rows in alone)


def test_a_reader_that_goes_away_is_no_fault(environment: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "long.log"
    log.write_text("(1.0) can0 100#AC0F39FDCB400003\n" * 200_000)
    with subprocess.Popen(
        command(str(log), "--dbc", DBC), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
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
def test_a_recorded_drive_equals_cantools_on_the_mended_database(environment: dict[str, str]) -> None:
    log, dbc = Path(RECORDINGS) / "kona" / "pcan.log", Path(RECORDINGS) / "kona" / "pcan.dbc"
    done = decode(environment, str(log), "--dbc", str(dbc))
    assert done.returncode == 0
    rows = list(csv.reader(done.stdout.decode().splitlines()))[1:]
    database = cantools.database.load_string(mend(dbc.read_text("cp1252")).text, "dbc", strict=False)
    assert isinstance(database, Database)
    expected = list(expected_rows(log, database))
    assert len(rows) == len(expected) == 228_895
    assert [tuple(row[1:5]) for row in rows] == [row[:4] for row in expected]
    values = [(float(row[5]), want[4]) for row, want in zip(rows, expected, strict=True)]
    assert all(math.isclose(value, want, rel_tol=1e-9) for value, want in values)
    again = decode(environment, str(log), "--dbc", str(dbc))
    assert again.stdout == done.stdout


CAPTURE = str(DATA / "jbd.txt")


@pytest.mark.parametrize("output_format", ["csv", "lp", "ndjson"])
@pytest.mark.parametrize("protocol", ["jbd", "vedirect"])
def test_captures_of_serial_ports_are_decoded_by_protocol(
    environment: dict[str, str], protocol: str, output_format: str
) -> None:
    capture = DATA / f"{protocol}.txt"
    done = decode(
        environment, "--protocol", protocol, str(capture), "--format", output_format, "--vehicle", "car 7"
    )
    assert done.returncode == 0
    assert done.stdout == (DATA / f"{protocol}.{output_format}").read_bytes()


def test_captures_come_gzipped_and_through_stdin_too(environment: dict[str, str], tmp_path: Path) -> None:
    packed = tmp_path / "jbd.txt.gz"
    packed.write_bytes(gzip.compress(Path(CAPTURE).read_bytes()))
    expected = (DATA / "jbd.csv").read_bytes()
    assert decode(environment, "--protocol", "jbd", str(packed)).stdout == expected
    assert decode(environment, "--protocol", "jbd", "-", stdin=Path(CAPTURE).read_bytes()).stdout == expected


def test_a_damaged_line_of_a_capture_is_one_warning(environment: dict[str, str]) -> None:
    done = decode(environment, "--protocol", "jbd", CAPTURE)
    assert (
        done.stderr.decode().splitlines()[0]
        == f"warning: {CAPTURE}:9 (byte 466): no line of a capture, skipped"
    )


def test_a_capture_of_nothing_good_is_refused_with_what_was_read(
    environment: dict[str, str], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_text("(1.0) ttyUSB0 RX DD0400020CE4FFFF77\n")
    done = decode(environment, "--protocol", "jbd", str(bad))
    assert (done.returncode, done.stdout) == (65, b"")
    (line,) = done.stderr.decode().splitlines()
    assert "holds no message of jbd: 9 bytes received in 1 line, 1 with a bad checksum" in line


def test_messages_of_a_capture_are_whole_if_wanted(environment: dict[str, str]) -> None:
    done = decode(environment, "--protocol", "jbd", CAPTURE, "--messages")
    assert done.returncode == 0
    assert b",JbdBasic,production_year,2018\n" in done.stdout
    assert b",battery,soc_pct," in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--dbc", DBC, LOG), "is for --protocol (messages of a database are always there)"),
        (
            ("--protocol", "jbd", "--format", "lp", CAPTURE),
            "is for csv, ndjson or parquet (into InfluxDB goes what serial messages mean)",
        ),
    ],
    ids=["bus", "lp"],
)
def test_messages_are_an_option_of_protocols_and_of_captures_as_text(
    environment: dict[str, str], arguments: tuple[str, ...], words: str
) -> None:
    done = decode(environment, "--messages", *arguments)
    assert done.returncode == 64
    assert done.stderr.decode() == f"nev-telemetry: --messages: {words}\n"


def test_a_protocol_and_a_database_exclude_one_another(environment: dict[str, str]) -> None:
    done = decode(environment, "--protocol", "jbd", CAPTURE, "--dbc", DBC)
    assert done.returncode == 64
    assert done.stderr.decode() == (
        "nev-telemetry: --dbc: stands beside --protocol (leave one of them out)\n"
    )


def test_words_of_value_tables_are_rows_of_their_own_when_asked_for(environment: dict[str, str]) -> None:
    plain = decode(environment, CHARGE, "--dbc", VEHICLE_DBC).stdout.splitlines()
    with_words = decode(environment, CHARGE, "--dbc", VEHICLE_DBC, "--value-texts").stdout.splitlines()
    words = [row for row in with_words if row.split(b",")[4].endswith(b"_text")]
    assert b"State_text" in {row.split(b",")[4] for row in words}
    assert not any(row.split(b",")[5][:1].isdigit() for row in words)
    assert [row for row in with_words if row not in words] == plain


def test_protected_frames_are_checked_as_a_configuration_says(
    environment: dict[str, str], tmp_path: Path
) -> None:
    keys = 'profile = "crc8-j1850"\ncrc = "Checksum"\ncounter = "Counter"\ndata_id = 0x310\n'
    protect = tmp_path / "protect.toml"
    protect.write_text(f'[[protect]]\nmessage = "BMS_PackState"\n{keys}on_error = "flag"\nmax_skip = 15\n')
    log = tmp_path / "spoiled.log"
    good, bad = b"(1.0) can0 310#993CC1059F095641\n", b"(1.1) can0 310#993CC1059F095642\n"
    log.write_bytes(good + bad)
    arguments = (str(log), "--dbc", VEHICLE_DBC, "--protect", str(protect))
    done = decode(environment, *arguments)
    reported = [row.split(b",") for row in done.stdout.splitlines() if b"protection_ok" in row]
    assert [(row[0], row[5]) for row in reported] == [(b"1000000000", b"1"), (b"1100000000", b"0")]
    assert b"warning: BMS_PackState: frames with a wrong checksum: 1" in done.stderr
    protect.write_text(protect.read_text().replace("flag", "drop"))
    done = decode(environment, *arguments)
    assert {row.split(b",")[0] for row in done.stdout.splitlines()[1:]} == {b"1000000000"}
    assert b"warning: frames left out (bad crc): 1" in done.stderr
    protect.write_text(protect.read_text().replace("BMS_PackState", "BMS_PackStat"))
    done = decode(environment, *arguments)
    assert (done.returncode, done.stdout) == (78, b"")
    assert b'protect[0].message: no message "BMS_PackStat"' in done.stderr
