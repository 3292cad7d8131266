"""Text captures: what a line may look like, what a damaged one costs, and what is written."""

import gzip
from pathlib import Path

import pytest

from telemetry.errors import DataError, InputMissingError
from telemetry.logs.captures import Capture, CapturedBytes, CaptureWriter, parse_line

LONGEST_LINE_BYTES = 1_048_576

GOOD = b"(1700000000.371244) ttyUSB0 RX DD0300\n"
PIECE = CapturedBytes(1_700_000_000_371_244_000, "ttyUSB0", True, b"\xdd\x03\x00")


def read(path: Path, content: bytes) -> tuple[list[CapturedBytes], list[str]]:
    path.write_bytes(content)
    with Capture(path) as capture:
        return list(capture), [warning.replace(str(path), "FILE") for warning in capture.warnings()]


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
