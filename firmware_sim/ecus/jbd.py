"""A JBD protection board over a small pack: what it measures, when it switches off, which cells it bleeds.

Promises: a switch is off within one tick of a protection that concerns it, and on again when the reading has
gone back past the release and the hold time is over. Knows no bytes and no clock.
The numbers of the protection bits are those of the vendor's protocol; the thresholds are usual settings.
"""

from collections import Counter
from dataclasses import dataclass

from firmware_sim.plant.pack import Pack
from firmware_sim.wire.readings import ALARMS, Readings

_BALANCE_ABOVE_V, _BALANCE_DELTA_V, _BLEED_A = 4.0, 0.008, 0.06
_FLOWS_ABOVE_A = 0.2
_SWITCH_K_PER_A2 = 0.0008  # how much warmer than the pack the MOSFETs get


@dataclass(frozen=True, slots=True)
class TripPoint:
    """Trips at `trip`, seen from `release`; lets go past `release`, and not before `hold_s`."""

    bit: int
    reading: str
    trip: float
    release: float
    stops_charge: bool
    stops_discharge: bool
    hold_s: float = 0.0

    def tripped(self, value: float, before: bool) -> bool:
        """Return whether `value` trips it, when it was tripped `before`."""
        sign = 1.0 if self.trip > self.release else -1.0
        return sign * (value - (self.release if before else self.trip)) >= 0.0


PROTECTIONS = (
    TripPoint(0, "cell_max_v", 4.25, 4.15, stops_charge=True, stops_discharge=False),
    TripPoint(1, "cell_min_v", 2.80, 3.10, stops_charge=False, stops_discharge=True),
    TripPoint(2, "mean_v", 4.23, 4.15, stops_charge=True, stops_discharge=False),
    TripPoint(3, "mean_v", 2.95, 3.15, stops_charge=False, stops_discharge=True),
    TripPoint(4, "temp_max_c", 50.0, 45.0, stops_charge=True, stops_discharge=False),
    TripPoint(5, "temp_min_c", 0.0, 3.0, stops_charge=True, stops_discharge=False),
    TripPoint(6, "temp_max_c", 60.0, 55.0, stops_charge=False, stops_discharge=True),
    TripPoint(7, "temp_min_c", -20.0, -15.0, stops_charge=False, stops_discharge=True),
    TripPoint(8, "charge_a", 60.0, 59.0, stops_charge=True, stops_discharge=False, hold_s=30.0),
    TripPoint(9, "discharge_a", 120.0, 119.0, stops_charge=False, stops_discharge=True, hold_s=30.0),
)


class JbdBms:
    """Watches one pack. After each step of the plant, call `tick`."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.protection_bits = 0
        self.lost_sensors: set[int] = set()  # temperature sensors, counted from 0
        self.trips: Counter[int] = Counter()  # by bit: how often
        self._tripped_s: dict[int, float] = {}  # by bit: for how long
        self.tick(0.0)

    @property
    def charge_switch(self) -> bool:
        """Return whether the charge MOSFETs conduct."""
        return not any(p.stops_charge and p.bit in self._tripped_s for p in PROTECTIONS)

    @property
    def discharge_switch(self) -> bool:
        """Return whether the discharge MOSFETs conduct."""
        return not any(p.stops_discharge and p.bit in self._tripped_s for p in PROTECTIONS)

    def temperatures_c(self) -> list[float | None]:
        """Return the reading of each sensor; None where it is lost."""
        modules = self.pack.module_temperatures_c
        return [None if sensor in self.lost_sensors else modules[sensor] for sensor in range(len(modules))]

    def tick(self, duration_s: float) -> None:
        """Advance by `duration_s`: measure, protect, balance."""
        self.cell_voltages_v = self.pack.cell_voltages_v()
        readings = self._measured()
        for protection in PROTECTIONS:
            self._judge(protection, readings[protection.reading], duration_s)
        self.protection_bits = sum(1 << bit for bit in self._tripped_s)
        self._balance()

    def readings(self) -> Readings:
        """Return what the board measures now."""
        pack = self.pack
        return Readings(
            cells_v=tuple(self.cell_voltages_v),
            sensors_c=tuple(self.temperatures_c()),
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
            charge_switch=self.charge_switch,
            discharge_switch=self.discharge_switch,
            balanced_cells=pack.balanced_cells,
            alarms=frozenset(name for bit, name in enumerate(ALARMS) if self.protection_bits >> bit & 1),
            trips=dict(self.trips),
        )

    def _measured(self) -> dict[str, float]:
        cells = self.cell_voltages_v
        sensors = [temperature for temperature in self.temperatures_c() if temperature is not None] or [25.0]
        return {
            "cell_max_v": max(cells),
            "cell_min_v": min(cells),
            "mean_v": sum(cells) / len(cells),
            "temp_max_c": max(sensors),
            "temp_min_c": min(sensors),
            "charge_a": self.pack.current_a,
            "discharge_a": -self.pack.current_a,
        }

    def _judge(self, protection: TripPoint, value: float, duration_s: float) -> None:
        held_s = self._tripped_s.get(protection.bit)
        if held_s is None:
            if protection.tripped(value, before=False):
                self._tripped_s[protection.bit] = 0.0
                self.trips[protection.bit] += 1
        elif protection.tripped(value, before=True) or held_s < protection.hold_s:
            self._tripped_s[protection.bit] = held_s + duration_s
        else:
            del self._tripped_s[protection.bit]

    def _balance(self) -> None:
        lowest_v = min(self.cell_voltages_v)
        charging = self.pack.current_a > _FLOWS_ABOVE_A
        cells = frozenset(
            cell
            for cell, voltage in enumerate(self.cell_voltages_v)
            if charging and voltage > _BALANCE_ABOVE_V and voltage > lowest_v + _BALANCE_DELTA_V
        )
        if cells != self.pack.balanced_cells:
            self.pack.balance(cells, _BLEED_A)
