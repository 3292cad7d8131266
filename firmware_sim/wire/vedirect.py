"""What a solar charger with VE.Direct says: one text block a second by itself, and answers to HEX messages.

Promises:

- The sum of a block's bytes, the one after `Checksum` included, is 0 modulo 256, with HEX messages left out.
- Numbers are the charger's readings of that moment.
- A HEX request in the right form gets one answer. Restart and set, which this charger does not obey, get the
  answer to an unknown command.

Layout: Victron's "VE.Direct Protocol" and "BlueSolar HEX protocol".
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from firmware_sim.wire.asked import AskedLine
from firmware_sim.wire.numbers import le, sle

BLOCK_EVERY_NS = 1_000_000_000

_PRODUCT_ID = "0xA058"  # SmartSolar MPPT 150|35
_FIRMWARE = "164"
_NO_INPUT = 0x1  # off reason
_MPPT_OFF, _MPPT_LIMITED, _MPPT_TRACKING = 0, 1, 2
# What a restart of the simulation does not change: the days before this one.
_YIELD_BEFORE_WH, _YIELD_YESTERDAY_WH, _MAX_YESTERDAY_W, _DAY = 1_284_300.0, 2_410.0, 571, 214
_HEX_SUM = 0x55
_DONE, _UNKNOWN, _ERROR, _PING, _GET = 1, 3, 4, 5, 7
_APP_VERSION = bytes.fromhex("6441")  # 1.64, released
_FRAMING_ERROR = b"\xaa\xaa"
_UNKNOWN_REGISTER = 0x01
_GET_BYTES = 4  # register, flags, check
_LONGEST_REQUEST = 128


class State(IntEnum):
    """What the charger is about: the field CS, and register 0x0201."""

    OFF = 0
    FAULT = 2
    BULK = 3
    ABSORPTION = 4
    FLOAT = 5
    STARTING = 245


@dataclass(frozen=True, slots=True)
class SolarReadings:
    """One moment of a charger."""

    battery_v: float
    current_a: float
    panel_v: float
    panel_w: float
    highest_w: float  # of the panel, so far
    energy_wh: float
    temperature_c: float
    uptime_s: float
    state: State
    error: int  # as the field ERR has it


@dataclass(frozen=True, slots=True)
class VeDirectFirmware:
    """How one charger differs from others."""

    serial_number: str = "HQ2409NEV01"


def checksum(block: bytes) -> int:
    """Return the byte that brings the sum to 0 modulo 256."""
    return -sum(block) & 0xFF


def text_block(solar: SolarReadings, firmware: VeDirectFirmware | None = None) -> bytes:
    """Return one block, from the CR before its first label through its checksum."""
    fields = _fields(solar, firmware or VeDirectFirmware())
    body = b"".join(f"\r\n{label}\t{value}".encode("ascii") for label, value in fields)
    body += b"\r\nChecksum\t"
    return body + bytes((checksum(body),))


def hex_message(command: int, data: bytes = b"") -> bytes:
    """Return `:C DD… KK LF`, where C, the data and KK add up to 0x55."""
    last = (0x55 - command - sum(data)) & 0xFF
    return f":{command:X}{data.hex().upper()}{last:02X}\n".encode("ascii")


def _fields(solar: SolarReadings, firmware: VeDirectFirmware) -> list[tuple[str, str | int]]:
    return [
        ("PID", _PRODUCT_ID),
        ("FW", _FIRMWARE),
        ("SER#", firmware.serial_number),
        ("V", round(1000.0 * solar.battery_v)),
        ("I", round(1000.0 * solar.current_a)),
        ("VPV", round(1000.0 * solar.panel_v)),
        ("PPV", round(solar.panel_w)),
        ("CS", solar.state),
        ("MPPT", _tracker(solar)),
        ("OR", f"0x{_NO_INPUT if solar.state is State.OFF else 0:08X}"),
        ("ERR", solar.error),
        ("H19", round((_YIELD_BEFORE_WH + solar.energy_wh) / 10.0)),
        ("H20", round(solar.energy_wh / 10.0)),
        ("H21", round(solar.highest_w)),
        ("H22", round(_YIELD_YESTERDAY_WH / 10.0)),
        ("H23", _MAX_YESTERDAY_W),
        ("HSDS", _DAY),
    ]


def _tracker(solar: SolarReadings) -> int:
    if solar.current_a <= 0.0:
        return _MPPT_OFF
    return _MPPT_TRACKING if solar.state is State.BULK else _MPPT_LIMITED


def register_value(solar: SolarReadings, register: int) -> bytes | None:
    """Return the value of a register, low byte first; None where there is no such register."""
    match register:
        case 0x0120:
            return le(solar.uptime_s, 1.0, 4)
        case 0x0200:
            return bytes((1,))
        case 0x0201:
            return bytes((solar.state,))
        case 0x0202:
            return le(0.0, 1.0, 4)
        case 0xEDD5 | 0xED8D:
            return le(solar.battery_v, 0.01)
        case 0xEDD7:
            return le(solar.current_a, 0.1)
        case 0xEDBB:
            return le(solar.panel_v, 0.01)
        case 0xEDBC:
            return le(solar.panel_w, 0.01, 4)
        case 0xEDDB:
            return sle(solar.temperature_c, 0.01)
        case 0xEDEC:
            return b"\xff\xff"  # no battery sense is linked
        case _:
            return None


def hex_answer(solar: SolarReadings, request: bytes) -> bytes:
    """Return the answer to a HEX message from `:` to before its LF."""
    try:
        command = int(request[1:2], 16)
        body = bytes.fromhex(request[2:].decode("ascii"))
    except ValueError:
        return hex_message(_ERROR, _FRAMING_ERROR)
    if not body or (command + sum(body)) & 0xFF != _HEX_SUM:
        return hex_message(_ERROR, _FRAMING_ERROR)
    match command:
        case 1:
            return hex_message(_PING, _APP_VERSION)
        case 3:
            return hex_message(_DONE, _APP_VERSION)
        case 4:
            return hex_message(_DONE, bytes.fromhex(_PRODUCT_ID[2:])[::-1])
        case 7 if len(body) == _GET_BYTES:
            value = register_value(solar, int.from_bytes(body[:2], "little"))
            flags = _UNKNOWN_REGISTER if value is None else 0
            return hex_message(_GET, body[:2] + bytes((flags,)) + (value or b""))
        case _:
            return hex_message(_UNKNOWN, bytes((command,)))


class VeDirectLine(AskedLine):
    """The charger's end of the line."""

    def __init__(
        self, readings: Callable[[], SolarReadings], firmware: VeDirectFirmware | None = None
    ) -> None:
        self._readings = readings
        self._firmware = firmware or VeDirectFirmware()
        self._next_ns = 0
        super().__init__(_take, lambda asked: (hex_answer(readings(), asked),))

    def due(self, until_ns: int) -> list[bytes]:
        """Return the blocks whose time has come before this simulated time, with the values of now."""
        count = max(-(-(until_ns - self._next_ns) // BLOCK_EVERY_NS), 0)
        self._next_ns += count * BLOCK_EVERY_NS
        return [text_block(self._readings(), self._firmware)] * count


def _take(received: bytes) -> tuple[int, bytes | None]:
    """Take a line, and of it the last HEX message."""
    end = received.find(b"\n")
    if end < 0:
        return max(len(received) - _LONGEST_REQUEST, 0), None
    at = received.rfind(b":", 0, end)
    return end + 1, received[at:end] if at >= 0 else None
