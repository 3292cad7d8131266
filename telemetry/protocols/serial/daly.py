"""Daly battery management systems: A5 frames of 13 bytes on UART and RS485, asked by a master.

Read-only: the writes that change switches and state of charge are never sent. Boards of newer generations
ignore these frames and speak Modbus: see `daly_modbus`.

Source of the facts: the vendor's "UART/485 Communications Protocol" V1.0 and V1.2, as open drivers read it.
Rated capacity (50), date of production (53) and battery code (57) are known from drivers alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from telemetry.framing.checks import sum_8
from telemetry.framing.framing import ANY, Framing, Heard, PortReader, Shape, Skipped
from telemetry.framing.secrets import SERIAL_NUMBER, Secret
from telemetry.protocols.serial.signals import (
    TEMPERATURE_ALARMS,
    VOLTAGE_ALARMS,
    alarm_bits,
    alarm_pairs,
    flag,
    unsigned,
    usual,
)
from telemetry.protocols.table import (
    BANK_S,
    Addresses,
    DeviceRequest,
    Mapped,
    Message,
    Scanned,
    SerialProtocol,
    Words,
)

RATED, PRODUCED, CODE = 0x50, 0x53, 0x57
PACK, CELL_SPREAD, TEMPERATURE_SPREAD, SWITCHES, STATUS = 0x90, 0x91, 0x92, 0x93, 0x94
CELLS, TEMPERATURES, BALANCE, ALARMS = 0x95, 0x96, 0x97, 0x98

MAX_CELLS = 48
MAX_SENSORS = 16
_START = b"\xa5"
_FRAME_BYTES = 13
_SINGLE = "single source"
_MASTERS_FROM = 0x20  # the lowest address of one that asks; replies have the number of the board
_FIRST_MASTER = 0x40  # a PC; board n hears 0x40 + n - 1
_FILL = b"\xaa"  # of requests: zeros have no edges for a receiver to lock on
_CURRENT_ZERO_A = 3000.0
_TEMPERATURE_ZERO_C = -40.0

# Bytes of what one part of a reply carries after its number, and of one value.
_PARTS: Mapping[int, tuple[int, int]] = {CELLS: (6, 2), TEMPERATURES: (7, 1), CODE: (7, 1)}
_CODE_PARTS = 5  # of fewer the rest was lost, and half a code would be that of another device
_MOST_BYTES = {CELLS: 2 * MAX_CELLS, TEMPERATURES: MAX_SENSORS, CODE: 35}
_COUNT_AT = {CELLS: 0, TEMPERATURES: 1}  # in STATUS


def request(id: int, address: int) -> bytes:
    """Ask board `address` (1 is the first)."""
    body = _START + bytes((_FIRST_MASTER + address - 1, id, 8)) + _FILL * 8
    return body + bytes((sum(body) & 0xFF,))


class _Parts:
    """Parts of one reply of one board, by their number."""

    def __init__(self) -> None:
        self.parts: dict[int, bytes] = {}
        self.is_done = False  # what follows is padding


class _Reader(PortReader):
    """Frames of their id. Cells, temperatures and the code come in parts, and are handed on once, whole.

    Parts are numbered from 1, by the vendor's text from 0. Some boards send all 16 parts, zero-filled. STATUS
    says how many are needed. Until it has come, padding alone shows that none is missing at the end. Where
    nobody asks for STATUS, those that came in a row must do.
    """

    def __init__(self) -> None:
        super().__init__()
        self._asks_status = False
        self._counts: dict[tuple[int, int], int] = {}  # values by address and id, as STATUS reports them
        self._open: dict[tuple[int, int], _Parts] = {}
        self._code_parts: dict[int, Mapping[int, bytes]] = {}  # by address, of a code that is not whole yet

    def before(self, message: bytes) -> Sequence[Heard]:
        if message[1] >= _MASTERS_FROM:
            return self.end()
        own = (message[1], message[2])
        ended = [
            key for key in self._open if key != own and (key[0] == own[0] or key not in self._counts)
        ]  # a burst whose end is known goes on after a frame of another board
        if own in self._open and self._is_new_round(message):
            ended.append(own)
        return [one for key in ended for one in self._close(key)]

    def read(self, message: bytes) -> Sequence[Heard] | Skipped:
        address, id, data = message[1], message[2], message[4:12]
        if address >= _MASTERS_FROM:
            self._asks_status |= id == STATUS
            return Skipped.ECHO
        if id in _PARTS:
            return self._part((address, id), data)
        if id == STATUS:
            self._counts |= {(address, kind): data[at] for kind, at in _COUNT_AT.items()}
        return (Heard(id, data, address),)

    def sent(self, request: bytes) -> Sequence[Heard]:
        self._asks_status |= request[:1] == _START and request[2:3] == bytes((STATUS,))
        return self.end()

    def end(self) -> Sequence[Heard]:
        return [one for key in list(self._open) for one in self._close(key)]

    def secrets(self, message: bytes) -> Iterable[Secret]:
        is_code = message[1] < _MASTERS_FROM and message[2] == CODE
        return (Secret(SERIAL_NUMBER, slice(5, 12)),) if is_code else ()  # each part by itself

    def _is_new_round(self, message: bytes) -> bool:
        """Return whether a part cannot belong to those before it."""
        return message[4] <= max(self._open[message[1], message[2]].parts, default=-1)

    def _part(self, key: tuple[int, int], data: bytes) -> Sequence[Heard] | Skipped:
        found = self._open.setdefault(key, _Parts())
        found.parts[data[0]] = data[1:]
        is_counted = key[1] == CODE or key in self._counts
        if not found.is_done and is_counted and len(found.parts) >= self._needed(key):
            found.is_done = True
            return self._whole(key, found.parts) or Skipped.HELD
        return Skipped.HELD

    def _needed(self, key: tuple[int, int]) -> int:
        """Return how many parts a whole reply has."""
        if key[1] == CODE:
            return _CODE_PARTS
        part_bytes, value_bytes = _PARTS[key[1]]
        return max(1, -(-self._counts[key] * value_bytes // part_bytes))

    def _close(self, key: tuple[int, int]) -> Sequence[Heard]:
        found = self._open.pop(key)
        return () if found.is_done else self._whole(key, found.parts)

    def _whole(self, key: tuple[int, int], parts: Mapping[int, bytes]) -> Sequence[Heard]:
        """Return the values of these parts, unless one is missing."""
        address, id = key
        if id == CODE:  # which stays the same: what this reply lacks, one before it may have had
            parts = self._code_parts[address] = {**self._code_parts.get(address, {}), **parts}
        part_bytes, value_bytes = _PARTS[id]
        first = 0 if 0 in parts else 1
        needed = self._needed(key) if id == CODE or key in self._counts else len(parts)
        if any(number not in parts for number in range(first, first + needed)):
            self.incomplete += 1
            return ()
        values = b"".join(parts[number][:part_bytes] for number in range(first, first + needed))
        padding = bytes(value_bytes)
        if key in self._counts:  # zeros within it are values: a sensor at -40 degrees
            values = values[: self._counts[key] * value_bytes]
        else:
            if id != CODE and self._asks_status and not values.endswith(padding):  # more may have followed
                self.incomplete += 1
                return ()
            while values.endswith(padding):
                values = values[:-value_bytes]
        if id == CODE:
            self.identify("code", values)
            del self._code_parts[address]
        return (Heard(id, values[: _MOST_BYTES[id]], address),)


_PAIRS = (  # byte of ALARMS, then what its pairs of bits mean
    VOLTAGE_ALARMS,
    TEMPERATURE_ALARMS,
    ("charge_overcurrent", "discharge_overcurrent", "soc_high", "soc_low"),
    ("cell_imbalance",),  # then the difference of temperatures, which has no code
)
_FAULTS = (  # bytes of ALARMS from the fourth on, what their bits mean
    (
        *("overtemperature", "overtemperature", "sensor_fault", "sensor_fault"),  # of the switches
        *("bms_fault", "bms_fault", "bms_fault", "bms_fault"),  # they stick, or do not close
    ),
    (
        *("bms_fault", "sensor_fault", "sensor_fault", "bms_fault"),  # front-end, wire, sensor, EEPROM
        *("bms_fault", "bms_fault", "communication_lost", "communication_lost"),  # clock, precharge
    ),
    ("sensor_fault", "sensor_fault", "short_circuit", "switch_locked"),  # current, voltage; too low to charge
)
ALARM_BYTES = 8


def alarms(message: str) -> tuple[Mapped, ...]:
    """Return what the bits of `alarms0` … of that message mean.

    The boards that speak Modbus have the same.
    """
    pairs = (alarm_pairs(f"{message}.alarms{byte}", codes) for byte, codes in enumerate(_PAIRS))
    faults = (alarm_bits(f"{message}.alarms{byte}", codes) for byte, codes in enumerate(_FAULTS, len(_PAIRS)))
    return tuple(chain(*pairs, *faults))


_SECOND_S, _SLOW_S, _MINUTE_S = 1.0, 5.0, 60.0


def _asked(id: int, every_s: float) -> DeviceRequest:
    return DeviceRequest(lambda address: request(id, address), every_s, id)


_MESSAGES = (
    Message(
        "DalyPack",
        PACK,
        (
            unsigned("voltage", 0, factor=0.1, unit="V"),
            unsigned("gathered_voltage", 2, factor=0.1, unit="V"),
            unsigned("current", 4, factor=-0.1, offset=_CURRENT_ZERO_A, unit="A"),  # over 30000: drawn
            unsigned("soc", 6, factor=0.1, unit="%"),
        ),
    ),
    Message(
        "DalyCellSpread",
        CELL_SPREAD,
        (
            unsigned("highest_cell", 0, factor=0.001, unit="V"),
            unsigned("highest_cell_number", 2, 1),
            unsigned("lowest_cell", 3, factor=0.001, unit="V"),
            unsigned("lowest_cell_number", 5, 1),
        ),
    ),
    Message(
        "DalyTemperatureSpread",
        TEMPERATURE_SPREAD,
        (
            unsigned("highest_temperature", 0, 1, offset=_TEMPERATURE_ZERO_C, unit="degC"),
            unsigned("highest_sensor", 1, 1),
            unsigned("lowest_temperature", 2, 1, offset=_TEMPERATURE_ZERO_C, unit="degC"),
            unsigned("lowest_sensor", 3, 1),
        ),
    ),
    Message(
        "DalySwitches",
        SWITCHES,
        (
            unsigned("state", 0, 1),  # 0 idle, 1 charging, 2 discharging
            unsigned("charge_switch", 1, 1),
            unsigned("discharge_switch", 2, 1),
            unsigned("life", 3, 1),
            unsigned("remaining", 4, 4, factor=0.001, unit="Ah"),
        ),
    ),
    Message(
        "DalyStatus",
        STATUS,
        (
            unsigned("cell_count", 0, 1),
            unsigned("sensor_count", 1, 1),
            unsigned("charger_present", 2, 1),
            unsigned("load_present", 3, 1),
            *(flag(f"input{n + 1}", 4, n) for n in range(4)),
            *(flag(f"output{n + 1}", 4, 4 + n) for n in range(4)),
            unsigned("cycles", 5),
        ),
    ),
    Message(
        "DalyCells",
        CELLS,
        tuple(
            unsigned(f"cell{n + 1}", 2 * n, factor=0.001, invalid=(0,), unit="V") for n in range(MAX_CELLS)
        ),
    ),
    Message(
        "DalyTemperatures",
        TEMPERATURES,
        tuple(
            unsigned(f"temperature{n + 1}", n, 1, offset=_TEMPERATURE_ZERO_C, unit="degC")
            for n in range(MAX_SENSORS)
        ),
    ),
    Message(
        "DalyBalance",
        BALANCE,
        (unsigned("balance_word", 0, 6, little=True, mark="order of bits unsure"),),
    ),
    Message("DalyAlarms", ALARMS, tuple(unsigned(f"alarms{n}", n, 1) for n in range(ALARM_BYTES))),
    Message("DalyRated", RATED, (unsigned("rated", 0, 4, factor=0.001, unit="Ah", mark=_SINGLE),)),
    Message(
        "DalyProduced",
        PRODUCED,
        (
            unsigned("year", 2, 1, offset=2000.0, mark=_SINGLE),
            unsigned("month", 3, 1, mark=_SINGLE),
            unsigned("day", 4, 1, mark=_SINGLE),
        ),
    ),
    Message("DalyCode", CODE, ()),
)

DALY = SerialProtocol(
    name="daly",
    title="Daly battery management system (A5 frames)",
    baud_rate=9600,
    framing=Framing(
        shapes=(Shape.fixed((_START, ANY, ANY, b"\x08"), _FRAME_BYTES, sum_8()),),
        make_reader=_Reader,
        frames_per_message=4,  # what was held back ends with another message
    ),
    messages=_MESSAGES,
    mapped=(  # extremes of cells are those of DalyCells: DalyCellSpread is of another moment
        *usual(*_MESSAGES),
        Mapped("DalyTemperatureSpread.highest_temperature", "battery.temp_max_c"),
        Mapped("DalyTemperatureSpread.lowest_temperature", "battery.temp_min_c"),
        Mapped("DalyBalance.balance_word", "battery.balancing"),
        *alarms("DalyAlarms"),
    ),
    requests=(
        _asked(STATUS, _SLOW_S),  # first: it says how many cells there are
        _asked(PACK, _SECOND_S),
        _asked(SWITCHES, _SECOND_S),
        _asked(ALARMS, _SECOND_S),
        _asked(CELLS, _SECOND_S),
        _asked(TEMPERATURES, _SLOW_S),
        _asked(CELL_SPREAD, _SLOW_S),
        _asked(TEMPERATURE_SPREAD, _SLOW_S),
        _asked(BALANCE, _SLOW_S),
        _asked(RATED, BANK_S),  # the capacity, by which an aggregate weighs the state of charge
        _asked(PRODUCED, _MINUTE_S),
        _asked(CODE, _MINUTE_S),
    ),
    addresses=Addresses(default=1, least=1, most=16),
    scan=Scanned(2, others=tuple(range(2, 17))),
    words=Words(
        "Daly",
        "Daly boards that speak A5 frames; to 48 cells, 16 boards on a line",
        (
            "the service asks for current, switches, alarms and cells once a second, for the rest "
            "each 5 s, for its code once a minute"
        ),
        scrubbed="the battery code (0x57), each frame of it by itself",
        addresses="boards 1 to 16",
    ),
)
