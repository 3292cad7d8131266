"""A session as a picture, PNG: the curves of its page, phases and attempts above them."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from telemetry.charging.report import phrases
from telemetry.charging.report.chart import Chart, Step
from telemetry.charging.report.charts import charts
from telemetry.charging.session import Session
from telemetry.picture.sheet import (
    BLUE,
    GREEN,
    GREY,
    OCHRE,
    ORANGE,
    PURPLE,
    RED,
    TEAL,
    Sheet,
    sheet,
    time_unit,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH_IN, _PANEL_IN, _BETWEEN_IN = 12.0, 2.0, 0.75
_TOP_IN, _BOTTOM_IN, _ATTEMPT_IN, _BELOW_ATTEMPTS_IN = 1.4, 0.6, 0.3, 0.75
_LEFT_IN, _INNER_IN, _MIDDLE_IN = 0.84, 10.92, 0.96
_NS = 1e9
_COLOURS = {
    "handshake": GREY,
    "recognition": PURPLE,
    "configuration": TEAL,
    "charging": GREEN,
    "stopping": ORANGE,
    "ended": "#4f5d6a",
}


def draw(session: Session, file: Path) -> None:
    """Write the picture. Raises StorageError when the file cannot be written."""
    drawn = list(charts(session))
    attempts = sorted({phase.attempt for phase in session.phases})
    attempts_in = _ATTEMPT_IN * len(attempts)
    top_in = _TOP_IN + attempts_in + (_BELOW_ATTEMPTS_IN if attempts else 0.0)
    rows = -(-len(drawn) // 2)
    height_in = top_in + rows * (_PANEL_IN + _BETWEEN_IN) + _BOTTOM_IN - _BETWEEN_IN * (rows > 0)
    width_in = (_INNER_IN - _MIDDLE_IN) / 2
    with sheet(file, _WIDTH_IN, height_in) as figure:
        _title(figure, session)
        if attempts:
            _attempts(figure.axes(_LEFT_IN, _TOP_IN, _INNER_IN, attempts_in), session, attempts)
        for number, chart in enumerate(drawn):
            row, column = divmod(number, 2)
            left_in = _LEFT_IN + column * (width_in + _MIDDLE_IN)
            place = (left_in, top_in + row * (_PANEL_IN + _BETWEEN_IN), width_in, _PANEL_IN)
            panel(figure.axes(*place), chart)


def _title(figure: Sheet, session: Session) -> None:
    facts = (
        phrases.soc(session),
        phrases.energy(session.energy_wh),
        phrases.duration(session.duration_s),
        phrases.protocol(session),
        f"station {session.station}" if session.station else "",
    )
    figure.title(_LEFT_IN, phrases.title(session))
    figure.text(_LEFT_IN, 0.57, " · ".join(fact for fact in facts if fact), color=GREY)
    figure.text(_LEFT_IN, 0.82, phrases.ending(session))


def _attempts(axes: "Axes", session: Session, attempts: Sequence[int]) -> None:
    """Draw a bar for each phase, and a red line for each error."""
    scale, unit = time_unit(session.duration_s)
    named: set[str] = set()
    for phase in session.phases:
        row = attempts.index(phase.attempt)
        start = (phase.start_ns - session.start_ns) / _NS / scale
        label = None if phase.phase in named else phase.phase
        named.add(phase.phase)
        colour = _COLOURS.get(phase.phase, OCHRE)
        axes.barh(
            row,
            phase.duration_s / scale,
            left=start,
            height=0.7,
            color=colour,
            ec=colour,
            lw=0.8,
            label=label,
        )
    for error in session.errors:
        at = (error.at_ns - session.start_ns) / _NS / scale
        if error.attempt in attempts:
            row = attempts.index(error.attempt)
            label = None if "error" in named else "error"
            named.add("error")
            axes.plot([at, at], [row - 0.45, row + 0.45], color=RED, lw=2, label=label)
    axes.set_ylim(len(attempts) - 0.4, -0.6)
    axes.set_yticks(range(len(attempts)), [f"attempt {attempt}" for attempt in attempts])
    axes.set_xlim(0.0, max(session.duration_s / scale, 1e-9))
    axes.tick_params(left=False, labelsize=9)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"time since the start ({unit})", fontsize=9)
    axes.legend(loc="lower right", bbox_to_anchor=(1.005, 1.0), ncols=7, fontsize=9, handlelength=1.0)


def panel(axes: "Axes", chart: Chart) -> None:
    """Draw a chart as its page does."""
    axes.set_title(chart.title, loc="left", fontsize=10.5, fontweight="bold")
    for steps in (chart.steps, chart.band):
        axes.plot(*_corners(chart, steps), color=BLUE, lw=1.5, clip_on=False)
    if chart.is_filled:
        x, y = _corners(chart, chart.steps)
        axes.fill_between(x, max(chart.y.low, 0.0), y, color=BLUE, alpha=0.14, lw=0)
    lows = {step.start: step.value for step in chart.band}
    for step in chart.steps:
        if step.start in lows:
            axes.fill_between(
                [step.start, step.end], lows[step.start], step.value, color=BLUE, alpha=0.2, lw=0
            )
    for dot in chart.dots:
        value = chart.y.low if dot.value is None else dot.value
        face = "white" if dot.value is None else BLUE
        axes.errorbar(
            dot.x, value, dot.half or None, fmt="o", ms=4, color=BLUE, mfc=face, elinewidth=0.8, clip_on=False
        )
        if dot.value is None:
            axes.annotate(
                dot.words,
                (dot.x, value),
                xytext=(0, 7),
                textcoords="offset points",
                rotation=90,
                ha="center",
                fontsize=7.5,
                color=GREY,
            )
    if chart.limit is not None:
        value, words = chart.limit
        axes.axhline(value, color=OCHRE, lw=1.2, ls="--")
        axes.annotate(
            words,
            (1.0, value),
            xycoords=("axes fraction", "data"),
            xytext=(-2, 2),
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=9,
            color=OCHRE,
        )
    axes.set_xlim(chart.x.low, chart.x.high)
    axes.set_ylim(chart.y.low, chart.y.high)
    axes.set_yticks(chart.y.ticks)
    axes.grid(visible=False, axis="x")
    axes.tick_params(labelsize=9)
    axes.ticklabel_format(axis="y", useOffset=False, style="plain")
    axes.set_xlabel(chart.x_words, fontsize=9)


def _corners(chart: Chart, steps: Sequence[Step]) -> tuple[list[float], list[float]]:
    """Return the corners of the steps, with a NaN in each gap."""
    x: list[float] = []
    y: list[float] = []
    for run in chart.runs(steps):
        x += [*(place for step in run for place in (step.start, step.end)), math.nan]
        y += [*(step.value for step in run for _ in range(2)), math.nan]
    return x, y
