"""Cells as bars: one column a cell, two lines high, the lowest and the highest marked below. Pure.

Bars show the differences between cells: the lowest cell's is short and the highest's long. They stand for at
least SMALLEST_RANGE_V, so that a balanced pack looks level.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.text import Text

from telemetry.monitor.text import Style, line

SMALLEST_RANGE_V = 0.03
BAR_LINES = 2
_LEVELS = " ▁▂▃▄▅▆▇█"
_STEPS = len(_LEVELS) - 1
_MARGIN = 5  # the number of a group's first cell
_WIDE = 7  # columns of a cell whose voltage is written below its bar
_ROUND = 8  # cells in a group: a multiple of it
_MARKS = {Style.LOWEST: "▼", Style.HIGHEST: "▲"}


@dataclass(frozen=True, slots=True)
class Scale:
    """The voltages of an empty and of a full bar."""

    low_v: float
    high_v: float

    def level(self, volts: float, levels: int) -> int:
        """Return how far a bar is filled: 1 to `levels`."""
        share = (volts - self.low_v) / (self.high_v - self.low_v)
        return min(max(round(share * levels), 1), levels)


def scale_of(known: Sequence[float]) -> Scale:
    """Return the scale of a pack's bars, given the cells that are known, one at least."""
    low_v, high_v = min(known), max(known)
    half_v = max((high_v - low_v) * 1.25, SMALLEST_RANGE_V) / 2
    return Scale((low_v + high_v) / 2 - half_v, (low_v + high_v) / 2 + half_v)


def cell_bars(cells: Sequence[float | None], width: int, *, is_stale: bool) -> Iterator[Text]:
    """Yield the bars of all cells, in groups that fit `width`."""
    known = [volts for volts in cells if volts is not None]
    if not known:
        return
    if is_stale:
        yield line((" " * _MARGIN + "no cell has come lately; this is how they were", Style.STALE))
    room = max(width - _MARGIN, 1)
    is_wide = room >= _WIDE and len(cells) * _WIDE <= 2 * room
    extremes = {cells.index(min(known)): Style.LOWEST, cells.index(max(known)): Style.HIGHEST}
    bars = _Bars(cells, scale_of(known), _WIDE if is_wide else 1, {} if is_stale else extremes)
    for group in _groups(len(cells), room // bars.column):
        yield from bars.lines(group)


def _groups(count: int, fit: int) -> Iterator[range]:
    """Return groups of about the same size, `fit` cells at most."""
    groups = -(-count // fit)
    size = -(-count // groups)
    rounded = -(-size // _ROUND) * _ROUND
    size = rounded if rounded <= fit else size
    return (range(start, min(start + size, count)) for start in range(0, count, size))


@dataclass(frozen=True, slots=True)
class _Bars:
    """All cells of a pack, `column` columns each. extremes: by index; empty if the cells are stale."""

    cells: Sequence[float | None]
    scale: Scale
    column: int
    extremes: Mapping[int, Style]

    def lines(self, group: range) -> Iterator[Text]:
        """Yield the bars of these cells, their voltages where there is room for them, and the marks."""
        margin = " " * _MARGIN
        usual = Style.BAR if self.extremes else Style.STALE
        for height in reversed(range(BAR_LINES)):
            bars = line("".join(self._bar(index, height) for index in group))
            bars.stylize(usual)
            for index in self.extremes.keys() & set(group):
                start = (index - group.start) * self.column
                bars.stylize(self.extremes[index], start, start + self.column)
            number = f"{group.start + 1:>{_MARGIN - 1}} " if height == 0 else margin
            yield line((number, Style.FAINT), bars)
        if self.column == _WIDE:
            voltages = "".join(self._voltage(index) for index in group)
            yield line(margin, (voltages, "" if self.extremes else Style.STALE))
        if not self.extremes.keys().isdisjoint(group):
            yield line(margin, *(self._mark(index) for index in group))

    def _bar(self, index: int, height: int) -> str:
        volts = self.cells[index]
        if volts is None:
            letter = "?" if height == 0 else " "
        else:
            filled = self.scale.level(volts, BAR_LINES * _STEPS) - height * _STEPS
            letter = _LEVELS[min(max(filled, 0), _STEPS)]
        return (letter * max(self.column - 2, 1)).ljust(self.column)

    def _voltage(self, index: int) -> str:
        volts = self.cells[index]
        return ("-" if volts is None else f"{volts:.3f}").ljust(_WIDE)

    def _mark(self, index: int) -> tuple[str, str]:
        style = self.extremes.get(index)
        if style is None:
            return " " * self.column, ""
        number = str(index + 1) if self.column == _WIDE else ""
        return f"{_MARKS[style]}{number}".ljust(self.column), style
