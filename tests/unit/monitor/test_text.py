"""Lines of text on a screen of a given width."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from telemetry.monitor.text import Style, bar, flow

WORDS = st.lists(st.integers(1, 6), min_size=1, max_size=20)


def rows_of(sizes: list[int], width: int) -> list[str]:
    return [row.plain for row in flow([Text("x" * size) for size in sizes], width)]


def test_what_just_fits_stands_in_one_line_and_what_does_not_begins_the_next() -> None:
    assert rows_of([2, 3], 8) == [" xx  xxx"]
    assert rows_of([2, 3], 7) == [" xx", " xxx"]
    assert rows_of([2, 3, 1], 11) == [" xx  xxx  x"]
    assert rows_of([2, 3, 1], 10) == [" xx  xxx", " x"]


@given(sizes=WORDS, width=st.integers(7, 30))
def test_no_line_is_too_wide_and_none_has_room_for_the_next_word(sizes: list[int], width: int) -> None:
    rows = rows_of(sizes, width)
    assert [len(word) for row in rows for word in row.split()] == sizes
    assert all(len(row) <= width for row in rows)
    for row, following in pairwise(rows):
        assert len(row) + 2 + len(following.split()[0]) > width


@pytest.mark.parametrize(
    ("pct", "filled"), [(-5.0, 0), (0.0, 0), (12.5, 1), (50.0, 4), (100.0, 8), (150.0, 8)]
)
def test_a_bar_is_filled_by_its_part_and_never_over(pct: float, filled: int) -> None:
    assert bar(pct, 8, Style.BAR).plain == "█" * filled + "░" * (8 - filled)
