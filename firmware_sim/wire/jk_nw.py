"""What a JK (Jikong) board says on its GPS or RS485 plug: 4E 57 frames, a run of tagged values.

Promises: the request to read all gets one reply with the readings of that moment; a damaged request gets
none. A firmware differs by its options. Layout: the vendor's "Communication protocol between monitoring
platform and BMS", V2.5.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from firmware_sim.wire.asked import AskedLine, frames
from firmware_sim.wire.numbers import be
from firmware_sim.wire.readings import Readings

START = b"\x4e\x57"
ACTIVATE, READ_ONE, READ_ALL = 0x01, 0x03, 0x06
FROM_BMS, FROM_PC = 0, 3
REQUEST, REPLY, PUSHED = 0, 1, 2

_END = 0x68
_TAIL_BYTES = 9  # record number, end, check
_HEAD_BYTES = 11
# The bit of tag 8B that means each alarm.
_ALARM_BITS = {
    "pack_overvoltage": 2,
    "pack_undervoltage": 3,
    "charge_overtemperature": 4,
    "discharge_overtemperature": 4,
    "charge_overcurrent": 5,
    "discharge_overcurrent": 6,
    "charge_undertemperature": 9,
    "discharge_undertemperature": 9,
    "cell_overvoltage": 10,
    "cell_undervoltage": 11,
}


@dataclass(frozen=True, slots=True)
class JkNwFirmware:
    """How one firmware differs from others."""

    new_current: bool = True  # tag C0 is there, and bit 15 of the current means charging
    reply_command: int = READ_ALL  # some answer with READ_ONE
    left_out: frozenset[int] = frozenset()  # tags that it does not send
    unknown_tag: bytes = b""  # sent after the cells, temperatures and states
    frost_base: int = 99  # a temperature below zero is this number less it
    password: bytes = b"123456"
    device_id: bytes = b"Input Us"
    maker: bytes = b"JK_BD6A20S10P"


def seal(body: bytes) -> bytes:
    """Return a frame of everything between its length and its end: length, end and check are added."""
    length = len(body) + 2 + 1 + 4
    said = START + length.to_bytes(2, "big") + body + bytes((_END,))
    return said + (sum(said) & 0xFFFF).to_bytes(4, "big")


def request(command: int = READ_ALL, register: int = 0) -> bytes:
    """Return what a PC sends."""
    return seal(bytes(4) + bytes((command, FROM_PC, REQUEST, register)) + bytes(4))


def reply(readings: Readings, firmware: JkNwFirmware, *, kind: int = REPLY, record: int = 0) -> bytes:
    """Return the answer to READ_ALL."""
    head = bytes(4) + bytes((firmware.reply_command, FROM_BMS, kind))
    body = b"".join(
        bytes((tag,)) + value for tag, value in _tags(readings, firmware) if tag not in firmware.left_out
    )
    return seal(head + body + record.to_bytes(4, "big"))


def temperature(degrees: float, frost_base: int) -> bytes:
    """Return whole degrees: plain from 0 to 99, counted down from `frost_base` below."""
    whole = round(degrees)
    return be(whole if whole >= 0 else frost_base - whole)


def current(amperes: float, *, new: bool) -> bytes:
    """Return hundredths of an ampere. New: bit 15 means charging; old: 10000 less them."""
    hundredths = min(max(round(100.0 * amperes), -0x7FFF), 0x7FFF)
    return be(abs(hundredths) | (0x8000 if hundredths > 0 else 0)) if new else be(10000 - hundredths)


def _tags(readings: Readings, firmware: JkNwFirmware) -> list[tuple[int, bytes]]:
    cells = b"".join(bytes((n + 1,)) + be(volts, 0.001) for n, volts in enumerate(readings.cells_v))
    first, second, *_ = (*readings.sensors_c, None, None)
    alarms = sum(1 << bit for bit in {_ALARM_BITS[alarm] for alarm in readings.alarms})
    state = readings.charge_switch | readings.discharge_switch << 1 | bool(readings.balanced_cells) << 2 | 8
    count = len(readings.cells_v)

    def degrees(value: float | None) -> bytes:
        return temperature(25.0 if value is None else value, firmware.frost_base)

    tags: list[tuple[int, bytes]] = [(0x79, bytes((len(cells),)) + cells), (0x80, degrees(readings.switch_c))]
    tags += [(0x81, degrees(first))] if first is not None else []
    tags += [(0x82, degrees(second))] if second is not None else []
    tags += [
        (0x83, be(readings.voltage_v, 0.01)),
        (0x84, current(readings.current_a, new=firmware.new_current)),
        (0x85, be(readings.soc_pct, 1.0, 1)),
        (0x86, be(len(readings.sensors_c), 1.0, 1)),
        (0x87, be(readings.cycles)),
        (0x89, be(readings.cycled_ah, 1.0, 4)),
        (0x8A, be(count)),
        (0x8B, be(alarms)),
        (0x8C, be(state)),
    ]
    if firmware.unknown_tag:
        tags.append((firmware.unknown_tag[0], firmware.unknown_tag[1:]))
    tags += [
        (0x8E, be(3.65 * count, 0.01)),
        (0x8F, be(2.6 * count, 0.01)),
        *((tag, be(value)) for tag, value in zip(range(0x90, 0x9D), _LIMITS, strict=True)),
        (0x9D, b"\x01"),
        *((tag, be(value & 0xFFFF)) for tag, value in zip(range(0x9E, 0xA9), _HEAT_LIMITS, strict=True)),
        (0xA9, bytes((count,))),
        (0xAA, be(readings.nominal_ah, 1.0, 4)),
        (0xAB, b"\x01"),
        (0xAC, b"\x01"),
        (0xAD, be(1000)),
        (0xAE, b"\x01"),
        (0xAF, b"\x01"),
        (0xB0, be(10)),
        (0xB1, b"\x14"),
        (0xB2, firmware.password.ljust(10, b"\0")),
        (0xB3, b"\x00"),
        (0xB4, firmware.device_id.ljust(8, b"\0")),
        (0xB5, b"2403"),
        (0xB6, be(readings.uptime_s, 60.0, 4)),
        (0xB7, b"11.XW_S11.26___"),
        (0xB8, b"\x00"),
        (0xB9, be(readings.capacity_ah, 1.0, 4)),
        (0xBA, firmware.maker.ljust(24, b"\0")),
    ]
    if firmware.new_current:
        tags.append((0xC0, b"\x01"))
    return tags


_LIMITS = (3650, 3550, 5, 2600, 2700, 5, 300, 100, 300, 50, 30, 3000, 10)  # mV, A and s
_HEAT_LIMITS = (90, 70, 100, 60, 60, 20, 70, 70, -20, -10, -20)  # degC; the third is a difference


class JkNwLine(AskedLine):
    """The board's end of the line."""

    def __init__(self, readings: Callable[[], Readings], firmware: JkNwFirmware | None = None) -> None:
        self._readings = readings
        self._firmware = firmware or JkNwFirmware()
        super().__init__(frames(START, _HEAD_BYTES, _size, _is_good), self._answers)

    def _answers(self, asked: bytes) -> Sequence[bytes]:
        if asked[8] not in (READ_ONE, READ_ALL) or asked[10] != REQUEST:
            return ()
        return (reply(self._readings(), self._firmware),)


def _size(head: bytes) -> int:
    size = int.from_bytes(head[2:4], "big") + 2
    return size if _HEAD_BYTES + _TAIL_BYTES <= size <= 0x100 else 0


def _is_good(whole: bytes) -> bool:
    return int.from_bytes(whole[-2:], "big") == sum(whole[:-4]) & 0xFFFF
