"""Curves as inline SVG: a chart that a page in light or dark, a phone and a sheet of paper can show. Pure.

Promises:

- A value is drawn where it belongs, to a tenth of a unit of the drawing.
- A percent or a time without values is a gap, never a line across it.
- Nothing but geometry, numbers and escaped text comes out; colours are the page's (`report.css`).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from telemetry.charging.report.escape import escaped

WIDTH, HEIGHT = 360, 194  # of the drawing; small, so that its letters are read on a phone
LEFT, RIGHT, TOP, BOTTOM = 42, 10, 10, 30
_TICKS = 4  # between two ends, about
_MOST_NAMED = 24  # hollow dots with their words beside them
_LEAST_SHARE = 1e-3  # of the x axis, less than a line is wide: two ends that are closer touch


@dataclass(frozen=True, slots=True)
class Step:
    """One value that holds from `start` to `end` of the x axis."""

    start: float
    end: float
    value: float


@dataclass(frozen=True, slots=True)
class Dot:
    """A value at a place of the x axis, and half of its interval; without one it is hollow, at the floor."""

    x: float
    value: float | None
    half: float = 0.0
    words: str = ""


@dataclass(frozen=True, slots=True)
class Axis:
    """From `low` to `high`, with these ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]
    decimals: int


def axis(values: Sequence[float], *, least_span: float = 1.0, from_zero: bool = False) -> Axis:
    """Return an axis with round ticks that holds all values; least_span: what a flat curve lies in."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    if from_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low < least_span:
        middle = (low + high) / 2.0
        low, high = (
            (low, low + least_span) if from_zero else (middle - least_span / 2, middle + least_span / 2)
        )
    step = _round_step((high - low) / _TICKS)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    ticks = tuple(round(number * step, decimals + 2) for number in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], ticks, decimals)


def span(low: float, high: float) -> Axis:
    """Return an axis from `low` to `high` exactly, with round ticks inside."""
    high = high if high > low else low + 1.0
    step = _round_step((high - low) / (_TICKS + 1))
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    numbers = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    return Axis(low, high, tuple(round(number * step, decimals + 2) for number in numbers), decimals)


def _round_step(least: float) -> float:
    """Return the smallest of 1, 2, 5, 10, … that is no less."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= least * (1 - 1e-9))


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart of a page.

    steps: the values; band: lower values of the same steps, with which they enclose an area; dots: single
    values; limit: a value to compare with, drawn as a dashed line with its words.
    """

    title: str
    x_words: str  # what the x axis is, with its unit
    x: Axis
    y: Axis
    steps: Sequence[Step]
    band: Sequence[Step] = ()
    limit: tuple[float, str] | None = None
    is_filled: bool = False  # down to zero
    dots: Sequence[Dot] = ()

    def figure(self) -> str:
        """Return the chart as `figure`, its title as caption."""
        return (
            f'<figure class="chart"><figcaption>{escaped(self.title)}</figcaption>'
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escaped(self._said())}">'
            f"{''.join(self._parts())}</svg></figure>"
        )

    def _said(self) -> str:
        """Return what the picture says, in words, for those who do not see it."""
        values = [step.value for step in (*self.steps, *self.band)]
        values += [dot.value for dot in self.dots if dot.value is not None]
        if not values:
            return f"{self.title}: no values"
        digits = self.y.decimals + 1
        return f"{self.title}: from {min(values):.{digits}f} to {max(values):.{digits}f}, by {self.x_words}"

    def _parts(self) -> Iterator[str]:
        yield from self._grid()
        if self.band:
            yield self._area("band", {step.start: step.value for step in self.band})
        elif self.is_filled:
            yield self._area("area", dict.fromkeys((step.start for step in self.steps), max(self.y.low, 0.0)))
        for name, steps in (("curve", self.steps), ("curve low", self.band)):
            if steps:
                yield f'<path class="{name}" d="{self._line(steps)}"/>'
        yield from self._dots()
        if self.limit is not None:
            value, words = self.limit
            y = _n(self._y(value))
            yield f'<path class="limit" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>'
            yield (
                f'<text class="limit-words" x="{WIDTH - RIGHT - 2}" y="{_n(self._y(value) - 4)}" '
                f'text-anchor="end">{escaped(words)}</text>'
            )

    def _grid(self) -> Iterator[str]:
        floor = HEIGHT - BOTTOM
        for tick in self.y.ticks:
            y = _n(self._y(tick))
            yield f'<path class="grid" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>'
            yield (
                f'<text class="y" x="{LEFT - 6}" y="{y}" text-anchor="end" dominant-baseline="middle">'
                f"{tick:.{self.y.decimals}f}</text>"
            )
        for tick in self.x.ticks:
            x = _n(self._x(tick))
            yield f'<path class="tick" d="M{x} {floor}v4"/>'
            yield (
                f'<text class="x" x="{x}" y="{HEIGHT - 15}" text-anchor="middle">'
                f"{tick:.{self.x.decimals}f}</text>"
            )
        yield (
            f'<text class="unit" x="{WIDTH - RIGHT}" y="{HEIGHT - 1}" text-anchor="end">'
            f"{escaped(self.x_words)}</text>"
        )

    def _dots(self) -> Iterator[str]:
        names_hollow = sum(dot.value is None for dot in self.dots) <= _MOST_NAMED
        for dot in self.dots:
            x, value = _n(self._x(dot.x)), self.y.low if dot.value is None else dot.value
            y = _n(self._y(value))
            if dot.half:
                ends = (_n(self._y(value + dot.half)), _n(self._y(value - dot.half)))
                yield f'<path class="bar" d="M{x} {"V".join(ends)}"/>'
            kind = "dot hollow" if dot.value is None else "dot"
            title = f"<title>{escaped(dot.words)}</title>"
            yield f'<circle class="{kind}" cx="{x}" cy="{y}" r="2.6">{title}</circle>'
            if dot.value is None and dot.words and names_hollow:
                place = f'transform="translate({x} {_n(self._y(value) - 6)}) rotate(-90)"'
                yield f'<text class="why" dominant-baseline="middle" {place}>{escaped(dot.words)}</text>'

    def runs(self, steps: Sequence[Step]) -> list[list[Step]]:
        """Return the steps by gaps: those of one run touch."""
        found: list[list[Step]] = []
        near = _LEAST_SHARE * (self.x.high - self.x.low)
        for step in steps:
            if found and abs(step.start - found[-1][-1].end) <= near:
                found[-1].append(step)
            else:
                found.append([step])
        return found

    def _line(self, steps: Sequence[Step]) -> str:
        return "".join(f"M{self._place(run[0])}{self._along(run)}" for run in self.runs(steps))

    def _area(self, name: str, lower: Mapping[float, float]) -> str:
        """Return what lies between the steps and the lower values, by where a step starts."""
        parts = []
        for run in self.runs([step for step in self.steps if step.start in lower]):
            floor = [Step(step.end, step.start, lower[step.start]) for step in reversed(run)]
            parts.append(f"M{self._place(run[0])}{self._along(run)}{self._along(floor)}Z")
        return f'<path class="{name}" d="{"".join(parts)}"/>'

    def _along(self, run: Sequence[Step]) -> str:
        return "".join(f"V{_n(self._y(step.value))}H{_n(self._x(step.end))}" for step in run)

    def _place(self, step: Step) -> str:
        return f"{_n(self._x(step.start))} {_n(self._y(step.value))}"

    def _x(self, value: float) -> float:
        return LEFT + (value - self.x.low) / (self.x.high - self.x.low) * (WIDTH - LEFT - RIGHT)

    def _y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (value - self.y.low) / (self.y.high - self.y.low) * (HEIGHT - TOP - BOTTOM)


def _n(value: float) -> str:
    """Return a coordinate to a tenth, without needless digits."""
    return f"{value:.1f}".removesuffix(".0")
