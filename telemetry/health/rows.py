"""Rows of the data model out of what is known of a pack's health.

Promises: a value that is not known has no field, and a row of cells without a value is not written.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isfinite

from telemetry_core.health.health_spec import HealthChange

from telemetry.charging.items import Point
from telemetry.health import cells
from telemetry.health.capacity import Estimate
from telemetry.health.cells import Cell
from telemetry.health.charge import Charge
from telemetry.model.fields import Measurement
from telemetry.model.health import BATTERY_HEALTH
from telemetry.model.measurements import numbered_field

_DIGITS = 6
_FIELDS = {field.name for field in BATTERY_HEALTH.fields}
Value = float | bool | str | None


def battery_health(
    tags: Mapping[str, str],
    change: HealthChange,
    charge: Charge,
    by_charge: Sequence[Cell],
    by_resistance: Sequence[Cell],
    more: Mapping[str, Value],
) -> Point:
    """Return the row of a charge. more: fields that are known besides."""
    counted, steps = charge.counted, change.steps
    known: dict[str, Value] = {name: value for name, value in counted._asdict().items() if name in _FIELDS}
    known |= {
        "window_pct": charge.window_pct,
        "paused_s": counted.bridged_pause_s,
        "ended_full": charge.ended_full,
        "used": not charge.reason,
        "reason": charge.reason or None,
        "charge_capacity_ah": charge.capacity_ah,
        "charge_capacity_sd_ah": charge.sd_ah,
        **more,
    }
    if steps and (found := cells.resistance(steps)):
        known |= {"resistance_mohm": found.mohm, "resistance_sd_mohm": found.sd_mohm}
        known |= {"resistance_steps": float(steps.count), "resistance_temp_c": steps.temp_c}
    weak = min(by_charge, key=lambda one: one.ratio, default=None)
    highest = max(by_resistance, key=lambda one: one.ratio, default=None)
    for name, cell in (("weak_cell", weak), ("resistive_cell", highest)):
        if cell is not None:
            known |= {f"{name}_index": float(cell.number), f"{name}_ratio": cell.ratio}
    known["weak_cell_sd"] = weak and weak.sd
    return point(BATTERY_HEALTH, tags, change.time_ns, known)


def estimated(found: Estimate | None, rated_ah: float) -> dict[str, Value]:
    """Return the fields of an estimate. rated_ah: 0, not known."""
    if found is None:
        return {}
    ends = {"": found.capacity_ah, "low_": found.low_ah, "high_": found.high_ah}
    known: dict[str, Value] = {f"capacity_{end}ah": value for end, value in ends.items()}
    if rated_ah:
        known |= {f"soh_{end}pct": 100.0 * value / rated_ah for end, value in ends.items()}
    return known | {"charges_used": float(found.charges)}


def of_cells(
    measurement: Measurement,
    tags: Mapping[str, str],
    time_ns: int,
    values: Iterable[tuple[int, float]],
    **more: Value,
) -> Iterator[Point]:
    """Yield the row of these values by cell, if any is known. more: fields that are known besides."""
    prefix = measurement.fields[0].name[0]
    if known := {numbered_field(prefix, number): value for number, value in values if isfinite(value)}:
        yield point(measurement, tags, time_ns, {**known, **more})


def point(
    measurement: Measurement, tags: Mapping[str, str], time_ns: int, known: Mapping[str, Value]
) -> Point:
    """Return the row with the fields that are known."""
    fields: dict[str, float | bool | str] = {}
    for name, value in known.items():
        if isinstance(value, bool | str):
            fields[name] = value
        elif value is not None and isfinite(value):
            fields[name] = round(value, _DIGITS) + 0.0
    return Point(measurement.name, tags, fields, time_ns)
