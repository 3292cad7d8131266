"""JBD (Xiaoxiang, LLT) battery management systems: DD … 77 on UART, RS232 or RS485, asked by a master.

Read-only: nothing here writes, and the factory mode that other registers need is never entered. A device has
no address: one on a port. Boards of the "UP" kind speak another protocol and do not answer.

Source of the facts: the vendor's "General Protocol V4", as open drivers read it.
"""

import re
from collections.abc import Iterable, Sequence

from telemetry.framing.checks import negated_sum_16
from telemetry.framing.framing import ANY, Framing, Heard, PortReader, Shape, Skipped
from telemetry.framing.lengths import field
from telemetry.framing.secrets import KNOWN_NUMBERS, SERIAL_NUMBER, Secret
from telemetry.protocols.serial.signals import TEMPERATURE_ALARMS, VOLTAGE_ALARMS, alarm_bits, usual
from telemetry.protocols.table import DeviceRequest, Mapped, Message, Scanned, SerialProtocol, Signal, Words

BASIC = 0x03
CELLS = 0x04
MODEL = 0x05
COUNTERS = 0xAA

MAX_CELLS = 32
MAX_SENSORS = 16
_POLL_S = 1.0
_MODEL_POLL_S = 60.0  # it never changes; asked now and then, since another device may have been plugged in

# Bytes that the payload of a BASIC frame begins with: its two balance words, the second first, so that bit n
# of them as one number is cell n + 1.
_AHEAD_BYTES = 4
_HEAD_BYTES = 23  # of data before the temperatures
_BALANCE_AT = 12  # of data, the first of the two words
_SENSOR_COUNT_AT = 22

_NUMBER = re.compile(rb"[0-9]{6,}(?=\0*$)")  # at the end of a model's name
_REQUESTS = b"\xa5\x5a"  # read and write
_REFUSED = 0x80
_ENVELOPE_BYTES = 7  # start, register, status, length; check, end
_LENGTH = field(3, _ENVELOPE_BYTES)
_LONGEST = _ENVELOPE_BYTES + 255
_CHECK = negated_sum_16(first=2)


def request(register: int) -> bytes:
    """Read one register."""
    check = -register & 0xFFFF  # of register and length, which is 0
    return bytes((0xDD, 0xA5, register, 0)) + check.to_bytes(2, "big") + b"\x77"


def _word(name: str, offset: int, *, ahead: int = 0, signed: bool = False, factor: float = 1.0) -> Signal:
    """Return the signal of two bytes, high first, at an offset of the payload; `ahead` of it are no data."""
    return Signal(name, 8 * offset + 7, 16, signed=signed, factor=factor, place=f"data {offset - ahead}")


def _temperature(name: str, offset: int) -> Signal:
    """Return the signal of tenths of a kelvin; at an end of the range nothing is measured.

    The vendor names no value for that.
    """
    place = f"data {offset - _AHEAD_BYTES}"
    return Signal(name, 8 * offset + 7, 16, factor=0.1, offset=-273.1, invalid=(0, 0xFFFF), place=place)


def _basic(offset: int) -> int:
    """Return where a byte of BASIC's data is in the payload."""
    return _AHEAD_BYTES + offset


class _Reader(PortReader):
    """Replies as frames of their register."""

    def read(self, message: bytes) -> Sequence[Heard] | Skipped:
        register, status, data = message[1], message[2], message[4:-3]
        if register in _REQUESTS:
            return Skipped.ECHO
        if status == _REFUSED:
            return Skipped.REFUSED
        if register == MODEL:
            self.identify("model", data)
        if register != BASIC:
            return (Heard(register, data),)
        if len(data) < _BALANCE_AT + _AHEAD_BYTES:
            return Skipped.SHORT
        balance = data[_BALANCE_AT + 2 : _BALANCE_AT + 4] + data[_BALANCE_AT : _BALANCE_AT + 2]
        if len(data) > _SENSOR_COUNT_AT:  # newer firmware appends words of its own to the temperatures
            data = data[: _HEAD_BYTES + 2 * data[_SENSOR_COUNT_AT]]
        return (Heard(BASIC, balance + data),)

    def secrets(self, message: bytes) -> Iterable[Secret]:
        """Find the number at the end of a model's name. The check does not cover which register it is."""
        yield Secret(KNOWN_NUMBERS, slice(4, -3))
        if message[1] == MODEL and (found := _NUMBER.search(message, 4, len(message) - 3)):
            yield Secret(SERIAL_NUMBER, slice(*found.span()))


_PROTECTION = (
    *VOLTAGE_ALARMS,
    *TEMPERATURE_ALARMS,
    "charge_overcurrent",
    "discharge_overcurrent",
    "short_circuit",
    "bms_fault",  # error of the front-end
    "switch_locked",  # by software
    "charge_timeout",  # on some boards
)

_BASIC_SIGNALS = (
    Signal("balance_word", 7, 32, place="data 14, then 12"),
    _word("voltage", _basic(0), ahead=_AHEAD_BYTES, factor=0.01),
    _word("current", _basic(2), ahead=_AHEAD_BYTES, signed=True, factor=0.01),  # positive into the battery
    _word("remaining", _basic(4), ahead=_AHEAD_BYTES, factor=0.01),  # overflows over 655.35 Ah
    _word("nominal", _basic(6), ahead=_AHEAD_BYTES, factor=0.01),
    _word("cycles", _basic(8), ahead=_AHEAD_BYTES),
    Signal("production_year", 8 * _basic(10) + 7, 7, offset=2000.0, place="data 10"),
    Signal("production_month", 8 * _basic(10), 4, place="data 10"),
    Signal("production_day", 8 * _basic(11) + 4, 5, place="data 11"),
    _word("protection", _basic(16), ahead=_AHEAD_BYTES),
    Signal("software_major", 8 * _basic(18) + 7, 4, place="data 18"),
    Signal("software_minor", 8 * _basic(18) + 3, 4, place="data 18"),
    Signal("soc", 8 * _basic(19) + 7, 8, place="data 19"),
    Signal("charge_switch", 8 * _basic(20), 1, place="data 20"),
    Signal("discharge_switch", 8 * _basic(20) + 1, 1, place="data 20"),
    Signal("cell_count", 8 * _basic(21) + 7, 8, place="data 21"),
    Signal("sensor_count", 8 * _basic(22) + 7, 8, place="data 22"),
    *(_temperature(f"temperature{n + 1}", _basic(_HEAD_BYTES + 2 * n)) for n in range(MAX_SENSORS)),
)

_COUNTERS = (  # how often each protection has acted
    "short_circuits",
    "charge_overcurrents",
    "discharge_overcurrents",
    "cell_overvoltages",
    "cell_undervoltages",
    "charge_overtemperatures",
    "charge_undertemperatures",
    "discharge_overtemperatures",
    "discharge_undertemperatures",
    "pack_overvoltages",
    "pack_undervoltages",
)

_MESSAGES = (
    Message("JbdBasic", BASIC, _BASIC_SIGNALS),
    Message("JbdCells", CELLS, tuple(_word(f"cell{n + 1}", 2 * n, factor=0.001) for n in range(MAX_CELLS))),
)

JBD = SerialProtocol(
    name="jbd",
    title="JBD / Xiaoxiang / LLT battery management system",
    baud_rate=9600,
    framing=Framing(
        shapes=(
            Shape(
                start=(b"\xdd", bytes(set(ANY) - set(_REQUESTS)), bytes((0, _REFUSED))),
                length=_LENGTH,
                check=_CHECK,
                end=b"\x77",
                shortest=_ENVELOPE_BYTES,
                longest=_LONGEST,
            ),
            Shape(
                start=(b"\xdd", _REQUESTS),
                length=_LENGTH,
                check=_CHECK,
                end=b"\x77",
                shortest=_ENVELOPE_BYTES,
                longest=_LONGEST,
            ),
        ),
        make_reader=_Reader,
    ),
    messages=(
        *_MESSAGES,
        Message("JbdModel", MODEL, ()),
        Message("JbdCounters", COUNTERS, tuple(_word(name, 2 * n) for n, name in enumerate(_COUNTERS))),
    ),
    mapped=(
        *usual(*_MESSAGES),
        Mapped("JbdBasic.balance_word", "battery.balancing"),
        *alarm_bits("JbdBasic.protection", _PROTECTION),
    ),
    requests=(
        DeviceRequest(request(BASIC), _POLL_S, BASIC),
        DeviceRequest(request(CELLS), _POLL_S, CELLS),
        DeviceRequest(request(MODEL), _MODEL_POLL_S, MODEL),
        DeviceRequest(request(COUNTERS), _MODEL_POLL_S, COUNTERS),
    ),
    scan=Scanned(2),
    words=Words(
        "JBD (Xiaoxiang, LLT)",
        "JBD, Xiaoxiang and LLT battery management systems; to 32 cells",
        "the service asks for state and cells once a second, for the model once a minute",
        scrubbed="six digits and more at the end of the model's name",
    ),
)
