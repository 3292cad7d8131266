"""Panels as a picture, PNG or SVG, one above the other over one time axis.

Promises: the same panels give the same file, byte for byte, by one version of matplotlib. The time axis says
its zone, or from when it counts.

Relies on matplotlib, which is an extra and is imported when a picture is drawn; no display is needed.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telemetry.errors import writing
from telemetry.overview.curves import Curve, Panel, thinned
from telemetry.picture_style import COLOURS, GREY, STYLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg")
_DPI = 100
_WIDTH_IN = 12.0
_COLUMNS = 1100  # of pixels that a panel has
_PANEL_IN, _FLAGS_IN, _FLAG_IN = 2.3, 0.55, 0.3
_TOP_IN, _BOTTOM_IN, _BETWEEN_IN = 0.62, 0.62, 0.3
_LEFT_IN, _RIGHT_IN = 1.05, 0.25
_LEGEND_LINE_IN = 0.24
_EARLIEST_EPOCH_NS = 10**18  # September 2001; an earlier stamp counts from the logger's own start
_SPARSE = 60  # points of a curve, up to which each is marked
_UNITS = ((3 * 3600.0, 3600.0, "h"), (300.0, 60.0, "min"), (0.0, 1.0, "s"))
_TICKS = ["%Y", "%b", "%-d %b", "%H:%M", "%H:%M", "%H:%M:%S.%f"]  # of years, months, …, seconds
_FIRST_TICKS = ["", "%Y", "%b", "%-d %b", "%H:%M", "%H:%M:%S.%f"]  # where one begins the next larger unit
_EVERY = [1, 2, 5, 10, 15, 30]  # minutes or seconds between ticks
_NICE = {"degC": "°C", "deg": "°", "ohm": "Ω", "kohm": "kΩ"}


def draw(panels: Sequence[Panel], title: str, file: Path, *, origin_ns: int, zone: tzinfo | None) -> None:
    """Write the picture. Raises StorageError when the file cannot be written.

    origin_ns: stamp of the first frame; zone: of the time axis, None: it counts from the first frame.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    axis = _TimeAxis(origin_ns, zone if origin_ns >= _EARLIEST_EPOCH_NS else None, _end_ns(panels))
    heights = [_height_in(panel) for panel in panels]
    gaps = [_LEGEND_LINE_IN * _legend_lines(panel) + _BETWEEN_IN for panel in panels]
    height_in = _TOP_IN + sum(heights) + sum(gaps) + _BOTTOM_IN - _BETWEEN_IN
    with mpl.rc_context({**STYLE, "svg.hashsalt": "nev-telemetry", "svg.fonttype": "none"}):
        figure = Figure(figsize=(_WIDTH_IN, height_in), dpi=_DPI)
        FigureCanvasAgg(figure)
        figure.text(
            _LEFT_IN / _WIDTH_IN,
            1 - 0.3 / height_in,
            title,
            ha="left",
            va="center",
            fontsize=14,
            fontweight="bold",
            parse_math=False,
        )
        _draw_panels(figure, panels, axis, heights, gaps, height_in)
        kind = file.suffix.lower().removeprefix(".")
        metadata: dict[str, Any] = {"png": {"Software": "nev-telemetry"}}.get(kind, {"Date": None})
        with writing(file):
            figure.savefig(file, format=kind, metadata=metadata)


class _TimeAxis:
    """Stamps as matplotlib draws them: days since 1970, or seconds or more since the first frame."""

    def __init__(self, origin_ns: int, zone: tzinfo | None, end_ns: int) -> None:
        self._origin_ns = origin_ns
        self._zone = zone
        span_s = (end_ns - origin_ns) / 1e9
        self._scale, self._unit = next((scale, unit) for least, scale, unit in _UNITS if span_s >= least)

    def places(self, curve: Curve) -> Any:
        """Where the points of a curve are."""
        if self._zone is None:
            return (curve.times_ns - self._origin_ns) / (1e9 * self._scale)
        return (curve.times_ns - self._origin_ns) / 86400e9 + self._origin_ns / 86400e9

    def finish(self, axes: "Axes") -> None:
        """Write ticks and label of the lowest panel."""
        if self._zone is None:
            axes.set_xlabel(f"time since the first frame  ({self._unit})")
            return
        from matplotlib.dates import MINUTELY, SECONDLY, AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator(tz=self._zone, minticks=4, maxticks=11)  # type: ignore[no-untyped-call]  # matplotlib
        locator.intervald.update({MINUTELY: _EVERY, SECONDLY: _EVERY})
        axes.xaxis.set_major_locator(locator)
        formatter = ConciseDateFormatter(  # type: ignore[no-untyped-call]  # matplotlib
            locator, tz=self._zone, formats=_TICKS, zero_formats=_FIRST_TICKS, show_offset=False
        )
        axes.xaxis.set_major_formatter(formatter)
        start = datetime.fromtimestamp(self._origin_ns / 1e9, self._zone)
        offset = start.isoformat()[-6:]
        name = start.tzname() or ""
        named = "UTC" if self._zone is UTC or name == "UTC" else f"{name}, UTC{offset}"
        axes.set_xlabel(f"{start:%A, %-d %B %Y}  ({named})")


def _draw_panels(
    figure: "Figure",
    panels: Sequence[Panel],
    axis: _TimeAxis,
    heights: Sequence[float],
    gaps: Sequence[float],
    height_in: float,
) -> None:
    top_in = height_in - _TOP_IN
    first: Axes | None = None
    drawn = []
    for panel, panel_in, gap_in in zip(panels, heights, gaps, strict=True):
        top_in -= gap_in - _BETWEEN_IN
        place = (
            _LEFT_IN / _WIDTH_IN,
            (top_in - panel_in) / height_in,
            1 - (_LEFT_IN + _RIGHT_IN) / _WIDTH_IN,
            panel_in / height_in,
        )
        axes = figure.add_axes(place, sharex=first)
        first = first or axes
        _draw_panel(axes, panel, axis)
        axes.tick_params(labelbottom=panel is panels[-1])
        drawn.append(axes)
        top_in -= panel_in + _BETWEEN_IN
    axis.finish(drawn[-1])
    figure.align_ylabels(drawn)


def _draw_panel(axes: "Axes", panel: Panel, axis: _TimeAxis) -> None:
    for number, curve in enumerate(panel.curves):
        shown = thinned(curve, _COLUMNS)
        base = len(panel.curves) - 1 - number if panel.is_flags else 0  # flags one above the other
        values = base + 0.75 * shown.values if panel.is_flags else shown.values
        colour = COLOURS[number % len(COLOURS)]
        places = axis.places(shown)
        axes.plot(
            places,
            values,
            color=colour,
            lw=1.5,
            ls=("-", "--", ":")[number // len(COLOURS) % 3],
            drawstyle="steps-post" if shown.is_stepped else "default",
            marker="o" if len(shown.times_ns) <= _SPARSE else None,
            ms=3,
            label=curve.label,
        )
        if panel.is_flags:
            axes.fill_between(places, base, values, step="post", color=colour, alpha=0.18, lw=0)
    if panel.is_flags:
        axes.set_yticks([len(panel.curves) - 1 - number + 0.37 for number in range(len(panel.curves))])
        axes.set_yticklabels([""] * len(panel.curves))
        axes.set_ylim(-0.15, len(panel.curves) - 0.1)
        axes.margins(x=0)
        axes.grid(visible=False, axis="y")
        axes.tick_params(left=False)
    elif panel.words:
        _name_values(axes, panel)
    else:
        axes.margins(x=0, y=0.08)
        axes.ticklabel_format(axis="y", useOffset=False, style="plain")
        axes.set_ylabel(_NICE.get(panel.unit, panel.unit), parse_math=False)
    _legend(axes, panel)


def _name_values(axes: "Axes", panel: Panel) -> None:
    """Write the words that occur at the values that they stand for."""
    seen = {float(value) for curve in panel.curves for value in set(curve.values.tolist())}
    words = dict(panel.words)
    ticks = sorted(seen)
    axes.set_yticks(ticks)
    axes.set_yticklabels([words.get(tick, f"{tick:g}") for tick in ticks], parse_math=False)
    axes.margins(x=0, y=0.15)


def _legend(axes: "Axes", panel: Panel) -> None:
    handles, labels = axes.get_legend_handles_labels()
    legend = axes.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(-0.008, 1.0),
        borderaxespad=0.1,
        ncols=_per_line(panel),
        handlelength=1.4,
        columnspacing=1.6,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
        text.set_color(GREY)


def _per_line(panel: Panel) -> int:
    longest = max(len(curve.label) for curve in panel.curves)
    return max(1, 118 // (longest + 6))


def _legend_lines(panel: Panel) -> int:
    return -(-len(panel.curves) // _per_line(panel))


def _height_in(panel: Panel) -> float:
    if panel.is_flags:
        return _FLAGS_IN + _FLAG_IN * (len(panel.curves) - 1)
    return _PANEL_IN if not panel.words else _PANEL_IN / 2


def _end_ns(panels: Sequence[Panel]) -> int:
    return max(int(curve.times_ns[-1]) for panel in panels for curve in panel.curves)
