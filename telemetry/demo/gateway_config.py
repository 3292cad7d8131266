"""The gateway's configuration for the demonstration, and what must come of it.

vehicle.dbc is ours, and vehicle.toml says which of its signals are fields of the data model or alarms: the
configuration is written from it, and the number of points to expect is counted from it.
"""

import json
import tomllib
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

# Of the vehicle's bus: the entries of `[[map]]`, and of those that fill fields: message, signal, field.
ENTRIES = tomllib.loads((Path(__file__).parent / "vehicle.toml").read_text("utf-8"))["map"]
MAP = tuple(
    (*entry["signal"].split("."), entry["to"]) for entry in ENTRIES if not entry["to"].startswith("event.")
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
    for entry in ENTRIES:
        is_of_pack = entry["signal"].startswith("BMS_") and not entry["to"].startswith("charger.")
        pack = {"pack": PACK} if is_of_pack else {}
        lines += _table("[[map]]", {**entry, **pack})
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
