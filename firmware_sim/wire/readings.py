"""What any board over a pack can say about it at one moment, whatever its protocol.

Promises: readings are values of their own, so that a test may give any. Current is positive into the battery.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

# In the order of a JBD board's protection bits.
ALARMS = (
    "cell_overvoltage",
    "cell_undervoltage",
    "pack_overvoltage",
    "pack_undervoltage",
    "charge_overtemperature",
    "charge_undertemperature",
    "discharge_overtemperature",
    "discharge_undertemperature",
    "charge_overcurrent",
    "discharge_overcurrent",
)


@dataclass(frozen=True, slots=True)
class Readings:
    """One moment of a pack. A temperature of None is a sensor that is not fitted or lost."""

    cells_v: tuple[float, ...]
    sensors_c: tuple[float | None, ...]
    voltage_v: float
    current_a: float = 0.0
    soc_pct: float = 50.0
    soh_pct: float = 100.0
    remaining_ah: float = 50.0
    capacity_ah: float = 100.0  # full, at present
    nominal_ah: float = 100.0
    cycles: float = 0.0
    cycled_ah: float = 0.0
    uptime_s: float = 0.0
    switch_c: float = 25.0  # of the MOSFETs
    ambient_c: float = 25.0
    charge_switch: bool = True
    discharge_switch: bool = True
    balanced_cells: frozenset[int] = frozenset()  # counted from 0
    alarms: frozenset[str] = frozenset()  # of ALARMS
    trips: Mapping[int, int] = field(default_factory=dict)  # by the number of an alarm: how often it came

    @property
    def power_w(self) -> float:
        return self.voltage_v * self.current_a

    @property
    def highest(self) -> tuple[int, float]:
        """Return the cell, counted from 0, and its voltage."""
        return max(enumerate(self.cells_v), key=lambda cell: cell[1])

    @property
    def lowest(self) -> tuple[int, float]:
        """Return the cell, counted from 0, and its voltage."""
        return min(enumerate(self.cells_v), key=lambda cell: cell[1])

    def level_bits(self, warnings: frozenset[str] = frozenset()) -> bytes:
        """Return two bits for each of ALARMS, four alarms a byte, from the lowest bits on.

        1 means a warning, 2 a protection. warnings: alarms at their first level alone.
        """
        found = bytearray(3)
        for number, alarm in enumerate(ALARMS):
            level = 1 if alarm in warnings else 2 if alarm in self.alarms else 0
            found[number // 4] |= level << number % 4 * 2
        return bytes(found)

    @property
    def balanced_bits(self) -> int:
        """Return a bit for each cell that is bled, from the lowest."""
        return sum(1 << cell for cell in self.balanced_cells)

    @property
    def temperatures_c(self) -> list[float]:
        """Return the temperatures of boards that have no word for a lost sensor, and say the ambient's."""
        return [self.ambient_c if c is None else c for c in self.sensors_c]

    @property
    def average_v(self) -> float:
        return sum(self.cells_v) / len(self.cells_v)
