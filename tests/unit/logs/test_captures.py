"""Text captures: what a line may look like, what damage costs; what is written, and into which file."""

import errno
import gzip
import logging
import os
from pathlib import Path

import pytest

from telemetry.errors import DataError, InputMissingError
from telemetry.logs.captures import Capture, CapturedBytes, CaptureFile, CaptureWriter, parse_line
from tests.support.clock import FakeClock

LONGEST_LINE_BYTES = 1_048_576

GOOD = b"(1700000000.371244) ttyUSB0 RX DD0300\n"
PIECE = CapturedBytes(1_700_000_000_371_244_000, "ttyUSB0", True, b"\xdd\x03\x00")


def read(path: Path, content: bytes) -> tuple[list[CapturedBytes], list[str]]:
    path.write_bytes(content)
    with Capture(path) as capture:
        pieces = list(capture)
        assert capture.pieces_read == len(pieces)
        assert capture.bytes_read == path.stat().st_size
        return pieces, [warning.replace(str(path), "FILE") for warning in capture.warnings()]


@pytest.mark.parametrize(
    "line",
    [
        GOOD,
        b"(1700000000.371244) ttyUSB0 RX dd0300",
        b"(1700000000.371244) ttyUSB0 RX dD 03 00\r\n",
        b"  (1700000000.371244)  ttyUSB0\tRX  DD0300  ",
        b"(1700000000.371244000) ttyUSB0 RX DD0300",
    ],
)
def test_a_line_is_read_however_it_is_spaced(line: bytes) -> None:
    assert parse_line(line) == PIECE


@pytest.mark.parametrize(
    ("stamp", "time_ns"),
    [("0.000001", 1000), ("1.5", 1_500_000_000), ("1700000000.123456789", 1_700_000_000_123_456_789)],
)
def test_stamps_are_exact(stamp: str, time_ns: int) -> None:
    piece = parse_line(f"({stamp}) p RX 00".encode())
    assert piece is not None
    assert piece.time_ns == time_ns


def test_what_was_sent_is_distinguished_from_what_came_in() -> None:
    sent = parse_line(b"(1.0) /dev/serial/by-id/usb-1a86 TX DDA50300FFFD77")
    assert sent == CapturedBytes(10**9, "/dev/serial/by-id/usb-1a86", False, bytes.fromhex("DDA50300FFFD77"))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"(1700000000.371244) ttyUSB0 RX DD030",  # half a byte
        b"(1700000000.371244) ttyUSB0 RX",
        b"(1700000000.371244) ttyUSB0 RX   ",
        b"(1700000000.371244) ttyUSB0 rx DD",
        b"(1700000000.371244) ttyUSB0 RX DG",
        b"(1700000000) ttyUSB0 RX DD",
        b"(-1.0) ttyUSB0 RX DD",
        b"(9223372036.0) ttyUSB0 RX DD",
        b"(1700000000.371244) RX DD",
        b"1700000000.371244 ttyUSB0 RX DD",
        b"(1700000000.371244) can0 109#00",
        b"(1700000000.371244) tty\xffUSB0 RX DD",
    ],
)
def test_what_is_no_line_is_none(line: bytes) -> None:
    assert parse_line(line) is None


def test_damaged_lines_are_one_warning_with_the_number_of_the_first(tmp_path: Path) -> None:
    pieces, warnings = read(tmp_path / "c.txt", GOOD + b"\n" + b"junk\n" + GOOD + b"more junk\n" + GOOD)
    assert pieces == [PIECE] * 3
    assert warnings == [f"FILE:3 (byte {len(GOOD) + 1}): no line of a capture, skipped, and 1 more"]


def test_a_line_after_a_torn_one_is_read(tmp_path: Path) -> None:
    pieces, warnings = read(tmp_path / "c.txt", GOOD[:30] + GOOD + GOOD)
    assert pieces == [PIECE] * 2
    assert warnings == ["FILE:1 (byte 0): no line of a capture, skipped"]


def test_the_last_line_may_lack_its_newline(tmp_path: Path) -> None:
    assert read(tmp_path / "c.txt", GOOD + GOOD.rstrip())[0] == [PIECE] * 2


def test_an_endless_line_costs_itself_alone(tmp_path: Path) -> None:
    endless = (b"(1.0) port RX ".ljust(LONGEST_LINE_BYTES, b"0")) + b"\n"
    pieces, warnings = read(tmp_path / "c.txt", GOOD + endless + GOOD)
    assert pieces == [PIECE] * 2
    assert warnings == [f"FILE:2 (byte {len(GOOD)}): no line of a capture, skipped"]
    assert read(tmp_path / "d.txt", GOOD + endless.rstrip())[0] == [PIECE]
    longest = (b"(1.0) port RX ").ljust(LONGEST_LINE_BYTES - 2, b"0") + b"\n"
    assert len(read(tmp_path / "e.txt", GOOD + longest + GOOD)[0]) == 3


def test_gzipped_captures_are_read(tmp_path: Path) -> None:
    assert read(tmp_path / "c.txt.gz", gzip.compress(GOOD * 100))[0] == [PIECE] * 100


def test_a_gzipped_capture_that_ends_early_is_read_until_there(tmp_path: Path) -> None:
    lines = b"".join(GOOD.replace(b"371244", b"%06d" % number) for number in range(2000))
    pieces, warnings = read(tmp_path / "c.txt.gz", gzip.compress(lines)[:-500])
    assert 0 < len(pieces) < 2000
    assert warnings[-1].startswith("FILE: ends early: ")


def test_a_file_that_cannot_be_read_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        read(tmp_path / "c.txt.gz", b"not gzip")
    assert read(tmp_path / "d.txt.gz", b"")[1] == [
        "FILE: ends early: the compressed data end too early, at byte 0"
    ]
    with pytest.raises(InputMissingError):
        Capture(tmp_path / "missing.txt")


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    written: list[bytes] = []
    writer = CaptureWriter("ttyUSB0", written.append)
    writer.sent(1_700_000_000_000_001_999, bytes.fromhex("dda50300fffd77"))
    writer.received(1_700_000_000_371_244_000, b"\xdd\x03\x00")
    assert b"".join(written) == b"(1700000000.000001) ttyUSB0 TX DDA50300FFFD77\n" + GOOD
    pieces, warnings = read(tmp_path / "c.txt", b"".join(written))
    assert pieces[1] == PIECE
    assert warnings == []


@pytest.mark.parametrize(
    ("port", "written"), [("my port", "my_port"), ("a\nb", "a_b"), ("", "_"), ("Größe", "Gr_e")]
)
def test_the_name_of_a_port_never_breaks_a_line(port: str, written: str) -> None:
    lines: list[bytes] = []
    CaptureWriter(port, lines.append).received(0, b"\x00")
    assert lines == [f"(0.000000) {written} RX 00\n".encode()]


class Holding:
    """Holds all bytes back but those before a line's end; changes small letters into stars."""

    def __init__(self) -> None:
        self.held = b""

    def mask(self, data: bytes) -> bytes:
        decided, _, self.held = (self.held + data).rpartition(b"\n")
        return self._changed(decided + b"\n") if decided or _ else b""

    def rest(self) -> bytes:
        held, self.held = self.held, b""
        return self._changed(held)

    def _changed(self, data: bytes) -> bytes:
        return bytes(ord("*") if chr(byte).islower() else byte for byte in data)


class Shouting(Holding):
    """Changes stars into shouts, and holds nothing."""

    def mask(self, data: bytes) -> bytes:
        return data.replace(b"*", b"!")

    def rest(self) -> bytes:
        return b""


def written(lines: list[bytes]) -> list[tuple[int, bool, bytes]]:
    pieces = [piece for line in lines if (piece := parse_line(line)) is not None]
    assert len(pieces) == len(lines)
    return [(piece.time_ns, piece.is_received, piece.data) for piece in pieces]


def test_without_maskers_each_piece_is_written_as_it_comes() -> None:
    lines: list[bytes] = []
    writer = CaptureWriter("bms", lines.append)
    writer.sent(1_000, b"ask")
    writer.received(2_000, b"answer")
    assert written(lines) == [(1_000, False, b"ask"), (2_000, True, b"answer")]
    writer.finish()
    assert len(lines) == 2


def test_pieces_wait_in_their_order_until_all_maskers_have_decided() -> None:
    lines: list[bytes] = []
    writer = CaptureWriter("bms", lines.append, [Holding(), Shouting()])
    writer.received(1_000, b"Ab")
    writer.sent(2_000, b"ask")
    writer.received(3_000, b"cD\nE")
    assert written(lines) == [(1_000, True, b"A!"), (2_000, False, b"ask")]
    writer.received(4_000, b"f\n")
    assert written(lines)[2:] == [(3_000, True, b"!D\nE"), (4_000, True, b"!\n")]
    writer.received(5_000, b"gH")
    assert len(lines) == 4
    writer.finish()
    assert written(lines)[4:] == [(5_000, True, b"!H")]


def test_a_thousand_pieces_wait_and_the_next_one_ends_that() -> None:
    lines: list[bytes] = []
    writer = CaptureWriter("bms", lines.append, [Holding()])
    for number in range(5_000):
        assert len(lines) == number // 1001 * 1001
        writer.received(number * 1_000, b"A")
    writer.finish()
    assert [time_ns for time_ns, _, _ in written(lines)] == [number * 1_000 for number in range(5_000)]


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
