"""Rows of logs and captures before they are text: which count, and what is said of them."""

import shutil
from pathlib import Path

import pytest

from telemetry.databases.plan_cache import load_plan
from telemetry.decode.captures import Captures, OneProtocol
from telemetry.decode.channels import Database
from telemetry.decode.logs import Logs
from telemetry.decode.rows import Rows
from telemetry.decode.times import Times
from telemetry.errors import DataError
from telemetry.model.instant import read_instant
from telemetry.protocols.known import PROTOCOLS
from telemetry.stages.stages import Stages
from tests.support.framing import jbd_message
from tests.support.log_decoders import channels_of

DATA = Path(__file__).parents[2] / "data"
LOG, DBC = DATA / "drive.log", DATA / "drive.dbc"
S_NS = 1_000_000_000
FIRST_NS = 1_700_000_000 * S_NS


def rows_of(cache: Path, times: Times | None = None) -> Rows:
    channels = channels_of([Database(DBC)])
    stages = Stages(load_plan(channels.databases, cache).spec, None, vehicle="")
    return Rows(stages, Logs(channels), times=times or Times())


def read(rows: Rows, *logs: Path) -> int:
    """Read the logs, and return how many rows there are."""
    return sum(len(list(samples)) for samples in rows.read(logs))


def test_frames_are_counted_by_what_became_of_them(tmp_path: Path) -> None:
    rows = rows_of(tmp_path)
    assert (rows.first_ns, rows.frames_read, rows.frames_kept) == (0, 0, 0)
    assert read(rows, LOG) == rows.matched["decoded"] == 12
    assert (rows.frames_read, rows.frames_kept, rows.frames_unknown) == (15, 15, 1)
    assert rows.first_ns == FIRST_NS
    assert rows.duration_s == 0.08  # from the first frame to the last, not to the latest
    assert any(line.startswith(f"{LOG}:9 ") for line in rows.warnings())


def test_of_two_logs_the_frames_are_those_of_both(tmp_path: Path) -> None:
    rows = rows_of(tmp_path)
    assert read(rows, LOG, Path(shutil.copy(LOG, tmp_path / "again.log"))) == 24
    assert rows.frames_read == 30


@pytest.mark.parametrize(
    ("start", "stop", "kept"),
    [(None, None, 15), ("+0.05", None, 10), (None, "+0.05", 5), ("+0.05", "+0.06", 3), ("+9", None, 0)],
)
def test_frames_from_the_first_time_on_and_before_the_second_are_kept(
    tmp_path: Path, start: str | None, stop: str | None, kept: int
) -> None:
    times = Times(start=read_instant(start) if start else None, stop=read_instant(stop) if stop else None)
    rows = rows_of(tmp_path, times)
    read(rows, LOG)
    assert (rows.frames_read, rows.frames_kept) == (15, kept)
    assert times.is_bounded is bool(start or stop)


def test_an_empty_log_is_said_to_have_no_frames(tmp_path: Path) -> None:
    log = tmp_path / "empty.log"
    log.touch()
    rows = rows_of(tmp_path)
    assert read(rows, log) == 0
    assert "no frames in what was read" in rows.warnings()


CELLS = jbd_message(4, bytes.fromhex("0CE4 0CEE"))  # 3.300 V and 3.310 V
NAME = jbd_message(5, b"JBD-SP04S020")


def capture_rows() -> Rows:
    protocol = PROTOCOLS["jbd"]
    stages = Stages(protocol.plan("capture", hidden=False), None, vehicle="")
    return Rows(stages, Captures(OneProtocol(protocol)))


def written(file: Path, *lines: str) -> Path:
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


def test_rows_of_captures_are_counted_over_all_and_damaged_lines_are_warned_of(tmp_path: Path) -> None:
    a = written(tmp_path / "a.txt", f"(5.25) ttyUSB0 RX {NAME.hex()}", f"(5.5) ttyUSB0 RX {CELLS.hex()}")
    b = written(tmp_path / "b.txt", "no piece", f"(9.0) ttyUSB0 RX {CELLS.hex()}")
    rows = capture_rows()
    assert (rows.first_ns, rows.frames_read) == (0, 0)
    found = [row.time_ns for samples in rows.read([a, b]) for row in samples]
    assert found == [5_500_000_000, 9_000_000_000]
    assert rows.first_ns == 5_250_000_000  # of the first line, as times since then have it
    assert (rows.frames_read, rows.matched, rows.frames_unknown) == (3, {"decoded": 3, "unknown": 0}, 0)
    assert [line for line in rows.warnings() if str(b) in line] == [
        f"{b}:1 (byte 0): no line of a capture, skipped"
    ]


def test_a_capture_without_a_message_is_refused(tmp_path: Path) -> None:
    rows = capture_rows()
    with pytest.raises(DataError, match="holds no message of jbd: 2 bytes received in 1 line"):
        list(rows.read([written(tmp_path / "a.txt", "(5.5) ttyUSB0 RX 0102")]))
    assert rows.frames_read == 0
