"""Logs of vehicles that somebody asks: answers packed by hand, and cut into frames by can-isotp."""

import struct
from collections.abc import Iterable, Iterator, Sequence

from tests.support.diagnostics import segments

CELLS_MV = [3700 + 20 * (number % 30) for number in range(98)]  # whole steps of 20 mV
Answer = tuple[str, bytes]  # id, payload


def kona(
    *,
    soc_pct: float = 61.5,
    current_a: float = -12.3,
    voltage_v: float = 356.7,
    cells_mv: Sequence[int] = CELLS_MV,
) -> Iterator[Answer]:
    """Yield all that the battery of a Kona answers. current_a: into the battery."""
    first = bytearray(62)
    first[:3] = b"\x62\x01\x01"
    first[7] = round(soc_pct * 2)
    struct.pack_into(">hH", first, 13, round(current_a * -10), round(voltage_v * 10))
    struct.pack_into("bb", first, 17, 21, -3)
    yield "7EC", bytes(first)
    for page in range(3):
        of_page = cells_mv[32 * page : 32 * page + 32]
        yield "7EC", b"\x62\x01" + bytes([2 + page]) + b"\xff" * 4 + bytes(each // 20 for each in of_page)
    last = bytearray(46)
    last[:3] = b"\x62\x01\x05"
    struct.pack_into(">H", last, 28, 987)
    last[37:39] = (cells_mv[96] // 20, cells_mv[97] // 20)
    yield "7EC", bytes(last)


def leaf_current(current_a: float, voltage_v: float) -> str:
    """Return frame 1DB: 11 bits of half amperes, and 10 bits of half volts from bit 23 on."""
    raw = round(current_a * 2) & 0x7FF
    volts = round(voltage_v * 2)
    data = bytes([raw >> 3, (raw & 7) << 5, volts >> 2, (volts & 3) << 6, 0, 0, 0, 0])
    return data.hex().upper()


def lines(
    answers: Iterable[Answer], channel: str = "can0", begin_s: float = 1_700_000_000.0
) -> Iterator[str]:
    """Yield lines of candump: frames 10 ms apart, answers of each unit one after the other."""
    time_s = begin_s
    for id, payload in answers:
        for data in segments(payload):
            yield f"({time_s:.6f}) {channel} {id}#{data.hex().upper()}\n"
            time_s += 0.01
