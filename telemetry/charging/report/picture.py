"""A session as a picture, PNG: the curves of its page, phases and attempts above them.

Promises: the same session gives the same file, byte for byte, by one version of matplotlib.

Relies on matplotlib, which is an extra and is imported when a picture is drawn; no display is needed.
"""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telemetry.charging.report import phrases
from telemetry.charging.report.chart import Chart, Step
from telemetry.charging.report.charts import charts
from telemetry.charging.session import Session
from telemetry.errors import writing
from telemetry.picture_style import BLUE, GREEN, GREY, GRID, OCHRE, ORANGE, PURPLE, RED, STYLE, TEAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HINT = "pip install 'nev-telemetry[plot]'"
_DPI = 100
_WIDTH_IN, _PANEL_IN, _BETWEEN_IN = 12.0, 2.0, 0.75
_TOP_IN, _BOTTOM_IN, _ATTEMPT_IN, _BELOW_ATTEMPTS_IN = 1.4, 0.6, 0.3, 0.75
_LEFT, _RIGHT, _MIDDLE = 0.07, 0.98, 0.08  # of the width
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
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = list(charts(session))
    attempts = sorted({phase.attempt for phase in session.phases})
    lines_in = _ATTEMPT_IN * len(attempts) + (_BELOW_ATTEMPTS_IN if attempts else 0.0)
    rows = -(-len(drawn) // 2)
    height_in = _TOP_IN + lines_in + rows * (_PANEL_IN + _BETWEEN_IN) + _BOTTOM_IN - _BETWEEN_IN * (rows > 0)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(_WIDTH_IN, height_in), dpi=_DPI)
        FigureCanvasAgg(figure)
        _title(figure, session, height_in)
        if attempts:
            _attempts(figure, session, attempts, height_in)
        for number, chart in enumerate(drawn):
            row, column = divmod(number, 2)
            width = (_RIGHT - _LEFT - _MIDDLE) / 2
            bottom_in = height_in - _TOP_IN - lines_in - row * (_PANEL_IN + _BETWEEN_IN) - _PANEL_IN
            place = (_LEFT + column * (width + _MIDDLE), bottom_in / height_in, width, _PANEL_IN / height_in)
            _panel(figure.add_axes(place), chart)
        with writing(file), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing")  # of a name; a box stands for each letter
            figure.savefig(file, format="png", metadata={"Software": "nev-telemetry"})


def _title(figure: "Figure", session: Session, height_in: float) -> None:
    facts = (
        phrases.soc(session),
        phrases.energy(session.energy_wh),
        phrases.duration(session.duration_s),
        phrases.protocol(session),
        f"station {session.station}" if session.station else "",
    )
    words = " · ".join(fact for fact in facts if fact)
    lines: tuple[tuple[str, float, dict[str, Any]], ...] = (
        (phrases.title(session), 0.3, {"fontsize": 14, "fontweight": "bold"}),
        (words, 0.57, {"color": GREY}),
        (phrases.ending(session), 0.82, {}),
    )
    for text, from_top_in, look in lines:
        printable = "".join(letter if letter.isprintable() else "?" for letter in text)
        figure.text(_LEFT, 1 - from_top_in / height_in, printable, va="center", parse_math=False, **look)


def _attempts(figure: "Figure", session: Session, attempts: list[int], height_in: float) -> None:
    """A bar for each phase; a red line for each error."""
    bar_in = _ATTEMPT_IN * len(attempts)
    place = (_LEFT, 1 - (_TOP_IN + bar_in) / height_in, _RIGHT - _LEFT, bar_in / height_in)
    axes = figure.add_axes(place)
    scale, unit = phrases.time_unit(session.duration_s)
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


def _panel(axes: "Axes", chart: Chart) -> None:
    axes.set_title(chart.title, loc="left", fontsize=10.5, fontweight="bold")
    for steps in (chart.steps, chart.band):
        for run in chart.runs(steps):
            x, y = _corners(run)
            axes.plot(x, y, color=BLUE, lw=1.5, clip_on=False)
    for run in chart.runs(chart.steps) if chart.is_filled else ():
        x, y = _corners(run)
        axes.fill_between(x, max(chart.y.low, 0.0), y, color=BLUE, alpha=0.14, lw=0)
    lows = {step.start: step.value for step in chart.band}
    for step in chart.steps:
        if step.start in lows:
            axes.fill_between(
                [step.start, step.end], lows[step.start], step.value, color=BLUE, alpha=0.2, lw=0
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
    axes.grid(color=GRID, axis="y")
    axes.tick_params(labelsize=9)
    axes.ticklabel_format(axis="y", useOffset=False, style="plain")
    axes.set_xlabel(chart.x_words, fontsize=9)


def _corners(run: list[Step]) -> tuple[list[float], list[float]]:
    x = [place for step in run for place in (step.start, step.end)]
    return x, [step.value for step in run for _ in range(2)]
