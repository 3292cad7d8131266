"""Daly battery management systems that speak Modbus: the K, M and S series from 2023 on. Read-only.

Source of the facts: the maker's "dalyModbusProtocol" as two open drivers read it, which agree; both have the
current positive into the battery. The registers after the alarms are known from one driver.
"""

from collections.abc import Sequence
from functools import partial

from telemetry.framing.framing import Framing, Heard, Skipped
from telemetry.protocols.serial.daly import ALARM_BYTES, alarms
from telemetry.protocols.serial.rtu import HOLDING, Asked, RtuReader, request, shapes
from telemetry.protocols.serial.signals import unsigned, usual
from telemetry.protocols.table import (
    BANK_S,
    Addresses,
    DeviceRequest,
    Message,
    Scanned,
    SerialProtocol,
    Words,
)

STATUS, MORE, RATED, VERSIONS = 1, 2, 3, 4

MAX_CELLS = 32
MAX_SENSORS = 8
_TEMPERATURE_ZERO_C = -40.0
_SINGLE = "single source"
_STATUS_REGISTERS = 62
_LONG_STATUS_REGISTERS = 80  # with those of MORE
_MORE_FROM = 0x3E
_MORE_REGISTERS = 9
_RATED_FROM = 0x80
_VERSIONS_FROM = 0xA9
_VERSION_BYTES = 32
_CELL_COUNT, _SENSOR_COUNT = 0x31, 0x32  # registers
_SENSORS_FROM = 0x20
_SLAVES = frozenset((0xD2, *range(0x81, 0x92)))  # whose registers these are; 0x51 has others
_ABSENT = b"\xff\xff"  # what the payload has in place of a cell or sensor that is not fitted


class _Reader(RtuReader):
    """Status in one frame, of which cells and sensors that are not fitted are absent."""

    def unasked(self, slave: int, function: int, count: int) -> Asked | None:
        if slave in _SLAVES and count in (_STATUS_REGISTERS, _LONG_STATUS_REGISTERS):
            return Asked(slave, function, 0, count)
        return None

    def registers(self, asked: Asked, data: bytes) -> Sequence[Heard] | Skipped:
        if asked.first == 0 and asked.quantity >= _STATUS_REGISTERS:
            more = data[2 * _MORE_FROM :]
            status = (Heard(STATUS, _fitted(data[: 2 * _STATUS_REGISTERS]), asked.slave),)
            return (*status, Heard(MORE, more, asked.slave)) if len(more) >= 2 * _MORE_REGISTERS else status
        if asked.first == _MORE_FROM and asked.quantity == _MORE_REGISTERS:
            return (Heard(MORE, data, asked.slave),)
        if asked.first == _RATED_FROM:
            return (Heard(RATED, data[:2], asked.slave),)
        if asked.first == _VERSIONS_FROM and len(data) == 2 * _VERSION_BYTES:
            self.identify("firmware", data[:_VERSION_BYTES])
            self.identify("hardware", data[_VERSION_BYTES:])
            return (Heard(VERSIONS, b"", asked.slave),)
        return Skipped.OTHER


def _fitted(data: bytes) -> bytes:
    cells = min(_word(data, _CELL_COUNT), MAX_CELLS)
    sensors = min(_word(data, _SENSOR_COUNT), MAX_SENSORS)
    after = 2 * (_SENSORS_FROM + MAX_SENSORS)
    return (
        data[: 2 * cells]
        + _ABSENT * (MAX_CELLS - cells)
        + data[2 * _SENSORS_FROM : 2 * (_SENSORS_FROM + sensors)]
        + _ABSENT * (MAX_SENSORS - sensors)
        + data[after:]
    )


def _word(data: bytes, register: int) -> int:
    return int.from_bytes(data[2 * register : 2 * register + 2], "big")


_NOT_FITTED = (0xFFFF,)


def _ask(function: int, first: int, count: int, address: int) -> bytes:
    return request(Asked(address, function, first, count))


def _asked(id: int, first: int, count: int, every_s: float) -> DeviceRequest:
    return DeviceRequest(partial(_ask, HOLDING, first, count), every_s, id)


_MESSAGES = (
    Message(
        "DalyModbusStatus",
        STATUS,
        (
            *(
                unsigned(f"cell{n + 1}", 2 * n, factor=0.001, invalid=(*_NOT_FITTED, 0))
                for n in range(MAX_CELLS)
            ),
            *(
                unsigned(
                    f"temperature{n + 1}",
                    2 * (_SENSORS_FROM + n),
                    offset=_TEMPERATURE_ZERO_C,
                    invalid=_NOT_FITTED,
                )
                for n in range(MAX_SENSORS)
            ),
            unsigned("voltage", 0x50, factor=0.1, unit="V"),
            unsigned("current", 0x52, factor=0.1, offset=-3000.0, unit="A"),
            unsigned("soc", 0x54, factor=0.1, unit="%"),
            unsigned("highest_cell", 0x56, factor=0.001, unit="V"),
            unsigned("lowest_cell", 0x58, factor=0.001, unit="V"),
            unsigned("highest_temperature", 0x5A, offset=_TEMPERATURE_ZERO_C),
            unsigned("lowest_temperature", 0x5C, offset=_TEMPERATURE_ZERO_C),
            unsigned("state", 0x5E),  # 0 idle, 1 charging, 2 discharging
            unsigned("remaining", 0x60, factor=0.1, unit="Ah"),
            unsigned("cell_count", 0x62),
            unsigned("sensor_count", 0x64),
            unsigned("cycles", 0x66),
            unsigned("balancing", 0x68),
            unsigned("charge_switch", 0x6A),
            unsigned("discharge_switch", 0x6C),
            unsigned("average_cell", 0x6E, factor=0.001, unit="V"),
            unsigned("cell_difference", 0x70, factor=0.001, unit="V"),
            unsigned("power", 0x72, unit="W"),  # without a sign
            *(unsigned(f"alarms{n}", 0x74 + n, 1) for n in range(ALARM_BYTES)),
        ),
    ),
    Message(
        "DalyModbusMore",
        MORE,
        (
            unsigned("balance_word", 0, 4, mark=_SINGLE),
            unsigned("balance_current", 4, factor=0.001, offset=-30.0, unit="A", mark=_SINGLE),
            unsigned(
                "switch_temperature",
                8,
                offset=_TEMPERATURE_ZERO_C,
                invalid=(0, 0xFFFF),
                unit="degC",
                mark=_SINGLE,
            ),
            unsigned(
                "board_temperature",
                10,
                offset=_TEMPERATURE_ZERO_C,
                invalid=(0, 0xFFFF),
                unit="degC",
                mark=_SINGLE,
            ),
        ),
    ),
    Message("DalyModbusRated", RATED, (unsigned("rated", 0, factor=0.1, unit="Ah", mark=_SINGLE),)),
    Message("DalyModbusVersions", VERSIONS, ()),
)

DALY_MODBUS = SerialProtocol(
    name="daly_modbus",
    title="Daly battery management system (Modbus)",
    baud_rate=9600,
    framing=Framing(shapes=shapes(), make_reader=_Reader, frames_per_message=2),
    messages=_MESSAGES,
    mapped=(*usual(*_MESSAGES), *alarms("DalyModbusStatus")),
    requests=(
        _asked(STATUS, 0, _STATUS_REGISTERS, 1.0),
        _asked(MORE, _MORE_FROM, _MORE_REGISTERS, 5.0),
        _asked(RATED, _RATED_FROM, 1, BANK_S),
        _asked(VERSIONS, _VERSIONS_FROM, _VERSION_BYTES, 60.0),
    ),
    addresses=Addresses(default=0xD2, least=1, most=247),
    scan=Scanned(3, others=tuple(range(0x81, 0x92))),
    words=Words(
        "Daly",
        "Daly boards of the K, M and S series (2023 and later); to 32 cells",
        (
            "the service asks for the state once a second, for the capacity each 7.5 s, for the "
            "rest each 5 s, for the versions once a minute"
        ),
        addresses="0xD2, 0x81 to 0x91",
    ),
)
