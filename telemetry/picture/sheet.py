"""A sheet to draw on: its size, our style, and the file that it becomes.

Promises:

- The same drawing gives the same file, byte for byte, by one version of matplotlib.
- A text is drawn as it is: `$` begins no formula, and a box stands for a letter that the font lacks.

Relies on matplotlib, which is an extra and is imported when a sheet is drawn; no display is needed.
"""

import contextlib
import importlib
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telemetry.errors import MissingPackageError, printable, writing
from telemetry.ownership import cache_folder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, GREY, GRID = "#1f2933", "#6b7785", "#dde2e7"
BLUE, ORANGE, GREEN, PURPLE = "#1f6fb4", "#dd6b1f", "#2e8b57", "#7d4fa3"
RED, TEAL, OCHRE, PINK = "#c0392b", "#138d90", "#a67c00", "#c2528b"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, RED, TEAL, OCHRE, PINK)
_TIME_UNITS = ((3 * 3600.0, 3600.0, "h"), (300.0, 60.0, "min"), (float("-inf"), 1.0, "s"))
_DPI = 100
_STYLE: Any = {  # the stubs of matplotlib want each key as a literal
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 10.5,
    "text.color": INK,
    "text.parse_math": False,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "svg.hashsalt": "nev-telemetry",
    "svg.fonttype": "none",
}


def require_matplotlib(extra: str) -> None:
    """Raise MissingPackageError where there is no matplotlib; extra: of ours, which brings it."""
    os.environ.setdefault("MPLCONFIGDIR", str(cache_folder() / "matplotlib"))
    try:
        importlib.import_module("matplotlib")
    except ImportError as error:
        hint = f"pip install 'nev-telemetry[{extra}]'"
        raise MissingPackageError("a picture takes matplotlib", hint=hint) from error


def time_unit(span_s: float) -> tuple[float, str]:
    """Return the unit that a time axis of this span has: its seconds, and its name."""
    return next((scale, unit) for least_s, scale, unit in _TIME_UNITS if span_s >= least_s)


class Sheet:
    """A figure in which a place is given in inches from its left and from its top."""

    def __init__(self, figure: "Figure", width_in: float, height_in: float) -> None:
        self.figure = figure
        self._width_in = width_in
        self._height_in = height_in

    def title(self, left_in: float, text: str) -> None:
        """Write the first line."""
        self.text(left_in, 0.3, text, fontsize=14, fontweight="bold")

    def text(self, left_in: float, top_in: float, text: str, **look: Any) -> None:
        """Write a line whose middle is at `top_in`; `?` stands for what cannot be printed."""
        place = (left_in / self._width_in, 1 - top_in / self._height_in)
        self.figure.text(*place, printable(text), va="center", **look)

    def axes(
        self,
        left_in: float,
        top_in: float,
        width_in: float,
        height_in: float,
        *,
        sharex: "Axes | None" = None,
    ) -> "Axes":
        """Return new axes at this place."""
        place = (
            left_in / self._width_in,
            1 - (top_in + height_in) / self._height_in,
            width_in / self._width_in,
            height_in / self._height_in,
        )
        return self.figure.add_axes(place, sharex=sharex)


@contextlib.contextmanager
def sheet(file: Path | None, width_in: float, height_in: float) -> Iterator[Sheet]:
    """Write what is drawn meanwhile, as PNG or SVG by the file's ending; None: the figure alone is wanted.

    Raises StorageError when the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from telemetry.picture.shown_figure import ShownFigure

    with style():
        figure = ShownFigure(figsize=(width_in, height_in), dpi=_DPI)
        canvas = FigureCanvasAgg(figure)
        yield Sheet(figure, width_in, height_in)
        if file is None:
            canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib; ticks get their style when first drawn
            return
        kind = file.suffix.lower().removeprefix(".") or "png"
        metadata: dict[str, Any] = {"Date": None} if kind == "svg" else {"Software": "nev-telemetry"}
        with writing(file):
            figure.savefig(file, format=kind, metadata=metadata)


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Give what is drawn meanwhile our style."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        yield
