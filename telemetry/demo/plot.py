"""The run as a picture, 1200 x 1000 pixels: voltage, current and power, state of charge, cells over time.

Relies on matplotlib, which is an extra and is imported when a picture is drawn; no display is needed.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telemetry.demo.plot_data import DrawnCurve, PlotData, deviations_mv
from telemetry.errors import writing
from telemetry.picture_style import BLUE, GREEN, GREY, GRID, ORANGE, PURPLE, STYLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_PIXELS, HEIGHT_PIXELS = 1200, 1000
HINT = "pip install 'nev-telemetry[demo]'"

_DPI = 100
_NARROW = 0.04  # of the whole: a phase that has no room for its name
_SHADES = {"drive": "#e8f0f8", "charge": "#fdf1e4"}


def draw(data: PlotData, title: str, file: Path) -> None:
    """Write the picture as PNG. Raises StorageError when the file cannot be written."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_PIXELS / _DPI, HEIGHT_PIXELS / _DPI), dpi=_DPI)
        FigureCanvasAgg(figure)
        _draw(figure, data, title)
        with writing(file):
            figure.savefig(file, format="png", metadata={"Software": "nev-telemetry"})


def _draw(figure: "Figure", data: PlotData, title: str) -> None:
    figure.suptitle(title, x=0.075, y=0.975, ha="left", fontsize=15, fontweight="bold")
    panels = figure.subplots(
        4,
        1,
        sharex=True,
        gridspec_kw={
            "height_ratios": (1.0, 1.25, 1.0, 1.45),
            "left": 0.075,
            "right": 0.915,
            "top": 0.925,
            "bottom": 0.06,
            "hspace": 0.16,
        },
    )
    voltage, current, charge, cells = panels
    end_min = max((*data.voltage_v.minutes, *data.cells_min[-1:]), default=1.0)
    _shade(voltage, data)
    _name_phases(voltage, data, end_min)
    _draw_voltage(voltage, data)
    _draw_current(current, data)
    _shade(charge, data)
    _line(charge, data.soc_pct, BLUE, "traction battery (CAN)")
    _line(charge, data.service_soc_pct, GREEN, "service battery (JBD)")
    charge.set_ylabel("state of charge  (%)")
    charge.margins(y=0.12)
    _legend(charge)
    _draw_cells(figure, cells, data)
    cells.set_xlabel("simulated time  (min)")
    cells.set_xlim(0.0, end_min)
    figure.align_ylabels(panels)


def _shade(axes: "Axes", data: PlotData) -> None:
    for shade in data.phases:
        axes.axvspan(shade.first_min, shade.last_min, color=_SHADES[shade.name], lw=0, zorder=0)


def _name_phases(axes: "Axes", data: PlotData, end_min: float) -> None:
    for shade in data.phases:
        if shade.last_min - shade.first_min < _NARROW * end_min:
            continue
        middle_min = 0.5 * (shade.first_min + shade.last_min)
        axes.text(
            middle_min,
            1.03,
            shade.name,
            transform=axes.get_xaxis_transform(),
            ha="center",
            va="bottom",
            color=GREY,
        )


def _draw_voltage(axes: "Axes", data: PlotData) -> None:
    """The pack on the left scale, its cells on the right one.

    A mean cell lies where the pack does, but for what contacts and busbars take.
    """
    _line(axes, data.voltage_v, BLUE, "pack")
    axes.set_ylabel("voltage  (V)")
    axes.margins(y=0.12)
    cells = axes.twinx()
    cells.fill_between(
        data.cell_min_v.minutes,
        data.cell_min_v.values,
        data.cell_max_v.values[: len(data.cell_min_v.values)],
        color=BLUE,
        alpha=0.3,
        lw=0,
        label="cells, lowest to highest (right)",
    )
    low_v, high_v = axes.get_ylim()
    count = max(len(data.cells_v), 1)
    cells.set_ylim(low_v / count, high_v / count)
    _right_scale(cells, "cell  (V)")
    axes.legend(handles=_handles(axes, cells), loc="upper left", ncols=2)


def _draw_current(axes: "Axes", data: PlotData) -> None:
    axes.axhline(0.0, color=GREY, lw=0.8)
    _line(axes, data.current_a, BLUE, "pack current")
    _line(axes, data.charger_a, ORANGE, "charger current", style="--")
    axes.set_ylabel("current  (A)")
    axes.margins(y=0.1)
    power = axes.twinx()
    power.set_zorder(axes.get_zorder() - 1)
    axes.patch.set_visible(False)
    _shade(power, data)
    power.fill_between(
        data.power_kw.minutes, data.power_kw.values, color=PURPLE, alpha=0.22, lw=0, label="pack power"
    )
    _right_scale(power, "power  (kW)")
    _same_zero(axes, power, data)
    axes.legend(handles=_handles(axes, power), loc="lower right", ncols=3)


def _right_scale(axes: "Axes", label: str) -> None:
    axes.spines["right"].set_visible(True)
    axes.grid(visible=False)
    axes.set_ylabel(label)


def _handles(*panel: "Axes") -> list[Any]:
    return [handle for axes in panel for handle in axes.get_legend_handles_labels()[0]]


def _same_zero(current: "Axes", power: "Axes", data: PlotData) -> None:
    """Both scales have their zero at one height."""
    low_a, high_a = current.get_ylim()
    low_share = -low_a / high_a if high_a > 0.0 > low_a else 0.0
    highest_kw = max((abs(value) for value in data.power_kw.values), default=1.0)
    top_kw = 1.25 * max(
        max(data.power_kw.values, default=1.0),
        -min(data.power_kw.values, default=0.0) / low_share if low_share else highest_kw,
        0.001,
    )
    power.set_ylim(-low_share * top_kw, top_kw)
    current.set_ylim(-low_share * high_a * 1.15, high_a * 1.15)


def _draw_cells(figure: "Figure", axes: "Axes", data: PlotData) -> None:
    axes.grid(visible=False)
    axes.set_ylabel("cell")
    rows = deviations_mv(data.cells_v)
    widest_mv = max((abs(value) for row in rows for value in row if not math.isnan(value)), default=0.0)
    if not widest_mv:
        return
    edges = [number + 0.5 for number in range(len(rows) + 1)]
    image = axes.pcolormesh(
        data.cells_min, edges, rows, cmap="RdBu_r", vmin=-widest_mv, vmax=widest_mv, rasterized=True
    )
    axes.set_facecolor(GRID)  # where no cells were sent
    axes.set_yticks(range(len(rows) // 8, len(rows) + 1, len(rows) // 8) if len(rows) >= 8 else [1])
    box = axes.get_position()
    bar = figure.colorbar(image, cax=figure.add_axes((box.x1 + 0.012, box.y0, 0.012, box.height)))
    bar.set_label("cell less mean  (mV)")
    bar.outline.set_visible(False)


def _line(axes: "Axes", curve: DrawnCurve, colour: str, label: str, style: str = "-") -> None:
    axes.plot(curve.minutes, curve.values, style, color=colour, lw=1.5, label=label)


def _legend(axes: "Axes") -> None:
    axes.legend(loc="upper left", ncols=2)
