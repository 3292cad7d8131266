"""ANT battery management systems of the first kind: a status of 140 bytes that begins AA 55 AA FF.

Point to point at 19200 baud; some boards have 9600. Read-only. Boards of 2021 answer this too, beside their
own protocol (`ant_new.py`). The current on the wire is positive out of the battery, and turned here.

Sources of the facts: the vendor's "ANT communication protocol", four open drivers, and captures.
"""

from collections.abc import Sequence

from telemetry.framing.checks import sum_8, sum_16
from telemetry.framing.framing import Framing, Heard, PortReader, Shape, Skipped, literal
from telemetry.protocols.serial.ant_codes import NOT_FITTED_C, alarms, switched_on, switches
from telemetry.protocols.serial.layout import ABSENT_SENSOR, Layout, Value, byte_of_frame, cells, sensors
from telemetry.protocols.serial.signals import usual
from telemetry.protocols.table import DeviceRequest, Message, Scanned, SerialProtocol, Words

STATUS = 1

STATUS_BYTES = 140
MAX_CELLS = 32
REQUEST = bytes.fromhex("5A5A00000101")

_POLL_S = 1.0
_REQUEST_BYTES = 6
_CELLS_AT, _SENSORS_AT, _SENSOR_COUNT = 6, 91, 6
_CHARGE_AT, _DISCHARGE_AT, _BALANCER_AT, _CELL_COUNT_AT = 103, 104, 105, 123
_FLAGS_AT = STATUS_BYTES  # a byte of our own: what is switched on
_CELLS_COPY_AT = _FLAGS_AT + 1
_BEFORE_SENSORS = ("mosfet_temperature", "balancer_temperature")

# Offsets count from the first byte of the frame. After it come a byte of flags and the cells that are fitted.
STATUS_LAYOUT = Layout(
    (
        Value("voltage", 4, factor=0.1, unit="V"),
        Value("current", 70, "s32", -0.1, unit="A"),
        Value("soc", 74, "u8", unit="%"),
        Value("capacity", 75, "u32", 1e-6, unit="Ah", invalid=(0,)),  # some boards do not report it
        Value("remaining", 79, "u32", 1e-6, unit="Ah"),
        Value("cycled_capacity", 83, "u32", 0.001, unit="Ah"),
        Value("runtime", 87, "u32", unit="s"),
        *(
            Value(name, _SENSORS_AT + 2 * n, "s16", unit="degC", invalid=(ABSENT_SENSOR,))
            for n, name in enumerate(_BEFORE_SENSORS)
        ),
        *sensors((_SENSORS_AT + 2 * n for n in range(len(_BEFORE_SENSORS), _SENSOR_COUNT)), 1.0),
        Value("charge_state", _CHARGE_AT, "u8"),
        Value("discharge_state", _DISCHARGE_AT, "u8"),
        Value("balancer_state", _BALANCER_AT, "u8"),
        Value("power", 111, "s32", -1.0, unit="W"),
        Value("highest_cell", 115, "u8"),
        Value("highest_voltage", 116, factor=0.001, unit="V"),
        Value("lowest_cell", 118, "u8"),
        Value("lowest_voltage", 119, factor=0.001, unit="V"),
        Value("average_voltage", 121, factor=0.001, unit="V"),
        Value("cell_count", _CELL_COUNT_AT, "u8"),
        Value("balance_bits", 132, "u32"),
        *switches(_FLAGS_AT),
        *cells(MAX_CELLS, _CELLS_COPY_AT, lambda n: f"byte {_CELLS_AT + 2 * n}"),
    ),
    "big",
    byte_of_frame(STATUS_BYTES),
)


class _Reader(PortReader):
    """A status as a frame."""

    def read(self, message: bytes) -> Sequence[Heard] | Skipped:
        if len(message) == _REQUEST_BYTES:
            return Skipped.ECHO
        body = bytearray(message)
        for at in range(_SENSORS_AT, _SENSORS_AT + 2 * _SENSOR_COUNT, 2):
            if int.from_bytes(body[at : at + 2], "big", signed=True) == NOT_FITTED_C:
                body[at : at + 2] = ABSENT_SENSOR.to_bytes(2, "big", signed=True)
        body.append(switched_on(body[_CHARGE_AT], body[_DISCHARGE_AT], body[_BALANCER_AT]))
        body += body[_CELLS_AT : _CELLS_AT + 2 * min(body[_CELL_COUNT_AT], MAX_CELLS)]
        return (Heard(STATUS, STATUS_LAYOUT.payload(bytes(body))),)


_STATUS = Message("AntStatus", STATUS, STATUS_LAYOUT.signals)

ANT_OLD = SerialProtocol(
    name="ant_old",
    title="ANT battery management system before 2021 (AA 55 AA FF)",
    baud_rate=19200,
    framing=Framing(
        shapes=(
            Shape.fixed(literal(b"\xaa\x55\xaa\xff"), STATUS_BYTES, sum_16(first=4)),
            *(
                Shape.fixed(literal(start), _REQUEST_BYTES, sum_8(first=2))
                for start in (b"\x5a\x5a", b"\xdb\xdb")
            ),
        ),
        make_reader=_Reader,
    ),
    messages=(_STATUS,),
    mapped=(*usual(_STATUS), *alarms(_STATUS.name)),
    requests=(DeviceRequest(REQUEST, _POLL_S, STATUS),),
    scan=Scanned(5, risk="requests of this kind have made devices of other makers misbehave"),
    words=Words(
        "ANT",
        "ANT boards before 2021; to 32 cells",
        "the service asks for the state once a second",
    ),
)
