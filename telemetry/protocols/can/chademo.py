"""CHAdeMO: what a vehicle and a DC charger say to each other over the plug's CAN, protocols 0.9 to 2.0.

Sources: notes of IEEE 2030.1.1, a log of a Leaf, open firmwares of both sides. docs/protocols/chademo.md says
which field is how certain. Bytes and bits of this table are counted from 0, as there.
"""

from telemetry.protocols.can.table import CanMessage, CanProtocol, CanSignal
from telemetry.protocols.table import Mapped

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


def _flags(byte: int, *names: tuple[str, int], mark: str = "") -> tuple[CanSignal, ...]:
    return tuple(CanSignal(name, 8 * byte + bit, 1, little_endian=True, mark=mark) for name, bit in names)


def _message(
    code: str, id: int, title: str, signals: tuple[CanSignal, ...], *, mark: str = "CAP"
) -> CanMessage:
    return CanMessage(code, title, (id,), signals, mark=mark)


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
            0x100,
            "vehicle's limits",
            (
                _byte("min_current_a", 0, "A"),
                _byte("max_current_a", 1, "A", mark=_SINGLE),
                _word("min_voltage_v", 2, "V"),
                _word("max_voltage_v", 4, "V"),
                _byte("rate_reference", 6),
            ),
        ),
        _message(
            "CHA101",
            0x101,
            "vehicle's times and capacity",
            (
                _byte("max_time_10s", 1, unset=True),
                _byte("max_time_min", 2, "min"),
                _byte("estimated_time_min", 3, "min"),
                _word("capacity_raw", 5),
            ),
        ),
        _message(
            "CHA102",
            0x102,
            "vehicle's demand and state",
            (
                _byte("protocol_number", 0),
                _word("target_voltage_v", 1, "V"),
                _byte("requested_current_a", 3, "A"),
                *_flags(
                    4,
                    ("fault_overvoltage", 0),
                    ("fault_undervoltage", 1),
                    ("fault_current_deviation", 2),
                    ("fault_overtemperature", 3),
                    ("fault_voltage_deviation", 4),
                    mark="C2",
                ),
                *_flags(
                    5,
                    ("charging_enabled", 0),
                    ("not_in_park", 1),
                    ("system_fault", 2),
                    ("contactor_open", 3),
                    ("stop_before_charging", 4),
                    ("discharge_capable", 7),
                    mark="C2",
                ),
                _byte("charged_rate", 6),
            ),
        ),
        _message(
            "CHA108",
            0x108,
            "charger's limits",
            (
                _byte("welding_detection", 0),
                _word("available_voltage_v", 1, "V"),
                _byte("available_current_a", 3, "A"),
                _word("threshold_voltage_v", 4, "V"),
            ),
        ),
        _message(
            "CHA109",
            0x109,
            "charger's output and state",
            (
                _byte("protocol_number", 0),
                _word("voltage_v", 1, "V"),
                _byte("current_a", 3, "A"),
                _byte("discharge_capable", 4),
                *_flags(
                    5,
                    ("charging", 0),
                    ("charger_malfunction", 1),
                    ("energized", 2),
                    ("battery_incompatible", 3),
                    ("system_malfunction", 4),
                    ("stopped", 5),
                    mark="C2",
                ),
                _byte("remaining_10s", 6, unset=True),
                _byte("remaining_min", 7, "min", unset=True),
            ),
        ),
        _message(
            "CHA110",
            0x110,
            "vehicle's extensions",
            _flags(0, ("dynamic_control", 0), ("high_current", 1), ("high_voltage", 2)),
            mark=_SINGLE,
        ),
        _message(
            "CHA118",
            0x118,
            "charger's extensions",
            _flags(0, ("dynamic_control", 0), ("high_current", 1), ("high_voltage", 2)),
            mark=_SINGLE,
        ),
        _message(
            "CHA200",
            0x200,
            "vehicle's limits of discharge",
            (
                _reversed("max_discharge_current_a", 0, mark="C2"),
                _word("min_voltage_v", 4, "V"),
                _byte("min_level_pct", 6, "%"),
                _byte("max_level_pct", 7, "%"),
            ),
            mark=_SINGLE,
        ),
        _message(
            "CHA201",
            0x201,
            "vehicle's discharge",
            (
                _byte("protocol_number", 0),
                _word("remaining_min", 1, "min"),
                _word("energy_kwh", 3, "kWh", 0.1),
            ),
            mark=_SINGLE,
        ),
        _message(
            "CHA208",
            0x208,
            "charger's discharge",
            (
                _reversed("discharge_current_a", 0, mark="C2"),
                _word("available_voltage_v", 1, "V"),
                _reversed("available_current_a", 3, mark="C2"),
                _word("threshold_voltage_v", 6, "V"),
            ),
            mark=_SINGLE,
        ),
        _message(
            "CHA209",
            0x209,
            "charger's time of discharge",
            (_byte("protocol_number", 0), _word("remaining_min", 1, "min")),
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
