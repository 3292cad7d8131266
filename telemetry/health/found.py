"""Rows of battery health put together again, pack by pack, whether a database or logs have them. Pure.

Promises: of rows with one stamp the later one's fields hold, as in a database. Cells stand in their order,
each list as long as the pack has cells, None where a value is not known.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import NamedTuple

from telemetry.charging.items import Point
from telemetry.model.health import (
    BATTERY_HEALTH,
    CELL_CHARGE,
    CELL_DRIFT,
    CELL_RESISTANCE,
    HEALTH_MEASUREMENTS,
)
from telemetry.model.measurements import BATTERY

Value = float | bool | str
Row = Mapping[str, Value]
_CELLS = {one.name: one.fields[0].name[0] for one in (CELL_RESISTANCE, CELL_CHARGE, CELL_DRIFT)}
_LEAST_RESTS, _LEAST_DAYS = 4, 14.0  # a month is shown of neither fewer nor closer ones
_LIKE_PCT = 10.0  # of state of charge
_DAY_NS = 86_400e9
_DAYS_A_MONTH = 365.25 / 12.0


class Drift(NamedTuple):
    """Give the drift of cells at rests of like state of charge: a list has an entry a cell.

    soc_pct: from there on for 10 %; rests: so many of them, over that many days.
    """

    soc_pct: float
    rests: int
    days: float
    mv_per_month: list[float | None]
    sd_mv_per_month: list[float | None]
    rests_by_cell: list[int]


class Reported(NamedTuple):
    """A state of health, and by how much it is more than ours; None: we have none."""

    soh_pct: float
    difference_pct: float | None


@dataclass(slots=True)
class FoundPack:
    """A pack's rows by measurement and stamp.

    cell_count: of those that any row has; reported_soh_pct: what the battery itself said last.
    """

    vehicle: str
    pack: str
    rows: dict[str, dict[int, dict[str, Value]]] = field(
        default_factory=lambda: {one.name: {} for one in HEALTH_MEASUREMENTS}
    )
    cell_count: int = 0
    reported_soh_pct: float | None = None

    def reported(self) -> Reported | None:
        """Return the state of health that the battery itself reports, beside ours; None: it reports none."""
        ours = [float(row["soh_pct"]) for _, row in self.charges if "soh_pct" in row][-1:]
        if self.reported_soh_pct is None:
            return None
        return Reported(self.reported_soh_pct, self.reported_soh_pct - ours[0] if ours else None)

    @property
    def charges(self) -> list[tuple[int, Row]]:
        """Return the rows of charges with their stamps, in their order."""
        return sorted(self.rows[BATTERY_HEALTH.name].items())

    def cells(self, measurement: str, time_ns: int) -> list[float | None]:
        """Return the values of each cell in the row of this stamp, all None without one."""
        row, prefix = self.rows[measurement].get(time_ns, {}), _CELLS[measurement]
        return [_number(row.get(f"{prefix}{number:03d}")) for number in range(1, self.cell_count + 1)]

    def drift(self) -> Drift | None:
        """Return it for the state of charge of which there are most rests; None: too few, or too close."""
        socs = {
            time_ns: _LIKE_PCT * (float(row["soc_pct"]) // _LIKE_PCT)
            for time_ns, row in self.rows[CELL_DRIFT.name].items()
            if "soc_pct" in row
        }
        ((soc_pct, rests),) = Counter(socs.values()).most_common(1) or [(0.0, 0)]
        stamps = sorted(time_ns for time_ns, soc in socs.items() if soc == soc_pct)
        days = (stamps[-1] - stamps[0]) / _DAY_NS if stamps else 0.0
        if rests < _LEAST_RESTS or days < _LEAST_DAYS:
            return None
        by_cell = zip(*(self.cells(CELL_DRIFT.name, time_ns) for time_ns in stamps), strict=True)
        months = [(time_ns - stamps[0]) / _DAY_NS / _DAYS_A_MONTH for time_ns in stamps]
        known = [
            [(t, mv) for t, mv in zip(months, of_cell, strict=True) if mv is not None] for of_cell in by_cell
        ]
        slopes = [*map(_slope, known)]
        counts = [*map(len, known)]
        return Drift(soc_pct, rests, days, [slope for slope, _ in slopes], [sd for _, sd in slopes], counts)


def packs(points: Iterable[Point]) -> list[FoundPack]:
    """Return what points of battery health are of, by vehicle and pack; other points are left out."""
    found: dict[tuple[str, str], FoundPack] = {}
    for point in points:
        owner = (point.tags.get("vehicle", ""), point.tags.get("pack", ""))
        pack = found.setdefault(owner, FoundPack(*owner))
        if point.measurement == BATTERY.name:
            pack.reported_soh_pct = _number(point.fields.get("soh_pct"))
        if point.measurement in pack.rows:
            pack.rows[point.measurement].setdefault(point.time_ns, {}).update(point.fields)
        if prefix := _CELLS.get(point.measurement):
            cells = (int(name[1:]) for name in point.fields if re.fullmatch(f"{prefix}[0-9]+", name))
            pack.cell_count = max(pack.cell_count, *cells, 0)
    return [pack for _, pack in sorted(found.items()) if any(pack.rows.values())]


def _number(value: Value | None) -> float | None:
    return None if value is None else float(value)


def _slope(pairs: list[tuple[float, float]]) -> tuple[float | None, float | None]:
    """Return the slope of a line through pairs of x and y, and its sd; None: there are too few."""
    if len(pairs) < _LEAST_RESTS:
        return None, None
    many = len(pairs)
    mean_x, mean_y = (sum(each) / many for each in zip(*pairs, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in pairs)
    if spread <= 0.0:
        return None, None
    slope = sum((x - mean_x) * (y - mean_y) for x, y in pairs) / spread
    unexplained = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in pairs)
    return slope, sqrt(unexplained / (many - 2) / spread)
