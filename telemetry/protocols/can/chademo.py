"""CHAdeMO: what a vehicle and a DC charger say to each other over the plug's CAN, protocols 0.9 to 2.0.

Sources: notes of IEEE 2030.1.1, a log of a Leaf, open firmwares of both sides. docs/protocols/chademo.md says
which field is how certain. Bytes and bits of this table are counted from 0, as there.
"""

from telemetry.protocols.can.table import CanMessage, CanProtocol, CanSignal, flags
from telemetry.protocols.values import Mapped

_SINGLE = "single source"


def _byte(name: str, byte: int, unit: str = "", *, unset: bool = False, mark: str = "") -> CanSignal:
    """unset: all ones are no value."""
    invalid = (0xFF,) if unset else ()
    return CanSignal(name, 8 * byte, 8, little_endian=True, unit=unit, invalid=invalid, mark=mark)


def _word(name: str, byte: int, unit: str = "", factor: float = 1.0, *, mark: str = "") -> CanSignal:
    return CanSignal(name, 8 * byte, 16, little_endian=True, factor=factor, unit=unit, mark=mark)


def _reversed(name: str, byte: int, *, mark: str = "") -> CanSignal:
    """Return a value of V2X, which is sent as 255 less it."""
    return CanSignal(name, 8 * byte, 8, little_endian=True, factor=-1.0, offset=255.0, unit="A", mark=mark)


def _message(code: str, title: str, *signals: CanSignal, mark: str = "CAP") -> CanMessage:
    """Return a message whose code has its id, in hexadecimal digits."""
    return CanMessage(code, title, (int(code.removeprefix("CHA"), 16),), signals, mark=mark)


_EXTENSIONS = flags(0, "dynamic_control", "high_current", "high_voltage")
_SENT = ("CHA100", "CHA101", "CHA102", "CHA108", "CHA109")

CHADEMO = CanProtocol(
    name="chademo",
    title="CHAdeMO, DC charger and vehicle",
    bit_rate=500_000,
    extended=False,
    called="CHAdeMO",
    messages=(
        _message(
            "CHA100",
            "vehicle's limits",
            _byte("min_current_a", 0, "A"),
            _byte("max_current_a", 1, "A", mark=_SINGLE),
            _word("min_voltage_v", 2, "V"),
            _word("max_voltage_v", 4, "V"),
            _byte("rate_reference", 6),
        ),
        _message(
            "CHA101",
            "vehicle's times and capacity",
            _byte("max_time_10s", 1, unset=True),
            _byte("max_time_min", 2, "min"),
            _byte("estimated_time_min", 3, "min"),
            _word("capacity_raw", 5),
        ),
        _message(
            "CHA102",
            "vehicle's demand and state",
            _byte("protocol_number", 0),
            _word("target_voltage_v", 1, "V"),
            _byte("requested_current_a", 3, "A"),
            *flags(
                4,
                *(
                    "fault_overvoltage",
                    "fault_undervoltage",
                    "fault_current_deviation",
                    "fault_overtemperature",
                ),
                "fault_voltage_deviation",
                mark="C2",
            ),
            *flags(
                5,
                *("charging_enabled", "not_in_park", "system_fault", "contactor_open"),
                *("stop_before_charging", None, None, "discharge_capable"),
                mark="C2",
            ),
            _byte("charged_rate", 6),
        ),
        _message(
            "CHA108",
            "charger's limits",
            _byte("welding_detection", 0),
            _word("available_voltage_v", 1, "V"),
            _byte("available_current_a", 3, "A"),
            _word("threshold_voltage_v", 4, "V"),
        ),
        _message(
            "CHA109",
            "charger's output and state",
            _byte("protocol_number", 0),
            _word("voltage_v", 1, "V"),
            _byte("current_a", 3, "A"),
            _byte("discharge_capable", 4),
            *flags(
                5,
                *("charging", "charger_malfunction", "energized", "battery_incompatible"),
                *("system_malfunction", "stopped"),
                mark="C2",
            ),
            _byte("remaining_10s", 6, unset=True),
            _byte("remaining_min", 7, "min", unset=True),
        ),
        _message("CHA110", "vehicle's extensions", *_EXTENSIONS, mark=_SINGLE),
        _message("CHA118", "charger's extensions", *_EXTENSIONS, mark=_SINGLE),
        _message(
            "CHA200",
            "vehicle's limits of discharge",
            _reversed("max_discharge_current_a", 0, mark="C2"),
            _word("min_voltage_v", 4, "V"),
            _byte("min_level_pct", 6, "%"),
            _byte("max_level_pct", 7, "%"),
            mark=_SINGLE,
        ),
        _message(
            "CHA201",
            "vehicle's discharge",
            _byte("protocol_number", 0),
            _word("remaining_min", 1, "min"),
            _word("energy_kwh", 3, "kWh", 0.1),
            mark=_SINGLE,
        ),
        _message(
            "CHA208",
            "charger's discharge",
            _reversed("discharge_current_a", 0, mark="C2"),
            _word("available_voltage_v", 1, "V"),
            _reversed("available_current_a", 3, mark="C2"),
            _word("threshold_voltage_v", 6, "V"),
            mark=_SINGLE,
        ),
        _message(
            "CHA209",
            "charger's time of discharge",
            _byte("protocol_number", 0),
            _word("remaining_min", 1, "min"),
            mark=_SINGLE,
        ),
    ),
    mapped=(
        Mapped("CHA102.charged_rate", "battery.soc_pct", scale=100.0, per="CHA100.rate_reference"),
        Mapped("CHA102.target_voltage_v", "charger.requested_voltage_v"),
        Mapped("CHA102.requested_current_a", "charger.requested_current_a"),
        Mapped("CHA108.available_voltage_v", "charger.max_voltage_v"),
        Mapped("CHA108.available_current_a", "charger.max_current_a"),
        Mapped("CHA109.voltage_v", "charger.voltage_v"),
        Mapped("CHA109.current_a", "charger.current_a"),
        Mapped("CHA208.discharge_current_a", "charger.discharge_current_a"),
        Mapped("CHA102.fault_overvoltage", "event.pack_overvoltage", when=(1,)),
        Mapped("CHA102.fault_undervoltage", "event.pack_undervoltage", when=(1,)),
        Mapped("CHA102.fault_overtemperature", "event.charge_overtemperature", when=(1,)),
        Mapped("CHA109.charger_malfunction", "event.charger_fault", when=(1,), tag="charger"),
        Mapped("CHA109.system_malfunction", "event.charger_fault", when=(1,), tag="charger"),
    ),
    periods_ms=dict.fromkeys(_SENT, 100),
    # Any vehicle may use these ids for something else: it is CHAdeMO only with the messages of both sides.
    needed=frozenset(_SENT) - {"CHA101"},
)
