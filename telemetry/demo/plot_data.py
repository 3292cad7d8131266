"""What the plot shows, out of what was stored: means over seconds, in minutes since the start.

Pure but for asking the readback.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from firmware_sim.ecus.bms import BmsState
from telemetry.demo.gateway_config import JBD, SOURCE
from telemetry.demo.readback import Readback
from telemetry.demo.sampling import Series
from telemetry.model.measurements import numbered_field

_POINTS = 900  # of a curve, about
_COLUMNS = 180  # of the map of cells
_CELLS = 96
_NS_PER_S = 1_000_000_000
_NS_PER_MIN = 60e9
_PHASES: Mapping[int, str] = {BmsState.DRIVE: "drive", BmsState.CHARGE: "charge"}


@dataclass(frozen=True, slots=True)
class DrawnCurve:
    """Values over minutes."""

    minutes: Sequence[float]
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Shade:
    """A phase, from one minute to another."""

    name: str
    first_min: float
    last_min: float


@dataclass(frozen=True, slots=True)
class PlotData:
    """Everything that is drawn."""

    voltage_v: DrawnCurve
    current_a: DrawnCurve
    charger_a: DrawnCurve
    power_kw: DrawnCurve
    soc_pct: DrawnCurve
    service_soc_pct: DrawnCurve
    cell_min_v: DrawnCurve
    cell_max_v: DrawnCurve
    cells_min: Sequence[float]  # the beginnings of the columns, and the end of the last
    cells_v: Sequence[Sequence[float | None]]  # by cell, then by column
    phases: Sequence[Shade]


def plot_data(readback: Readback, span_ns: tuple[int, int]) -> PlotData:
    """span_ns: when the run began and ended."""
    every_ns = _interval_ns(span_ns, _POINTS)

    def curves(measurement: str, source: str, *fields: str) -> Mapping[str, DrawnCurve]:
        means = readback.means(measurement, source, fields, every_ns)
        nothing = Series([], [])
        return {field: curve(means.get(field, nothing), span_ns[0], every_ns) for field in fields}

    pack = curves(
        "battery", SOURCE, "voltage_v", "current_a", "power_w", "soc_pct", "cell_min_v", "cell_max_v"
    )
    power_w = pack["power_w"]
    states = curves("BMS_PackPower", SOURCE, "State")["State"]
    columns_ns = _interval_ns(span_ns, _COLUMNS)
    names = [numbered_field("v", number) for number in range(1, _CELLS + 1)]
    cells = readback.means("cells", SOURCE, names, columns_ns)
    edges_ns, rows = grid([cells.get(name, Series([], [])) for name in names], columns_ns)
    return PlotData(
        voltage_v=pack["voltage_v"],
        current_a=pack["current_a"],
        charger_a=curves("charger", SOURCE, "current_a")["current_a"],
        power_kw=DrawnCurve(power_w.minutes, [value / 1000.0 for value in power_w.values]),
        soc_pct=pack["soc_pct"],
        service_soc_pct=curves("battery", JBD.name, "soc_pct")["soc_pct"],
        cell_min_v=pack["cell_min_v"],
        cell_max_v=pack["cell_max_v"],
        cells_min=[(edge_ns - span_ns[0]) / _NS_PER_MIN for edge_ns in edges_ns],
        cells_v=rows,
        phases=shades(states, every_ns / _NS_PER_MIN),
    )


def _interval_ns(span_ns: tuple[int, int], count: int) -> int:
    """Whole seconds, so that about `count` of them cover the span."""
    return max(round((span_ns[1] - span_ns[0]) / count / _NS_PER_S), 1) * _NS_PER_S


def curve(means: Series, start_ns: int, every_ns: int) -> DrawnCurve:
    """Put each mean in the middle of its interval."""
    minutes = [(time_ns + every_ns / 2 - start_ns) / _NS_PER_MIN for time_ns in means.times_ns]
    return DrawnCurve(minutes, list(means.values))


def grid(series: Sequence[Series], every_ns: int) -> tuple[list[int], list[list[float | None]]]:
    """The edges of all intervals from the first value to the last, gaps included; a row for each series."""
    times = [time_ns for one in series for time_ns in (*one.times_ns[:1], *one.times_ns[-1:])]
    if not times:
        return [], [[] for _ in series]
    edges_ns = list(range(min(times), max(times) + 2 * every_ns, every_ns))
    rows = []
    for one in series:
        values = dict(zip(one.times_ns, one.values, strict=True))
        rows.append([values.get(edge_ns) for edge_ns in edges_ns[:-1]])
    return edges_ns, rows


def shades(states: DrawnCurve, interval_min: float) -> list[Shade]:
    """Where the BMS says that it drives or charges."""
    found = []
    named = [
        (minute, _PHASES.get(round(value), "") if value.is_integer() else "")
        for minute, value in zip(states.minutes, states.values, strict=True)
    ]
    for name, run in groupby(named, key=lambda one: one[1]):
        minutes = [minute for minute, _ in run]
        if name:
            found.append(Shade(name, minutes[0] - interval_min / 2, minutes[-1] + interval_min / 2))
    return found


def deviations_mv(cells_v: Sequence[Sequence[float | None]]) -> list[list[float]]:
    """How far each cell is from the mean of its column; NaN where it was not sent."""
    rows = [[math.nan if value is None else value for value in row] for row in cells_v]
    columns = [[value for value in column if not math.isnan(value)] for column in zip(*rows, strict=True)]
    means = [sum(column) / len(column) if column else math.nan for column in columns]
    return [[1000.0 * (value - mean) for value, mean in zip(row, means, strict=True)] for row in rows]
