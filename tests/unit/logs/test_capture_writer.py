"""Pieces of a line into a capture: at once, or when what takes passwords out of them has decided."""

from pathlib import Path

from telemetry.logs.captures import Capture, CapturedBytes, CaptureWriter, parse_line
from telemetry.logs.identity import belongs_to, end_of, is_end, position_name


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


def test_what_waits_is_bounded() -> None:
    lines: list[bytes] = []
    writer = CaptureWriter("bms", lines.append, [Holding()])
    for number in range(5_000):
        writer.received(number * 1_000, b"A")
    assert len(lines) > 3_000
    writer.finish()
    assert [time_ns for time_ns, _, _ in written(lines)] == [number * 1_000 for number in range(5_000)]


def test_a_capture_says_how_much_of_it_is_read(tmp_path: Path) -> None:
    file, lines = tmp_path / "bms.log", list[bytes]()
    writer = CaptureWriter("bms", lines.append)
    writer.received(1_000, b"one")
    writer.sent(2_000, b"two")
    file.write_bytes(b"".join(lines))
    with Capture(file) as capture:
        pieces = list(capture)
        assert pieces == [
            CapturedBytes(1_000, "bms", True, b"one"),
            CapturedBytes(2_000, "bms", False, b"two"),
        ]
        assert capture.pieces_read == 2
        assert capture.bytes_read == capture.total_bytes == file.stat().st_size
        assert (capture.damaged, capture.warnings()) == (0, [])


def test_damage_is_counted_and_the_first_is_named(tmp_path: Path) -> None:
    file = tmp_path / "bms.log"
    for damaged, more in ((b"x\n", ""), (b"x\ny\nz\n", ", and 2 more")):
        file.write_bytes(b"\n(1.000000) bms RX 41\n" + damaged)
        with Capture(file) as capture:
            assert len(list(capture)) == 1
            assert capture.warnings() == [f"{file}:3 (byte 22): no line of a capture, skipped{more}"]


def test_the_position_of_a_log_is_that_of_its_beginning_and_its_end_is_another(tmp_path: Path) -> None:
    for name, head, tail in (("a", b"x" * 256, b"1"), ("b", b"x" * 256, b"22"), ("c", b"y" * 256, b"1")):
        (tmp_path / name).write_bytes(head + tail)
    positions = [position_name("log", tmp_path / name) for name in "abc"]
    assert positions[0] == positions[1] != positions[2]
    assert len(positions[0]) == len("log@") + 12
    assert position_name("log", tmp_path / "absent") == "log@unreadable"
    end = end_of(positions[0])
    assert (is_end(end), is_end(positions[0])) == (True, False)
    assert all(belongs_to(each, "log") for each in (positions[0], end))
    assert not belongs_to(positions[0], "lo")


def test_a_thousand_pieces_wait_and_the_next_one_ends_that() -> None:
    lines: list[bytes] = []
    writer = CaptureWriter("bms", lines.append, [Holding()])
    for number in range(1000):
        writer.received(number * 1_000, b"A")
    assert lines == []
    writer.received(1_000_000, b"A")
    assert len(lines) == 1001
