"""The sun, a panel, and the charger that feeds a service battery from them.

Promises: the same seed gives the same weather; the panel gives what the charger puts out and what it loses.
"""

import random

from firmware_sim.ecus.charger import Charger, ChargeRequest, ChargerPhase, ChargerSpec, FaultCode, Terminals
from firmware_sim.wire.vedirect import SolarReadings, State

ABSORPTION_V = 57.4  # fourteen cells at 4.10 V
_SPEC = ChargerSpec(
    max_voltage_v=60.0,
    max_current_a=35.0,
    max_power_w=2000.0,
    ramp_a_per_s=8.0,
    start_s=5.0,
    done_below_a=1.5,
    done_after_s=60.0,
    restart_below_v=55.6,
    efficiency=0.97,
    full_power_rise_c=35.0,
    thermal_time_constant_s=600.0,
)
_STATES = {
    ChargerPhase.IDLE: State.OFF,
    ChargerPhase.STARTING: State.STARTING,
    ChargerPhase.CC: State.BULK,
    ChargerPhase.CV: State.ABSORPTION,
    ChargerPhase.DONE: State.FLOAT,
    ChargerPhase.FAULT: State.FAULT,
}
_ERRORS = {
    FaultCode.NONE: 0,
    FaultCode.REQUEST_TIMEOUT: 65,
    FaultCode.OVERTEMPERATURE: 17,
    FaultCode.OUTPUT_OVERVOLTAGE: 2,
    FaultCode.HARDWARE: 117,
}
_OPEN_PANEL_V, _LOADED_PANEL_V = 98.0, 81.0
_NIGHT_W = 2.0  # below it a charger sleeps


class Sky:
    """How much of the panel's power the sun gives: clouds come and go within minutes."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._from = self._to = self._draw.uniform(0.5, 1.0)
        self._lasts_s = 1.0
        self._passed_s = 0.0

    def share(self, duration_s: float) -> float:
        """Return 0 to 1, `duration_s` after the last call."""
        self._passed_s += duration_s
        while self._passed_s >= self._lasts_s:
            self._passed_s -= self._lasts_s
            self._from, self._to = self._to, self._draw.triangular(0.15, 1.0, 0.95)
            self._lasts_s = self._draw.uniform(40.0, 240.0)
        return self._from + (self._to - self._from) * self._passed_s / self._lasts_s


class SolarCharger:
    """A charger with its own settings in place of a BMS's request."""

    def __init__(self, panel_peak_w: float, seed: int, ambient_c: float) -> None:
        self.charger = Charger(_SPEC, ambient_c)
        self.charger.plug_in(0.0)
        self.elapsed_s = 0.0
        self.battery_v = 0.0
        self.highest_w = 0.0  # of the panel, so far
        self._sky = Sky(seed)
        self._peak_w = panel_peak_w
        self._request = ChargeRequest(enabled=True, voltage_v=ABSORPTION_V, current_a=_SPEC.max_current_a)

    @property
    def panel_w(self) -> float:
        """Return what it draws from the panel."""
        return self.charger.power_w / _SPEC.efficiency

    @property
    def panel_v(self) -> float:
        """Return the panel's voltage: less while it is loaded."""
        if self.charger.supply_w <= 0.0:
            return 0.0
        return _LOADED_PANEL_V if self.charger.current_a > 0.0 else _OPEN_PANEL_V

    def tick(self, terminals: Terminals, duration_s: float) -> None:
        """Advance by `duration_s`."""
        self.elapsed_s += duration_s
        available_w = self._peak_w * self._sky.share(duration_s) * _SPEC.efficiency
        self.charger.supply_w = available_w if available_w >= _NIGHT_W else 0.0
        self.charger.tick(self._request, terminals, duration_s)
        self.battery_v = terminals.voltage_v
        self.highest_w = max(self.highest_w, self.panel_w)

    def readings(self) -> SolarReadings:
        """Return what the charger knows now."""
        charger = self.charger
        return SolarReadings(
            battery_v=self.battery_v,
            current_a=charger.current_a,
            panel_v=self.panel_v,
            panel_w=self.panel_w,
            highest_w=self.highest_w,
            energy_wh=charger.energy_wh,
            temperature_c=charger.temperature_c,
            uptime_s=self.elapsed_s,
            state=_STATES[charger.phase],
            error=_ERRORS[charger.fault],
        )
