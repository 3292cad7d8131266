"""Rows of the data model out of what is known of a pack's health.

Promises: a value that is not known has no field, and a row without a value is none.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import NamedTuple

from telemetry_core.health.health_spec import HealthChange

from telemetry.charging.items import Point
from telemetry.health import cells
from telemetry.health.capacity import Estimate
from telemetry.health.cells import Cell
from telemetry.health.charge import Charge
from telemetry.model.fields import Measurement
from telemetry.model.measurements import (
    BATTERY_HEALTH,
    BATTERY_USE,
    CELL_CHARGE,
    CELL_DRIFT,
    CELL_RESISTANCE,
    numbered_field,
)

_DIGITS = 6
Value = float | bool | str | None


class Estimated(NamedTuple):
    """An estimate, and the rated capacity in Ah; 0: not known."""

    of: Estimate
    rated_ah: float

    def soh_pct(self, capacity_ah: float) -> float:
        """Return a capacity of the rated one."""
        return 100.0 * capacity_ah / self.rated_ah

    def fields(self) -> dict[str, Value]:
        ends = {"": self.of.capacity_ah, "low_": self.of.low_ah, "high_": self.of.high_ah}
        known: dict[str, Value] = {f"capacity_{end}ah": value for end, value in ends.items()}
        known["charges_used"] = float(self.of.charges)
        if self.rated_ah:
            known |= {f"soh_{end}pct": self.soh_pct(value) for end, value in ends.items()}
        return known


def battery_health(
    tags: Mapping[str, str],
    change: HealthChange,
    charge: Charge,
    estimated: Estimated | None,
    offset_a: float | None,
    *,
    by_charge: Sequence[Cell],
    by_resistance: Sequence[Cell],
) -> Point:
    """Return the row of a charge."""
    counted, steps = charge.counted, change.steps
    known: dict[str, Value] = {
        "from_soc_pct": counted.from_soc_pct,
        "to_soc_pct": counted.to_soc_pct,
        "window_pct": charge.window_pct,
        "charge_ah": counted.charge_ah,
        "bridged_ah": counted.bridged_ah,
        "energy_wh": counted.energy_wh,
        "gap_s": counted.gap_s,
        "paused_s": counted.bridged_pause_s,
        "mean_current_a": counted.mean_current_a,
        "temp_mean_c": counted.temp_mean_c,
        "ended_full": charge.ended_full,
        "used": not charge.reason,
        "reason": charge.reason or None,
        "charge_capacity_ah": charge.capacity_ah,
        "charge_capacity_sd_ah": charge.sd_ah,
        "current_offset_a": offset_a,
    }
    known |= estimated.fields() if estimated else {}
    if steps and (found := cells.resistance(steps)):
        known |= {"resistance_mohm": found.mohm, "resistance_sd_mohm": found.sd_mohm}
        known |= {"resistance_steps": float(steps.count), "resistance_temp_c": steps.temp_c}
    if weakest := cells.least(by_charge):
        known |= {"weak_cell_index": float(weakest.number), "weak_cell_ratio": weakest.ratio}
        known["weak_cell_sd"] = weakest.sd
    if highest := cells.greatest(by_resistance):
        known |= {"resistive_cell_index": float(highest.number), "resistive_cell_ratio": highest.ratio}
    return _point(BATTERY_HEALTH, tags, change.time_ns, known)


def cell_resistance(tags: Mapping[str, str], change: HealthChange) -> Iterator[Point]:
    """Yield the row of the cells' resistances, if any is known."""
    yield from _of_cells(CELL_RESISTANCE, tags, change.time_ns, cells.resistances(change.cell_steps))


def cell_charge(tags: Mapping[str, str], time_ns: int, by_charge: Sequence[Cell]) -> Iterator[Point]:
    """Yield the row of the cells' charges, if any is known."""
    yield from _of_cells(CELL_CHARGE, tags, time_ns, [one.ratio for one in by_charge])


def cell_drift(tags: Mapping[str, str], change: HealthChange) -> Iterator[Point]:
    """Yield the row of a rest, if any cell is known."""
    yield from _of_cells(CELL_DRIFT, tags, change.time_ns, change.drift_mv, {"soc_pct": change.soc_pct})


def battery_use(tags: Mapping[str, str], time_ns: int, day: Mapping[str, float], capacity_ah: float) -> Point:
    """Return the row of a day. capacity_ah: 0, not known."""
    cycles = day.get("charge_out_ah", 0.0) / capacity_ah if capacity_ah else None
    return _point(BATTERY_USE, tags, time_ns, {**day, "full_cycles": cycles})


def _of_cells(
    measurement: Measurement,
    tags: Mapping[str, str],
    time_ns: int,
    values: Sequence[float],
    more: Mapping[str, Value] | None = None,
) -> Iterator[Point]:
    prefix = measurement.fields[0].name[0]
    known = {numbered_field(prefix, number): value for number, value in enumerate(values, 1)}
    if any(map(isfinite, values)):
        yield _point(measurement, tags, time_ns, {**known, **(more or {})})


def _point(
    measurement: Measurement, tags: Mapping[str, str], time_ns: int, known: Mapping[str, Value]
) -> Point:
    fields: dict[str, float | bool | str] = {}
    for name, value in known.items():
        if isinstance(value, bool | str):
            fields[name] = value
        elif value is not None and isfinite(value):
            fields[name] = round(value, _DIGITS) + 0.0
    return Point(measurement.name, tags, fields, time_ns)
