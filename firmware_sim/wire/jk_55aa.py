"""What a JK "inverter" board (PB series) says on its RS485 bus: frames of 300 bytes that begin 55 AA EB 90.

Promises: a trigger, a Modbus write to the board's address, gets one frame, a zero, the Modbus
acknowledgement and another zero. A board of address 0 is the bus's master: it sends frames of its own once a
second, without an acknowledgement, and so do frames without an address in them. Layout: tests on a bus of
four batteries and the vendor's "BMS RS485 Modbus V1.1".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from firmware_sim.wire.asked import AskedLine, frames
from firmware_sim.wire.crc import crc16_modbus
from firmware_sim.wire.numbers import le, sle
from firmware_sim.wire.readings import Readings

START = b"\x55\xaa\xeb\x90"
FRAME_BYTES = 300
BROADCAST_EVERY_NS = 1_000_000_000
PIN = b"1234"

_WRITE = 0x10
_REQUEST_BYTES = 11
_ALARM_BITS = {
    "cell_overvoltage": 4,
    "pack_overvoltage": 5,
    "charge_overcurrent": 6,
    "charge_overtemperature": 8,
    "charge_undertemperature": 9,
    "cell_undervoltage": 11,
    "pack_undervoltage": 12,
    "discharge_overcurrent": 13,
    "discharge_overtemperature": 15,
    "discharge_undertemperature": 9,
}


class Type(IntEnum):
    """Byte 4 of a frame."""

    SETTINGS = 1
    STATUS = 2
    ABOUT = 3


REGISTERS = {Type.STATUS: 0x1620, Type.SETTINGS: 0x161E, Type.ABOUT: 0x161C}


@dataclass(frozen=True, slots=True)
class Jk55aaFirmware:
    """How one board differs from others."""

    address: int = 1
    old_layout: bool = False  # 24 cells: what follows them begins earlier
    cell_mask: bool = True  # the mask shows the fitted cells; otherwise it is 0
    echo_bytes: int = 0  # of the request, before the answer
    answers_about: bool = True
    model: bytes = b"JK_PB2A16S20P"
    hardware: bytes = b"15A"
    software: bytes = b"15.24"
    serial_number: bytes = b"4030000000"


def request(address: int, kind: Type) -> bytes:
    """Return the write of two zero bytes that makes a board send a frame."""
    body = bytes((address, _WRITE)) + REGISTERS[kind].to_bytes(2, "big") + b"\0\1\2\0\0"
    return body + crc16_modbus(body)


def acknowledgement(address: int, kind: Type) -> bytes:
    """Return what Modbus demands as the answer to that write."""
    body = bytes((address, _WRITE)) + REGISTERS[kind].to_bytes(2, "big") + b"\0\1"
    return body + crc16_modbus(body)


def frame(kind: Type, content: bytes, counter: int = 0) -> bytes:
    """Return a frame; `content` begins at offset 6."""
    said = (START + bytes((kind, counter & 0xFF)) + content).ljust(FRAME_BYTES - 1, b"\0")
    return said + bytes((sum(said) & 0xFF,))


def status(readings: Readings, firmware: Jk55aaFirmware, counter: int = 0) -> bytes:
    """Return the frame of all that changes."""
    fitted = len(readings.cells_v)
    body = bytearray(FRAME_BYTES)

    def put(offset: int, value: bytes) -> None:
        """Set bytes at an offset of the layout of 32 cells."""
        if firmware.old_layout and offset >= 144:
            offset -= 32
        elif firmware.old_layout and offset >= 70:
            offset -= 16
        body[offset : offset + len(value)] = value

    for n, volts in enumerate(readings.cells_v):
        body[6 + 2 * n : 8 + 2 * n] = le(volts, 0.001)
        put(80 + 2 * n, le(1.2 + 0.1 * n, 0.001))
    highest, lowest = readings.highest, readings.lowest
    put(70, le((1 << fitted) - 1 if firmware.cell_mask else 0, 1.0, 4))
    put(74, le(readings.average_v, 0.001))
    put(76, le(highest[1] - lowest[1], 0.001))
    put(78, bytes((highest[0], lowest[0])))
    put(150, le(readings.voltage_v, 0.001, 4))
    put(154, le(abs(readings.power_w), 0.001, 4))
    put(158, sle(readings.current_a, 0.001, 4))
    sensors = (*readings.sensors_c, None, None, None, None)[: 2 if firmware.old_layout else 4]
    for offset, degrees in zip((162, 164, 256, 258), sensors, strict=False):
        put(offset, sle(-200.0 if degrees is None else degrees, 0.1))
    alarms = sum(1 << bit for bit in {_ALARM_BITS[alarm] for alarm in readings.alarms})
    if firmware.old_layout:
        body[134:136] = sle(readings.switch_c, 0.1)  # both after the two sensors
        body[136:138] = le(alarms)
    else:
        put(144, sle(readings.switch_c, 0.1))
        put(166, le(alarms, 1.0, 4))
    put(170, sle(0.4 if readings.balanced_cells else 0.0, 0.001))
    put(172, bytes((2 if readings.balanced_cells else 0, round(readings.soc_pct))))
    put(174, le(readings.remaining_ah, 0.001, 4))
    put(178, le(readings.capacity_ah, 0.001, 4))
    put(182, le(readings.cycles, 1.0, 4))
    put(186, le(readings.cycled_ah, 0.001, 4))
    put(190, bytes((round(readings.soh_pct), 0)))
    put(194, le(readings.uptime_s, 1.0, 4))
    put(198, bytes((readings.charge_switch, readings.discharge_switch)))
    if not firmware.old_layout:
        present = (0x02, 0x04, 0x10, 0x20)
        put(214, bytes((sum(bit for bit, c in zip(present, sensors, strict=True) if c is not None), 0)))
    return frame(Type.STATUS, bytes(body[6 : FRAME_BYTES - 1]), counter)


def settings(readings: Readings, firmware: Jk55aaFirmware, counter: int = 0) -> bytes:
    """Return the frame of limits and switches."""
    body = bytearray(FRAME_BYTES)
    for offset, value in (
        (10, 2800),  # mV, mA, mAh
        (18, 4250),
        (26, 10),
        (50, 60_000),
        (62, 120_000),
        (114, len(readings.cells_v)),
        (118, 1),
        (122, 1),
        (126, 1),
        (130, round(1000.0 * readings.nominal_ah)),
        (270, firmware.address),
    ):
        body[offset : offset + 4] = value.to_bytes(4, "little")
    return frame(Type.SETTINGS, bytes(body[6 : FRAME_BYTES - 1]), counter)


def about(readings: Readings, firmware: Jk55aaFirmware, counter: int = 0) -> bytes:
    """Return the frame of model and versions. It holds the owner's PIN."""
    body = bytearray(FRAME_BYTES)
    for offset, width, text in (
        (6, 16, firmware.model),
        (22, 8, firmware.hardware),
        (30, 8, firmware.software),
        (46, 16, firmware.serial_number),
        (118, 16, PIN),
    ):
        body[offset : offset + width] = text[:width].ljust(width, b"\0")
    body[38:42] = le(readings.uptime_s, 1.0, 4)
    body[42:46] = (7).to_bytes(4, "little")
    return frame(Type.ABOUT, bytes(body[6 : FRAME_BYTES - 1]), counter)


_FRAMES = {Type.STATUS: status, Type.SETTINGS: settings, Type.ABOUT: about}


class Jk55aaLine(AskedLine):
    """The board's end of the bus."""

    def __init__(self, readings: Callable[[], Readings], firmware: Jk55aaFirmware | None = None) -> None:
        self._readings = readings
        self._firmware = firmware or Jk55aaFirmware()
        self._counter = 0
        self._next_ns = 0
        super().__init__(frames(b"", _REQUEST_BYTES, lambda _: _REQUEST_BYTES, _is_good), self._answers)

    def due(self, until_ns: int) -> list[bytes]:
        """Return the broadcasts of a master whose time has come, with the values of now."""
        if self._firmware.address != 0:
            return []
        count = max(-(-(until_ns - self._next_ns) // BROADCAST_EVERY_NS), 0)
        self._next_ns += count * BROADCAST_EVERY_NS
        return [self._frame(Type.STATUS) + b"\0" for _ in range(count)]

    def _frame(self, kind: Type) -> bytes:
        self._counter += 1
        return _FRAMES[kind](self._readings(), self._firmware, self._counter)

    def _answers(self, asked: bytes) -> Sequence[bytes]:
        address, register = asked[0], int.from_bytes(asked[2:4], "big")
        kinds = [kind for kind, known in REGISTERS.items() if known == register]
        if address != self._firmware.address or not kinds:
            return ()
        if kinds == [Type.ABOUT] and not self._firmware.answers_about:
            return ()
        said = self._frame(kinds[0]) + b"\0" + acknowledgement(address, kinds[0]) + b"\0"
        return (asked[: self._firmware.echo_bytes] + said,)


def _is_good(whole: bytes) -> bool:
    return whole[1] == _WRITE and crc16_modbus(whole[:-2]) == whole[-2:]
