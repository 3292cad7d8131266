"""What any board over a pack can say about it at one moment, whatever its protocol.

Promises: readings are values of their own, so that a test may give any; `of_board` takes them from the plant
and changes nothing there. Current is positive into the battery.
"""

from dataclasses import dataclass

from firmware_sim.ecus.jbd import JbdBms

# The protections of `firmware_sim.ecus.jbd`, by the number of their bit.
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
_SWITCH_K_PER_A2 = 0.0008  # how much warmer than the pack the MOSFETs get


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

    @property
    def power_w(self) -> float:
        return self.voltage_v * self.current_a

    @property
    def highest(self) -> tuple[int, float]:
        """The cell, counted from 0, and its voltage."""
        return max(enumerate(self.cells_v), key=lambda cell: cell[1])

    @property
    def lowest(self) -> tuple[int, float]:
        """The cell, counted from 0, and its voltage."""
        return min(enumerate(self.cells_v), key=lambda cell: cell[1])

    @property
    def average_v(self) -> float:
        return sum(self.cells_v) / len(self.cells_v)


def of_board(bms: JbdBms) -> Readings:
    """What the board over that pack measures now."""
    pack = bms.pack
    return Readings(
        cells_v=tuple(bms.cell_voltages_v),
        sensors_c=tuple(bms.temperatures_c()),
        voltage_v=pack.voltage_v,
        current_a=pack.current_a,
        soc_pct=min(max(pack.soc_pct, 0.0), 100.0),
        soh_pct=100.0 * pack.soh,
        remaining_ah=pack.remaining_ah,
        capacity_ah=pack.capacity_ah,
        nominal_ah=pack.spec.cell_capacity_ah,
        cycles=pack.cycles,
        cycled_ah=pack.cycles * pack.spec.cell_capacity_ah,
        uptime_s=pack.elapsed_s,
        switch_c=max(pack.module_temperatures_c) + _SWITCH_K_PER_A2 * pack.current_a**2,
        ambient_c=pack.spec.ambient_c,
        charge_switch=bms.charge_switch,
        discharge_switch=bms.discharge_switch,
        balanced_cells=pack.balanced_cells,
        alarms=frozenset(name for bit, name in enumerate(ALARMS) if bms.protection_bits >> bit & 1),
    )
