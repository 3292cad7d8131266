"""JK (Jikong) battery management systems on the GPS or RS485 plug: 4E 57 frames, a run of tagged values.

Point to point at 115200 baud; B and BD series. Read-only: the request to read all is the only one that is
sent. The password that the reply carries (tag B2) is skipped and kept nowhere.

Sources of the facts: the vendor's "Communication protocol between monitoring platform and BMS" V2.5 and
"RS485 Communication example", and four open drivers. What they do not agree on is marked.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from telemetry.framing.checks import Check, sum_16
from telemetry.framing.framing import Framing, Heard, PortReader, Shape, Skipped, literal
from telemetry.framing.lengths import field
from telemetry.framing.secrets import PASSWORD, SERIAL_NUMBER, Secret
from telemetry.protocols.serial.layout import (
    ABSENT_CELL,
    ABSENT_SENSOR,
    Confirmed,
    Layout,
    Picker,
    Value,
    cells,
    picker,
    sensors,
)
from telemetry.protocols.serial.signals import alarm_bits, usual
from telemetry.protocols.table import DeviceRequest, Mapped, Message, Scanned, SerialProtocol, Words

STATUS = 1

MAX_CELLS = 32
REQUEST = bytes.fromhex("4E5700130000000006030000000000006800000129")

_POLL_S = 2.0
_HEAD_BYTES = 11  # start, length, number of the BMS, command, source, type
_TAIL_BYTES = 9  # record number, end, check
_SHORTEST = _HEAD_BYTES + _TAIL_BYTES
_LONGEST = 512  # a reply of 32 cells has less than 400
_END = 0x68
_READ_ONE, _READ_ALL = 0x03, 0x06  # some firmware answers the second with the first
_COMMAND_AT, _TYPE_AT = 8, 10
_ASKED, _SAID = 0, (1, 2)  # of a request; of a reply, and of what is sent unasked

_CELLS, _CELL_BYTES = 0x79, 3
_CURRENT, _PROTOCOL_VERSION = 0x84, 0xC0
_NEW_VERSION = b"\xc0\x01"
_CURRENT_ZERO = 10000  # of versions without that tag: raw - 10000 flows out
_FROST_BASE = 99  # a raw temperature above it is below zero: 100 is -1 degC
_FROST = _FROST_BASE.to_bytes(2, "big")
_MOST_FORMS = 16  # of replies, that are remembered

# A body: each tag's value at its place, then the cells. Widths of tags in bytes, in the vendor's order.
_WIDTHS = {
    **dict.fromkeys(range(0x80, 0x85), 2),
    **dict.fromkeys((0x85, 0x86), 1),
    0x87: 2,
    0x89: 4,
    **dict.fromkeys(range(0x8A, 0x8D), 2),
    **dict.fromkeys(range(0x8E, 0x9D), 2),
    0x9D: 1,
    **dict.fromkeys(range(0x9E, 0xA9), 2),
    0xA9: 1,
    0xAA: 4,
    **dict.fromkeys((0xAB, 0xAC), 1),
    0xAD: 2,
    **dict.fromkeys((0xAE, 0xAF), 1),
    0xB0: 2,
    0xB1: 1,
    0xB2: 10,  # a password
    0xB3: 1,
    0xB4: 8,
    0xB5: 4,
    0xB6: 4,
    0xB7: 15,
    0xB8: 1,
    0xB9: 4,
    0xBA: 24,
    0xC0: 1,
}
_SENSORS = (0x81, 0x82)
_TEMPERATURES = (0x80, *_SENSORS)
_PASSWORD = 0xB2
_NUMBERS = (0xB4, 0xBA)  # of the device, and what the maker's text has of it
_TEXTS = {0xB4: "device id", 0xB7: "firmware", 0xBA: "maker"}


def _places() -> dict[int, int]:
    """Return where each tag's value is in the body. The current needs more than its two bytes."""
    places, at = {}, 0
    for tag, width in _WIDTHS.items():
        places[tag] = at
        at += 4 if tag == _CURRENT else width
    return places


_PLACES = _places()
_CELLS_AT = max(_PLACES.values()) + 1
_AHEAD = b"\0" + ABSENT_SENSOR.to_bytes(2, "big", signed=True) + ABSENT_CELL.to_bytes(2, "big")
_ZERO, _NO_SENSOR, _NO_CELL = 0, (1, 2), (3, 4)  # places in it, of what a body has where a reply has nothing


def _tag(
    tag: int,
    name: str,
    type_: str = "u16",
    factor: float = 1.0,
    unit: str = "",
    confirmed: Confirmed = Confirmed.AGREED,
    *,
    byte: int = 0,
) -> tuple[int, Value]:
    """Return a tag and its value, which is there where the tag is; `byte` of its own for a single bit."""
    value = Value(
        name,
        _PLACES[tag] + byte,
        type_,
        factor,
        unit=unit,
        optional=True,
        confirmed=confirmed,
        place=f"tag {tag:02X}",
    )
    return tag, value


_TABLE = (
    _tag(0x80, "mosfet_temperature", "s16", 1.0, "degC", Confirmed.DISPUTED),
    _tag(0x83, "voltage", factor=0.01, unit="V"),
    _tag(0x84, "current", "s32", 0.01, "A"),
    _tag(0x85, "soc", "u8", unit="%"),
    _tag(0x86, "sensor_count", "u8"),
    _tag(0x87, "cycles"),
    _tag(0x89, "cycled_capacity", "u32", unit="Ah"),
    _tag(0x8A, "cell_count"),
    _tag(0x8B, "alarms"),
    _tag(0x8C, "state"),
    _tag(0x8C, "charge_switch", "bit0", byte=1),
    _tag(0x8C, "discharge_switch", "bit1", byte=1),
    _tag(0x8C, "balancing", "bit2", byte=1),
    _tag(0x8C, "battery_present", "bit3", confirmed=Confirmed.DISPUTED, byte=1),
    _tag(0x8E, "pack_overvoltage_limit", factor=0.01, unit="V"),
    _tag(0x8F, "pack_undervoltage_limit", factor=0.01, unit="V"),
    _tag(0x90, "cell_overvoltage_limit", factor=0.001, unit="V"),
    _tag(0x91, "cell_overvoltage_release", factor=0.001, unit="V"),
    _tag(0x92, "cell_overvoltage_delay", unit="s"),
    _tag(0x93, "cell_undervoltage_limit", factor=0.001, unit="V"),
    _tag(0x94, "cell_undervoltage_release", factor=0.001, unit="V"),
    _tag(0x95, "cell_undervoltage_delay", unit="s"),
    _tag(0x96, "cell_difference_limit", factor=0.001, unit="V"),
    _tag(0x97, "discharge_current_limit", unit="A"),
    _tag(0x98, "discharge_current_delay", unit="s"),
    _tag(0x99, "charge_current_limit", unit="A"),
    _tag(0x9A, "charge_current_delay", unit="s"),
    _tag(0x9B, "balance_start", factor=0.001, unit="V"),
    _tag(0x9C, "balance_difference", factor=0.001, unit="V"),
    _tag(0x9D, "balancer_enabled", "u8"),
    _tag(0x9E, "mosfet_temperature_limit", "s16", unit="degC"),
    _tag(0x9F, "mosfet_temperature_release", "s16", unit="degC"),
    _tag(0xA0, "box_temperature_limit", "s16", unit="degC"),
    _tag(0xA1, "box_temperature_release", "s16", unit="degC"),
    _tag(0xA2, "temperature_difference_limit", "s16", unit="degC"),
    _tag(0xA3, "charge_heat_limit", "s16", unit="degC"),
    _tag(0xA4, "discharge_heat_limit", "s16", unit="degC"),
    _tag(0xA5, "charge_cold_limit", "s16", unit="degC"),
    _tag(0xA6, "charge_cold_release", "s16", unit="degC"),
    _tag(0xA7, "discharge_cold_limit", "s16", unit="degC"),
    _tag(0xA8, "discharge_cold_release", "s16", unit="degC"),
    _tag(0xA9, "cell_setting", "u8"),
    _tag(0xAA, "capacity", "u32", unit="Ah"),
    _tag(0xAB, "charge_enabled", "u8"),
    _tag(0xAC, "discharge_enabled", "u8"),
    _tag(0xAD, "current_calibration", factor=0.001, unit="A", confirmed=Confirmed.SINGLE),
    _tag(0xAE, "board_address", "u8"),
    _tag(0xAF, "chemistry", "u8"),
    _tag(0xB0, "sleep_delay", unit="s", confirmed=Confirmed.SINGLE),
    _tag(0xB1, "low_charge_alarm", "u8", unit="%", confirmed=Confirmed.SINGLE),
    _tag(0xB3, "own_charger", "u8", confirmed=Confirmed.SINGLE),
    _tag(0xB6, "runtime", "u32", unit="min"),
    _tag(0xB9, "actual_capacity", "u32", unit="Ah", confirmed=Confirmed.DISPUTED),
    _tag(0xC0, "protocol_version", "u8"),
)
_NAMES = {tag: [value.name for other, value in _TABLE if other == tag] for tag, _ in _TABLE}
STATUS_LAYOUT = Layout(
    (
        *(value for _, value in _TABLE),
        *sensors(
            (_PLACES[tag] for tag in _SENSORS),
            1.0,
            confirmed=Confirmed.DISPUTED,
            place=lambda n: f"tag {_SENSORS[n]:02X}",
        ),
        *cells(MAX_CELLS, _CELLS_AT, lambda n: f"tag {_CELLS:02X}, cell {n + 1}"),
    ),
    "big",
)


class _Form(NamedTuple):
    """What follows from where a reply has its tags, which is the same in all replies of most boards."""

    marks: Picker  # the bytes that say where they are
    marked: bytes  # those
    flags: bytes  # of the values that are there
    body: Picker  # from _AHEAD and the reply's data
    degrees: Sequence[int]  # where raw temperatures are in a body
    current: int | None  # where a raw current is in it
    version: int | None  # where the protocol's version is in the data
    has_cells: bool
    is_empty: bool
    texts: Sequence[tuple[str, int, int]]  # names, and where they are in the data


class _Reader(PortReader):
    """Replies as frames. The echo of a request looks like a reply, but is not one."""

    def __init__(self) -> None:
        super().__init__()
        self._is_new = False  # how its currents are to be read
        self._forms: dict[int, _Form] = {}  # the last of each length

    def read(self, message: bytes) -> Sequence[Heard] | Skipped:
        if message[_TYPE_AT] == _ASKED:
            return Skipped.ECHO
        if message[_TYPE_AT] not in _SAID or message[_COMMAND_AT] not in (_READ_ONE, _READ_ALL):
            return Skipped.OTHER
        data = message[_HEAD_BYTES:-_TAIL_BYTES]
        form = self._forms.get(len(data))
        if form is None or form.marks(data) != form.marked:
            form = _form(data)
            if len(self._forms) >= _MOST_FORMS:
                self._forms.clear()
            self._forms[len(data)] = form
        if form.is_empty:
            return Skipped.SHORT
        if form.version is not None:
            self._is_new = data[form.version] == _NEW_VERSION[1]
        elif form.has_cells:  # the version comes last, maybe after a tag that is not known
            self._is_new = data.endswith(_NEW_VERSION)
        for name, begin, end in form.texts:
            self.identify(name, data[begin:end])
        return (Heard(STATUS, _payload(form, data, is_new=self._is_new)),)

    def secrets(self, message: bytes) -> Iterable[Secret]:
        """Return the password, and the texts that a user may have given a board, or that hold its number."""
        rest = bytearray(message)
        for place in _places_of(_PASSWORD, message):
            yield Secret(PASSWORD, place)
            rest[place] = bytes(_WIDTHS[_PASSWORD])  # in which no other tag begins
        for tag in _NUMBERS:
            for place in _places_of(tag, bytes(rest)):
                yield Secret(SERIAL_NUMBER, place)


def _walk(data: bytes) -> tuple[dict[int, int], dict[int, int], Sequence[int]]:
    """Places of values by tag, of voltages by the number of the cell, and of the bytes that say so.

    The width of an unknown tag is not known either, so the walk ends there with what it has.
    """
    tags: dict[int, int] = {}
    voltages: dict[int, int] = {}
    marks: list[int] = []
    at = 0
    while at + 1 < len(data):
        tag = data[at]
        marks.append(at)
        at += 1
        if tag == _CELLS:
            end = at + 1 + data[at]
            numbers = range(at + 1, min(end, len(data)) - _CELL_BYTES + 1, _CELL_BYTES)
            marks += (at, *numbers)
            voltages |= {data[place]: place + 1 for place in numbers}
            at = end
            continue
        width = _WIDTHS.get(tag)
        if width is None or at + width > len(data):
            break
        if tag != _PASSWORD:
            tags[tag] = at
        at += width
    return tags, voltages, marks


def _form(data: bytes) -> _Form:
    """Return that of a reply with such data."""
    tags, voltages, marked = _walk(data)
    ahead = len(_AHEAD)
    body = [_ZERO] * _CELLS_AT
    for tag in _SENSORS:
        body[_PLACES[tag] : _PLACES[tag] + 2] = _NO_SENSOR
    for tag, at in tags.items():
        begin, width = _PLACES[tag], _WIDTHS[tag]
        body[begin : begin + width] = range(ahead + at, ahead + at + width)
    for number in range(1, max((number for number in voltages if number <= MAX_CELLS), default=0) + 1):
        at = ahead + voltages.get(number, 0)
        body += (at, at + 1) if number in voltages else _NO_CELL
    marks = picker(marked)
    return _Form(
        marks,
        marks(data),
        STATUS_LAYOUT.payload(b"", (name for tag in tags for name in _NAMES.get(tag, ()))),
        picker(body),
        [_PLACES[tag] for tag in _TEMPERATURES if tag in tags],
        _PLACES[_CURRENT] if _CURRENT in tags else None,
        tags.get(_PROTOCOL_VERSION),
        bool(voltages),
        not tags and not voltages,
        [(name, tags[tag], tags[tag] + _WIDTHS[tag]) for tag, name in _TEXTS.items() if tag in tags],
    )


def _payload(form: _Form, data: bytes, *, is_new: bool) -> bytes:
    body = form.body(_AHEAD + data)
    for at in form.degrees:
        raw = body[at : at + 2]
        if raw > _FROST:
            body = body[:at] + _degrees(raw) + body[at + 2 :]
    if form.current is not None:
        at = form.current
        body = body[:at] + _current(body[at : at + 2], is_new=is_new) + body[at + 4 :]
    return form.flags + body


def _degrees(raw: bytes) -> bytes:
    """Return one below zero: drivers and a board in frost count down from 99, the vendor's text from 100."""
    return (_FROST_BASE - int.from_bytes(raw, "big") & 0xFFFF).to_bytes(2, "big")


def _current(raw: bytes, *, is_new: bool) -> bytes:
    """Positive into the battery. New: bit 15 says that it charges; old: counted down from 10000."""
    number = int.from_bytes(raw, "big")
    magnitude = number & 0x7FFF
    new = magnitude if number > magnitude else -magnitude
    flow = new if is_new else _CURRENT_ZERO - number
    return flow.to_bytes(4, "big", signed=True)


def _places_of(wanted: int, message: bytes) -> Iterable[slice]:
    """Return where the value of a tag may be: one place, or after an unknown tag any after its number."""
    at, width, end = _HEAD_BYTES, _WIDTHS[wanted], len(message) - _TAIL_BYTES
    while at + 1 < end:
        tag, at = message[at], at + 1
        if tag == wanted:
            return (slice(at, at + width),) if at + width <= end else ()
        if tag != _CELLS and tag not in _WIDTHS:
            places = range(at + 1, end - width + 1)
            return [slice(place, place + width) for place in places if message[place - 1] == wanted]
        at += 1 + message[at] if tag == _CELLS else _WIDTHS[tag]
    return ()


_SUM = sum_16()  # of all before the check, in its low two bytes; of its four the first two are not defined


def _is_good(message: bytes) -> bool:
    return message[-5] == _END and _SUM.is_good(message[:-4] + message[-2:])


def _with_check(message: bytes) -> bytes:
    return message[:-2] + _SUM.written(message[:-4] + message[-2:])[-2:]


_ALARMS = (
    "soc_low",
    "overtemperature",  # of the MOSFETs
    "pack_overvoltage",
    "pack_undervoltage",
    "overtemperature",  # of the battery
    "charge_overcurrent",
    "discharge_overcurrent",
    "cell_imbalance",
    "overtemperature",  # of the box
    "undertemperature",
    "cell_overvoltage",
    "cell_undervoltage",
)  # bits 12 and 13, "309 A/B", have no known meaning

_STATUS = Message("JkStatus", STATUS, STATUS_LAYOUT.signals)

JK_NW = SerialProtocol(
    name="jk_nw",
    title="JK / Jikong battery management system, tagged values (4E 57)",
    baud_rate=115200,
    framing=Framing(
        shapes=(
            Shape(
                start=(*literal(b"\x4e\x57"), b"\x00\x01"),
                length=field(2, 2, size=2),
                check=Check(_is_good, _with_check),
                shortest=_SHORTEST,
                longest=_LONGEST,
            ),
        ),
        make_reader=_Reader,
        has_passwords=True,
    ),
    messages=(_STATUS,),
    mapped=(
        *usual(_STATUS),
        Mapped("JkStatus.alarms", "battery.protection_word"),
        *alarm_bits("JkStatus.alarms", _ALARMS),
    ),
    requests=(DeviceRequest(REQUEST, _POLL_S, STATUS),),
    reply_timeout_s=5.0,  # the longest that the vendor names
    rest_s=0.1,
    scan=Scanned(3),
    words=Words(
        "JK",
        "JK (Jikong) B and BD series on the GPS or RS485 plug; to 32 cells",
        "the service asks for everything each two seconds",
        scrubbed=(
            "the device id (B4) and the maker's text (BA), which holds the number of a board; the "
            "password is masked"
        ),
    ),
)
