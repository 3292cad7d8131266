"""Seplos battery management systems, second generation, on RS485: frames of ASCII digits.

9600 or 19200 baud, by board and port; several batteries on a bus, each with the address of its DIP switches,
0 to 15. Read-only. Packs of the "PACE" kind have the same frames with version 25 and other values: they are
left out. The third generation speaks Modbus, and the second over Bluetooth a binary protocol.

Sources of the facts: "SEPLOS BMS Communication Protocol" V2.0, syssi/esphome-seplos-bms,
dbus-serialbattery. No capture has confirmed the alarms.
"""

from telemetry.framing.framing import Framing, Heard
from telemetry.protocols.serial.ascii_frame import (
    ABSENT,
    KELVIN_TENTHS,
    SHAPE,
    AsciiReader,
    Said,
    counted,
    fitted,
    is_padded_text,
    kelvin_sensors,
    request,
    state_codes,
)
from telemetry.protocols.serial.layout import ABSENT_CELL, Confirmed, Layout, Value, cells
from telemetry.protocols.serial.signals import TEMPERATURE_ALARMS, VOLTAGE_ALARMS, alarm_pairs, usual
from telemetry.protocols.table import (
    Addresses,
    DeviceRequest,
    Mapped,
    Message,
    Scanned,
    SerialProtocol,
    Words,
)

ANALOG, ALARMS, VENDOR = 0x42, 0x44, 0x51  # commands: the ids of the messages that answer them

MAX_CELLS = 32
MAX_SENSORS = 8  # at the cells; two others follow them
_OTHER_SENSORS = ("ambient_temperature", "mosfet_temperature")
_NO_OTHERS = ABSENT * len(_OTHER_SENSORS)
_NO_SENSOR = 0  # 0 K

_POLL_S = 2.0
_VENDOR_POLL_S = 60.0

# What follows the sensors: fixed, a number of further values, those.
_FIXED_BYTES = 7
_CUSTOM = ("capacity", "soc", "nominal_capacity", "cycles", "soh", "port_voltage")
_CUSTOM_COUNT = 10
_STATE_BYTES = _FIXED_BYTES + 2 * _CUSTOM_COUNT
_OTHERS_AT = _STATE_BYTES
_SENSORS_AT = _OTHERS_AT + 2 * len(_OTHER_SENSORS)
_CELLS_AT = _SENSORS_AT + 2 * MAX_SENSORS


def _place(at: int) -> str:
    """Return where a byte of the body is in INFO."""
    return f"{at} after the sensors" if at < _OTHERS_AT else ""


def _custom(name: str, factor: float, unit: str = "") -> Value:
    at = _FIXED_BYTES + 2 * _CUSTOM.index(name)
    return Value(name, at, factor=factor, unit=unit, optional=True)


ANALOG_LAYOUT = Layout(
    (
        Value("current", 0, "s16", 0.01, unit="A"),
        Value("voltage", 2, factor=0.01, unit="V"),
        Value("remaining", 4, factor=0.01, unit="Ah"),
        _custom("capacity", 0.01, "Ah"),
        _custom("soc", 0.1, "%"),
        _custom("nominal_capacity", 0.01, "Ah"),
        _custom("cycles", 1.0),
        _custom("soh", 0.1, "%"),
        _custom("port_voltage", 0.01, "V"),
        *(
            Value(
                name,
                _OTHERS_AT + 2 * n,
                factor=0.1,
                offset=KELVIN_TENTHS,
                unit="degC",
                invalid=(_NO_SENSOR, ABSENT_CELL),
                place=("last sensor but one", "last sensor")[n],
            )
            for n, name in enumerate(_OTHER_SENSORS)
        ),
        *kelvin_sensors(MAX_SENSORS, _SENSORS_AT),
        *cells(MAX_CELLS, _CELLS_AT, lambda n: f"INFO {3 + 2 * n}"),
    ),
    "big",
    _place,
)

_EVENT_BYTES = 20
_EVENTS_AT = 2  # after the codes of current and voltage
ALARMS_LAYOUT = Layout(
    (
        Value("current_code", 0, "u8"),  # 0 in order, 1 below, 2 above, 240 other
        Value("voltage_code", 1, "u8"),
        Value("events", _EVENTS_AT, "u48"),  # the first six as one number
        *(Value(f"event{n}", _EVENTS_AT + n - 1, "u8") for n in range(1, 7)),
        Value("discharge_switch", 8, "bit0"),
        Value("charge_switch", 8, "bit1"),
        Value("current_limiter", 8, "bit2"),
        Value("heater", 8, "bit3"),
        Value("balance_bits", 22, "u16", place="10 and 11 after the codes"),  # cell 1 is bit 0
        Value("system_state", 11, "u8"),  # bits: 0 discharge, 1 charge, 2 float, 4 standby, 5 off
        Value("open_wires_low", 12, "u8"),
        Value("open_wires_high", 13, "u8"),
        Value("event7", 14, "u8", confirmed=Confirmed.SINGLE),
        Value("event8", 15, "u8", confirmed=Confirmed.SINGLE),
    ),
    "big",
    lambda at: f"{at if at < _EVENTS_AT else at + 1} after the codes",
)
_BALANCE_AT = _EVENTS_AT + 7


class _Reader(AsciiReader):
    def __init__(self) -> None:
        super().__init__({VENDOR: self._vendor, ALARMS: _alarms, ANALOG: _analog})

    def _vendor(self, address: int, info: bytes) -> Said:
        if len(info) < 12 or not is_padded_text(info[:10]):
            return None
        self.identify("model", info[:10])
        self.identify("firmware", f"{info[10]}.{info[11]}".encode("ascii"))
        self.identify("maker", info[12:32])
        return (Heard(VENDOR, b"", address),)


def _analog(address: int, info: bytes) -> Said:
    lists = counted(info, 2, 2)
    if lists is None:
        return None
    voltages, sent, at = lists
    state = info[at:]
    if not voltages or not sent or len(state) <= _FIXED_BYTES:
        return None
    if len(state) != _FIXED_BYTES + 2 * state[_FIXED_BYTES - 1]:
        return None
    at_cells = max(len(sent) - len(_NO_OTHERS), 0)  # bytes
    body = (
        state[:_STATE_BYTES].ljust(_STATE_BYTES, b"\0")
        + (sent[at_cells:] + _NO_OTHERS)[: len(_NO_OTHERS)]
        + fitted(sent[:at_cells], MAX_SENSORS)
        + voltages[: 2 * MAX_CELLS]
    )
    payload = ANALOG_LAYOUT.payload(body, _CUSTOM[: state[_FIXED_BYTES - 1]])
    return (Heard(ANALOG, payload, address),)


def _alarms(address: int, info: bytes) -> Said:
    codes = state_codes(info, 2)
    if codes is None:
        return None
    rest = info[codes[2] :]
    if len(rest) != 3 + _EVENT_BYTES or rest[2] != _EVENT_BYTES:
        return None
    events = rest[3:]
    body = rest[:2] + events
    balance = events[_BALANCE_AT - _EVENTS_AT : _BALANCE_AT - _EVENTS_AT + 2]
    return (Heard(ALARMS, ALARMS_LAYOUT.payload(body + balance[::-1]), address),)


_MESSAGES = (
    Message("SeplosAnalog", ANALOG, ANALOG_LAYOUT.signals),
    Message("SeplosAlarms", ALARMS, ALARMS_LAYOUT.signals),
)

SEPLOS_V2 = SerialProtocol(
    name="seplos_v2",
    title="Seplos battery management system, second generation",
    baud_rate=19200,
    framing=Framing(shapes=(SHAPE,), make_reader=_Reader),
    messages=(*_MESSAGES, Message("SeplosVendor", VENDOR, ())),
    mapped=(
        *usual(*_MESSAGES),
        Mapped("SeplosAlarms.balance_bits", "battery.balancing"),
        Mapped("SeplosAlarms.events", "battery.protection_word"),
        *alarm_pairs("SeplosAlarms.event2", VOLTAGE_ALARMS),
        *alarm_pairs("SeplosAlarms.event3", TEMPERATURE_ALARMS),
        *alarm_pairs("SeplosAlarms.event5", ("charge_overcurrent", "discharge_overcurrent")),
        Mapped("SeplosAlarms.event1", "event.sensor_fault"),  # any of its bits: sensors and switches
        Mapped("SeplosAlarms.event4", "event.overtemperature", level="warning"),  # around the pack, MOSFETs
        Mapped("SeplosAlarms.event5", "event.discharge_overcurrent", bit=4),  # a short peak
        Mapped("SeplosAlarms.event5", "event.short_circuit", bit=5),
        Mapped("SeplosAlarms.event6", "event.soc_low", bit=2),
        Mapped("SeplosAlarms.event6", "event.soc_low", bit=3),
    ),
    requests=(
        DeviceRequest(lambda address: request(address, ANALOG, bytes((address,))), _POLL_S, ANALOG),
        DeviceRequest(lambda address: request(address, ALARMS, bytes((address,))), _POLL_S, ALARMS),
        DeviceRequest(lambda address: request(address, VENDOR, b""), _VENDOR_POLL_S, VENDOR),
    ),
    addresses=Addresses(default=0, least=0, most=15),
    scan=Scanned(4, more_rates=(9600,), others=tuple(range(1, 16))),
    words=Words(
        "Seplos",
        "Seplos, second generation, on RS485, addresses 0 to 15; to 32 cells",
        "the service asks for values and alarms each two seconds, for the versions once a minute",
        addresses="0 to 15",
    ),
)
