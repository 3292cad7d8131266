"""LineBuffer and restamp."""

import pytest
from telemetry_core.text.lines import LineBuffer, restamp


def test_a_buffer_gives_its_lines_in_order_and_is_empty_after_it() -> None:
    lines = LineBuffer()
    lines.append(b"a v=1 5", 5)
    lines.append(b"b v=2 3", 3)
    assert (len(lines), lines.lines, lines.first_ns, lines.last_ns) == (16, 2, 3, 5)
    assert lines.take() == b"a v=1 5\nb v=2 3\n"
    assert (len(lines), lines.lines, lines.first_ns, lines.last_ns) == (0, 0, 0, 0)
    assert lines.take() == b""


def test_a_buffer_grows_past_its_room() -> None:
    lines = LineBuffer(room=1)
    for number in range(1000):
        lines.append(b"x" * number + b"y", number)
    assert lines.take() == b"".join(b"x" * number + b"y\n" for number in range(1000))


def test_lines_read_in_place_neither_move_nor_go() -> None:
    lines = LineBuffer(room=256)
    lines.append(b"a v=1 5", 5)
    with memoryview(lines) as view:
        with pytest.raises(MemoryError):
            lines.append(b"x" * 1000, 7)
        with pytest.raises(BufferError, match="being read"):
            lines.clear()
        lines.append(b"b v=2 7", 7)
        assert bytes(view) == b"a v=1 5\n"
        assert view.readonly
    lines.append(b"x" * 1000, 7)
    assert lines.take().startswith(b"a v=1 5\nb v=2 7\nx")


def test_clear_forgets_stamps_too() -> None:
    lines = LineBuffer()
    lines.append(b"a v=1 5", 5)
    lines.clear()
    lines.append(b"a v=1 7", 7)
    assert (lines.first_ns, lines.last_ns) == (7, 7)


@pytest.mark.parametrize("line", [b"", b"a v=1 5\n", b"a v=1 5\nb v=1 5", b"\n"])
def test_a_buffer_takes_no_empty_line_and_no_newline(line: bytes) -> None:
    lines = LineBuffer()
    with pytest.raises(ValueError, match="newline"):
        lines.append(line, 5)
    assert lines.take() == b""


def test_restamp_adds_to_each_stamp_and_touches_nothing_else() -> None:
    lines = b'm,t=a\\ b v=1,s="x 7" 5\nm v=1 -10\n'
    assert restamp(lines, 1_000) == b'm,t=a\\ b v=1,s="x 7" 1005\nm v=1 990\n'
    assert restamp(restamp(lines, 1_000), -1_000) == lines
    assert restamp(b"", 5) == b""


@pytest.mark.parametrize("lines", [b"m v=1\n", b"m v=1 5", b"17\n", b"\n", b"m v=1 5\n\n", b"m v=1 9e3\n"])
def test_restamp_refuses_what_has_no_stamp(lines: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        restamp(lines, 1)


def test_restamp_refuses_to_leave_64_bits() -> None:
    with pytest.raises(ValueError, match="out of range"):
        restamp(b"m v=1 %d\n" % (2**63 - 1), 1)
