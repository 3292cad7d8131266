"""Simulated boards beside the protocols that read them: the same readings, byte for byte and as rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from firmware_sim.wire import ant_new, ant_old, jk_55aa, jk_nw, pylontech, seplos_v2
from firmware_sim.wire.readings import Readings
from telemetry.protocols.known import PROTOCOLS
from telemetry.protocols.table import SerialProtocol


@dataclass(frozen=True, slots=True)
class Board:
    """One kind of board.

    say: all that it says of these readings. reported: the fields of `battery` that it fills, each with the
    difference that its resolution allows. greatest: the highest values that have a place on the wire.
    first_sensor: the number of the first sensor at the cells. reports_gaps: shows which sensors are fitted.
    """

    name: str
    say: Callable[[Readings], bytes]
    reported: Mapping[str, float]
    most_cells: int
    most_sensors: int
    sensor_c: float
    greatest: Mapping[str, float] = field(default_factory=dict)
    first_sensor: int = 1
    reports_gaps: bool = True

    @property
    def protocol(self) -> SerialProtocol:
        return PROTOCOLS[self.name]


def _ask_jk(readings: Readings, firmware: jk_55aa.Jk55aaFirmware) -> bytes:
    line = jk_55aa.Jk55aaLine(lambda: readings, firmware)
    return b"".join(line.feed(jk_55aa.request(firmware.address, jk_55aa.Type.STATUS)))


def _ask_seplos(readings: Readings) -> bytes:
    line = seplos_v2.SeplosLine(lambda: readings, seplos_v2.SeplosFirmware(cell_sensors=2))
    commands = (seplos_v2.ANALOG, seplos_v2.ALARMS)
    return b"".join(answer for command in commands for answer in line.feed(seplos_v2.request(0, command)))


def _ask_pylontech(readings: Readings, *, wide: bool) -> bytes:
    firmware = pylontech.PylontechFirmware(wide=(wide,))
    line = pylontech.PylontechLine([lambda: readings], firmware)
    commands = (pylontech.ANALOG, pylontech.MANAGEMENT)
    return b"".join(answer for command in commands for answer in line.feed(pylontech.request(command)))


_JK_55AA = {
    "voltage_v": 0.0005,
    "current_a": 0.0005,
    "soc_pct": 0.5,
    "soh_pct": 0.5,
    "remaining_ah": 0.0005,
    "capacity_ah": 0.0005,
    "cycles": 0.5,
    "temp_switch_c": 0.05,
}
_ANT = {
    "current_a": 0.05,
    "soc_pct": 0.5,
    "remaining_ah": 5e-7,
    "capacity_ah": 5e-7,
    "temp_switch_c": 0.5,
    "temp_balancer_c": 0.5,
}
_PYLONTECH = {
    "voltage_v": 0.0005,
    "current_a": 0.05,
    "remaining_ah": 0.0005,
    "capacity_ah": 0.0005,
    "cycles": 0.5,
}

BOARDS = {
    "jk_nw": Board(
        "jk_nw",
        lambda readings: jk_nw.reply(readings, jk_nw.JkNwFirmware()),
        {
            "voltage_v": 0.005,
            "current_a": 0.005,
            "soc_pct": 0.5,
            "capacity_ah": 0.5,
            "cycles": 0.5,
            "temp_switch_c": 0.5,
        },
        32,
        2,
        0.5,
    ),
    "jk_nw, old": Board(
        "jk_nw",
        lambda readings: jk_nw.reply(readings, jk_nw.JkNwFirmware(new_current=False, reply_command=3)),
        {"voltage_v": 0.005, "current_a": 0.005, "soc_pct": 0.5},
        32,
        2,
        0.5,
        greatest={"current_a": 100.0},
    ),
    "jk_55aa": Board(
        "jk_55aa", lambda readings: _ask_jk(readings, jk_55aa.Jk55aaFirmware()), _JK_55AA, 32, 4, 0.05
    ),
    "jk_55aa, no mask": Board(
        "jk_55aa",
        lambda readings: _ask_jk(readings, jk_55aa.Jk55aaFirmware(cell_mask=False, echo_bytes=7)),
        _JK_55AA,
        32,
        4,
        0.05,
    ),
    "jk_55aa, 24 cells": Board(
        "jk_55aa",
        lambda readings: _ask_jk(readings, jk_55aa.Jk55aaFirmware(old_layout=True)),
        _JK_55AA,
        24,
        2,
        0.05,
    ),
    "ant_old": Board(
        "ant_old",
        lambda readings: ant_old.status(readings, ant_old.AntOldFirmware()),
        {"voltage_v": 0.05, **_ANT},
        32,
        4,
        0.5,
    ),
    "ant_new": Board(
        "ant_new",
        lambda readings: ant_new.status(readings, ant_new.AntNewFirmware()),
        {"voltage_v": 0.005, "soh_pct": 0.5, **_ANT},
        32,
        8,
        0.5,
    ),
    "seplos_v2": Board(
        "seplos_v2",
        _ask_seplos,
        {
            "voltage_v": 0.005,
            "current_a": 0.005,
            "soc_pct": 0.05,
            "soh_pct": 0.05,
            "remaining_ah": 0.005,
            "capacity_ah": 0.005,
            "cycles": 0.5,
            "temp_switch_c": 0.05,
            "temp_ambient_c": 0.05,
        },
        32,
        2,
        0.05,
        greatest={"remaining_ah": 655.35, "capacity_ah": 655.35},
        reports_gaps=False,
    ),
    "pylontech": Board(
        "pylontech",
        lambda readings: _ask_pylontech(readings, wide=False),
        _PYLONTECH,
        32,
        7,
        0.05,
        greatest={"voltage_v": 65.535, "remaining_ah": 65.535, "capacity_ah": 65.535},
        first_sensor=2,
        reports_gaps=False,
    ),
    "pylontech, wide": Board(
        "pylontech",
        lambda readings: _ask_pylontech(readings, wide=True),
        _PYLONTECH,
        32,
        7,
        0.05,
        greatest={"voltage_v": 65.535},
        first_sensor=2,
        reports_gaps=False,
    ),
}

# What a board says of its capacity is its nominal one where it has no other.
NOMINAL = ("jk_nw", "ant_old", "ant_new")


def expected(board: Board, readings: Readings, name: str) -> float:
    """Return what the field is by the readings themselves."""
    values = {
        "voltage_v": readings.voltage_v,
        "current_a": readings.current_a,
        "soc_pct": readings.soc_pct,
        "soh_pct": readings.soh_pct,
        "remaining_ah": readings.remaining_ah,
        "capacity_ah": readings.nominal_ah if board.name in NOMINAL else readings.capacity_ah,
        "cycles": readings.cycles,
        "temp_switch_c": readings.switch_c,
        "temp_balancer_c": readings.ambient_c,
        "temp_ambient_c": readings.ambient_c,
    }
    return min(values[name], board.greatest.get(name, values[name]))
