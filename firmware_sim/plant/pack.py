"""The battery itself: cells in series, their charge, polarisation, heat and age, moved by a current.

Promises: the same specification, seed and currents give the same pack, whatever the pace; charge and energy
are integrated without loss, so that what a telemetry chain measures can be compared with `energy_in_wh` and
`energy_out_wh`. Current and power are positive into the battery.

Model, per cell: open-circuit voltage over charge, a resistance that depends on charge, temperature and age,
and one RC pair. All RC pairs have one time constant, and their resistance is in one proportion to the cell's,
so a single number (`_polarisation_a`, the current through every RC resistance) describes all of them. Heat is
balanced per module. The current is constant within a step; steps of 0.01 to 1 s give the same result within
a few parts in ten thousand (the tests hold it to that).
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from firmware_sim.plant.cell import (
    CHEMISTRIES,
    MARGIN_STEPS,
    RESISTANCE_FACTOR,
    STEPS_PER_UNIT,
    temperature_factor,
)
from firmware_sim.table import key

_SECONDS_PER_HOUR = 3600.0
_AGEING_EVERY_S = 60.0  # age is taken into account once a minute: nobody could see it move faster
_SOH_LOST_PER_CYCLE = 0.2 / 2000.0  # a fifth of the capacity in two thousand full cycles
_RESISTANCE_PER_SOH = 3.0  # resistance grows by three times the share of capacity lost


@dataclass(frozen=True, slots=True)
class PackSpec:
    """A pack as it stands before the first step; the defaults are a 96s, 64 kWh NMC pack."""

    chemistry: str = key("nmc", one_of=tuple(CHEMISTRIES))
    cells: int = 96
    cells_per_module: int = 8
    cell_capacity_ah: float = 178.0
    cell_resistance_ohm: float = 0.00045  # ohmic, new, half charged, 25 degC
    rc_resistance_ratio: float = 0.7  # RC resistance over ohmic resistance
    rc_time_constant_s: float = 28.0
    contact_resistance_ohm: float = 0.012  # busbars, contactors, fuse: the whole pack
    cell_heat_capacity_j_per_k: float = 2700.0
    module_to_ambient_w_per_k: float = 1.8
    module_to_coolant_w_per_k: float = 22.0
    coolant_c: float = 20.0
    ambient_c: float = key(15.0, above=-40.0, most=50.0)
    start_temp_c: float = key(15.0, above=-30.0, most=45.0)
    start_soc_pct: float = key(80.0, above=0.0, most=100.0)
    soh_pct: float = key(96.0, above=50.0, most=100.0)
    cycles: float = key(210.0, least=0.0, most=6500.0)
    capacity_spread: float = 0.006  # standard deviations, relative
    resistance_spread: float = 0.03
    charge_spread: float = 0.003  # absolute, share of the capacity
    self_discharge_a: float = 0.004  # mean of a cell's own leak


class Pack:
    """Cells in series. `step` moves time; everything else reads."""

    def __init__(self, spec: PackSpec, seed: int) -> None:
        if spec.cells % spec.cells_per_module:
            raise ValueError(f"{spec.cells} cells do not fill modules of {spec.cells_per_module}")
        self.spec = spec
        self.chemistry = CHEMISTRIES[spec.chemistry]
        draw = random.Random(seed)
        cells, modules = range(spec.cells), range(spec.cells // spec.cells_per_module)
        self._capacity_new_ah = [spec.cell_capacity_ah * draw.gauss(1.0, spec.capacity_spread) for _ in cells]
        self._resistance_new_ohm = [
            spec.cell_resistance_ohm * draw.gauss(1.0, spec.resistance_spread) for _ in cells
        ]
        self._heated_w = [0.0 for _ in modules]
        self._own_leak_a = [spec.self_discharge_a * draw.uniform(0.5, 1.5) for _ in cells]
        start = [spec.start_soc_pct / 100.0 + draw.gauss(0.0, spec.charge_spread) for _ in cells]
        self._exposure = [draw.uniform(0.8, 1.25) for _ in modules]  # outer modules lose more heat
        self.soh = spec.soh_pct / 100.0
        self.cycles = spec.cycles
        self.module_temperatures_c = [spec.start_temp_c for _ in modules]
        self.cooling_on = False
        self.current_a = 0.0
        self.energy_in_wh = 0.0
        self.energy_out_wh = 0.0
        self.heat_wh = 0.0
        self.elapsed_s = 0.0
        self._polarisation_a = 0.0
        self._unaged_s = 0.0
        self._unaged_ah = 0.0
        self._leak_a = list(self._own_leak_a)
        self.balanced_cells: frozenset[int] = frozenset()
        self._set_age()
        self.charges_ah = [
            capacity * min(max(share, 0.0), 1.0)
            for capacity, share in zip(self.capacities_ah, start, strict=True)
        ]
        self._look_up()

    # --- what can be read

    @property
    def voltage_v(self) -> float:
        """Return the voltage between the pack's terminals."""
        return self._electromotive_v + self.current_a * self._resistance_ohm

    @property
    def remaining_ah(self) -> float:
        """Return what can be taken out before the first cell is empty."""
        return min(self.charges_ah)

    @property
    def capacity_ah(self) -> float:
        """Return the present full capacity: the first cell empty to the first cell full."""
        headroom = min(
            capacity - charge for capacity, charge in zip(self.capacities_ah, self.charges_ah, strict=True)
        )
        return self.remaining_ah + headroom

    @property
    def soc_pct(self) -> float:
        """Return the state of charge of the pack as a whole."""
        return 100.0 * self.remaining_ah / self.capacity_ah

    def cell_voltages_v(self) -> list[float]:
        """Return the voltages at each cell's terminals, in series order."""
        through_a = self.current_a + self.spec.rc_resistance_ratio * self._polarisation_a
        return [ocv + through_a * ohm for ocv, ohm in zip(self._ocv_v, self._resistances_ohm, strict=True)]

    def current_for_power(self, power_w: float) -> float:
        """Return the current at which the terminals take `power_w` now (negative: give). The largest possible
        discharge current where the pack cannot give that much."""
        discriminant = self._electromotive_v**2 + 4.0 * self._resistance_ohm * power_w
        return (math.sqrt(max(discriminant, 0.0)) - self._electromotive_v) / (2.0 * self._resistance_ohm)

    def current_at(self, voltage_v: float) -> float:
        """Return the current at which the terminals stand at `voltage_v` now; negative if they are above."""
        return (voltage_v - self._electromotive_v) / self._resistance_ohm

    def current_to_reach(self, cell_v: float) -> float:
        """Return the current that brings the first cell to `cell_v` now; positive while all are below."""
        return min([(cell_v - at_rest) / ohm for at_rest, ohm in self._cells_at_rest()])

    def current_to_fall_to(self, cell_v: float) -> float:
        """Return the current that brings the first cell down to `cell_v`; negative while all are above."""
        return max([(cell_v - at_rest) / ohm for at_rest, ohm in self._cells_at_rest()])

    def condition(self) -> dict[str, object]:
        """Return what it holds and resists now.

        A cell's resistance is ohmic, of half charge, at 25 degC; its temperature factor is that of now.
        """
        spec = self.spec
        return {
            "capacity_ah": self.capacity_ah,
            "soc_pct": self.soc_pct,
            "contact_resistance_ohm": spec.contact_resistance_ohm,
            "rc_resistance_ratio": spec.rc_resistance_ratio,
            "rc_time_constant_s": spec.rc_time_constant_s,
            "cells": [
                {
                    "capacity_ah": capacity_ah,
                    "resistance_ohm": ohm,
                    "temperature_factor": temperature_factor(
                        self.module_temperatures_c[cell // spec.cells_per_module]
                    ),
                }
                for cell, (capacity_ah, ohm) in enumerate(
                    zip(self.capacities_ah, self._resistances_aged_ohm, strict=True)
                )
            ],
        }

    # --- what can be done

    def shift_charge(self, cell: int, share: float) -> None:
        """Move this cell (counted from 0) by a share of its capacity, up or down, as years of leaking do."""
        charge = self.charges_ah[cell] + share * self.capacities_ah[cell]
        self.charges_ah[cell] = min(max(charge, 0.0), self.capacities_ah[cell])
        self._look_up()

    def weaken(self, cell: int, *, capacity: float, resistance: float) -> None:
        """Multiply this cell's capacity and resistance; its state of charge stays."""
        self._capacity_new_ah[cell] *= capacity
        self._resistance_new_ohm[cell] *= resistance
        self.charges_ah[cell] *= capacity
        self._set_age()
        self._look_up()

    def heat_module(self, module: int, power_w: float) -> None:
        """Heat this module (counted from 0) from outside from now on; 0: no longer."""
        self._heated_w[module] = power_w

    def balance(self, cells: frozenset[int], bleed_a: float) -> None:
        """Bleed these cells (counted from 0) with `bleed_a` from now on, and no others."""
        self.balanced_cells = cells
        self._leak_a = [
            own + (bleed_a if cell in cells else 0.0) for cell, own in enumerate(self._own_leak_a)
        ]

    def step(self, current_a: float, duration_s: float) -> None:
        """Let `current_a` flow for `duration_s`."""
        self.current_a = current_a
        before_v = self.voltage_v
        hours = duration_s / _SECONDS_PER_HOUR
        moved_ah = current_a * hours
        self.charges_ah = [
            charge + moved_ah - leak * hours
            for charge, leak in zip(self.charges_ah, self._leak_a, strict=True)
        ]
        self._warm_up(duration_s)
        decay = math.exp(-duration_s / self.spec.rc_time_constant_s)
        self._polarisation_a = current_a + (self._polarisation_a - current_a) * decay
        self._look_up()
        energy_wh = 0.5 * (before_v + self.voltage_v) * moved_ah
        if energy_wh >= 0.0:
            self.energy_in_wh += energy_wh
        else:
            self.energy_out_wh -= energy_wh
        self.elapsed_s += duration_s
        self._unaged_s += duration_s
        self._unaged_ah += abs(moved_ah)
        if self._unaged_s >= _AGEING_EVERY_S:
            self._grow_older()

    # --- how it works

    def _cells_at_rest(self) -> Iterator[tuple[float, float]]:
        """Return per cell its voltage if no current flowed, and its ohmic resistance."""
        polarised_a = self.spec.rc_resistance_ratio * self._polarisation_a
        resistances = self._resistances_ohm
        return zip(
            [ocv + polarised_a * ohm for ocv, ohm in zip(self._ocv_v, resistances, strict=True)],
            resistances,
            strict=True,
        )

    def _look_up(self) -> None:
        """Look up voltages and resistances by charges and temperatures."""
        positions = [
            charge * scale + MARGIN_STEPS
            for charge, scale in zip(self.charges_ah, self._steps_per_ah, strict=True)
        ]
        if min(positions) < 0.0 or max(positions) >= len(self.chemistry.ocv_slope_v):
            raise ValueError("a cell was driven 10 % past empty or full: nothing limits the current")
        steps = [int(position) for position in positions]
        ocv_v, slope_v = self.chemistry.ocv_v, self.chemistry.ocv_slope_v
        self._ocv_v = [
            ocv_v[step] + (position - step) * slope_v[step]
            for position, step in zip(positions, steps, strict=True)
        ]
        per_module = self.spec.cells_per_module
        factors = map(temperature_factor, self.module_temperatures_c)
        cold = [factor for factor in factors for _ in range(per_module)]
        self._resistances_ohm = [
            aged * factor * RESISTANCE_FACTOR[step]
            for aged, factor, step in zip(self._resistances_aged_ohm, cold, steps, strict=True)
        ]
        cells_ohm = sum(self._resistances_ohm)
        self._resistance_ohm = cells_ohm + self.spec.contact_resistance_ohm
        polarised_v = self.spec.rc_resistance_ratio * self._polarisation_a * cells_ohm
        self._electromotive_v = sum(self._ocv_v) + polarised_v

    def _warm_up(self, duration_s: float) -> None:
        spec = self.spec
        size = spec.cells_per_module
        square_a2 = self.current_a**2 + spec.rc_resistance_ratio * self._polarisation_a**2
        capacity_j_per_k = spec.cell_heat_capacity_j_per_k * size
        coolant_w_per_k = spec.module_to_coolant_w_per_k if self.cooling_on else 0.0
        temperatures = []
        for module, (temperature, exposure) in enumerate(
            zip(self.module_temperatures_c, self._exposure, strict=True)
        ):
            heat_w = square_a2 * sum(self._resistances_ohm[module * size : (module + 1) * size])
            loss_w = spec.module_to_ambient_w_per_k * exposure * (temperature - spec.ambient_c)
            loss_w += coolant_w_per_k * (temperature - spec.coolant_c)
            gain_w = heat_w + self._heated_w[module] - loss_w
            temperatures.append(temperature + gain_w * duration_s / capacity_j_per_k)
            self.heat_wh += heat_w * duration_s / _SECONDS_PER_HOUR
        self.module_temperatures_c = temperatures
        self.heat_wh += self.current_a**2 * spec.contact_resistance_ohm * duration_s / _SECONDS_PER_HOUR

    def _grow_older(self) -> None:
        full_cycles = self._unaged_ah / (2.0 * self.spec.cell_capacity_ah)
        self.cycles += full_cycles
        self.soh -= full_cycles * _SOH_LOST_PER_CYCLE
        self._unaged_s = 0.0
        self._unaged_ah = 0.0
        self._set_age()

    def _set_age(self) -> None:
        self.capacities_ah = [new * self.soh for new in self._capacity_new_ah]
        self._steps_per_ah = [STEPS_PER_UNIT / capacity for capacity in self.capacities_ah]
        grown = 1.0 + _RESISTANCE_PER_SOH * (1.0 - self.soh)
        self._resistances_aged_ohm = [new * grown for new in self._resistance_new_ohm]
