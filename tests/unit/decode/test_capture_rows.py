"""Rows of serial captures before they are text: what is counted, and what is said of damaged lines."""

from pathlib import Path

import pytest

from telemetry.decode.captures import Captures, OneProtocol
from telemetry.decode.rows import Rows
from telemetry.errors import DataError
from telemetry.protocols.known import PROTOCOLS
from telemetry.stages.stages import Stages
from tests.support.framing import jbd_message

CELLS = jbd_message(4, bytes.fromhex("0CE4 0CEE"))  # 3.300 V and 3.310 V
NAME = jbd_message(5, b"JBD-SP04S020")


def rows_of() -> Rows:
    protocol = PROTOCOLS["jbd"]
    stages = Stages(protocol.plan("capture", hidden=False), None, vehicle="")
    return Rows(stages, Captures(OneProtocol(protocol)))


def written(file: Path, *lines: str) -> Path:
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


def test_rows_of_captures_are_counted_over_all_and_damaged_lines_are_warned_of(tmp_path: Path) -> None:
    a = written(tmp_path / "a.txt", f"(5.25) ttyUSB0 RX {NAME.hex()}", f"(5.5) ttyUSB0 RX {CELLS.hex()}")
    b = written(tmp_path / "b.txt", "no piece", f"(9.0) ttyUSB0 RX {CELLS.hex()}")
    rows = rows_of()
    assert (rows.first_ns, rows.frames_read) == (0, 0)
    found = [row.time_ns for samples in rows.read([a, b]) for row in samples]
    assert found == [5_500_000_000, 9_000_000_000]
    assert rows.first_ns == 5_250_000_000  # of the first line, as times since then have it
    assert (rows.frames_read, rows.matched, rows.frames_unknown) == (3, {"decoded": 3, "unknown": 0}, 0)
    assert [line for line in rows.warnings() if str(b) in line] == [
        f"{b}:1 (byte 0): no line of a capture, skipped"
    ]


def test_a_capture_without_a_message_is_refused(tmp_path: Path) -> None:
    rows = rows_of()
    with pytest.raises(DataError, match="holds no message of jbd: 2 bytes received in 1 line"):
        list(rows.read([written(tmp_path / "a.txt", "(5.5) ttyUSB0 RX 0102")]))
    assert rows.frames_read == 0
