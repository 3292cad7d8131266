"""Line plots as small SVG files, readable on light and on dark paper: cost against size, with their units.

A plot has one curve; its horizontal axis is logarithmic, since sizes double or grow tenfold, and its vertical
one begins at zero, so that flat looks flat.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 480, 260
LEFT, RIGHT, TOP, BOTTOM = 56, 24, 36, 48
STEPS = 4  # on the vertical axis
# Colours of the page's own scheme where it has one; these are readable on both.
STYLE = """
    text { font: 12px sans-serif; fill: #24292f }
    .title { font-weight: bold }
    .grid { stroke: #8c959f; stroke-opacity: .35 }
    .curve { stroke: #0969da; stroke-width: 2; fill: none }
    .point { fill: #0969da }
    @media (prefers-color-scheme: dark) {
      text { fill: #d0d7de }
      .curve { stroke: #58a6ff }
      .point { fill: #58a6ff }
    }"""


@dataclass(frozen=True, slots=True)
class Plot:
    """name: of the file; size, cost: what the axes are."""

    name: str
    title: str
    size: str
    cost: str
    points: tuple[tuple[float, float], ...]

    @property
    def file(self) -> str:
        return f"{self.name}.svg"

    def as_svg(self) -> str:
        return "\n".join([*self._frame(), *self._curve(), "</svg>"]) + "\n"

    def _frame(self) -> Iterator[str]:
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
            f'height="{HEIGHT}" role="img" aria-label="{escape(self.title)}">'
        )
        yield f"  <style>{STYLE}\n  </style>"
        yield f'  <text class="title" x="{LEFT}" y="20">{escape(self.title)}</text>'
        for step in range(STEPS + 1):
            cost = self._top() * step / STEPS
            y = self._y(cost)
            yield f'  <line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield f'  <text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{cost:g}</text>'
        for size, _ in self.points:
            x = self._x(size)
            yield f'  <text x="{x:.1f}" y="{HEIGHT - 28}" text-anchor="middle">{size:,g}</text>'
        middle = (LEFT + WIDTH - RIGHT) / 2
        yield f'  <text x="{middle:.0f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(self.size)}</text>'
        yield (
            f'  <text transform="translate(14 {(TOP + HEIGHT - BOTTOM) / 2:.0f}) rotate(-90)" '
            f'text-anchor="middle">{escape(self.cost)}</text>'
        )

    def _curve(self) -> Iterator[str]:
        places = [(self._x(size), self._y(cost)) for size, cost in self.points]
        yield f'  <polyline class="curve" points="{_pairs(places)}"/>'
        for x, y in places:
            yield f'  <circle class="point" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'

    def _top(self) -> float:
        """Round the highest cost up to STEPS round steps."""
        step = max(cost for _, cost in self.points) / STEPS
        unit = 10 ** math.floor(math.log10(step)) if step else 1.0
        return (
            STEPS
            * unit
            * next(factor for factor in (1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10) if step <= factor * unit)
        )

    def _x(self, size: float) -> float:
        first, last = math.log(self.points[0][0]), math.log(self.points[-1][0])
        part = (math.log(size) - first) / (last - first) if last > first else 0.5
        return LEFT + 16 + part * (WIDTH - RIGHT - LEFT - 32)

    def _y(self, cost: float) -> float:
        return HEIGHT - BOTTOM - cost / self._top() * (HEIGHT - BOTTOM - TOP)


def _pairs(places: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
