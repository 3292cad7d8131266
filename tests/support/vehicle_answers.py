"""What answers of some vehicles mean, by the tables of those who have measured them, and not by our profiles.

Each fact: a request, the name of a value of the plant, how bytes become it, and the step of one bit.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import isotp

MODES = isotp.AddressingMode


class Fact(NamedTuple):
    request: bytes
    name: str
    step: float
    read: Callable[[bytes], float]


@dataclass(frozen=True)
class Vehicle:
    """options: what follows the profile's name; request, answer: ids; unit: BMW's address."""

    profile: str
    options: str
    request: int
    answer: int
    cells: int
    facts: tuple[Fact, ...]
    unit: int | None = None

    def address(self, *, is_unit: bool = False) -> isotp.Address:
        """Return how can-isotp is to speak: as the tester, or as the unit."""
        ids = (self.answer, self.request) if is_unit else (self.request, self.answer)
        if self.unit is not None:
            ends = (0xF1, self.unit) if is_unit else (self.unit, 0xF1)
            return isotp.Address(MODES.Extended_11bits, *ids, target_address=ends[0], source_address=ends[1])
        return isotp.Address(MODES.Normal_29bits if self.request > 0x7FF else MODES.Normal_11bits, *ids)


def number(request: str, name: str, form: str, at: int, scale: float, offset: float = 0.0) -> Fact:
    """form: of struct; `3` is three bytes, unsigned."""

    def read(answer: bytes) -> float:
        if form == "3":
            return int.from_bytes(answer[at : at + 3]) * scale + offset
        return float(struct.unpack_from(f">{form}", answer, at)[0]) * scale + offset

    return Fact(bytes.fromhex(request), name, abs(scale), read)


def kona_cells() -> Iterator[Fact]:
    for page in range(3):
        for cell in range(32):
            yield number(f"22010{2 + page}", f"v{32 * page + cell + 1}", "B", 7 + cell, 0.02)
    yield number("220105", "v97", "B", 37, 0.02)
    yield number("220105", "v98", "B", 38, 0.02)


LEAF_CELLS = tuple(number("2102", f"v{cell + 1}", "H", 2 + 2 * cell, 0.001) for cell in range(96))
LEAF_SENSORS = tuple(number("2104", f"t{n + 1}", "b", 4 + 3 * n, 1.0) for n in range(4))
LEAF = (*LEAF_CELLS, *LEAF_SENSORS, number("2102", "voltage_v", "H", 194, 0.01))
LEAF_OLD = (number("2101", "capacity_ah", "3", 35, 0.0001), *LEAF)

VEHICLES = (
    Vehicle(
        *("hyundai-kona-64", "", 0x7E4, 0x7EC, 98),
        (
            number("220101", "soc_pct", "B", 7, 0.5),
            number("220101", "current_a", "h", 13, -0.1),
            number("220101", "voltage_v", "H", 15, 0.1),
            number("220101", "temp_max_c", "b", 17, 1.0),
            number("220101", "temp_min_c", "b", 18, 1.0),
            number("220101", "cell_max_v", "B", 26, 0.02),
            number("220101", "cell_min_v", "B", 28, 0.02),
            number("220105", "soh_pct", "H", 28, 0.1),
            *kona_cells(),
        ),
    ),
    Vehicle(
        *("nissan-leaf-ze1", "", 0x79B, 0x7BB, 96),
        (
            number("2101", "voltage_v", "H", 20, 0.01),
            number("2101", "soc_pct", "3", 33, 0.0001),
            number("2101", "capacity_ah", "3", 37, 0.0001),
            number("2161", "soh_pct", "H", 4, 0.01),
            *LEAF,
        ),
    ),
    Vehicle("nissan-leaf-ze0", ",layout:41", 0x79B, 0x7BB, 96, LEAF_OLD),
    Vehicle("nissan-leaf-aze0", ",layout:43", 0x79B, 0x7BB, 96, LEAF_OLD),
    Vehicle(
        *("bmw-i3", "", 0x6F1, 0x607, 96),
        (
            number("22DDBC", "soc_pct", "H", 3, 0.1),
            number("22DD68", "voltage_v", "H", 3, 0.01),
            number("22DD69", "current_a", "i", 3, 0.01),
            number("22DDC0", "temp_min_c", "h", 3, 0.01),
            number("22DDC0", "temp_max_c", "h", 5, 0.01),
            number("22DFA0", "cell_min_v", "H", 9, 0.0001),
            number("22DFA0", "cell_max_v", "H", 11, 0.0001),
            number("226335", "soh_pct", "B", 6, 1.0),
        ),
        unit=0x07,
    ),
    Vehicle(
        *("vw-meb", "", 0x17FC007B, 0x17FE007B, 108),
        (
            number("22028C", "soc_pct", "B", 3, 0.4),
            number("221E3B", "voltage_v", "H", 3, 0.25),
            number("221E3D", "current_a", "I", 3, 0.01, -1500.0),
            number("221E33", "cell_max_v", "H", 3, 1 / 4096),
            number("221E33", "cell_max_index", "H", 5, 1.0),
            number("221E34", "cell_min_v", "H", 3, 1 / 4096),
            number("221E0E", "temp_max_c", "h", 3, 1 / 64),
            number("221E0F", "temp_min_c", "h", 3, 1 / 64),
            *(number(f"22{0x1E40 + cell:04X}", f"v{cell + 1}", "H", 3, 0.001, 1.0) for cell in range(108)),
        ),
    ),
)
