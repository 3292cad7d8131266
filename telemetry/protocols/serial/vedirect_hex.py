"""VE.Direct HEX messages of Victron devices, between and inside their text blocks.

19200 baud, the same port as the text (`vedirect.py`), whose bytes are padding here. Only ping, version,
product and get are sent, never restart or set. Solar chargers of firmware 1.52 and older fall silent in text
while somebody speaks HEX to them: listen there, and do not ask.

Sources of the facts: Victron's "VE.Direct Protocol", "BlueSolar HEX protocol" and its FAQ, as four open
projects read them. What one alone has is marked.
"""

import re
from collections.abc import Iterable, Sequence

from telemetry.framing.checks import Check
from telemetry.framing.framing import ANY, Framing, Heard, PortReader, Shape, Skipped
from telemetry.framing.lengths import NONE, UNKNOWN
from telemetry.framing.secrets import HEX_TEXT, SERIAL_NUMBER, Secret
from telemetry.protocols.serial.layout import Confirmed, Layout, Value
from telemetry.protocols.serial.vedirect import PHASES
from telemetry.protocols.table import DeviceRequest, Mapped, Message, Scanned, SerialProtocol, Words

VALUES, PRODUCT, UNKNOWN_REGISTER = 1, 2, 3  # ids of frames; the last is no message of the table

_DIGITS = b"0123456789ABCDEFabcdef"
_TEXT = re.compile(rb":[0-9A-Fa-f]*")
_SUM = 0x55
_SHORTEST, _LONGEST = 4, 256
_SILENCE_NS = 500_000_000
_POLL_S = 2.0
_PRODUCT_POLL_S = 60.0

_PING, _VERSION, _PRODUCT, _GET, _PUSHED = 1, 3, 4, 7, 0xA  # what is asked, or comes unasked
_DONE, _UNKNOWN_COMMAND, _ERROR, _PONG = 1, 3, 4, 5  # answers
_SET = 8
_NO_FLAGS = 0x00
_VALUE_AT = 3  # after register and flags
_NUMBERS = (0x010A, 0x010C)  # registers: serial number, the name that its owner gave it
_PLACE_BYTES = 4

_TABLE = {
    0x0120: ("uptime", "u32", 1.0, 0.0, "s", (), Confirmed.SINGLE),
    0x0200: ("mode", "u8", 1.0, 0.0, "", (), Confirmed.AGREED),
    0x0201: ("state", "u8", 1.0, 0.0, "", (), Confirmed.AGREED),
    0x0202: ("remote_control", "u32", 1.0, 0.0, "", (), Confirmed.AGREED),
    0x1000: ("battery_capacity", "u16", 1.0, 0.0, "Ah", (), Confirmed.AGREED),
    0x2027: ("network_input_power", "u32", 0.01, 0.0, "W", (0xFFFFFFFF,), Confirmed.DISPUTED),
    0xED8D: ("battery_voltage", "s16", 0.01, 0.0, "V", (), Confirmed.AGREED),
    0xEDBB: ("panel_voltage", "u16", 0.01, 0.0, "V", (), Confirmed.AGREED),
    0xEDBC: ("panel_power", "u32", 0.01, 0.0, "W", (), Confirmed.SINGLE),
    0xEDD5: ("charger_voltage", "u16", 0.01, 0.0, "V", (), Confirmed.AGREED),
    0xEDD7: ("charger_current", "u16", 0.1, 0.0, "A", (), Confirmed.AGREED),
    0xEDDB: ("charger_temperature", "s16", 0.01, 0.0, "degC", (), Confirmed.AGREED),
    0xEDEC: ("battery_temperature", "u16", 0.01, -273.15, "degC", (0xFFFF,), Confirmed.AGREED),
}
_PLACES = {register: _PLACE_BYTES * n for n, register in enumerate(_TABLE)}
VALUES_LAYOUT = Layout(
    (
        Value(
            name,
            _PLACES[register],
            type_,
            factor,
            offset,
            unit,
            True,
            invalid,
            confirmed,
            f"0x{register:04X}",
        )
        for register, (name, type_, factor, offset, unit, invalid, confirmed) in _TABLE.items()
    ),
    "little",
)
_POLLED = (0x0201, 0xEDD5, 0xEDD7, 0xEDBB, 0xEDBC, 0xEDDB)


def request(command: int, data: bytes = b"") -> bytes:
    """Return a HEX message: `:`, the command, data and check, LF."""
    check = (_SUM - command - sum(data)) & 0xFF
    return b":%X%b%02X\n" % (command, data.hex().upper().encode("ascii"), check)


def get(register: int) -> bytes:
    """Return the request for a register."""
    return request(_GET, register.to_bytes(2, "little") + b"\x00")


def _length(data: bytes, at: int) -> int:
    """Return all up to LF, or at times another byte, which then belongs to the message.

    `:` and CR begin something of their own.
    """
    text = _TEXT.match(data, at, at + _LONGEST)
    end = at + 1 if text is None else text.end()
    if end == len(data):
        return UNKNOWN if end - at < _LONGEST else NONE
    return end - at + (data[end] not in b":\r")


def _read(message: bytes) -> tuple[int, bytes] | None:
    """Return command and data of a message whose check is right."""
    text = _TEXT.match(message)
    digits = b"" if text is None else text.group()[1:]
    if len(digits) < 3 or len(digits) % 2 == 0:
        return None
    command, body = int(digits[:1], 16), bytes.fromhex(digits[1:].decode("ascii"))
    return (command, body[:-1]) if (command + sum(body)) & 0xFF == _SUM else None


def _with_check(message: bytes) -> bytes:
    """Return the message with its check, in capital letters."""
    text = _TEXT.match(message)
    digits = b"" if text is None else text.group()[1:-2]
    made = request(int(digits[:1], 16), bytes.fromhex(digits[1:].decode("ascii")))
    return made[:-1] + message[len(made) - 1 :]


class _Reader(PortReader):
    """Values of registers, one a frame."""

    def __init__(self) -> None:
        super().__init__()
        self._asked = 0  # the command before

    def sent(self, request: bytes) -> Sequence[Heard]:
        said = _read(request)
        self._asked = 0 if said is None else said[0]
        return ()

    def read(self, message: bytes) -> Sequence[Heard] | Skipped:
        said = _read(message)
        if said is None:
            return Skipped.OTHER
        command, data = said
        if command in (_PING, _VERSION, _PRODUCT) and not data:
            self._asked = command
            return Skipped.ECHO
        if command in (_GET, _PUSHED):
            return _register(data)
        if command == _PONG or (command == _DONE and self._asked in (_VERSION, _PRODUCT)):
            return self._identified(command, data)
        return Skipped.REFUSED if command in (_UNKNOWN_COMMAND, _ERROR) else Skipped.OTHER

    def _identified(self, command: int, data: bytes) -> Sequence[Heard] | Skipped:
        if len(data) < 2:
            return Skipped.SHORT
        number = int.from_bytes(data[:2], "little")
        if command == _DONE and self._asked == _PRODUCT:
            self.identify("product", f"0x{number:04X}".encode("ascii"))
        else:
            self.identify("firmware", f"{number >> 8 & 0xF:X}.{number & 0xFF:02X}".encode("ascii"))
        return (Heard(PRODUCT, b""),)

    def secrets(self, message: bytes) -> Iterable[Secret]:
        """Return the value of a register that holds a text about the device itself, asked for or not."""
        said = _read(message)
        if said is None or said[0] not in (_GET, _PUSHED, _SET):
            return ()
        is_number = int.from_bytes(said[1][:2], "little") in _NUMBERS and len(said[1]) > _VALUE_AT
        place = slice(2 + 2 * _VALUE_AT, 2 + 2 * len(said[1]))  # after `:` and the command
        return (Secret(SERIAL_NUMBER, place, HEX_TEXT),) if is_number else ()


def _register(data: bytes) -> Sequence[Heard] | Skipped:
    """Return what a register's number, flags and value say. A request is the same without a value."""
    if len(data) < 3:
        return Skipped.SHORT
    register, flags, value = int.from_bytes(data[:2], "little"), data[2], data[3:]
    if flags != _NO_FLAGS:
        return Skipped.REFUSED
    if not value:
        return Skipped.ECHO
    if register not in _TABLE:
        return (Heard(UNKNOWN_REGISTER, data),)
    name, type_, *_ = _TABLE[register]
    size = int(type_[1:]) // 8
    number = int.from_bytes(value, "little", signed=type_.startswith("s"))
    if len(value) > size:
        return Skipped.SHORT
    body = bytearray(VALUES_LAYOUT.body_bytes)
    at = _PLACES[register]
    body[at : at + size] = number.to_bytes(size, "little", signed=type_.startswith("s"))
    return (Heard(VALUES, VALUES_LAYOUT.payload(bytes(body), (name,))),)


_RISK = (
    "solar chargers of firmware 1.52 and older stop their text while somebody speaks HEX. "
    "`vedirect` finds them without that"
)

VEDIRECT_HEX = SerialProtocol(
    name="vedirect_hex",
    title="Victron device (VE.Direct HEX)",
    baud_rate=19200,
    framing=Framing(
        shapes=(
            Shape(
                start=(b":", _DIGITS),
                length=_length,
                check=Check(lambda message: _read(message) is not None, _with_check),
                shortest=_SHORTEST,
                longest=_LONGEST,
            ),
        ),
        make_reader=_Reader,
        padding=ANY,
        silence_ns=_SILENCE_NS,
    ),
    messages=(Message("VedirectHex", VALUES, VALUES_LAYOUT.signals), Message("VedirectProduct", PRODUCT, ())),
    mapped=(
        Mapped("VedirectHex.charger_voltage", "charger.voltage_v"),
        Mapped("VedirectHex.charger_current", "charger.current_a"),
        Mapped("VedirectHex.charger_temperature", "charger.temp_c"),
        Mapped("VedirectHex.state", "charger.phase", words=PHASES),
        Mapped("VedirectHex.battery_voltage", "battery.voltage_v"),
        Mapped("VedirectHex.battery_capacity", "battery.capacity_ah"),
        Mapped("VedirectHex.battery_temperature", "cells.t1"),
    ),
    requests=(
        *(DeviceRequest(get(register), _POLL_S, VALUES) for register in _POLLED),
        DeviceRequest(request(_VERSION), _PRODUCT_POLL_S, PRODUCT),
        DeviceRequest(request(_PRODUCT), _PRODUCT_POLL_S, PRODUCT),
    ),
    scan=Scanned(5, risk=_RISK),
    words=Words(
        "",
        "Victron solar chargers and monitors, VE.Direct HEX",
        "the service asks for registers each two seconds; what a device sends unasked is read as well",
        scrubbed="the registers 0x010A (serial number) and 0x010C (the name that its owner gave it)",
    ),
)
