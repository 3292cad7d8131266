"""What a JBD board says on its line: replies to the requests for registers 0x03, 0x04, 0x05 and 0xAA.

Promises:

- A whole request in the right form gets one reply with the board's readings of that moment.
- An unknown register, and every write, gets an error reply (status 0x80). A damaged request gets no reply.
- Bytes before and between requests are skipped.

Layout: the vendor's "General Protocol V4".
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from firmware_sim.wire.asked import AskedLine, frames
from firmware_sim.wire.numbers import be, sbe
from firmware_sim.wire.readings import ALARMS, Readings

START, END = 0xDD, 0x77
READ, WRITE = 0xA5, 0x5A
BASIC_INFO, CELL_VOLTAGES, HARDWARE, TRIPS = 0x03, 0x04, 0x05, 0xAA
STATUS_GOOD, STATUS_ERROR = 0x00, 0x80
MODEL = b"JBD-SP14S004-L14S-60A"

_OVERHEAD = 7  # start, command, register, length, two of checksum, end
_PRODUCTION_DATE = (2024 - 2000) << 9 | 3 << 5 | 11  # 2024-03-11
_SOFTWARE_VERSION = 0x21  # 2.1
_KELVIN_TENTHS = 2731  # 0 degC
_COUNTED_BITS = (10, 8, 9, 0, 1, 4, 5, 6, 7, 2, 3)  # of the protections, in the order of register 0xAA
_LOST = 0  # a sensor whose wire is broken


def checksum(data: bytes) -> int:
    """Return the negated sum of the bytes from register (request) or status (reply) to the last of data."""
    return -sum(data) & 0xFFFF


def request(register: int) -> bytes:
    """Return the request to read a register."""
    body = bytes((register, 0))
    return bytes((START, READ)) + body + checksum(body).to_bytes(2, "big") + bytes((END,))


def reply(register: int, data: bytes, status: int = STATUS_GOOD) -> bytes:
    """Return a reply, framed and with its checksum."""
    body = bytes((status, len(data))) + data
    return bytes((START, register)) + body + checksum(body).to_bytes(2, "big") + bytes((END,))


def basic_info(readings: Readings) -> bytes:
    """Return the data of register 0x03."""
    balance = readings.balanced_bits
    sensors = [_LOST if c is None else round(10.0 * c) + _KELVIN_TENTHS for c in readings.sensors_c]
    switches = readings.charge_switch | readings.discharge_switch << 1
    return (
        be(readings.voltage_v, 0.01)
        + sbe(readings.current_a, 0.01)
        + be(readings.remaining_ah, 0.01)
        + be(readings.nominal_ah, 0.01)
        + be(readings.cycles)
        + be(_PRODUCTION_DATE)
        + be(balance & 0xFFFF)
        + be(balance >> 16)
        + be(sum(1 << bit for bit, name in enumerate(ALARMS) if name in readings.alarms))
        + bytes((_SOFTWARE_VERSION, round(readings.soc_pct), switches, len(readings.cells_v), len(sensors)))
        + b"".join(be(tenths) for tenths in sensors)
    )


def cell_voltages(readings: Readings) -> bytes:
    """Return the data of register 0x04."""
    return b"".join(be(voltage, 0.001) for voltage in readings.cells_v)


def trips(readings: Readings) -> bytes:
    """Return the data of register 0xAA: how often each protection has acted."""
    return b"".join(be(readings.trips.get(bit, 0)) for bit in _COUNTED_BITS)


_REGISTERS: Mapping[int, Callable[[Readings], bytes]] = {
    BASIC_INFO: basic_info,
    CELL_VOLTAGES: cell_voltages,
    TRIPS: trips,
}


@dataclass(frozen=True, slots=True)
class JbdFirmware:
    """How one board differs from others. model: the data of register 0x05."""

    model: bytes = MODEL


class JbdLine(AskedLine):
    """The board's end of the line."""

    def __init__(self, readings: Callable[[], Readings], firmware: JbdFirmware | None = None) -> None:
        self._readings = readings
        self._firmware = firmware or JbdFirmware()
        super().__init__(frames(bytes((START,)), _OVERHEAD, _size, _is_good), self._answers)

    def _answers(self, asked: bytes) -> Sequence[bytes]:
        command, register = asked[1], asked[2]
        if command == READ and register == HARDWARE:
            return (reply(register, self._firmware.model),)
        if command == READ and register in _REGISTERS:
            return (reply(register, _REGISTERS[register](self._readings())),)
        return (reply(register, b"", STATUS_ERROR),)


def _size(head: bytes) -> int:
    return head[3] + _OVERHEAD if head[1] in (READ, WRITE) else 0


def _is_good(whole: bytes) -> bool:
    return whole[-1] == END and int.from_bytes(whole[-3:-1], "big") == checksum(whole[2:-3])
