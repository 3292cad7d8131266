"""The bars of cells: how they are grouped, which are marked, and what their height says."""

import pytest

from telemetry.monitor.cells import cell_bars
from telemetry.monitor.text import Style

MARGIN = 5


def groups(count: int, width: int) -> list[int]:
    """Return the numbers before the bars: that of the first cell of each group."""
    cells = [3.9 + (number % 7) / 100 for number in range(count)]
    lines = [line.plain for line in cell_bars(cells, width, is_stale=False)]
    return [int(line[:MARGIN]) for line in lines if line[:MARGIN].strip().isdecimal()]


@pytest.mark.parametrize(
    ("count", "room", "first"),
    [
        (96, 100, [1]),
        (96, 96, [1]),
        (96, 95, [1, 49]),
        (96, 50, [1, 49]),
        (38, 24, [1, 25]),  # 19 each would do: 24 is a multiple of 8 that fits
        (38, 23, [1, 20]),
        (100, 40, [1, 41, 81]),
        (3, 1, [1, 2, 3]),
    ],
)
def test_groups_are_of_about_one_size_and_of_eights_where_these_fit(
    count: int, room: int, first: list[int]
) -> None:
    assert groups(count, room + MARGIN) == first


def test_no_line_is_wider_than_asked_for_with_its_margin() -> None:
    for width in range(6, 60):
        lines = list(cell_bars([3.9, 3.95] * 30, width, is_stale=False))
        assert max(line.cell_len for line in lines) <= width


def test_the_lowest_and_the_highest_are_marked_and_styled_and_others_are_bars() -> None:
    cells = [3.90, 3.95, 3.80, None, 4.00] + [3.9] * 20
    *_, low, _marks = list(cell_bars(cells, 80, is_stale=False))
    styles = {str(span.style): (span.start - MARGIN, span.end - MARGIN) for span in low.spans}
    assert styles[Style.LOWEST] == (2, 3)
    assert styles[Style.HIGHEST] == (4, 5)
    assert styles[Style.BAR] == (0, 25)
    assert _marks.plain[MARGIN + 2] == "▼"
    assert "▲" in _marks.plain


def test_of_stale_cells_none_is_marked_and_all_look_so() -> None:
    words, *bars = list(cell_bars([3.90, 3.95, 3.80] * 10, 80, is_stale=True))
    assert "no cell has come lately" in words.plain
    assert len(bars) == 2
    assert all({str(span.style) for span in line.spans} <= {Style.STALE, Style.FAINT} for line in bars)


def test_without_a_cell_there_is_no_line() -> None:
    assert list(cell_bars([None, None], 80, is_stale=False)) == []


def test_marks_stand_below_their_cells_in_every_group() -> None:
    cells: list[float | None] = [3.9] * 60
    cells[50], cells[3] = 3.8, 4.0
    lines = list(cell_bars(cells, 40 + MARGIN, is_stale=False))
    marks = [line.plain for line in lines if "▼" in line.plain or "▲" in line.plain]
    assert [mark.index(sign) - MARGIN for mark, sign in zip(marks, "▲▼", strict=True)] == [3, 50 - 32]
    low = lines[lines.index(next(line for line in lines if "▼" in line.plain)) - 1]
    styles = {str(span.style): (span.start - MARGIN, span.end - MARGIN) for span in low.spans}
    assert styles[Style.LOWEST] == (18, 19)
