"""Panels as a picture, PNG or SVG, one above the other over one time axis.

Promises: the time axis says its zone, or from when it counts. Relies on `telemetry.picture`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from telemetry.overview.curves import HeatMap, Panel, Span, thinned
from telemetry.picture.sheet import COLOURS, GREY, GRID, sheet, time_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from telemetry.overview.curves import Times

FORMATS = (".png", ".svg")
_WIDTH_IN = 12.0
_COLUMNS = 1100  # of pixels that a panel has
_PANEL_IN, _FLAGS_IN, _FLAG_IN = 2.3, 0.55, 0.3
_TOP_IN, _BOTTOM_IN, _BETWEEN_IN = 0.62, 0.62, 0.3
_LEFT_IN, _RIGHT_IN, _SCALE_IN = 1.05, 0.25, 0.95  # of colours, at the right
_LEGEND_LINE_IN = 0.24
_EARLIEST_EPOCH_NS = 10**18  # September 2001; an earlier stamp counts from the logger's own start
_SPARSE = 60  # points of a curve, up to which each is marked
_NARROW = 0.04  # of the whole: a span that has no room for its name
_SHADES = ("#e8f0f8", "#fdf1e4")
_TICKS = ["%Y", "%b", "%-d %b", "%H:%M", "%H:%M", "%H:%M:%S.%f"]  # of years, months, …, seconds
_FIRST_TICKS = ["", "%Y", "%b", "%-d %b", "%H:%M", "%H:%M:%S.%f"]  # where one begins the next larger unit
_EVERY = [1, 2, 5, 10, 15, 30]  # minutes or seconds between ticks
_NICE = {"degC": "°C", "deg": "°", "ohm": "Ω", "kohm": "kΩ"}


def draw(
    panels: Sequence[Panel | HeatMap],
    title: str,
    file: Path | None,
    *,
    origin_ns: int,
    zone: tzinfo | None,
    spans: Sequence[Span] = (),
    panel_in: float = _PANEL_IN,
) -> "Figure":
    """Write the picture, if there is a file for it, and return it. Raises StorageError as `sheet` does.

    origin_ns: stamp of the first frame; zone: of the time axis, None: it counts from the first frame;
    spans: shaded in each panel of curves; panel_in: how high such a panel is.
    """
    end_ns = max(panel.end_ns for panel in panels)
    axis = _TimeAxis(origin_ns, zone if origin_ns >= _EARLIEST_EPOCH_NS else None, end_ns)
    heights_in = [_height_in(panel, panel_in) for panel in panels]
    above_in = [
        _LEGEND_LINE_IN * (_legend_lines(panel) + (number == 0 and bool(spans)))
        for number, panel in enumerate(panels)
    ]
    height_in = _TOP_IN + sum(heights_in) + sum(above_in) + _BETWEEN_IN * (len(panels) - 1) + _BOTTOM_IN
    right_in = _SCALE_IN if any(isinstance(panel, HeatMap) for panel in panels) else _RIGHT_IN
    with sheet(file, _WIDTH_IN, height_in) as drawn:
        drawn.title(_LEFT_IN, title)
        all_axes: list[Axes] = []
        top_in = _TOP_IN
        for panel, high_in, title_in in zip(panels, heights_in, above_in, strict=True):
            top_in += title_in
            place = (_LEFT_IN, top_in, _WIDTH_IN - _LEFT_IN - right_in, high_in)
            axes = drawn.axes(*place, sharex=all_axes[0] if all_axes else None)
            if isinstance(panel, HeatMap):
                scale = drawn.axes(_WIDTH_IN - right_in + 0.14, top_in, 0.14, high_in)
                _draw_map(axes, scale, panel, axis)
            else:
                _draw_panel(axes, panel, axis)
                _shade(axes, spans, axis, names_at=1 + title_in / high_in if not all_axes else None)
            axes.tick_params(labelbottom=panel is panels[-1])
            all_axes.append(axes)
            top_in += high_in + _BETWEEN_IN
        axis.finish(all_axes[-1])
        drawn.figure.align_ylabels(all_axes)
    return drawn.figure


class _TimeAxis:
    """Stamps as matplotlib draws them: days since 1970, or seconds or more since the first frame."""

    def __init__(self, origin_ns: int, zone: tzinfo | None, end_ns: int) -> None:
        self._origin_ns = origin_ns
        self._zone = zone
        self.span_ns = end_ns - origin_ns
        self._scale, self._unit = time_unit(self.span_ns / 1e9)

    def places(self, times_ns: "Times | int") -> Any:
        """Return where stamps are."""
        if self._zone is None:
            return (times_ns - self._origin_ns) / (1e9 * self._scale)
        return (times_ns - self._origin_ns) / 86400e9 + self._origin_ns / 86400e9

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


def _shade(axes: "Axes", spans: Sequence[Span], axis: _TimeAxis, *, names_at: float | None) -> None:
    """Shade the spans; names_at: their names' height, of that of the axes; None: no names."""
    names = list(dict.fromkeys(span.name for span in spans))
    for span in spans:
        first, last = axis.places(span.first_ns), axis.places(span.last_ns)
        axes.axvspan(first, last, color=_SHADES[names.index(span.name) % len(_SHADES)], lw=0, zorder=0)
        if names_at is not None and span.last_ns - span.first_ns >= _NARROW * axis.span_ns:
            place: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "ha": "center", "va": "top"}
            axes.text((first + last) / 2, names_at, span.name, color=GREY, **place)


def _draw_map(axes: "Axes", scale: "Axes", panel: HeatMap, axis: _TimeAxis) -> None:
    """Draw the rows from the first at the bottom, white in the middle of the scale."""
    count = len(panel.values)
    widest = float(abs(panel.values).max())
    image = axes.pcolormesh(
        axis.places(panel.edges_ns),
        [number + 0.5 for number in range(count + 1)],
        panel.values,
        cmap="RdBu_r",
        vmin=-widest,
        vmax=widest,
        rasterized=True,
    )
    axes.set_facecolor(GRID)  # where there is no value
    axes.grid(visible=False)
    axes.margins(0)
    axes.set_ylabel(panel.label)
    axes.set_yticks(range(count // 8, count + 1, count // 8) if count >= 8 else range(1, count + 1))
    bar = axes.figure.colorbar(image, cax=scale)
    bar.set_label(panel.scale)
    bar.outline.set_visible(False)


def _draw_panel(axes: "Axes", panel: Panel, axis: _TimeAxis) -> None:
    for number, curve in enumerate(panel.curves):
        shown = thinned(curve, _COLUMNS)
        base = len(panel.curves) - 1 - number if panel.is_flags else 0  # flags one above the other
        values = base + 0.75 * shown.values if panel.is_flags else shown.values
        colour = COLOURS[number % len(COLOURS)]
        places = axis.places(shown.times_ns)
        axes.plot(
            places,
            values,
            color=colour,
            lw=1.5,
            ls="--" if shown.is_dashed else ("-", "--", ":")[number // len(COLOURS) % 3],
            drawstyle="steps-post" if shown.is_stepped else "default",
            marker="o" if len(shown.times_ns) <= _SPARSE else None,
            ms=3,
            label=curve.label,
        )
        if panel.is_flags or shown.is_filled:
            step: Literal["post"] | None = "post" if shown.is_stepped else None
            axes.fill_between(places, base, values, step=step, color=colour, alpha=0.18, lw=0)
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
        axes.set_ylabel(_NICE.get(panel.unit, panel.unit))
    _legend(axes, panel)


def _name_values(axes: "Axes", panel: Panel) -> None:
    """Write the words that occur at the values that they stand for."""
    seen = {float(value) for curve in panel.curves for value in set(curve.values.tolist())}
    words = dict(panel.words)
    ticks = sorted(seen)
    axes.set_yticks(ticks)
    axes.set_yticklabels([words.get(tick, f"{tick:g}") for tick in ticks])
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
        text.set_color(GREY)


def _per_line(panel: Panel) -> int:
    longest = max(len(curve.label) for curve in panel.curves)
    return max(1, 118 // (longest + 6))


def _legend_lines(panel: Panel | HeatMap) -> int:
    return 0 if isinstance(panel, HeatMap) else -(-len(panel.curves) // _per_line(panel))


def _height_in(panel: Panel | HeatMap, panel_in: float) -> float:
    if isinstance(panel, HeatMap):
        return _PANEL_IN
    if panel.is_flags:
        return _FLAGS_IN + _FLAG_IN * (len(panel.curves) - 1)
    return panel_in if not panel.words else panel_in / 2
