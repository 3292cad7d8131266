"""How our pictures look, and whether they can be drawn at all. Relies on matplotlib, imported when used."""

import importlib
import os
from pathlib import Path
from typing import Any

INK, GREY, GRID = "#1f2933", "#6b7785", "#dde2e7"
BLUE, ORANGE, GREEN, PURPLE = "#1f6fb4", "#dd6b1f", "#2e8b57", "#7d4fa3"
RED, TEAL, OCHRE, PINK = "#c0392b", "#138d90", "#a67c00", "#c2528b"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, RED, TEAL, OCHRE, PINK)
STYLE: Any = {  # the stubs of matplotlib want each key as a literal
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 10.5,
    "text.color": INK,
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
}


def is_possible(cache: Path) -> bool:
    """Return whether there is matplotlib. cache: where it may keep what it finds out about fonts."""
    os.environ.setdefault("MPLCONFIGDIR", str(cache))
    try:
        importlib.import_module("matplotlib")
    except ImportError:
        return False
    return True
