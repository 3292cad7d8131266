"""What an energy meter of DL/T 645-2007 says of one phase, or of a DC line.

Promises: a meter answers requests for its own address, for any, and for its last digits with AA for those
before; what it does not know it refuses. The address is asked for by any alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from firmware_sim.wire.asked import AskedLine, frames

START, END, FILL = 0x68, 0x16, 0xFE
READ, READ_ADDRESS = 0x11, 0x13
ANYONE = "AA" * 6
VOLTAGE, CURRENT, POWER = 0x02010100, 0x02020100, 0x02030000
FORWARD, REVERSE, ADDRESS = 0x00010000, 0x00020000, 0x04000401


_NO_SUCH_DATA = 0x02
_HEAD_BYTES = 10
_TAIL_BYTES = 2


@dataclass(frozen=True, slots=True)
class MeterReadings:
    """One moment of a meter."""

    voltage_v: float = 0.0
    current_a: float = 0.0
    power_w: float = 0.0
    forward_wh: float = 0.0
    reverse_wh: float = 0.0


@dataclass(frozen=True, slots=True)
class Dlt645Firmware:
    """How one meter differs from others. voltage_bytes: 3 where its maker has widened the voltage."""

    address: str = "112233445566"
    voltage_bytes: int = 2
    fill_bytes: int = 4  # before a reply


def bcd(number: int, size: int) -> bytes:
    """Return digits, the lowest pair first; below zero with the sign in the highest bit."""
    digits = bytearray(bytes.fromhex(f"{abs(number):0{2 * size}d}")[::-1])
    if number < 0:
        digits[-1] |= 0x80
    return bytes(digits)


def frame(address: str, control: int, data: bytes = b"") -> bytes:
    """Return a request or a reply, without what wakes the other side."""
    body = bytes((START, *bytes.fromhex(address)[::-1], START, control, len(data)))
    body += bytes((byte + 0x33) % 256 for byte in data)
    return body + bytes((sum(body) % 256, END))


def request(identifier: int, address: str = ANYONE) -> bytes:
    """Return a master's request for one value."""
    return bytes((FILL,) * 4) + frame(address, READ, identifier.to_bytes(4, "little"))


def value(identifier: int, readings: MeterReadings, firmware: Dlt645Firmware) -> bytes | None:
    """Return the value of an identifier; None: the meter does not have it."""
    values = {
        VOLTAGE: lambda: bcd(round(readings.voltage_v * 10), firmware.voltage_bytes),
        CURRENT: lambda: bcd(round(readings.current_a * 1000), 3),
        POWER: lambda: bcd(round(readings.power_w * 10), 3),
        FORWARD: lambda: bcd(round(readings.forward_wh / 10), 4),
        REVERSE: lambda: bcd(round(readings.reverse_wh / 10), 4),
        ADDRESS: lambda: bytes.fromhex(firmware.address)[::-1],
    }
    return values[identifier]() if identifier in values else None


class MeterLine(AskedLine):
    """The meter's end of the line."""

    def __init__(self, readings: Callable[[], MeterReadings], firmware: Dlt645Firmware | None = None) -> None:
        self._readings = readings
        self._firmware = firmware or Dlt645Firmware()
        super().__init__(frames(bytes((START,)), _HEAD_BYTES, _size, _is_good), self._answers)

    def _answers(self, asked: bytes) -> Sequence[bytes]:
        address, control = asked[1:7][::-1].hex(), asked[8]
        digits = address.lstrip("a")
        if len(digits) % 2 or not self._firmware.address.endswith(digits):
            return ()
        if control == READ_ADDRESS and not digits:
            return (self._reply(0x93, bytes.fromhex(self._firmware.address)[::-1]),)
        identifier = bytes((byte - 0x33) % 256 for byte in asked[10:-2])
        found = value(int.from_bytes(identifier, "little"), self._readings(), self._firmware)
        if control != READ or found is None:
            return (self._reply(0xD1, bytes((_NO_SUCH_DATA,))),)
        return (self._reply(0x91, identifier + found),)

    def _reply(self, control: int, data: bytes) -> bytes:
        return bytes((FILL,) * self._firmware.fill_bytes) + frame(self._firmware.address, control, data)


def _size(head: bytes) -> int:
    return _HEAD_BYTES + head[9] + _TAIL_BYTES if head[7] == START else 0


def _is_good(whole: bytes) -> bool:
    return whole[-1] == END and sum(whole[:-2]) % 256 == whole[-2]
