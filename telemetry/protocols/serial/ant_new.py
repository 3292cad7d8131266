"""ANT battery management systems of 2021 and later: frames 7E A1 … AA 55, little-endian, with a CRC-16.

Point to point at 19200 baud. Read-only; reading on the wire needs no login. What its two words of protection
and warning mean is not published, so they are reported as they are.

The drivers of three projects publish the current as it comes, and none says which sign means charging. So
does this table. The state says it; if the two disagree, set `invert_current`.

Sources of the facts: three open drivers (syssi/esphome-ant-bms, aiobmsble, dbus-serialbattery) and captures.
"""

from collections.abc import Sequence

from telemetry.framing.checks import Check, crc_16
from telemetry.framing.framing import ANY, Framing, Heard, PortReader, Shape, Skipped, literal
from telemetry.framing.lengths import field
from telemetry.protocols.serial.ant_codes import NOT_FITTED_C, alarms, switched_on, switches
from telemetry.protocols.serial.layout import ABSENT_SENSOR, Confirmed, Layout, Value, cells, sensors
from telemetry.protocols.serial.signals import usual
from telemetry.protocols.table import DeviceRequest, Message, Scanned, SerialProtocol, Words

STATUS, DEVICE = 0x11, 0x12  # functions of replies: the ids of their messages

MAX_CELLS = 32
MAX_SENSORS = 8
STATUS_REQUEST = bytes.fromhex("7EA1010000BE1855AA55")
DEVICE_REQUEST = bytes.fromhex("7EA1026C022058C4AA55")

_POLL_S = 1.0
_DEVICE_POLL_S = 60.0
_FUNCTION_AT, _LENGTH_AT, _DATA_AT = 2, 5, 6
_ENVELOPE_BYTES = 10
_REQUEST_BYTES = 10  # its length is that of the reply
_LONGEST = _ENVELOPE_BYTES + 255
_REPLIES = b"\x11\x12"
_CRC_BYTES = 2
_DEVICE_START = b"\x7e\xa1\x12\x6c\x02\x20"  # the reply to DEVICE_REQUEST
_DEVICE_TEXTS_END = 38
_LONG_DEVICE_BYTES = 48  # six more between its CRC and its end than its length says, the same on all boards

_SENSOR_COUNT_AT, _CELL_COUNT_AT, _HEAD_BYTES = 8, 9, 34
_STATE_BYTES = 52  # what follows the cells and sensors
_STATE_AT = _HEAD_BYTES
_CHARGE_AT, _DISCHARGE_AT, _BALANCER_AT = 12, 13, 14  # of what follows
_FLAGS_AT = _STATE_AT + _STATE_BYTES
_SENSORS_AT = _FLAGS_AT + 1
_CELLS_AT = _SENSORS_AT + 2 * MAX_SENSORS


def _after(offset: int) -> int:
    """Return where a byte of what follows the cells and sensors is in the body."""
    return _STATE_AT + offset


def _place(at: int) -> str:
    """Return where a byte of the body is in the frame."""
    if at < _HEAD_BYTES:
        return f"byte {at}"
    return f"{at - _STATE_AT} after the sensors" if at < _FLAGS_AT else ""


# A body: the frame up to its cells, what follows cells and sensors, a byte of flags, sensors, cells.
STATUS_LAYOUT = Layout(
    (
        Value("state", 7, "u8"),  # 1 idle, 2 charge, 3 discharge, 4 standby, 5 error
        Value("sensor_count", _SENSOR_COUNT_AT, "u8"),
        Value("cell_count", _CELL_COUNT_AT, "u8"),
        Value("protection", 10, "u64"),
        Value("warnings", 18, "u64"),
        Value("balance_bits", 26, "u64"),
        Value("mosfet_temperature", _after(0), "s16", unit="degC", invalid=(NOT_FITTED_C,)),
        Value("balancer_temperature", _after(2), "s16", unit="degC", invalid=(NOT_FITTED_C,)),
        Value("voltage", _after(4), factor=0.01, unit="V"),
        Value("current", _after(6), "s16", 0.1, unit="A", confirmed=Confirmed.DISPUTED),
        Value("soc", _after(8), unit="%"),
        Value("soh", _after(10), unit="%"),
        Value("charge_state", _after(_CHARGE_AT), "u8"),
        Value("discharge_state", _after(_DISCHARGE_AT), "u8"),
        Value("balancer_state", _after(_BALANCER_AT), "u8"),
        Value("capacity", _after(16), "u32", 1e-6, unit="Ah", invalid=(0,)),
        Value("remaining", _after(20), "u32", 1e-6, unit="Ah"),
        Value("cycled_capacity", _after(24), "u32", 0.001, unit="Ah"),
        Value("power", _after(28), "s32", unit="W", confirmed=Confirmed.DISPUTED),
        Value("runtime", _after(32), "u32", unit="s"),
        Value("balanced_cells", _after(36), "u32"),
        Value("highest_voltage", _after(40), factor=0.001, unit="V"),
        Value("highest_cell", _after(42)),
        Value("lowest_voltage", _after(44), factor=0.001, unit="V"),
        Value("lowest_cell", _after(46)),
        Value("difference", _after(48), factor=0.001, unit="V"),
        Value("average_voltage", _after(50), factor=0.001, unit="V"),
        *switches(_FLAGS_AT),
        *sensors(
            (_SENSORS_AT + 2 * n for n in range(MAX_SENSORS)), 1.0, place=lambda n: f"{2 * n} after the cells"
        ),
        *cells(MAX_CELLS, _CELLS_AT, lambda n: f"byte {_HEAD_BYTES + 2 * n}"),
    ),
    "little",
    _place,
)


class _Reader(PortReader):
    """Replies as frames of their function."""

    def read(self, message: bytes) -> Sequence[Heard] | Skipped:
        if message[_FUNCTION_AT] not in _REPLIES:
            return Skipped.ECHO
        if message[_FUNCTION_AT] == DEVICE:
            if not message.startswith(_DEVICE_START):  # the answer to another program, which read a setting
                return Skipped.OTHER
            self.identify("hardware", message[_DATA_AT : _DATA_AT + 16])
            self.identify("firmware", message[_DATA_AT + 16 : _DATA_AT + 32])
            return (Heard(DEVICE, b""),)
        return _status(message[: -_CRC_BYTES - 2])


def _status(message: bytes) -> Sequence[Heard] | Skipped:
    """`message`: without check and end."""
    if len(message) < _HEAD_BYTES:
        return Skipped.SHORT
    sensor_count, cell_count = message[_SENSOR_COUNT_AT], message[_CELL_COUNT_AT]
    sensors_at = _HEAD_BYTES + 2 * cell_count
    after_at = sensors_at + 2 * sensor_count
    after = message[after_at : after_at + _STATE_BYTES]
    if len(after) < _STATE_BYTES:
        return Skipped.SHORT
    on = switched_on(after[_CHARGE_AT], after[_DISCHARGE_AT], after[_BALANCER_AT])
    absent = ABSENT_SENSOR.to_bytes(2, "little", signed=True)
    sensors = message[sensors_at : sensors_at + 2 * min(sensor_count, MAX_SENSORS)]
    fitted = [sensors[at : at + 2] for at in range(0, len(sensors), 2)]
    not_fitted = NOT_FITTED_C.to_bytes(2, "little", signed=True)
    temperatures = [absent if each == not_fitted else each for each in fitted]
    temperatures += [absent] * (MAX_SENSORS - len(fitted))
    voltages = message[_HEAD_BYTES : _HEAD_BYTES + 2 * min(cell_count, MAX_CELLS)]
    body = message[:_HEAD_BYTES] + after + bytes((on,)) + b"".join(temperatures) + voltages
    return (Heard(STATUS, STATUS_LAYOUT.payload(body)),)


_CRC = crc_16(first=1)
_COVERED = _DEVICE_TEXTS_END + _CRC_BYTES  # by the CRC of the long reply, which follows from its length
_DEVICE_CHECK = Check(
    lambda message: _CRC.is_good(message[:_COVERED]),
    lambda message: _CRC.written(message[:_COVERED]) + message[_COVERED:],
)

_START = literal(b"\x7e\xa1")
_STATUS = Message("AntStatus", STATUS, STATUS_LAYOUT.signals)

ANT_NEW = SerialProtocol(
    name="ant_new",
    title="ANT battery management system of 2021 and later (7E A1)",
    baud_rate=19200,
    framing=Framing(
        shapes=(
            Shape(
                start=(*_START, _REPLIES),
                length=field(_LENGTH_AT, _ENVELOPE_BYTES),
                check=_CRC,
                end=b"\xaa\x55",
                shortest=_ENVELOPE_BYTES,
                longest=_LONGEST,
            ),
            Shape.fixed(literal(_DEVICE_START), _LONG_DEVICE_BYTES, _DEVICE_CHECK, b"\xaa\x55"),
            Shape.fixed((*_START, bytes(set(ANY) - set(_REPLIES))), _REQUEST_BYTES, _CRC, b"\xaa\x55"),
        ),
        make_reader=_Reader,
    ),
    messages=(_STATUS, Message("AntDevice", DEVICE, ())),
    mapped=(*usual(_STATUS), *alarms(_STATUS.name)),
    requests=(
        DeviceRequest(STATUS_REQUEST, _POLL_S, STATUS),
        DeviceRequest(DEVICE_REQUEST, _DEVICE_POLL_S, DEVICE),
    ),
    scan=Scanned(4, more_rates=(9600,)),  # as the vendor's text has it
    words=Words(
        "ANT",
        "ANT boards of 2021 and later; to 32 cells",
        "the service asks for the state once a second, for the versions once a minute",
    ),
)
