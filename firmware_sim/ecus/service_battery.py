"""The vehicle's second battery: fourteen cells under a JBD board, fed by the sun, emptied by the household.

Promises: what flows into the battery is the charger's current less the loads', as far as the board's switches
let it; the same seed gives the same loads and clouds. The traction battery (`bms.py`) knows nothing of it.
"""

import random
from dataclasses import dataclass

from firmware_sim.ecus.jbd import JbdBms
from firmware_sim.ecus.solar import SolarCharger
from firmware_sim.plant.pack import Pack, PackSpec
from firmware_sim.table import key

_STANDING_W = 35.0  # radio, pumps, the board itself
_COMPRESSOR_W = 75.0
_HEATER_W = 380.0


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """A service battery before the first tick."""

    start_soc_pct: float = key(62.0, above=0.0, most=100.0)
    start_temp_c: float = 18.0
    ambient_c: float = 15.0
    solar_peak_w: float = key(900.0, least=0.0, most=2000.0)

    def pack(self) -> PackSpec:
        """Return fourteen cells of 100 Ah, in two groups with a temperature sensor each."""
        return PackSpec(
            cells=14,
            cells_per_module=7,
            cell_capacity_ah=100.0,
            cell_resistance_ohm=0.0008,
            contact_resistance_ohm=0.003,
            cell_heat_capacity_j_per_k=1500.0,
            module_to_ambient_w_per_k=0.9,
            ambient_c=self.ambient_c,
            start_temp_c=self.start_temp_c,
            start_soc_pct=self.start_soc_pct,
            cycles=64.0,
            soh_pct=98.0,
        )


class Household:
    """What draws on the battery: a little always, a compressor that comes and goes, a heater at times."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._compressor = False
        self._heater = False
        self._compressor_s = self._draw.uniform(60.0, 300.0)  # until it changes
        self._heater_s = self._draw.uniform(200.0, 900.0)

    def power_w(self, duration_s: float) -> float:
        """Return the power over the next `duration_s`."""
        self._compressor_s -= duration_s
        self._heater_s -= duration_s
        if self._compressor_s <= 0.0:
            self._compressor = not self._compressor
            self._compressor_s = self._draw.uniform(120.0, 400.0)
        if self._heater_s <= 0.0:
            self._heater = not self._heater
            self._heater_s = (
                self._draw.uniform(40.0, 120.0) if self._heater else self._draw.uniform(300.0, 1500.0)
            )
        return _STANDING_W + _COMPRESSOR_W * self._compressor + _HEATER_W * self._heater


class ServiceBattery:
    """Pack, board, charger and loads together."""

    def __init__(self, spec: ServiceSpec, seed: int) -> None:
        self.pack = Pack(spec.pack(), seed)
        self.bms = JbdBms(self.pack)
        self.solar = SolarCharger(spec.solar_peak_w, seed, spec.ambient_c)
        self._household = Household(seed)
        self._load_a = 0.0

    @property
    def voltage_v(self) -> float:
        """Return the voltage where the charger is connected."""
        return self.pack.voltage_v

    def current_at(self, voltage_v: float) -> float:
        """Return the charger's current at which the battery stands at `voltage_v`, loads included."""
        into_pack_a = self.pack.current_at(voltage_v)
        if into_pack_a > 0.0 and not self.bms.charge_switch:
            into_pack_a = 0.0
        return max(into_pack_a + self._load_a, 0.0)

    def tick(self, duration_s: float) -> None:
        """Let `duration_s` pass."""
        self.bms.tick(duration_s)
        self._load_a = self._household.power_w(duration_s) / self.pack.voltage_v
        self.solar.tick(self, duration_s)
        self.pack.step(self._flow_a(), duration_s)

    def _flow_a(self) -> float:
        flow_a = self.solar.charger.current_a - self._load_a
        if flow_a > 0.0:
            return flow_a if self.bms.charge_switch else 0.0
        return flow_a if self.bms.discharge_switch else 0.0
