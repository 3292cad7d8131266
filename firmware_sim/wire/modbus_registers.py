"""A Modbus RTU device as a bank of registers, and the banks of two devices over a pack.

Promises: a whole request for the device's own address is answered, by a refusal where a register of it is not
there. Layout: "MODBUS Application Protocol" V1.1b3; the banks as their makers' tables have them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from firmware_sim.wire.asked import AskedLine, frames
from firmware_sim.wire.crc import crc16_modbus
from firmware_sim.wire.daly import alarm_bytes
from firmware_sim.wire.numbers import signed, unsigned
from firmware_sim.wire.readings import Readings

HOLDING, INPUT = 3, 4
NO_SUCH_REGISTER = 2
DALY_SLAVE = 0xD2

SERIAL_NUMBER_AT, SERIAL_NUMBER_REGISTERS = 0x100, 8  # holding registers of a simulated meter

Bank = Mapping[tuple[int, int], int]  # function and address of a register: its 16 bits

_REQUEST_BYTES = 8
_DALY_FIRMWARE_AT, _DALY_TEXT_REGISTERS = 0xA9, 16


@dataclass(frozen=True, slots=True)
class DalyModbusFirmware:
    """How one board differs from others. Without versions it refuses the request for them."""

    slave: int = DALY_SLAVE
    firmware: bytes = b""
    hardware: bytes = b""


@dataclass(frozen=True, slots=True)
class ModbusMeterFirmware:
    """How one meter differs from others. serial_number: 16 letters; empty: it has none."""

    slave: int = 1
    serial_number: bytes = b""


def with_crc(body: bytes) -> bytes:
    """Return a frame with its check."""
    return body + crc16_modbus(body)


def request(slave: int, function: int, first: int, count: int) -> bytes:
    """Return a request for registers."""
    return with_crc(bytes((slave, function)) + first.to_bytes(2, "big") + count.to_bytes(2, "big"))


def reply(slave: int, function: int, registers: Sequence[int]) -> bytes:
    """Return its answer."""
    data = b"".join(register.to_bytes(2, "big") for register in registers)
    return with_crc(bytes((slave, function, len(data))) + data)


def text(first: int, letters: bytes, count: int) -> Bank:
    """Return letters in `count` holding registers."""
    padded = letters.ljust(2 * count, b"\0")
    return {(HOLDING, first + n): int.from_bytes(padded[2 * n : 2 * n + 2], "big") for n in range(count)}


def daly(readings: Readings, firmware: DalyModbusFirmware | None = None) -> Bank:
    """Return the bank of a Daly board of a newer generation."""
    sensors = readings.temperatures_c
    registers = [0] * 80
    for number, volts in enumerate(readings.cells_v):
        registers[number] = unsigned(volts, 0.001)
    for number, degrees in enumerate(sensors):
        registers[0x20 + number] = unsigned(degrees + 40)
    registers[0x28] = unsigned(readings.voltage_v, 0.1)
    registers[0x29] = unsigned(30000 + readings.current_a / 0.1)
    registers[0x2A] = unsigned(readings.soc_pct, 0.1)
    registers[0x2B] = unsigned(max(readings.cells_v), 0.001)
    registers[0x2C] = unsigned(min(readings.cells_v), 0.001)
    registers[0x2D] = unsigned(max(sensors, default=0.0) + 40)
    registers[0x2E] = unsigned(min(sensors, default=0.0) + 40)
    registers[0x30] = unsigned(readings.remaining_ah, 0.1)
    registers[0x31] = len(readings.cells_v)
    registers[0x32] = len(sensors)
    registers[0x33] = unsigned(readings.cycles)
    registers[0x34] = bool(readings.balanced_cells)
    registers[0x35] = readings.charge_switch
    registers[0x36] = readings.discharge_switch
    registers[0x37] = unsigned(readings.average_v, 0.001)
    registers[0x38] = unsigned(max(readings.cells_v) - min(readings.cells_v), 0.001)
    registers[0x39] = unsigned(abs(readings.power_w))
    alarms = alarm_bytes(readings)
    for number in range(4):
        registers[0x3A + number] = int.from_bytes(alarms[2 * number : 2 * number + 2], "big")
    registers[0x42] = unsigned(readings.switch_c + 40)
    bank: dict[tuple[int, int], int] = {(HOLDING, address): value for address, value in enumerate(registers)}
    bank[HOLDING, 0x80] = unsigned(readings.nominal_ah, 0.1)
    if firmware is None or not firmware.hardware:
        return bank
    return {
        **bank,
        **text(_DALY_FIRMWARE_AT, firmware.firmware, _DALY_TEXT_REGISTERS),
        **text(_DALY_FIRMWARE_AT + _DALY_TEXT_REGISTERS, firmware.hardware, _DALY_TEXT_REGISTERS),
    }


def pzem(readings: Readings, energy_wh: float = 0.0) -> Bank:
    """Return the bank of a PZEM-017 in the pack's line; it has no sign."""
    power, energy = unsigned(abs(readings.power_w), 0.1, 4), unsigned(energy_wh, 1.0, 4)
    registers = (
        unsigned(readings.voltage_v, 0.01),
        unsigned(abs(readings.current_a), 0.01),
        *(power & 0xFFFF, power >> 16, energy & 0xFFFF, energy >> 16),
        *(0, 0),
    )
    return {(INPUT, address): value for address, value in enumerate(registers)}


def acrel(readings: Readings, forward_wh: float = 0.0, reverse_wh: float = 0.0) -> Bank:
    """Return the bank of an Acrel DJSF1352-RN in the pack's line; its decimal points stand still."""
    forward, reverse = unsigned(forward_wh, 1.0, 4), unsigned(reverse_wh, 1.0, 4)
    registers = [0] * 20
    registers[0], registers[1] = unsigned(readings.voltage_v, 0.01), 1  # V = raw * 10 ** (1 - 3)
    registers[2], registers[3] = signed(readings.current_a, 0.01) & 0xFFFF, 1
    registers[5] = signed(readings.ambient_c) & 0xFFFF
    registers[8], registers[9] = signed(readings.power_w) & 0xFFFF, 3
    registers[12:16] = forward >> 16, forward & 0xFFFF, reverse >> 16, reverse & 0xFFFF
    return {(HOLDING, address): value for address, value in enumerate(registers)}


class ModbusLine(AskedLine):
    """The device's end of the line."""

    def __init__(self, bank: Callable[[], Bank], slave: int = 1) -> None:
        self._bank = bank
        super().__init__(
            frames(bytes((slave,)), _REQUEST_BYTES, lambda _: _REQUEST_BYTES, _is_good), self._answers
        )

    def _answers(self, asked: bytes) -> Sequence[bytes]:
        slave, function = asked[0], asked[1]
        first, count = int.from_bytes(asked[2:4], "big"), int.from_bytes(asked[4:6], "big")
        bank = self._bank()
        found = [bank.get((function, address)) for address in range(first, first + count)]
        known = [register for register in found if register is not None]
        if len(known) != len(found) or not known:
            return (with_crc(bytes((slave, function | 0x80, NO_SUCH_REGISTER))),)
        return (reply(slave, function, known),)


def _is_good(whole: bytes) -> bool:
    return whole[1] in (HOLDING, INPUT) and crc16_modbus(whole[:-2]) == whole[-2:]
