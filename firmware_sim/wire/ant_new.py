"""What an ANT board of 2021 or later says: frames 7E A1 … AA 55 with a CRC-16 of Modbus.

Promises: a request for status or device gets one reply with the readings of that moment; a damaged request
gets none. Layout: what open drivers read of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from firmware_sim.wire.asked import AskedLine, frames
from firmware_sim.wire.crc import crc16_modbus
from firmware_sim.wire.numbers import le, sle, unsigned
from firmware_sim.wire.readings import Readings

START, END = b"\x7e\xa1", b"\xaa\x55"
READ_STATUS, READ_DEVICE = 0x01, 0x02
STATUS, DEVICE = 0x11, 0x12
STATUS_ADDRESS, STATUS_BYTES = 0x0000, 0xBE
DEVICE_ADDRESS, DEVICE_BYTES = 0x026C, 0x20
DEVICE_TRAILER = b"\xff\x0b\x00\x00\x41\xf2"  # of the device reply, after its CRC; its length leaves it out

_REQUEST_BYTES = 10
_IDLE, _CHARGE, _DISCHARGE = 1, 2, 3
_ON, _OFF = 1, 15


@dataclass(frozen=True, slots=True)
class AntNewFirmware:
    """How one board differs from others."""

    discharge_is_positive: bool = False  # the sign of the current on the wire
    protection_word: int = 0  # what its bits mean is not published
    warning_word: int = 0
    hardware: bytes = b"24AHA10AT00K10A"
    software: bytes = b"24AHA100-211024A"
    device_trailer: bytes = DEVICE_TRAILER


def frame(function: int, address: int, length: int, data: bytes = b"") -> bytes:
    """Return a request, which has no data, or a reply, whose length is theirs."""
    body = START[1:] + bytes((function,)) + address.to_bytes(2, "little") + bytes((length,)) + data
    return START[:1] + body + crc16_modbus(body) + END


def status_request() -> bytes:
    """Return what a master sends for the status."""
    return frame(READ_STATUS, STATUS_ADDRESS, STATUS_BYTES)


def device_request() -> bytes:
    """Return what a master sends for the versions."""
    return frame(READ_DEVICE, DEVICE_ADDRESS, DEVICE_BYTES)


def status(readings: Readings, firmware: AntNewFirmware) -> bytes:
    """Return the reply to READ_STATUS."""
    sensors = [-40 if c is None else round(c) for c in readings.sensors_c]
    flow_a = readings.current_a
    balanced = readings.balanced_bits
    highest, lowest = readings.highest, readings.lowest
    sign = -1.0 if firmware.discharge_is_positive else 1.0
    data = (
        bytes((0, _CHARGE if flow_a > 0.0 else _DISCHARGE if flow_a < 0.0 else _IDLE))
        + bytes((len(sensors), len(readings.cells_v)))
        + firmware.protection_word.to_bytes(8, "little")
        + firmware.warning_word.to_bytes(8, "little")
        + balanced.to_bytes(8, "little")
        + b"".join(le(volts, 0.001) for volts in readings.cells_v)
        + b"".join(sle(c) for c in sensors)
        + sle(readings.switch_c)
        + sle(readings.ambient_c)
        + le(readings.voltage_v, 0.01)
        + sle(sign * flow_a, 0.1)
        + le(readings.soc_pct)
        + le(readings.soh_pct)
        + bytes((_ON if readings.charge_switch else _OFF, _ON if readings.discharge_switch else _OFF))
        + bytes((4 if readings.balanced_cells else 0, 0))
        + le(readings.nominal_ah, 1e-6, 4)
        + le(readings.remaining_ah, 1e-6, 4)
        + le(readings.cycled_ah, 1e-3, 4)
        + sle(sign * readings.power_w, 1.0, 4)
        + le(readings.uptime_s, 1.0, 4)
        + unsigned(balanced, 1.0, 4).to_bytes(4, "little")
        + le(highest[1], 0.001)
        + le(highest[0] + 1)
        + le(lowest[1], 0.001)
        + le(lowest[0] + 1)
        + le(highest[1] - lowest[1], 0.001)
        + le(readings.average_v, 0.001)
    )
    return frame(STATUS, STATUS_ADDRESS, len(data), data)


def device(firmware: AntNewFirmware) -> bytes:
    """Return the reply to READ_DEVICE."""
    data = firmware.hardware.ljust(16, b"\0") + firmware.software.ljust(16, b"\0")
    said = frame(DEVICE, DEVICE_ADDRESS, len(data), data)
    return said.removesuffix(END) + firmware.device_trailer + END


class AntNewLine(AskedLine):
    """The board's end of the line."""

    def __init__(self, readings: Callable[[], Readings], firmware: AntNewFirmware | None = None) -> None:
        self._readings = readings
        self._firmware = firmware or AntNewFirmware()
        super().__init__(frames(START, _REQUEST_BYTES, lambda _: _REQUEST_BYTES, _is_good), self._answers)

    def _answers(self, asked: bytes) -> Sequence[bytes]:
        function, address = asked[2], int.from_bytes(asked[3:5], "little")
        if (function, address) == (READ_STATUS, STATUS_ADDRESS):
            return (status(self._readings(), self._firmware),)
        if (function, address) == (READ_DEVICE, DEVICE_ADDRESS):
            return (device(self._firmware),)
        return ()


def _is_good(whole: bytes) -> bool:
    return whole[-2:] == END and crc16_modbus(whole[1:6]) == whole[6:8]
