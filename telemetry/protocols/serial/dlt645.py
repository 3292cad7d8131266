"""Energy meters of DL/T 645-2007, also those of DC charging piles: asked by a master on RS485. Read-only.

A request is preceded by bytes that wake the meter. Data are sent plus 0x33, digits as BCD, the lowest first.
How many digits a value has is taken from the length of the reply, since makers of DC meters widen some.

Source of the facts: DL/T 645-2007, as open drivers and published walkthroughs read it. That DC meters use the
identifiers of phase A and of total power is common belief.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from telemetry.framing.checks import sum_8
from telemetry.framing.framing import ANY, Framing, Heard, PortReader, Shape, Skipped
from telemetry.framing.lengths import field
from telemetry.framing.secrets import SERIAL_NUMBER, Form, Secret
from telemetry.protocols.table import (
    Addresses,
    DeviceRequest,
    LineSettings,
    Mapped,
    Message,
    Scanned,
    SerialProtocol,
    Signal,
    Words,
)

ENERGY, FORWARD, REVERSE, VOLTAGE, CURRENT, POWER, FACTOR, FREQUENCY, DATE, TIME, ADDRESS = range(1, 12)

ANYONE = 0xAAAAAAAAAAAA  # the address that any meter answers to
_LAST = 0x999999999999
_NOBODY = (b"9" * 12, b"0" * 12)  # addresses of a broadcast, and of a meter that has none
_ADDRESS_IDENTIFIER = 0x04000401
_WAKE = b"\xfe\xfe\xfe\xfe"
_START, _END = b"\x68", b"\x16"
_SHIFT = 0x33
_READ, _READ_ADDRESS = 0x11, 0x13
_IS_REPLY, _IS_ERROR, _FUNCTION = 0x80, 0x40, 0x1F
_ENVELOPE_BYTES = 12
_LONGEST_DATA = 200
_SIGN = 0x80  # in the highest digit
_ABSENT = -(1 << 31)  # in a payload, of digits over 9
_NOT_THERE = (1 << 31,)
_TARIFFS = 4

# Identifier: the message, the number of its first value there, bytes of a value that one in a block has.
_KINDS: Mapping[int, tuple[int, int, int]] = {
    0x00000000: (ENERGY, 0, 4),
    0x00010000: (FORWARD, 0, 4),
    0x00020000: (REVERSE, 0, 4),
    **{0x02010000 | phase << 8: (VOLTAGE, phase - 1, 2) for phase in (1, 2, 3)},
    **{0x02020000 | phase << 8: (CURRENT, phase - 1, 3) for phase in (1, 2, 3)},
    **{0x02030000 | phase << 8: (POWER, phase, 3) for phase in (0, 1, 2, 3)},
    **{0x02060000 | phase << 8: (FACTOR, phase, 2) for phase in (0, 1, 2, 3)},
    0x02800002: (FREQUENCY, 0, 2),
    0x04000101: (DATE, 0, 4),
    0x04000102: (TIME, 0, 3),
    _ADDRESS_IDENTIFIER: (ADDRESS, 0, 6),
}
_BLOCKS = {
    0x0000FF00: 0x00000000,
    0x0001FF00: 0x00010000,
    0x0002FF00: 0x00020000,
    0x0201FF00: 0x02010100,
    0x0202FF00: 0x02020100,
    0x0203FF00: 0x02030000,
    0x0206FF00: 0x02060000,
}


def frame(address: int, control: int, data: bytes) -> bytes:
    """Return a frame without its wake-up bytes."""
    body = _START + address.to_bytes(6, "little") + _START + bytes((control, len(data)))
    body += _as_data(data)
    return body + bytes((sum(body) & 0xFF,)) + _END


def request(identifier: int, address: int) -> bytes:
    """Ask the meter of that address for one value."""
    return _WAKE + frame(address, _READ, identifier.to_bytes(4, "little"))


def request_address(address: int = ANYONE) -> bytes:
    """Ask the only meter on the line who it is."""
    return _WAKE + frame(address, _READ_ADDRESS, b"")


def _number(digits: bytes, *, has_sign: bool) -> int:
    """Return what BCD digits, the lowest first, mean; _ABSENT where one is not a digit."""
    is_negative = has_sign and bool(digits[-1] & _SIGN)
    if is_negative:
        digits = digits[:-1] + bytes((digits[-1] & ~_SIGN & 0xFF,))
    text = digits[::-1].hex()
    return (-int(text) if is_negative else int(text)) if text.isdecimal() else _ABSENT


class _Reader(PortReader):
    """One frame a kind of value: for each place in it 32 bits, _ABSENT where the reply has nothing."""

    def read(self, message: bytes) -> Sequence[Heard] | Skipped:
        address, control = int.from_bytes(message[1:7], "little"), message[8]
        data = _without_shift(message[10:-2])
        if not control & _IS_REPLY:
            return Skipped.ECHO
        if control & _IS_ERROR:
            return Skipped.REFUSED
        if control & _FUNCTION == _READ_ADDRESS:
            return self._name(address, message[10:-2], data)
        if control & _FUNCTION != _READ:
            return Skipped.OTHER
        if len(data) <= 4:
            return Skipped.SHORT
        return self._values(address, int.from_bytes(data[:4], "little"), data[4:])

    def _name(self, address: int, raw: bytes, data: bytes) -> Sequence[Heard] | Skipped:
        if len(raw) != 6:
            return Skipped.SHORT
        self.identify("address", data[::-1].hex().encode())
        return (Heard(ADDRESS, b"", address),)

    def _values(self, address: int, identifier: int, data: bytes) -> Sequence[Heard] | Skipped:
        is_block = identifier in _BLOCKS
        kind = _KINDS.get(_BLOCKS.get(identifier, identifier))
        if kind is None:
            return Skipped.OTHER
        id, first, value_bytes = kind
        if id == ADDRESS:
            self.identify("address", data[::-1].hex().encode())
            return (Heard(ADDRESS, b"", address),)
        size = value_bytes if is_block else len(data)
        pieces = [data[at : at + size] for at in range(0, len(data) - size + 1, size)]
        if id in (DATE, TIME):
            pieces = [data[at : at + 1] for at in reversed(range(len(data)))]
        has_sign = id in (ENERGY, CURRENT, POWER, FACTOR)
        numbers = [_ABSENT] * first + [_number(piece, has_sign=has_sign) for piece in pieces]
        payload = b"".join(
            number.to_bytes(4, "big", signed=True) if -(1 << 31) <= number < 1 << 31 else b"\x80\0\0\0"
            for number in numbers
        )
        return (Heard(id, payload, address),)

    def secrets(self, message: bytes) -> Iterable[Secret]:
        """Return the address of a meter, in its frames and where data hold it; not one for several."""
        data = _without_shift(message[10:-2])
        if message[8] & _FUNCTION == _READ_ADDRESS and len(data) == 6:
            yield from _secret(message, slice(10, 16), _DATA_DIGITS)
        elif int.from_bytes(data[:4], "little") == _ADDRESS_IDENTIFIER and len(data) == 10:
            yield from _secret(message, slice(14, 20), _DATA_DIGITS)
        yield from _secret(message, slice(1, 7), _DIGITS)


def _secret(message: bytes, place: slice, form: Form) -> Iterable[Secret]:
    digits = form.read(message[place])
    return (Secret(SERIAL_NUMBER, place, form),) if digits.isdigit() and digits not in _NOBODY else ()


def _as_data(data: bytes) -> bytes:
    """Return it as it lies on the line among the data of a frame."""
    return bytes((byte + _SHIFT) & 0xFF for byte in data)


def _without_shift(data: bytes) -> bytes:
    return bytes((byte - _SHIFT) & 0xFF for byte in data)


def _digits(raw: bytes) -> bytes:
    """Return an address, whose lowest digits come first, as text."""
    return raw[::-1].hex().encode("ascii")


def _raw(digits: bytes) -> bytes:
    return bytes.fromhex(digits.decode("ascii"))[::-1]


def _raw_data(digits: bytes) -> bytes:
    return _as_data(_raw(digits))


_DIGITS = Form(_digits, _raw, (_raw_data,))
_DATA_DIGITS = Form(lambda raw: _digits(_without_shift(raw)), _raw_data, (_raw,))


def _values(id: int, names: Sequence[str], factor: float = 1.0, unit: str = "") -> tuple[Signal, ...]:
    """Return the values of the message with that id."""
    return tuple(
        Signal(
            name,
            32 * n + 7,
            32,
            signed=True,
            factor=factor,
            invalid=_NOT_THERE,
            unit=unit,
            place=_place(id, n),
        )
        for n, name in enumerate(names)
    )


def _place(id: int, number: int) -> str:
    """Return the identifier of a value, or the block that has it, by its place in a message."""
    for identifier, (kind, first, _) in _KINDS.items():
        if kind == id and (first == number or id in (DATE, TIME)):
            return f"identifier {identifier:08X}"
    block = next(block for block, first in _BLOCKS.items() if _KINDS[first][0] == id)
    return f"block {block:08X}"


def _energies(id: int, name: str) -> tuple[Signal, ...]:
    return _values(id, (name, *(f"{name}_tariff{n + 1}" for n in range(_TARIFFS))), 10.0, "Wh")


def _asked(identifier: int, every_s: float) -> DeviceRequest:
    return DeviceRequest(partial(request, identifier), every_s, _KINDS[identifier][0])


DLT645 = SerialProtocol(
    name="dlt645",
    title="energy meter of DL/T 645-2007",
    baud_rate=2400,
    framing=Framing(
        shapes=(
            Shape(
                start=(_START, *(ANY,) * 6, _START, ANY, bytes(range(_LONGEST_DATA + 1))),
                length=field(9, _ENVELOPE_BYTES),
                check=sum_8(),
                end=_END,
                shortest=_ENVELOPE_BYTES,
                longest=_ENVELOPE_BYTES + _LONGEST_DATA,
            ),
        ),
        make_reader=_Reader,
        padding=b"\xfe",
    ),
    messages=(
        Message("DltEnergy", ENERGY, _energies(ENERGY, "energy")),
        Message("DltForward", FORWARD, _energies(FORWARD, "forward")),
        Message("DltReverse", REVERSE, _energies(REVERSE, "reverse")),
        Message("DltVoltage", VOLTAGE, _values(VOLTAGE, ("voltage_a", "voltage_b", "voltage_c"), 0.1, "V")),
        Message("DltCurrent", CURRENT, _values(CURRENT, ("current_a", "current_b", "current_c"), 0.001, "A")),
        Message("DltPower", POWER, _values(POWER, ("power", "power_a", "power_b", "power_c"), 0.1, "W")),
        Message("DltFactor", FACTOR, _values(FACTOR, ("factor", "factor_a", "factor_b", "factor_c"), 0.001)),
        Message("DltFrequency", FREQUENCY, _values(FREQUENCY, ("frequency",), 0.01, "Hz")),
        Message("DltDate", DATE, _values(DATE, ("year", "month", "day", "weekday"))),
        Message("DltTime", TIME, _values(TIME, ("hour", "minute", "second"))),
        Message("DltAddress", ADDRESS, ()),
    ),
    mapped=(
        Mapped("DltVoltage.voltage_a", "meter.voltage_v"),
        Mapped("DltCurrent.current_a", "meter.current_a"),
        Mapped("DltPower.power", "meter.power_w"),
        Mapped("DltForward.forward", "meter.energy_wh"),
        Mapped("DltReverse.reverse", "meter.energy_reverse_wh"),
    ),
    requests=(
        DeviceRequest(request_address, 60.0, ADDRESS),
        _asked(0x02010100, 1.0),
        _asked(0x02020100, 1.0),
        _asked(0x02030000, 1.0),
        _asked(0x00010000, 10.0),
        _asked(0x00020000, 10.0),
    ),
    addresses=Addresses(default=ANYONE, least=0, most=_LAST, digits=12),
    line=LineSettings(parity="E"),
    reply_timeout_s=1.0,
    scan=Scanned(
        4, more_parities=("N",), by_digits=FORWARD
    ),  # converters, and pseudo-terminals, which have no parity
    words=Words(
        "",
        "energy meters of DL/T 645-2007, also in DC charging piles",
        "the service asks for voltage, current and power once a second, for energies each 10 s",
        scrubbed="the address of the meter, in requests and replies, and where a reply reports it",
        addresses="the address is asked for; several meters are found by their last digits",
    ),
)
