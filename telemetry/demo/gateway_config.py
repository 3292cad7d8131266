"""The gateway's configuration for the demonstration, and what must come of it.

vehicle.dbc is ours, so which of its signals are fields of the data model or alarms is known here, once: the
configuration is written from MAP and ALARMS, and the number of points to expect is counted from MAP.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from firmware_sim.links.player import SimulatedClock

SOURCE = "can"  # the bus's configured name
PACK = "traction"  # of that bus; the pack at the plug of the DC charge is another one


@dataclass(frozen=True, slots=True)
class SerialDevice:
    """A device on a port that the simulator makes.

    messages: for each measurement a field that each message with values fills, of one kind or of several.
    """

    name: str  # of the source, of its protocol and of the simulator's device
    pack: str
    charger: str
    messages: tuple[tuple[str, str], ...]
    silent_every_s: float | None = None  # how often, at most, a message has no values
    poll_every_s: float | None = None  # simulated; None: it sends by itself


# 60 times as fast, an answer takes about half a second of simulated time. Asking more often would be no use.
JBD = SerialDevice(
    "jbd",
    pack="service",
    charger="service",
    messages=(("battery", "soc_pct"), ("cells", "v001")),
    silent_every_s=30.0,  # once a minute the board's name, and how often it has protected
    poll_every_s=1.0,
)
# A battery monitor on that line would be the solar charger's own.
VEDIRECT = SerialDevice("vedirect", pack="solar", charger="solar", messages=(("charger", "voltage_v"),))
SERIAL_DEVICES = (JBD, VEDIRECT)

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
    ("BMS_ChargeRequest", "RequestedVoltage", "charger.requested_voltage_v"),
    ("BMS_ChargeRequest", "RequestedCurrent", "charger.requested_current_a"),
    ("CHG_Output", "Phase", "charger.phase"),
    ("CHG_Output", "OutputVoltage", "charger.voltage_v"),
    ("CHG_Output", "OutputCurrent", "charger.current_a"),
    ("CHG_Output", "OutputPower", "charger.power_w"),
    ("CHG_Limits", "MaxVoltage", "charger.max_voltage_v"),
    ("CHG_Limits", "MaxCurrent", "charger.max_current_a"),
    ("CHG_State", "Temperature", "charger.temp_c"),
    ("CHG_State", "EnergyDelivered", "charger.energy_wh"),
)
# Of signals of MAP: the word of the value table that means no value.
ABSENT = {("BMS_ModuleTemperatures", "Module{n}Temperature"): "not available"}
# Message, signal, event's code, the words of the value table that mean it (none: any value but 0).
ALARMS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("BMS_PackPower", "State", "bms_fault", ("fault",)),
    ("BMS_Alarms", "CellOvervoltage", "cell_overvoltage", ()),
    ("BMS_Alarms", "CellUndervoltage", "cell_undervoltage", ()),
    ("BMS_Alarms", "CellImbalance", "cell_imbalance", ()),
    ("BMS_Alarms", "Overtemperature", "overtemperature", ()),
    ("BMS_Alarms", "Undertemperature", "undertemperature", ()),
    ("BMS_Alarms", "ChargeOvercurrent", "charge_overcurrent", ()),
    ("BMS_Alarms", "DischargeOvercurrent", "discharge_overcurrent", ()),
    ("BMS_Alarms", "InsulationLow", "insulation_low", ()),
    ("BMS_Alarms", "SensorLost", "sensor_fault", ()),
    ("CHG_State", "Fault", "communication_lost", ("request timeout",)),
    ("CHG_State", "Fault", "charger_fault", ("overtemperature", "output overvoltage", "hardware")),
)
# Frames of a message that make one row, where that is not one: the pages of a cycle.
_PAGES = {"BMS_CellVoltages": 24, "BMS_ModuleTemperatures": 2}


def gateway_config(
    *,
    vehicle: str,
    database: Path,
    bus: Mapping[str, str],
    ports: Mapping[str, Path],
    time: SimulatedClock,
    influx: Mapping[str, str | bool],
    web: str,
    charge: Mapping[str, object] | None = None,
) -> str:
    """Return the configuration as TOML.

    bus: `interface` or `socket`; ports: by name, of SERIAL_DEVICES; influx: the keys of [influx], beyond the
    environment's; web: where the page listens, or `off`; charge: keys of [[replay]].
    """
    simulated = {
        "time_scale": time.scale,
        "time_origin_ns": time.origin_ns,
        "time_wall_ns": time.wall_ns,
    }
    lines = [f"vehicle = {_toml(vehicle)}", "gateway_every_s = 5.0"]
    lines += _table("[influx]", influx)
    lines += _table("[spool]", {"directory": "spool"})
    lines += _table("[web]", {"listen": web})
    lines += _table("[[can]]", {"name": SOURCE, **bus, "databases": [str(database)], **simulated})
    for device in SERIAL_DEVICES:
        lines += _table(
            "[[serial]]",
            {
                "name": device.name,
                "port": str(ports[device.name]),
                "protocol": device.name,
                "pack": device.pack,
                "charger": device.charger,
                **({} if device.poll_every_s is None else {"poll_every_s": device.poll_every_s}),
                **simulated,
            },
        )
    for message, signal, field in MAP:
        absent = {"absent": [ABSENT[message, signal]]} if (message, signal) in ABSENT else {}
        pack = {"pack": PACK} if field.startswith(("battery.", "cells.")) else {}
        lines += _table("[[map]]", {"signal": f"{message}.{signal}", "to": field, **pack, **absent})
    for message, signal, code, when in ALARMS:
        pack = {"pack": PACK} if message.startswith("BMS_") else {}
        condition = {"when": list(when)} if when else {}
        keys = {"signal": f"{message}.{signal}", "to": f"event.{code}"}
        lines += _table("[[map]]", {**keys, **pack, **condition})
    if charge is not None:
        lines += _table("[[replay]]", charge)
    return "\n".join(lines) + "\n"


def expected_points(frames: Mapping[str, int]) -> dict[str, int]:
    """Return the points of each measurement, from frames by message: one a frame, and the data model's."""
    points = dict(frames)
    mapped = {(field.partition(".")[0], message) for message, _, field in MAP}
    for measurement, message in sorted(mapped):
        points[measurement] = points.get(measurement, 0) + frames[message] // _PAGES.get(message, 1)
    return points


def stored_points(measurement: str, field_counts: Mapping[str, int]) -> int:
    """Return the points of a measurement of the bus, from the number of values stored of each of its fields.

    Each point of a DBC message holds all its fields, or its multiplexer at least. A point of the data model
    holds those of one message and what follows from them, so the points of several messages add up; points
    that hold nothing but what follows from several frames are not counted.
    """
    groups: dict[str, list[str]] = {}
    for message, _, target in MAP:
        of, _, field = target.partition(".")
        if of == measurement:
            groups.setdefault(message, []).append(field.replace("{n}", "001"))
    if not groups:
        groups = {measurement: list(field_counts)}
    return sum(max((field_counts.get(field, 0) for field in fields), default=0) for fields in groups.values())


def _table(head: str, keys: Mapping[str, object]) -> Iterator[str]:
    yield head
    for name, value in keys.items():
        yield f"{name} = {_toml(value)}"


def _toml(value: object) -> str:
    """Return a TOML text, number, boolean or list of texts: JSON's are the same."""
    return json.dumps(value, ensure_ascii=False)
