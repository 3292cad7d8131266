"""Elcon and TC chargers of the newer generation (HK-LF and alike): the same ids, another status.

Nothing on the bus says which generation a charger is of: it is configured. Sources: two firmwares that agree;
docs/protocols/elcon.md says which field is how certain.
"""

from telemetry.protocols.can.elcon import alarm, bits, elcon
from telemetry.protocols.can.table import CanSignal
from telemetry.protocols.values import Mapped

_SINGLE = "single source"

ELCON_EXTENDED = elcon(
    "elcon_extended",
    "Elcon and TC chargers, extended status",
    (
        bits(
            "input_state",
            4,
            2,
            2,
            ((0, "normal"), (1, "under-voltage"), (2, "over-voltage"), (3, "no input")),
        ),
        bits("output_undervoltage", 4, 4),
        bits("output_overvoltage", 4, 5),
        bits("output_overcurrent", 4, 6),
        bits("output_short", 4, 7),
        bits("receive_timeout", 5, 0),
        bits(
            "working_state",
            5,
            1,
            2,
            ((0, "undefined"), (1, "working"), (2, "stopped"), (3, "standby")),
        ),
        bits("initialised", 5, 3, mark="unconfirmed"),
        bits("fan_on", 5, 4, mark=_SINGLE),
        bits("pump_on", 5, 5, mark=_SINGLE),
        bits(
            "cc_state",
            6,
            0,
            2,
            ((0, "not connected"), (1, "half"), (2, "connected"), (3, "error")),
            mark=_SINGLE,
        ),
        bits("cp_normal", 6, 2, mark=_SINGLE),
        bits("socket_overtemperature", 6, 3),
        bits("s2_closed", 6, 7, mark=_SINGLE),
        CanSignal("temperature_c", 56, 8, little_endian=True, offset=-40.0, unit="degC", mark=_SINGLE),
    ),
    (
        Mapped("ElconStatus.temperature_c", "charger.temp_c"),
        alarm("hardware_failure", "charger_fault"),
        alarm("overtemperature", "overtemperature"),
        alarm("socket_overtemperature", "overtemperature"),
        alarm("input_state", "input_fault", 1, 2, 3),
        alarm("output_short", "short_circuit"),
    ),
)
