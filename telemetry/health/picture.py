"""The health of packs as a picture, PNG: the charts of their page, and their use as a heat map."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from telemetry.charging.report.picture import panel
from telemetry.health.found import FoundPack
from telemetry.health.report import CHARGES_PCT, charts, page_name, used_hours
from telemetry.picture.sheet import INK, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH_IN, _LEFT_IN, _PANEL_IN, _STEP_IN = 12.0, 0.9, 4.9, 5.9
_TOP_IN, _HIGH_IN, _ROW_IN = 0.75, 2.3, 3.3


def draw(packs: Sequence[FoundPack], file: Path) -> None:
    """Write the picture. Raises StorageError when the file cannot be written."""
    drawn = [(pack, charts(pack), used_hours(pack)) for pack in packs]
    rows = [(len(each) + bool(hours) + 1) // 2 for _, each, hours in drawn]
    with sheet(file, _WIDTH_IN, sum(_TOP_IN + _ROW_IN * count for count in rows) or 1.0) as figure:
        top_in = 0.0
        for (pack, each, hours), count in zip(drawn, rows, strict=True):
            figure.text(_LEFT_IN, top_in + 0.3, page_name(pack), fontsize=14, fontweight="bold")
            for number in range(len(each) + bool(hours)):
                row, column = divmod(number, 2)
                place = (_LEFT_IN + column * _STEP_IN, top_in + _TOP_IN + row * _ROW_IN, _PANEL_IN, _HIGH_IN)
                axes = figure.axes(*place)
                panel(axes, each[number]) if number < len(each) else _heat(axes, hours)
            top_in += _TOP_IN + _ROW_IN * count


def _heat(axes: "Axes", hours: Mapping[tuple[int, int], float]) -> None:
    temps_c = range(min(temp for temp, _ in hours), max(temp for temp, _ in hours) + 1, 10)
    rows = [[hours.get((temp_c, soc_pct), 0.0) for soc_pct in CHARGES_PCT] for temp_c in temps_c]
    axes.imshow(
        rows, origin="lower", aspect="auto", cmap="Blues", extent=(0, 100, temps_c[0], temps_c[-1] + 10)
    )
    most = max(hours.values())
    for (temp_c, soc_pct), value in hours.items():
        at, ink = (soc_pct + 5, temp_c + 5), "white" if value > most / 2.0 else INK
        axes.text(*at, f"{value:.1f}", ha="center", va="center", fontsize=7.5, color=ink)
    axes.tick_params(labelsize=9)
    title = "Use: hours by temperature (°C) and charge (%)"
    axes.set_title(title, loc="left", fontsize=10.5, fontweight="bold")
    axes.grid(visible=False)
