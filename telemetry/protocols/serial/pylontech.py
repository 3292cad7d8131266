"""Pylontech low-voltage batteries on RS485: frames of ASCII digits, the first of a stack answers for all.

115200 baud, 9600 with DIP switch 1 on. The first module of a group has address 2 plus 16 times its group;
each module is a device of its own here, by its address. Read-only. What a module measures as its first
temperature is that of its board.

The batteries report no state of charge, and no pack voltage over 65.535 V.

Sources of the facts: "PYLON low-voltage RS485" V3.3, Frankkkkk/python-pylontech, dbus-serialbattery, and two
open drivers for the bits of the alarms, which no capture has confirmed.
"""

from collections.abc import Callable, Iterable

from telemetry.framing.framing import Framing, Heard
from telemetry.framing.secrets import HEX_TEXT, SERIAL_NUMBER, Secret
from telemetry.protocols.serial.ascii_frame import (
    INFO_AT,
    KELVIN_TENTHS,
    SHAPE,
    AsciiReader,
    Said,
    counted,
    fitted,
    is_padded_text,
    kelvin_sensors,
    reply_info,
    request,
    state_codes,
)
from telemetry.protocols.serial.layout import Confirmed, Layout, Value, cells
from telemetry.protocols.serial.signals import alarm_bits, usual
from telemetry.protocols.table import (
    Addresses,
    DeviceRequest,
    Mapped,
    Message,
    Scanned,
    SerialProtocol,
    Words,
)

# Commands: the ids of the messages that answer them.
ANALOG, ALARMS, LIMITS, VENDOR, MANAGEMENT, NUMBER, FIRMWARE = 0x42, 0x44, 0x47, 0x51, 0x92, 0x93, 0x96

FIRST_ADDRESS = 2
MAX_MODULES = 16
MAX_CELLS = 32
MAX_SENSORS = 8

_POLL_S = 2.0
_ONCE_S = 60.0

_NARROW_ITEMS = 2  # more user items than these: the charges follow once more, with three bytes each
_STATE_BYTES = 16  # of a body, before the sensors
_CELLS_AT = _STATE_BYTES + 2 * MAX_SENSORS


def _in_info(at: int) -> str:
    """Return where a byte of a body is that has no module."""
    return f"INFO {at + 1}"


ANALOG_LAYOUT = Layout(
    (
        Value("current", 0, "s16", 0.1, unit="A", place="0 after the sensors"),
        Value("voltage", 2, factor=0.001, unit="V", place="2 after the sensors"),
        Value("remaining", 4, "u32", 0.001, unit="Ah", place="4, or 11, after the sensors"),
        Value("capacity", 8, "u32", 0.001, unit="Ah", place="7, or 14, after the sensors"),
        Value("cycles", 12, place="9 after the sensors"),
        Value("user_items", 14, "u8", place="6 after the sensors"),
        Value("cell_count", 15, "u8", place="0 of the module"),
        *kelvin_sensors(MAX_SENSORS, _STATE_BYTES),
        *cells(MAX_CELLS, _CELLS_AT, lambda n: f"{1 + 2 * n} of the module"),
    ),
    "big",
)
ALARMS_LAYOUT = Layout(
    (
        Value("charge_current_code", 0, "u8"),  # 0 in order, 1 below, 2 above, 240 other
        Value("voltage_code", 1, "u8"),
        Value("discharge_current_code", 2, "u8"),
        Value("status1", 3, "u8", confirmed=Confirmed.SINGLE),
        Value("status2", 4, "u8", confirmed=Confirmed.SINGLE),
        Value("charge_switch", 4, "bit1", confirmed=Confirmed.SINGLE),
        Value("discharge_switch", 4, "bit2", confirmed=Confirmed.SINGLE),
        Value("status3", 5, "u8", confirmed=Confirmed.SINGLE),
        Value("cell_errors_low", 6, "u8", confirmed=Confirmed.SINGLE),
        Value("cell_errors_high", 7, "u8", confirmed=Confirmed.SINGLE),
        Value("cells_below", 8, "u32", place="code 1 of a cell"),  # bits, cell 1 is bit 0
        Value("cells_above", 12, "u32", place="code 2 of a cell"),
        Value("sensors_below", 16, "u32", place="code 1 of a sensor"),
        Value("sensors_above", 20, "u32", place="code 2 of a sensor"),
    ),
    "big",
    lambda at: f"{at} after the codes",
)
LIMITS_LAYOUT = Layout(
    (
        Value("cell_overvoltage_limit", 0, factor=0.001, unit="V"),
        Value("cell_low_voltage_limit", 2, factor=0.001, unit="V"),
        Value("cell_undervoltage_limit", 4, factor=0.001, unit="V"),
        Value("charge_heat_limit", 6, factor=0.1, offset=KELVIN_TENTHS, unit="degC"),
        Value("charge_cold_limit", 8, factor=0.1, offset=KELVIN_TENTHS, unit="degC"),
        Value("charge_current_limit", 10, "s16", 0.01, unit="A", confirmed=Confirmed.DISPUTED),
        Value("pack_overvoltage_limit", 12, factor=0.001, unit="V"),
        Value("pack_low_voltage_limit", 14, factor=0.001, unit="V"),
        Value("pack_undervoltage_limit", 16, factor=0.001, unit="V"),
        Value("discharge_heat_limit", 18, factor=0.1, offset=KELVIN_TENTHS, unit="degC"),
        Value("discharge_cold_limit", 20, factor=0.1, offset=KELVIN_TENTHS, unit="degC"),
        Value("discharge_current_limit", 22, "s16", 0.01, unit="A", confirmed=Confirmed.DISPUTED),
    ),
    "big",
    _in_info,
)
MANAGEMENT_LAYOUT = Layout(
    (
        Value("charge_voltage_limit", 0, factor=0.001, unit="V"),
        Value("discharge_voltage_limit", 2, factor=0.001, unit="V"),
        Value("charge_current_limit", 4, "s16", 0.1, unit="A"),
        Value("discharge_current_limit", 6, factor=0.1, unit="A"),  # the reader takes its sign away
        Value("charge_allowed", 8, "bit7"),
        Value("discharge_allowed", 8, "bit6"),
        Value("charge_now1", 8, "bit5"),
        Value("charge_now2", 8, "bit4"),
        Value("full_charge_wanted", 8, "bit3"),
    ),
    "big",
    _in_info,
)
_LIMITS_INFO = 1 + LIMITS_LAYOUT.body_bytes
_MANAGEMENT_INFO = 1 + 9
_SERIAL_NUMBER_INFO = 1 + 16
_FIRMWARE_INFO = 1 + 5

_Module = tuple[bytes, int]  # a payload, and where the module ends


class _Reader(AsciiReader):
    def __init__(self) -> None:
        super().__init__(
            {
                VENDOR: self._vendor,
                NUMBER: self._serial_number,
                MANAGEMENT: _management,
                FIRMWARE: self._firmware,
                ANALOG: lambda address, info: _modules(ANALOG, _analog_module, address, info),
                ALARMS: lambda address, info: _modules(ALARMS, _alarms_module, address, info),
                LIMITS: _limits,
            }
        )

    def _serial_number(self, address: int, info: bytes) -> Said:
        if len(info) != _SERIAL_NUMBER_INFO or not is_padded_text(info[1:]):
            return None
        self.identify(f"serial number of {address:02X}", info[1:])
        return (Heard(NUMBER, b"", address),)

    def _firmware(self, address: int, info: bytes) -> Said:
        if len(info) != _FIRMWARE_INFO:
            return None
        self.identify("firmware", ".".join(str(byte) for byte in info[3:]).encode("ascii"))
        return (Heard(FIRMWARE, b"", address),)

    def _vendor(self, address: int, info: bytes) -> Said:
        if len(info) < 12 or not is_padded_text(info[:10]):
            return None
        self.identify("model", info[:10])
        self.identify("maker", info[12:])
        return (Heard(VENDOR, b"", address),)

    def secrets(self, message: bytes) -> Iterable[Secret]:
        """Find the serial number of a module: a reply is known by its form alone."""
        info = reply_info(message)
        is_number = len(info) == _SERIAL_NUMBER_INFO and is_padded_text(info[1:])
        first = INFO_AT + 2  # after the address
        place = slice(first, first + 2 * (_SERIAL_NUMBER_INFO - 1))
        return (Secret(SERIAL_NUMBER, place, HEX_TEXT),) if is_number else ()


def _modules(kind: int, read: Callable[[bytes, int], _Module | None], address: int, info: bytes) -> Said:
    """Return the modules of a reply, in its order; None: they do not fill it.

    The second byte is the address of the one module that was asked for or, where all were, their number.
    Which of both it is follows from how many there are.
    """
    at = 2
    payloads: list[bytes] = []
    while at < len(info) and len(payloads) < MAX_MODULES:
        module = read(info, at)
        if module is None:
            return None
        payloads.append(module[0])
        at = module[1]
    if not payloads or at != len(info):
        return None
    if len(payloads) == 1 and info[1] & 0x0F >= FIRST_ADDRESS:
        return (Heard(kind, payloads[0], info[1]),)
    if info[1] != len(payloads):
        return None
    return tuple(Heard(kind, payload, address + n) for n, payload in enumerate(payloads))


def _analog_module(info: bytes, at: int) -> _Module | None:
    lists = counted(info, at, 2)
    if lists is None:
        return None
    voltages, temperatures, at = lists
    fixed = info[at : at + 11]
    if not voltages or not temperatures or len(fixed) < 11:
        return None
    remaining, items, capacity, cycles = fixed[4:6], fixed[6], fixed[7:9], fixed[9:11]
    at += 11
    if items > _NARROW_ITEMS:
        remaining, capacity = info[at : at + 3], info[at + 3 : at + 6]
        at += 6  # of a reply that is cut off there, the modules do not end where it ends
    body = (
        fixed[:4]
        + remaining.rjust(4, b"\0")
        + capacity.rjust(4, b"\0")
        + cycles
        + bytes((items, len(voltages) // 2))
        + fitted(temperatures, MAX_SENSORS)
        + voltages[: 2 * MAX_CELLS]
    )
    return ANALOG_LAYOUT.payload(body), at


def _alarms_module(info: bytes, at: int) -> _Module | None:
    codes = state_codes(info, at)
    if codes is None or len(info) < codes[2] + 8:
        return None
    at = codes[2]
    body = info[at : at + 8] + b"".join(_bits(each, wanted) for each in codes[:2] for wanted in (1, 2))
    return ALARMS_LAYOUT.payload(body), at + 8


def _bits(codes: bytes, wanted: int) -> bytes:
    return sum(1 << n for n, code in enumerate(codes[:32]) if code == wanted).to_bytes(4, "big")


def _management(address: int, info: bytes) -> Said:
    if len(info) != _MANAGEMENT_INFO:
        return None
    discharge = abs(int.from_bytes(info[7:9], "big", signed=True))
    body = info[1:7] + discharge.to_bytes(2, "big") + info[9:]
    return (Heard(MANAGEMENT, MANAGEMENT_LAYOUT.payload(body), address),)


def _limits(address: int, info: bytes) -> Said:
    if len(info) != _LIMITS_INFO:
        return None
    return (Heard(LIMITS, LIMITS_LAYOUT.payload(info[1:]), address),)


_STATUS1 = (
    "pack_overvoltage",
    "cell_undervoltage",
    "charge_overcurrent",
    None,
    "discharge_overcurrent",
    "discharge_overtemperature",
    "charge_overtemperature",
    "pack_undervoltage",
)


def _asked(command: int, every_s: float) -> DeviceRequest:
    return DeviceRequest(lambda address: request(address, command, bytes((address,))), every_s, command)


_ANALOG = Message("PylontechAnalog", ANALOG, ANALOG_LAYOUT.signals)
_MANAGEMENT = Message("PylontechManagement", MANAGEMENT, MANAGEMENT_LAYOUT.signals)

PYLONTECH = SerialProtocol(
    name="pylontech",
    title="Pylontech low-voltage battery (RS485)",
    baud_rate=115200,
    framing=Framing(shapes=(SHAPE,), make_reader=_Reader, frames_per_message=MAX_MODULES),
    messages=(
        _ANALOG,
        Message("PylontechAlarms", ALARMS, ALARMS_LAYOUT.signals),
        Message("PylontechLimits", LIMITS, LIMITS_LAYOUT.signals),
        _MANAGEMENT,
        Message("PylontechSerialNumber", NUMBER, ()),
        Message("PylontechFirmware", FIRMWARE, ()),
        Message("PylontechVendor", VENDOR, ()),
    ),
    mapped=(
        *usual(_ANALOG, _MANAGEMENT),
        Mapped("PylontechAlarms.status1", "battery.protection_word"),
        Mapped("PylontechManagement.charge_allowed", "battery.charge_enabled"),
        Mapped("PylontechManagement.discharge_allowed", "battery.discharge_enabled"),
        *alarm_bits("PylontechAlarms.status1", _STATUS1),
        Mapped("PylontechAlarms.cells_above", "event.cell_overvoltage"),
        Mapped("PylontechAlarms.cells_below", "event.cell_undervoltage"),
        Mapped("PylontechAlarms.sensors_above", "event.overtemperature"),
        Mapped("PylontechAlarms.sensors_below", "event.undertemperature"),
        Mapped("PylontechAlarms.cell_errors_low", "event.sensor_fault"),
        Mapped("PylontechAlarms.cell_errors_high", "event.sensor_fault"),
    ),
    requests=tuple(
        _asked(command, every_s)
        for command, every_s in (
            (ANALOG, _POLL_S),
            (ALARMS, _POLL_S),
            (MANAGEMENT, _POLL_S),
            (NUMBER, _ONCE_S),
            (FIRMWARE, _ONCE_S),
        )
    ),
    addresses=Addresses(default=FIRST_ADDRESS, least=FIRST_ADDRESS, most=0xFE),
    # Before Seplos: a reply of this may have the form of theirs, never the other way round.
    scan=Scanned(3, more_rates=(9600,), others=(0x12, 0x22, 0x32), has_neighbours=True),
    words=Words(
        "Pylontech",
        "Pylontech low-voltage stacks on RS485, each module by its address; to 32 cells",
        (
            "the service asks for values, alarms and limits each two seconds, for serial number "
            "and versions once a minute"
        ),
        scrubbed="the serial number of each module",
        line="115200 baud (9600 with DIP switch 1 on), 8N1",
        addresses=(
            "the first module of four groups (0x02, 0x12, 0x22, 0x32), and from there on as long "
            "as one answers"
        ),
    ),
)
