"""The run as a picture: voltages, current, power, state of charge and each cell over time, by what is stored.

Relies on `telemetry.overview.plot`, and on numpy, which comes with matplotlib.
"""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from firmware_sim.ecus.bms import BmsState
from telemetry.demo.gateway_config import JBD, SOURCE
from telemetry.demo.sampling import Series
from telemetry.demo.stored import Readback
from telemetry.model.measurements import numbered_field
from telemetry.overview.curves import Curve, HeatMap, Panel, Span
from telemetry.overview.plot import draw

_PANEL_IN = 1.3
_COLUMNS = 180  # of the map of cells
_CELLS = 96
_PHASES: Mapping[float, str] = {BmsState.DRIVE: "drive", BmsState.CHARGE: "charge"}
# Unit, factor to it, and the curves: label, measurement, source, field, and how it is drawn.
_DASHED, _FILLED = {"is_dashed": True}, {"is_filled": True}
_PLAIN: Mapping[str, bool] = {}
_PANELS = (
    ("V", 1.0, [("pack voltage", "battery", SOURCE, "voltage_v", _PLAIN)]),
    (
        "V",
        1.0,
        [
            ("highest cell", "battery", SOURCE, "cell_max_v", _PLAIN),
            ("lowest cell", "battery", SOURCE, "cell_min_v", _PLAIN),
        ],
    ),
    (
        "A",
        1.0,
        [
            ("pack current", "battery", SOURCE, "current_a", _PLAIN),
            ("charger current", "charger", SOURCE, "current_a", _DASHED),
        ],
    ),
    ("kW", 1e-3, [("pack power", "battery", SOURCE, "power_w", _FILLED)]),
    (
        "%",
        1.0,
        [
            ("state of charge, traction battery (CAN)", "battery", SOURCE, "soc_pct", _PLAIN),
            ("service battery (JBD)", "battery", JBD.name, "soc_pct", _PLAIN),
        ],
    ),
)


def draw_run(readback: Readback, span_ns: tuple[int, int], title: str, file: Path) -> None:
    """Write the picture; span_ns: when the run began and ended. Raises StorageError."""
    panels: list[Panel | HeatMap] = [*curves(readback), *cells(readback, span_ns)]
    spans = phases(readback.series("BMS_PackPower", SOURCE, "State")["State"])
    draw(panels, title, file, origin_ns=span_ns[0], zone=None, spans=spans, panel_in=_PANEL_IN)


def curves(readback: Readback) -> list[Panel]:
    import numpy as np

    found = []
    for unit, factor, wanted in _PANELS:
        panel = Panel(unit)
        for label, measurement, source, field, look in wanted:
            series = readback.series(measurement, source, field)[field]
            if len(series):
                times_ns, values = np.array(series.times_ns, np.int64), np.array(series.values)
                panel.curves.append(Curve(label, times_ns, factor * values, False, **look))
        found += [panel] * bool(panel.curves)
    return found


def cells(readback: Readback, span_ns: tuple[int, int]) -> list[HeatMap]:
    """Return how far each cell is from the mean of all, as means over a column; none without cells."""
    import numpy as np

    names = [numbered_field("v", number) for number in range(1, _CELLS + 1)]
    stored = readback.series("cells", SOURCE, *names)
    edges_ns = np.linspace(span_ns[0], span_ns[1], _COLUMNS + 1).astype(np.int64)
    series = [stored[name] for name in names]
    counts = np.array([np.histogram(each.times_ns, edges_ns)[0] for each in series])
    sums_v = np.array([np.histogram(each.times_ns, edges_ns, weights=each.values)[0] for each in series])
    if not counts.any():
        return []
    means_v = np.ma.masked_array(sums_v, counts == 0) / np.maximum(counts, 1)
    return [HeatMap("cell", "cell less mean  (mV)", edges_ns, 1000.0 * (means_v - means_v.mean(axis=0)))]


def phases(states: Series) -> list[Span]:
    """Return where the BMS says that it drives or charges."""
    spans: list[Span] = []
    for (first_ns, next_ns), value in zip(pairwise(states.times_ns), states.values, strict=False):
        name = _PHASES.get(value)
        if name is not None and spans and (spans[-1].name, spans[-1].last_ns) == (name, first_ns):
            spans[-1] = Span(name, spans[-1].first_ns, next_ns)
        elif name is not None:
            spans.append(Span(name, first_ns, next_ns))
    return spans
