"""What an ANT board of the first kind says: a status of 140 bytes from AA 55 AA FF on, and single registers.

Promises: the request for all gets one status with the readings of that moment; the request for a register
gets its value. On the wire the current is positive out of the battery. Layout: the vendor's
"ANT communication protocol".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from firmware_sim.wire.asked import AskedLine, frames
from firmware_sim.wire.numbers import be, sbe
from firmware_sim.wire.readings import Readings

START = b"\xaa\x55\xaa\xff"
STATUS_REQUEST = bytes.fromhex("5A5A00000101")
VENDOR_REQUEST = bytes.fromhex("5A5A00000000")
BLUETOOTH_REQUEST = bytes.fromhex("DBDB00000000")
CAPACITY_LOW, CAPACITY_HIGH = 0x1F, 0x20

_REQUEST_BYTES = 6
_CELL_PLACES = 32
_NOT_FITTED_C = -40
_CHARGE_CODES = {
    "cell_overvoltage": 2,
    "charge_overcurrent": 3,
    "pack_overvoltage": 5,
    "charge_overtemperature": 6,
}
_DISCHARGE_CODES = {
    "cell_undervoltage": 2,
    "discharge_overcurrent": 3,
    "pack_undervoltage": 5,
    "discharge_overtemperature": 6,
}
_ON, _OFF = 1, 15


@dataclass(frozen=True, slots=True)
class AntOldFirmware:
    """How one board differs from others."""

    reports_capacity: bool = True  # otherwise it is 0 in the status
    answers_bluetooth: bool = True


def status(readings: Readings, firmware: AntOldFirmware) -> bytes:
    """Return the answer to the request for all."""
    cells = [be(volts, 0.001) for volts in readings.cells_v]
    sensors = (*readings.sensors_c, None, None, None, None)[:4]
    temperatures = (readings.switch_c, readings.ambient_c, *sensors)
    highest, lowest = readings.highest, readings.lowest
    body = (
        be(readings.voltage_v, 0.1)
        + b"".join(cells).ljust(2 * _CELL_PLACES, b"\0")
        + sbe(-readings.current_a, 0.1, 4)
        + be(readings.soc_pct, 1.0, 1)
        + be(readings.nominal_ah if firmware.reports_capacity else 0.0, 1e-6, 4)
        + be(readings.remaining_ah, 1e-6, 4)
        + be(readings.cycled_ah, 1e-3, 4)
        + be(readings.uptime_s, 1.0, 4)
        + b"".join(sbe(_NOT_FITTED_C if c is None else c) for c in temperatures)
        + bytes((_code(readings.charge_switch, _CHARGE_CODES, readings.alarms),))
        + bytes((_code(readings.discharge_switch, _DISCHARGE_CODES, readings.alarms),))
        + bytes((4 if readings.balanced_cells else 0,))
        + bytes(5)  # length and pulses of a wheel, relay
        + sbe(-readings.power_w, 1.0, 4)
        + bytes((highest[0] + 1,))
        + be(highest[1], 0.001)
        + bytes((lowest[0] + 1,))
        + be(lowest[1], 0.001)
        + be(readings.average_v, 0.001)
        + bytes((len(readings.cells_v),))
        + bytes(8)  # voltages over and at the MOSFETs
        + be(readings.balanced_bits, 1.0, 4)
        + bytes(2)
    )
    return START + body + be(sum(body) & 0xFFFF)


def register_request(register: int) -> bytes:
    """Return the request for one register."""
    return bytes((0x5A, 0x5A, register, 0, 0, register))


def register_reply(register: int, value: int) -> bytes:
    """Return the answer to it."""
    body = bytes((register,)) + value.to_bytes(2, "big")
    return b"\xa5\xa5" + body + bytes((sum(body) & 0xFF,))


def _code(closed: bool, codes: dict[str, int], alarms: frozenset[str]) -> int:
    if closed:
        return _ON
    return next((code for alarm, code in codes.items() if alarm in alarms), _OFF)


class AntOldLine(AskedLine):
    """The board's end of the line."""

    def __init__(self, readings: Callable[[], Readings], firmware: AntOldFirmware | None = None) -> None:
        self._readings = readings
        self._firmware = firmware or AntOldFirmware()
        super().__init__(frames(b"", _REQUEST_BYTES, lambda _: _REQUEST_BYTES, _is_good), self._answers)

    def _answers(self, asked: bytes) -> Sequence[bytes]:
        if asked[0] == 0xDB and not self._firmware.answers_bluetooth:
            return ()
        if asked[2] == 0:
            return (status(self._readings(), self._firmware),)
        capacity = round(self._readings().nominal_ah * 1e6)
        words = {CAPACITY_LOW: capacity & 0xFFFF, CAPACITY_HIGH: capacity >> 16}
        return (register_reply(asked[2], words[asked[2]]),) if asked[2] in words else ()


def _is_good(whole: bytes) -> bool:
    return whole[:2] in (b"\x5a\x5a", b"\xdb\xdb") and whole[5] == sum(whole[2:5]) & 0xFF
