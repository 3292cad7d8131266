"""JK (Jikong) "inverter" boards, PB series, on their RS485 bus: frames of 300 bytes that begin 55 AA EB 90.

Half-duplex multi-drop at 115200 baud. A board answers a trigger, a Modbus write of two zero bytes to its
address that changes nothing, with a frame and the acknowledgement of Modbus. The frame names no device; the
acknowledgement does, and it has a CRC. So a frame waits for it. A frame that none follows is the broadcast of
the bus's master, or of a line without addresses, and has no address here.

Boards of hardware 10 and older send a layout of 24 cells, whose values are moved to the places of the newer
one. The PIN within the frame about the board (offset 118) is left out and kept nowhere.

Sources of the facts: tests on a bus of four batteries (mr-manuel, "JKBMS-PB"), the vendor's "BMS RS485
Modbus" V1.1, and two open drivers of the same frames over Bluetooth. What one alone has is marked.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from struct import Struct

from telemetry_core.serial.crc import crc_16_modbus

from telemetry.framing.checks import crc_16, sum_8
from telemetry.framing.framing import NO_ADDRESS, Framing, Heard, PortReader, Shape, Skipped, literal
from telemetry.framing.secrets import PASSWORD, SERIAL_NUMBER, Secret
from telemetry.protocols.serial.layout import (
    ABSENT_CELL,
    ABSENT_SENSOR,
    Confirmed,
    Layout,
    Picker,
    Value,
    byte_of_frame,
    cells,
    picker,
    sensors,
)
from telemetry.protocols.serial.signals import alarm_bits, usual
from telemetry.protocols.table import (
    BANK_S,
    Addresses,
    DeviceRequest,
    Mapped,
    Message,
    Scanned,
    SerialProtocol,
    Words,
)

SETTINGS, STATUS, ABOUT = 1, 2, 3  # byte 4 of a frame: the ids of its messages

MAX_CELLS = 32
_OLD_CELLS = 24
FRAME_BYTES = 300
_TYPE_AT = 4
_REGISTERS = {0x20: STATUS, 0x1E: SETTINGS, 0x1C: ABOUT}  # low byte of the register that asks for each
_ACKNOWLEDGEMENT_BYTES, _REQUEST_BYTES = 8, 11
_MOST_BETWEEN = 11  # bytes between a frame and its acknowledgement: of more, another frame was among them
_HIGHEST_ADDRESS = 15

_VOLTAGES = Struct(f"<{MAX_CELLS}H")
_VOLTAGE, _PACK_VOLTAGE = Struct("<H"), Struct("<I")
_CELLS_AT, _MASK_AT, _RESISTANCES_AT, _ALARMS_AT, _SENSORS_PRESENT_AT = 6, 70, 80, 166, 214
_SWITCH_TEMPERATURE_AT = 144
_PACK_VOLTAGE_AT, _OLD_PACK_VOLTAGE_AT = 150, 118
_OLD_SWITCH_TEMPERATURE_AT, _OLD_ALARMS_AT = 134, 136
_SENSOR_PLACES = {162: 0x02, 164: 0x04, 256: 0x10, 258: 0x20}  # and the bit that says it is fitted
_ALL_SENSORS = sum(_SENSOR_PLACES.values())
_ALWAYS_SENSORS = 0x02 | 0x04  # where no bit says anything
_LATER_SENSORS = 0x10 | 0x20
_LATER_AT = slice(256, 260)  # firmware before 14 has zeros there, and their bits set
_SECOND_SWITCH_TEMPERATURE_AT = 254  # every published capture has the MOSFETs' there as well
_LOST_SENSOR = -2000  # tenths of a degree
_LOST = _LOST_SENSOR.to_bytes(2, "little", signed=True)
_NO_SENSOR = ABSENT_SENSOR.to_bytes(2, "little", signed=True)
_AHEAD = ABSENT_CELL.to_bytes(2, "little")  # of the voltages: that of a cell that is not fitted
_LIMITS_END = FRAME_BYTES - 1
_MAYBE_PASSWORD = re.compile(rb"[^\0]+")
_ABOUT_END = 62  # before the PIN

_POLL_S = 1.0
_ABOUT_POLL_S = 60.0


def request(address: int, kind: int) -> bytes:
    """Return the trigger that makes the board of this address send a frame of this kind."""
    register = next(low for low, known in _REGISTERS.items() if known == kind)
    body = bytes((address, 0x10, 0x16, register, 0x00, 0x01, 0x02, 0x00, 0x00))
    return body + crc_16_modbus(body).to_bytes(2, "little")


def _resistances() -> tuple[Value, ...]:
    return tuple(
        Value(
            f"resistance{n + 1}",
            _RESISTANCES_AT + 2 * n,
            factor=0.001,
            unit="ohm",
            optional=True,
            confirmed=Confirmed.SINGLE,
        )
        for n in range(MAX_CELLS)
    )


# Offsets count from the first byte of the frame. The cells are repeated after it, as many as are fitted.
STATUS_LAYOUT = Layout(
    (
        Value("counter", 5, "u8"),
        Value("cell_mask", _MASK_AT, "u32"),
        Value("cell_average", 74, factor=0.001, unit="V"),
        Value("cell_difference", 76, factor=0.001, unit="V"),
        Value("highest_cell", 78, "u8", offset=1.0, confirmed=Confirmed.SINGLE),
        Value("lowest_cell", 79, "u8", offset=1.0, confirmed=Confirmed.SINGLE),
        *_resistances(),
        Value("mosfet_temperature", _SWITCH_TEMPERATURE_AT, "s16", 0.1, unit="degC", invalid=(_LOST_SENSOR,)),
        Value("voltage", _PACK_VOLTAGE_AT, "u32", 0.001, unit="V"),
        Value("power", 154, "u32", 0.001, unit="W"),  # without a sign
        Value("current", 158, "s32", 0.001, unit="A"),
        Value("alarms", _ALARMS_AT, "u32"),
        Value("balance_current", 170, "s16", 0.001, unit="A"),
        Value("balance_state", 172, "u8"),  # 0 off, 1 charge, 2 discharge
        Value("soc", 173, "u8", unit="%"),
        Value("remaining", 174, "u32", 0.001, unit="Ah"),
        Value("capacity", 178, "u32", 0.001, unit="Ah"),
        Value("cycles", 182, "u32"),
        Value("cycled_capacity", 186, "u32", 0.001, unit="Ah"),
        Value("soh", 190, "u8", unit="%", invalid=(0,)),
        Value("precharge", 191, "u8"),
        Value("runtime", 194, "u32", unit="s"),
        Value("charge_switch", 198, "u8"),
        Value("discharge_switch", 199, "u8"),
        Value("sensors_present", _SENSORS_PRESENT_AT, "u8"),
        Value("heating", 215, "u8"),
        Value("heater_current", 236, "s16", 0.001, unit="A"),
        Value(
            "mosfet_temperature2",
            _SECOND_SWITCH_TEMPERATURE_AT,
            "s16",
            0.1,
            unit="degC",
            invalid=(_LOST_SENSOR,),
            confirmed=Confirmed.DISPUTED,
        ),
        *sensors(tuple(_SENSOR_PLACES)[:2]),
        *(
            replace(value, name=f"temperature{n}", confirmed=Confirmed.DISPUTED)
            for n, value in enumerate(sensors(tuple(_SENSOR_PLACES)[2:]), 3)
        ),
        *cells(MAX_CELLS, FRAME_BYTES, lambda n: f"byte {_CELLS_AT + 2 * n}"),
    ),
    "little",
    byte_of_frame(FRAME_BYTES),
)
SETTINGS_LAYOUT = Layout(
    (
        Value("cell_undervoltage_limit", 10, "u32", 0.001, unit="V"),
        Value("cell_overvoltage_limit", 18, "u32", 0.001, unit="V"),
        Value("balance_difference", 26, "u32", 0.001, unit="V"),
        Value("charge_current_limit", 50, "u32", 0.001, unit="A"),
        Value("discharge_current_limit", 62, "u32", 0.001, unit="A"),
        Value("cell_count", 114, "u32"),
        Value("charge_enabled", 118, "u32"),
        Value("discharge_enabled", 122, "u32"),
        Value("balance_enabled", 126, "u32"),
        Value("nominal_capacity", 130, "u32", 0.001, unit="Ah"),
        Value("device_address", 270, "u32"),
    ),
    "little",
    byte_of_frame(FRAME_BYTES),
)
ABOUT_LAYOUT = Layout(
    (Value("runtime", 38, "u32", unit="s"), Value("power_ons", 42, "u32")),
    "little",
    byte_of_frame(_ABOUT_END),
)
_TEXTS = {"model": (6, 16), "hardware": (22, 8), "firmware": (30, 8), "serial number": (46, 16)}


class _Reader(PortReader):
    """Frames with the address of the acknowledgement after them."""

    def __init__(self) -> None:
        super().__init__()
        self._held: bytes | None = None
        self._bytes_after = 0  # what came after the frame and belongs to no message

    def before(self, message: bytes) -> Sequence[Heard]:
        return () if self._is_answered_by(message) else self.end()

    def read(self, message: bytes) -> Sequence[Heard] | Skipped:
        if len(message) == FRAME_BYTES:
            self._held, self._bytes_after = message, 0
            return Skipped.HELD
        if len(message) == _REQUEST_BYTES:
            return Skipped.ECHO
        held, self._held = self._held, None
        return Skipped.OTHER if held is None else self._said(held, message[0])

    def dropped(self, byte_count: int) -> None:
        self._bytes_after += byte_count

    def end(self) -> Sequence[Heard]:
        held, self._held = self._held, None
        return () if held is None else self._said(held, NO_ADDRESS)

    def _is_answered_by(self, message: bytes) -> bool:
        """Return whether it is the acknowledgement of the frame that is held."""
        held = self._held
        if held is None or len(message) != _ACKNOWLEDGEMENT_BYTES or self._bytes_after > _MOST_BETWEEN:
            return False
        return _REGISTERS[message[3]] == held[_TYPE_AT]

    def _said(self, frame: bytes, address: int) -> Sequence[Heard]:
        kind = frame[_TYPE_AT]
        if kind == STATUS:
            return (Heard(STATUS, _status(frame), address),)
        if kind == SETTINGS:
            return (Heard(SETTINGS, SETTINGS_LAYOUT.payload(frame[:_LIMITS_END]), address),)
        for name, (at, length) in _TEXTS.items():
            self.identify(name, frame[at : at + length])
        return (Heard(ABOUT, ABOUT_LAYOUT.payload(frame[:_ABOUT_END]), address),)

    def secrets(self, message: bytes) -> Iterable[Secret]:
        """Return the serial number, then a PIN, passwords, and what nobody knows."""
        if len(message) == FRAME_BYTES and message[_TYPE_AT] == ABOUT:
            at, length = _TEXTS["serial number"]
            yield Secret(SERIAL_NUMBER, slice(at, at + length))
            for found in _MAYBE_PASSWORD.finditer(message, _ABOUT_END, FRAME_BYTES - 1):
                yield Secret(PASSWORD, slice(*found.span()))


def _is_old(frame: bytes) -> bool:
    """Return whether the frame has the layout of 24 cells.

    The pack's voltage there fits the sum of the cells.
    """
    voltages: tuple[int, ...] = _VOLTAGES.unpack_from(frame, _CELLS_AT)
    of_old = sum(voltages[:_OLD_CELLS])
    of_all = of_old + sum(voltages[_OLD_CELLS:])
    old: tuple[int] = _PACK_VOLTAGE.unpack_from(frame, _OLD_PACK_VOLTAGE_AT)
    new: tuple[int] = _PACK_VOLTAGE.unpack_from(frame, _PACK_VOLTAGE_AT)
    return abs(old[0] - of_old) < abs(new[0] - of_all)


def _as_new(frame: bytes) -> bytearray:
    """Return a frame of 24 cells, with its values where one of 32 has them."""
    gap = bytes(2 * (MAX_CELLS - _OLD_CELLS))
    cells_end = _MASK_AT - len(gap)
    resistances_end = _SWITCH_TEMPERATURE_AT - 2 * len(gap)
    new = bytearray(
        frame[:cells_end] + gap + frame[cells_end:resistances_end] + gap + frame[resistances_end:]
    )
    new[_SWITCH_TEMPERATURE_AT : _SWITCH_TEMPERATURE_AT + 2] = frame[
        _OLD_SWITCH_TEMPERATURE_AT : _OLD_SWITCH_TEMPERATURE_AT + 2
    ]
    new[_ALARMS_AT : _ALARMS_AT + 4] = frame[_OLD_ALARMS_AT : _OLD_ALARMS_AT + 2] + bytes(2)
    new[_SENSORS_PRESENT_AT] = 0
    new[_LATER_AT] = bytes(4)
    new[_SECOND_SWITCH_TEMPERATURE_AT : _SECOND_SWITCH_TEMPERATURE_AT + 2] = bytes(2)
    return new[:FRAME_BYTES]


def _status(frame: bytes) -> bytes:
    body = _as_new(frame) if _is_old(frame) else bytearray(frame)
    voltages = bytes(body[_CELLS_AT:_MASK_AT])
    mask = int.from_bytes(body[_MASK_AT : _MASK_AT + 4], "little")
    flags, fitted_of = _fitted(mask or _measured(voltages))
    sensors = body[_SENSORS_PRESENT_AT] & _ALL_SENSORS or _ALWAYS_SENSORS
    if body[_LATER_AT] == bytes(4):
        sensors &= ~_LATER_SENSORS
    for at, bit in _SENSOR_PLACES.items():
        if not sensors & bit or body[at : at + 2] == _LOST:
            body[at : at + 2] = _NO_SENSOR
    return flags + body + fitted_of(_AHEAD + voltages)


def _measured(voltages: bytes) -> int:
    """Return the mask of the cells that have a voltage."""
    return sum(1 << n for n, (raw,) in enumerate(_VOLTAGE.iter_unpack(voltages)) if raw)


@lru_cache(maxsize=64)  # a board has the same cells in each frame
def _fitted(mask: int) -> tuple[bytes, Picker]:
    """Return the flags of what these cells have, and what takes their voltages from `_AHEAD` and all."""
    firsts = [2 * n + len(_AHEAD) if mask >> n & 1 else 0 for n in range(mask.bit_length())]
    places = [place for first in firsts for place in (first, first + 1)]
    present = (f"resistance{n + 1}" for n in range(MAX_CELLS) if mask >> n & 1)
    return STATUS_LAYOUT.payload(b"", present), picker(places)


_ALARMS = (
    "sensor_fault",  # the resistance of a cell's wire
    "overtemperature",  # of the MOSFETs
    "sensor_fault",  # other cells than set
    "sensor_fault",  # of the current
    "cell_overvoltage",
    "pack_overvoltage",
    "charge_overcurrent",
    "short_circuit",  # while charging
    "charge_overtemperature",
    "charge_undertemperature",
    "communication_lost",  # with the board's second processor
    "cell_undervoltage",
    "pack_undervoltage",
    "discharge_overcurrent",
    "short_circuit",
    "discharge_overtemperature",
    "bms_fault",  # MOSFETs for charging
    "bms_fault",  # MOSFETs for discharging
    "communication_lost",  # with the GPS
    None,  # the password is to be changed
    "bms_fault",  # discharging could not be switched on
    "overtemperature",  # of the battery
)

_ADDRESSES = bytes(range(_HIGHEST_ADDRESS + 1))
_WRITE = (_ADDRESSES, *literal(b"\x10\x16"), bytes(_REGISTERS), *literal(b"\x00\x01"))

_RISK = (
    "its trigger is a Modbus write by its form. It changes nothing in a JK board; "
    "another device at that address might take it for a write"
)

_MESSAGES = (
    Message("JkStatus", STATUS, STATUS_LAYOUT.signals),
    Message("JkSettings", SETTINGS, SETTINGS_LAYOUT.signals),
)

JK_55AA = SerialProtocol(
    name="jk_55aa",
    title="JK / Jikong inverter series battery management system (55 AA EB 90)",
    baud_rate=115200,
    framing=Framing(
        shapes=(
            Shape.fixed(
                (*literal(b"\x55\xaa\xeb\x90"), bytes((SETTINGS, STATUS, ABOUT))), FRAME_BYTES, sum_8()
            ),
            Shape.fixed(_WRITE, _ACKNOWLEDGEMENT_BYTES, crc_16()),
            Shape.fixed((*_WRITE, *literal(b"\x02\x00\x00")), _REQUEST_BYTES, crc_16()),
        ),
        make_reader=_Reader,
        padding=b"\x00",
        has_passwords=True,
    ),
    messages=(*_MESSAGES, Message("JkAbout", ABOUT, ABOUT_LAYOUT.signals)),
    mapped=(
        *usual(*_MESSAGES),
        Mapped("JkStatus.balance_state", "battery.balancing"),
        Mapped("JkStatus.alarms", "battery.protection_word"),
        *alarm_bits("JkStatus.alarms", _ALARMS),
    ),
    requests=(
        DeviceRequest(lambda address: request(address, STATUS), _POLL_S, STATUS),
        DeviceRequest(lambda address: request(address, SETTINGS), BANK_S, SETTINGS),
        DeviceRequest(lambda address: request(address, ABOUT), _ABOUT_POLL_S, ABOUT),
    ),
    addresses=Addresses(default=1, least=0, most=_HIGHEST_ADDRESS),
    rest_s=0.12,
    scan=Scanned(3, others=(0, *range(2, 16)), risk=_RISK),
    words=Words(
        "JK",
        "JK (Jikong) inverter series (PB) on their RS485 bus; to 32 cells",
        (
            "the service asks for the state once a second, for limits each 7.5 s, for the model "
            "once a minute; what a master sends unasked is read as well"
        ),
        scrubbed="the serial number; what follows it, the PIN among it, is masked",
        addresses="0 to 15",
    ),
)
