"""The gateway's configuration for the demonstration, and what must come of it.

vehicle.dbc is ours, so which of its signals are fields of the data model is known here, once: the
configuration is written from MAP, and the number of points to expect is counted from it.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from firmware_sim.player import SimulatedClock

SOURCE = "can"  # the source's configured name

# Message, signal (with {n}: a numbered family), field of the data model.
MAP = (
    ("BMS_PackPower", "PackVoltage", "battery.voltage_v"),
    ("BMS_PackPower", "PackCurrent", "battery.current_a"),
    ("BMS_PackState", "StateOfCharge", "battery.soc_pct"),
    ("BMS_PackState", "RemainingCapacity", "battery.remaining_ah"),
    ("BMS_PackState", "FullCapacity", "battery.capacity_ah"),
    ("BMS_PackState", "Balancing", "battery.balancing"),
    ("BMS_Limits", "ChargeEnabled", "battery.charge_enabled"),
    ("BMS_Limits", "DischargeEnabled", "battery.discharge_enabled"),
    ("BMS_CellExtremes", "CellVoltageMin", "battery.cell_min_v"),
    ("BMS_CellExtremes", "CellVoltageMax", "battery.cell_max_v"),
    ("BMS_CellExtremes", "CellIndexMin", "battery.cell_min_index"),
    ("BMS_CellExtremes", "CellIndexMax", "battery.cell_max_index"),
    ("BMS_Temperatures", "TemperatureMin", "battery.temp_min_c"),
    ("BMS_Temperatures", "TemperatureMax", "battery.temp_max_c"),
    ("BMS_Health", "StateOfHealth", "battery.soh_pct"),
    ("BMS_Health", "ChargeCycles", "battery.cycles"),
    ("BMS_Health", "InsulationResistance", "battery.insulation_kohm"),
    ("BMS_CellVoltages", "Cell{n}Voltage", "cells.v{n}"),
    ("BMS_ModuleTemperatures", "Module{n}Temperature", "cells.t{n}"),
)
# Frames of a message that make one row, where that is not one: the pages of a cycle.
_PAGES = {"BMS_CellVoltages": 24, "BMS_ModuleTemperatures": 2}


def gateway_config(
    *,
    vehicle: str,
    database: Path,
    bus: Mapping[str, str],
    time: SimulatedClock,
    influx: Mapping[str, str | bool],
) -> str:
    """TOML. bus: `interface` or `socket`; influx: the keys of [influx], beyond the environment's."""
    lines = [
        f"vehicle = {_toml(vehicle)}",
        "gateway_every_s = 5.0",
        "[influx]",
        *(f"{key} = {_toml(value)}" for key, value in influx.items()),
        "[spool]",
        'directory = "spool"',
        "[[can]]",
        f"name = {_toml(SOURCE)}",
        *(f"{key} = {_toml(value)}" for key, value in bus.items()),
        f"databases = [{_toml(str(database))}]",
        f"time_scale = {time.scale}",
        f"time_origin_ns = {time.origin_ns}",
        f"time_wall_ns = {time.wall_ns}",
    ]
    for message, signal, field in MAP:
        lines += ["[[map]]", f"signal = {_toml(f'{message}.{signal}')}", f"to = {_toml(field)}"]
    return "\n".join(lines) + "\n"


def expected_points(frames: Mapping[str, int]) -> dict[str, int]:
    """Points of each measurement, from the frames of each message: one a frame, and the data model's."""
    points = dict(frames)
    mapped = {(field.partition(".")[0], message) for message, _, field in MAP}
    for measurement, message in sorted(mapped):
        points[measurement] = points.get(measurement, 0) + frames[message] // _PAGES.get(message, 1)
    return points


def stored_points(measurement: str, field_counts: Mapping[str, int]) -> int:
    """Points of a measurement, from the number of values stored of each of its fields.

    Each point of a DBC message holds all its fields, or its multiplexer at least. A point of the data model
    holds those of one message, so the points of several messages add up.
    """
    groups: dict[str, list[str]] = {}
    for message, _, target in MAP:
        of, _, field = target.partition(".")
        if of == measurement:
            groups.setdefault(message, []).append(field.replace("{n}", "001"))
    if not groups:
        groups = {measurement: list(field_counts)}
    return sum(max((field_counts.get(field, 0) for field in fields), default=0) for fields in groups.values())


def _toml(value: str | bool) -> str:
    """A TOML string or boolean: JSON's are the same."""
    return json.dumps(value, ensure_ascii=False)
