"""What a Daly board says on UART or RS485: A5 frames of 13 bytes.

Promises: a board answers requests for its own number alone; cells and temperatures come in numbered frames,
as many as are needed or always 16, as the firmware has it. Layout: "Daly UART/485 Communications Protocol".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from firmware_sim.wire.asked import AskedLine, frames
from firmware_sim.wire.numbers import be, unsigned
from firmware_sim.wire.readings import Readings

START = 0xA5
FRAME_BYTES = 13
FIRST_MASTER = 0x40
PACK, CELL_SPREAD, TEMPERATURE_SPREAD, SWITCHES, STATUS = 0x90, 0x91, 0x92, 0x93, 0x94
CELLS, TEMPERATURES, BALANCE, ALARMS = 0x95, 0x96, 0x97, 0x98
RATED, CODE = 0x50, 0x57

_ALL_FRAMES = 16
_ZERO_CURRENT = 30000
_ZERO_C = 40
_CELLS_A_FRAME, _SENSORS_A_FRAME = 3, 7
_CODE_FRAMES, _LETTERS_A_FRAME = 5, 7


@dataclass(frozen=True, slots=True)
class DalyFirmware:
    """How one board differs from others."""

    number: int = 1
    sends_all_frames: bool = False
    first_frame: int = 1
    inverts_current: bool = False
    code: bytes = b""  # of the battery; empty: it has none, and says nothing of it


def frame(address: int, id: int, data: bytes) -> bytes:
    """Return a request or a reply."""
    body = bytes((START, address, id, len(data))) + data
    return body + bytes((sum(body) % 256,))


def request(id: int, number: int = 1) -> bytes:
    """Return the request to board `number`, filled as drivers fill it."""
    return frame(FIRST_MASTER + number - 1, id, b"\xaa" * 8)


def alarm_bytes(readings: Readings, warnings: frozenset[str] = frozenset()) -> bytes:
    """Return the eight bytes of alarms. `warnings` are alarms at their first level alone."""
    return readings.level_bits(warnings).ljust(8, b"\0")


def _celsius(degrees: float) -> bytes:
    return bytes((unsigned(degrees + _ZERO_C, 1.0, 1),))


def _pack(readings: Readings, firmware: DalyFirmware) -> bytes:
    out_a = readings.current_a if firmware.inverts_current else -readings.current_a
    current = be(_ZERO_CURRENT + out_a / 0.1)
    return be(readings.voltage_v, 0.1) + bytes(2) + current + be(readings.soc_pct, 0.1)


def _spread(readings: Readings) -> bytes:
    (highest, high_v), (lowest, low_v) = readings.highest, readings.lowest
    return be(high_v, 0.001) + bytes((highest + 1,)) + be(low_v, 0.001) + bytes((lowest + 1, 0, 0))


def _temperatures(readings: Readings) -> bytes:
    sensors = readings.temperatures_c
    hot, cold = max(sensors), min(sensors)
    return (
        _celsius(hot)
        + bytes((sensors.index(hot) + 1,))
        + _celsius(cold)
        + bytes((sensors.index(cold) + 1,))
        + bytes(4)
    )


def _switches(readings: Readings) -> bytes:
    state = 1 if readings.current_a > 0.0 else 2 if readings.current_a < 0.0 else 0
    return bytes((state, readings.charge_switch, readings.discharge_switch, 77)) + be(
        readings.remaining_ah, 0.001, 4
    )


def _status(readings: Readings) -> bytes:
    counts = bytes((len(readings.cells_v), len(readings.sensors_c), 1, 1, 0))
    return counts + be(readings.cycles) + b"\0"


def _frames(values: Sequence[bytes], in_one: int, firmware: DalyFirmware) -> list[bytes]:
    """Return data of the frames that carry these values."""
    needed = -(-len(values) // in_one)
    count = _ALL_FRAMES if firmware.sends_all_frames else needed
    size = len(values[0])
    data = b"".join(values).ljust(count * in_one * size, b"\0")
    step = in_one * size
    return [
        (bytes((firmware.first_frame + n,)) + data[n * step : (n + 1) * step]).ljust(8, b"\x16")
        for n in range(count)
    ]


def answers(id: int, readings: Readings, firmware: DalyFirmware) -> list[bytes]:
    """Return data of all frames that answer a request; none: it is not known."""
    balanced = readings.balanced_bits
    single = {
        PACK: lambda: _pack(readings, firmware),
        CELL_SPREAD: lambda: _spread(readings),
        TEMPERATURE_SPREAD: lambda: _temperatures(readings),
        SWITCHES: lambda: _switches(readings),
        STATUS: lambda: _status(readings),
        BALANCE: lambda: balanced.to_bytes(8, "little"),
        ALARMS: lambda: alarm_bytes(readings),
        RATED: lambda: be(readings.nominal_ah, 0.001, 4) + bytes(4),
    }
    if id == CELLS:
        return _frames([be(volts, 0.001) for volts in readings.cells_v], _CELLS_A_FRAME, firmware)
    if id == TEMPERATURES:
        return _frames([_celsius(c) for c in readings.temperatures_c], _SENSORS_A_FRAME, firmware)
    if id == CODE and firmware.code:
        letters = firmware.code.ljust(_CODE_FRAMES * _LETTERS_A_FRAME, b"\0")
        return [
            bytes((n + firmware.first_frame,)) + letters[n * _LETTERS_A_FRAME : (n + 1) * _LETTERS_A_FRAME]
            for n in range(_CODE_FRAMES)
        ]
    return [single[id]()] if id in single else []


class DalyLine(AskedLine):
    """The board's end of the line."""

    def __init__(self, readings: Callable[[], Readings], firmware: DalyFirmware | None = None) -> None:
        self._readings = readings
        self._firmware = firmware or DalyFirmware()
        super().__init__(frames(bytes((START,)), FRAME_BYTES, lambda _: FRAME_BYTES, _is_good), self._answers)

    def _answers(self, asked: bytes) -> Sequence[bytes]:
        if asked[1] != FIRST_MASTER + self._firmware.number - 1:
            return ()
        found = answers(asked[2], self._readings(), self._firmware)
        return [frame(self._firmware.number, asked[2], data) for data in found]


def _is_good(whole: bytes) -> bool:
    return sum(whole[:-1]) % 256 == whole[-1]
