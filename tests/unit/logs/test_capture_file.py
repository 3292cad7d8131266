"""The file of a capture: bounded, and never in the way."""

import errno
import logging
import os
from pathlib import Path

import pytest

from telemetry.logs.captures import CaptureFile
from tests.support.clock import FakeClock

RETRY_S = 10.0

LINE = b"(1700000000.000000) bms RX DD\n"


def test_lines_are_appended_to_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "capture.log"
    for _ in range(2):
        capture = CaptureFile(path, 1_000_000, FakeClock())
        capture.write(LINE)
        capture.close()
    assert path.read_bytes() == LINE * 2
    assert path.stat().st_mode & 0o007 == 0


def test_no_file_is_made_before_the_first_line(tmp_path: Path) -> None:
    CaptureFile(tmp_path / "capture.log", 1_000_000, FakeClock()).close()
    assert list(tmp_path.iterdir()) == []


def test_both_files_together_stay_within_the_bound_and_hold_the_newest_lines(tmp_path: Path) -> None:
    path, bound = tmp_path / "capture.log", 10 * len(LINE)
    capture = CaptureFile(path, bound, FakeClock())
    lines = [b"(%010d.000000) bms RX DD\n" % number for number in range(100)]
    for number, line in enumerate(lines):
        capture.write(line)
        files = [tmp_path / "capture.log.1", path]
        kept = b"".join(file.read_bytes() for file in files if file.exists())
        assert len(kept) <= bound
        assert kept.endswith(b"".join(lines[max(0, number - 4) : number + 1]))
    capture.close()
    assert capture.lost_lines == 0


def test_a_disk_that_refuses_costs_lines_and_one_warning_and_is_tried_again_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    capture = CaptureFile(tmp_path / "missing" / "capture.log", 1_000_000, clock)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            capture.write(LINE)
            clock.advance(RETRY_S)
    assert len(caplog.records) == 1
    assert "the capture cannot be written: No such file or directory" in caplog.text
    (tmp_path / "missing").mkdir()
    capture.write(LINE)
    capture.close()
    assert (tmp_path / "missing" / "capture.log").read_bytes() == LINE
    assert capture.lost_lines == 3


def test_a_disk_that_becomes_full_within_a_line_is_left_alone_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, path = FakeClock(), tmp_path / "capture.log"
    capture = CaptureFile(path, 1_000_000, clock)
    write = os.write
    room = [10, 0]

    def half(descriptor: int, data: bytes) -> int:
        if not room:
            return write(descriptor, data)
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[: room[0]])

    monkeypatch.setattr("telemetry.logs.captures.os.write", half)
    capture.write(LINE)
    capture.write(LINE)
    assert path.stat().st_size == 10, "the second line is not even tried"
    room.pop(0)
    clock.advance(RETRY_S)
    capture.write(LINE)
    room.pop(0)
    clock.advance(RETRY_S)
    capture.write(LINE)
    capture.close()
    assert path.read_bytes() == LINE[:10] + LINE
    assert capture.lost_lines == 3


def test_a_file_that_cannot_be_closed_in_order_is_closed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[int] = []

    def refuse(descriptor: int) -> None:
        closed.append(descriptor)
        raise OSError(errno.EIO, "Input/output error")  # as file systems over a network may

    path = tmp_path / "capture.log"
    capture = CaptureFile(path, 1_000_000, FakeClock())
    capture.write(LINE)
    with monkeypatch.context() as patched:
        patched.setattr(os, "close", refuse)
        capture.close()
    capture.write(LINE)
    capture.close()
    (descriptor,) = closed
    os.close(descriptor)
    assert path.read_bytes() == LINE * 2
