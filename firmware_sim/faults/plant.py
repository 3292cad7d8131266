"""Applies a scenario's faults to batteries, sensors and the charger.

Promises: a single fault happens in the first tick at or after its time. A lasting one is undone at its end.
"""

import random
from collections.abc import Iterable

from firmware_sim.ecus.bms import INSULATION_KOHM, Bms
from firmware_sim.ecus.charger import Charger
from firmware_sim.ecus.jbd import JbdBms
from firmware_sim.faults import kinds
from firmware_sim.faults.kinds import Fault, PlantFault


class PlantFaults:
    """Call `apply` before each tick."""

    def __init__(
        self, faults: Iterable[Fault], bms: Bms, charger: Charger, jbd: JbdBms, seed: int = 1
    ) -> None:
        """Faults of buses and lines are left out."""
        self._faults = [(index, fault) for index, fault in enumerate(faults) if isinstance(fault, PlantFault)]
        self._active: set[int] = set()
        self._bms = bms
        self._charger = charger
        self._jbd = jbd
        self._draw = random.Random(f"{seed}/plant")

    def apply(self, now_ns: int) -> None:
        """Begin and end what is due at this simulated time."""
        for index, fault in self._faults:
            active = fault.window.active(now_ns)
            if active and index not in self._active:
                self._active.add(index)
                self._begin(fault)
            elif not active and index in self._active:
                self._active.remove(index)
                self._end(fault)

    def _begin(self, fault: PlantFault) -> None:
        pack, gauge = self._bms.pack, self._bms.gauge
        match fault:
            case kinds.CellImbalance(cell=cell, charge_pct=charge_pct):
                pack.shift_charge(cell - 1, charge_pct / 100.0)
            case kinds.WeakCell(cell=cell, capacity_pct=capacity_pct, resistance_pct=resistance_pct):
                pack.weaken(cell - 1, capacity=capacity_pct / 100.0, resistance=resistance_pct / 100.0)
            case kinds.OverTemperature(module=module, heat_w=heat_w):
                pack.heat_module(module - 1, heat_w)
            case kinds.SensorLoss(on=on, sensor=sensor):
                self._sensors(on).add(sensor - 1)
            case kinds.Insulation(resistance_kohm=resistance_kohm):
                self._bms.insulation_kohm = resistance_kohm
            case kinds.ChargerFault(cooling_only=True):
                self._charger.cooling_lost = True
            case kinds.ChargerFault():
                self._charger.hardware_fault = True
            case kinds.CurrentError(offset_a=offset_a, gain_pct=gain_pct):
                gauge.offset_a, gauge.gain = offset_a, 1.0 + gain_pct / 100.0
            case kinds.SocError(sd_pct=sd_pct, shift_pct=shift_pct, resolution_pct=resolution_pct):
                gauge.draw_soc_errors(self._draw, sd_pct)
                gauge.shift_pct, gauge.resolution_pct = shift_pct, resolution_pct
            case kinds.SocStuck():
                gauge.stuck_pct = gauge.soc_pct

    def _end(self, fault: PlantFault) -> None:
        match fault:
            case kinds.OverTemperature(module=module):
                self._bms.pack.heat_module(module - 1, 0.0)
            case kinds.SensorLoss(on=on, sensor=sensor):
                self._sensors(on).discard(sensor - 1)
            case kinds.Insulation():
                self._bms.insulation_kohm = INSULATION_KOHM
            case kinds.ChargerFault(cooling_only=True):
                self._charger.cooling_lost = False
            case kinds.ChargerFault():
                self._charger.hardware_fault = False
            case kinds.CurrentError():
                self._bms.gauge.clear_current()
            case kinds.SocError():
                self._bms.gauge.clear_soc()
            case kinds.SocStuck():
                self._bms.gauge.stuck_pct = None
            case kinds.CellImbalance() | kinds.WeakCell():
                pass  # a cell does not get well again

    def _sensors(self, on: str) -> set[int]:
        return self._bms.lost_sensors if on == "bms" else self._jbd.lost_sensors
