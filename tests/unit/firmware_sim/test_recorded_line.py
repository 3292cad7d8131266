"""A simulated device that answers from a capture, and `sim --capture` on a pseudo-terminal."""

import threading
from pathlib import Path

import pytest

from firmware_sim.links.pty import PtyPort
from firmware_sim.links.recorded_line import RecordedLine, play_recorded
from telemetry.__main__ import main
from telemetry.logs.captures import Capture, CapturedBytes, format_piece
from tests.support.command import failed

ASK, OTHER = bytes.fromhex("DDA50300FFFD77"), bytes.fromhex("DDA50400FFFC77")
S = 1_000_000_000


def capture(*pieces: tuple[int, str, bytes], port: str = "bms") -> list[CapturedBytes]:
    return [CapturedBytes(at_s * S, port, way == "RX", data) for at_s, way, data in pieces]


ASKED = capture(
    (1, "RX", b"tail"),
    (2, "TX", ASK),
    (3, "RX", b"one, "),
    (4, "RX", b"in two"),
    (5, "TX", OTHER),
    (6, "TX", ASK),
    (7, "RX", b"two"),
)


def test_a_request_gets_what_followed_it_each_time_and_then_from_the_start() -> None:
    line = RecordedLine(ASKED)
    assert line.is_asked
    assert [line.feed(ASK) for _ in range(3)] == [[b"one, ", b"in two"], [b"two"], [b"one, ", b"in two"]]
    assert line.feed(OTHER) == []
    assert line.due(100 * S) == []


def test_requests_are_found_in_pieces_and_among_other_bytes() -> None:
    line = RecordedLine(ASKED)
    assert line.feed(b"\x00\xdd" + ASK[:3]) == []
    assert line.feed(ASK[3:] + b"noise" + ASK + ASK[:2]) == [b"one, ", b"in two", b"two"]
    line.forget()
    assert line.feed(ASK[2:]) == []
    assert line.feed(ASK) == [b"one, ", b"in two"]


def test_a_capture_without_requests_is_said_at_its_own_times_once() -> None:
    line = RecordedLine(capture((10, "RX", b"a"), (11, "RX", b"b"), (13, "RX", b"c")))
    assert line.feed(ASK) == []
    assert [line.due(at_s * S) for at_s in (-1, 0, 2, 2, 3)] == [[], [b"a"], [b"b"], [], [b"c"]]
    assert line.is_over


def written(folder: Path, *pieces: CapturedBytes) -> Path:
    file = folder / "recorded.txt"
    file.write_bytes(b"".join(map(format_piece, pieces)))
    return file


def test_a_simulated_device_says_what_a_capture_holds(tmp_path: Path) -> None:
    """Captured again it gives the same bytes."""
    said = [bytes([65 + number]) * 40 for number in range(20)]
    recorded = written(
        tmp_path, *(CapturedBytes(n * S // 1000, "bms", True, data) for n, data in enumerate(said))
    )
    link, again = tmp_path / "port", tmp_path / "again.txt"
    with Capture(recorded) as capture:
        device = RecordedLine(capture)
    over = threading.Event()
    thread = threading.Thread(target=lambda: play_recorded(device, PtyPort(link), over.is_set))
    thread.start()
    try:
        while not link.is_symlink():
            thread.join(0.01)
        assert main(["capture", str(link), "-o", str(again)]) == 69  # it is pulled out at the end
    finally:
        over.set()
        thread.join()
    with Capture(again) as captured:
        assert b"".join(piece.data for piece in captured) == b"".join(said)


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["drive", "--capture", "{file}", "--serial-link", "x"], 64, "--capture: stands beside a scenario"),
        (["--capture", "{file}"], 64, "--capture: has one port"),
        (["--capture", "{file}", "--serial-link", "x"], 64, "has the ports bms, other (--capture PORT="),
        (["--capture", "none={file}", "--serial-link", "x"], 64, "has the ports bms, other"),
        (["--capture", "{folder}/none.txt", "--serial-link", "x"], 66, "No such file"),
    ],
)
def test_what_cannot_be_played_is_one_line(words: list[str], code: int, line: str, tmp_path: Path) -> None:
    file = written(tmp_path, *ASKED, CapturedBytes(0, "other", True, b"x"))
    assert line in failed(code, "sim", *(word.format(file=file, folder=tmp_path) for word in words))
