"""Cells as bars: one column a cell, two lines high, the lowest and the highest marked below. Pure.

Bars show the differences between cells: the lowest cell's is short and the highest's long. They stand for at
least SMALLEST_RANGE_V, so that a balanced pack looks level.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from telemetry.monitor.text import Glyphs, Line, Piece, Style

SMALLEST_RANGE_V = 0.03
BAR_LINES = 2
_MARGIN = 5  # the number of a group's first cell
_WIDE = 7  # columns of a cell whose voltage is written below its bar
_ROUND = 8  # cells in a group: a multiple of it


@dataclass(frozen=True, slots=True)
class Scale:
    """The voltages of an empty and of a full bar."""

    low_v: float
    high_v: float

    def level(self, volts: float, levels: int) -> int:
        """1 to `levels`: how far a bar is filled."""
        share = (volts - self.low_v) / (self.high_v - self.low_v)
        return min(max(round(share * levels), 1), levels)


def scale_of(cells: Sequence[float | None]) -> Scale | None:
    """The scale of a pack's bars; None when no cell is known."""
    known = [volts for volts in cells if volts is not None]
    if not known:
        return None
    low_v, high_v = min(known), max(known)
    half_v = max((high_v - low_v) * 1.25, SMALLEST_RANGE_V) / 2
    return Scale((low_v + high_v) / 2 - half_v, (low_v + high_v) / 2 + half_v)


def cell_bars(cells: Sequence[float | None], width: int, glyphs: Glyphs, *, is_stale: bool) -> Iterator[Line]:
    """The bars of all cells, in groups that fit `width`."""
    scale = scale_of(cells)
    if scale is None:
        return
    if is_stale:
        yield (Piece(" " * _MARGIN + "no cell has come lately; this is how they were", Style.STALE),)
    room = max(width - _MARGIN, 1)
    is_wide = room >= _WIDE and len(cells) * _WIDE <= 2 * room
    bars = _Bars(cells, scale, glyphs, column=_WIDE if is_wide else 1, marks=_marks(cells, glyphs, is_stale))
    for group in _groups(len(cells), room // bars.column):
        yield from bars.lines(group)


def _marks(cells: Sequence[float | None], glyphs: Glyphs, is_stale: bool) -> dict[int, Piece]:
    """What stands below the lowest and the highest cell; none of old readings."""
    known = [volts for volts in cells if volts is not None]
    if is_stale:
        return {}
    return {
        cells.index(min(known)): Piece(glyphs.lowest, Style.LOWEST),
        cells.index(max(known)): Piece(glyphs.highest, Style.HIGHEST),
    }


def _groups(count: int, fit: int) -> Iterator[range]:
    """Groups of about the same size, `fit` cells at most."""
    groups = -(-count // fit)
    size = -(-count // groups)
    rounded = -(-size // _ROUND) * _ROUND
    size = rounded if rounded <= fit else size
    return (range(start, min(start + size, count)) for start in range(0, count, size))


@dataclass(frozen=True, slots=True)
class _Bars:
    """All cells of a pack, `column` columns each. marks: by index; empty if the cells are stale."""

    cells: Sequence[float | None]
    scale: Scale
    glyphs: Glyphs
    column: int
    marks: Mapping[int, Piece]

    def lines(self, group: range) -> Iterator[Line]:
        """The bars of these cells, their voltages where there is room for them, and the marks."""
        for height in reversed(range(BAR_LINES)):
            number = f"{group.start + 1:>{_MARGIN - 1}} " if height == 0 else " " * _MARGIN
            yield (Piece(number, Style.FAINT), *(self._bar(index, height) for index in group))
        margin = Piece(" " * _MARGIN)
        if self.column == _WIDE:
            yield (margin, *(self._voltage(index) for index in group))
        if not self.marks.keys().isdisjoint(group):
            yield (margin, *(self._mark(index) for index in group))

    def _bar(self, index: int, height: int) -> Piece:
        volts, steps = self.cells[index], len(self.glyphs.levels) - 1
        if volts is None:
            letter = self.glyphs.unknown if height == 0 else " "
        else:
            filled = self.scale.level(volts, BAR_LINES * steps) - height * steps
            letter = self.glyphs.levels[min(max(filled, 0), steps)]
        style = self.marks[index].style if index in self.marks else self._style(Style.BAR)
        return Piece((letter * max(self.column - 2, 1)).ljust(self.column), style)

    def _voltage(self, index: int) -> Piece:
        volts = self.cells[index]
        return Piece(("-" if volts is None else f"{volts:.3f}").ljust(_WIDE), self._style(Style.PLAIN))

    def _mark(self, index: int) -> Piece:
        mark = self.marks.get(index, Piece(" "))
        number = str(index + 1) if self.column == _WIDE and index in self.marks else ""
        return Piece((mark.text + number).ljust(self.column), mark.style)

    def _style(self, fresh: Style) -> Style:
        return fresh if self.marks else Style.STALE
