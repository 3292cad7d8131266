"""A battery charger: constant current, then constant voltage; a state machine over what the BMS requests.

Promises: the output current never exceeds the request, the charger's own ratings or what its supply gives;
it rises no faster than its ramp, and falls at once with a limit. It flows in CC and CV only, and in DONE
while it ramps down. Knows no bus and no clock: `tick` moves it.

Constant voltage is what the battery does: a charger's own loop is far faster than a tick, so that the current
is the one at which the battery's terminals stand at the voltage (`Terminals.current_at`).
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

_SECONDS_PER_HOUR = 3600.0
_REQUEST_TIMEOUT_S = 2.0
_RESTART_AFTER_S = 5.0  # without a fault's cause, it begins again
_DERATE_FROM_C, _OVERHEATED_C, _COOLED_C = 70.0, 90.0, 80.0
_WITHOUT_COOLING = 4.0  # times as much rise of temperature
_RELEASE = 1.02  # times the allowed current must the voltage allow before the phase is CC again
_OVERVOLTAGE = 1.02  # of the highest output voltage


class ChargerPhase(IntEnum):
    """As vehicle.dbc numbers them."""

    IDLE = 0
    STARTING = 1
    CC = 2
    CV = 3
    DONE = 4
    FAULT = 5


class FaultCode(IntEnum):
    """Why nothing flows; as vehicle.dbc numbers them."""

    NONE = 0
    REQUEST_TIMEOUT = 1
    OVERTEMPERATURE = 2
    OUTPUT_OVERVOLTAGE = 3
    HARDWARE = 4


@dataclass(frozen=True, slots=True)
class ChargeRequest:
    """What a BMS requests of a charger: at most this current, up to this voltage."""

    enabled: bool
    voltage_v: float
    current_a: float


NO_REQUEST = ChargeRequest(enabled=False, voltage_v=0.0, current_a=0.0)


class Terminals(Protocol):
    """What the charger's output is connected to."""

    @property
    def voltage_v(self) -> float:
        """Return the voltage now."""
        ...

    def current_at(self, voltage_v: float) -> float:
        """Return the current that would bring it to this voltage now; zero when it is disconnected."""
        ...


@dataclass(frozen=True, slots=True)
class ChargerSpec:
    """Ratings; the defaults are a 150 kW DC charger."""

    max_voltage_v: float = 450.0
    max_current_a: float = 300.0
    max_power_w: float = 150_000.0
    ramp_a_per_s: float = 40.0
    start_s: float = 3.0  # insulation test and soft start
    done_below_a: float = 8.0  # in CV: the battery is full
    done_after_s: float = 2.0
    restart_below_v: float | None = None  # a maintenance charger begins again at this voltage
    efficiency: float = 0.95
    full_power_rise_c: float = 30.0  # over ambient, in the end
    thermal_time_constant_s: float = 120.0


class Charger:
    """One charger. Plug it in, then call `tick` again and again; `current_a` is what flows until the next."""

    def __init__(self, spec: ChargerSpec, ambient_c: float) -> None:
        self.spec = spec
        self.phase = ChargerPhase.IDLE
        self.fault = FaultCode.NONE
        self.request = NO_REQUEST  # as last heard
        self.voltage_v = 0.0  # at the output
        self.current_a = 0.0
        self.energy_wh = 0.0  # delivered since it was plugged in
        self.temperature_c = ambient_c
        self.supply_w = 0.0  # what can be delivered now; nothing unless plugged in
        self.hardware_fault = False
        self.cooling_lost = False
        self._ambient_c = ambient_c
        self._unheard_s = 0.0
        self._in_phase_s = 0.0
        self._tapered_s = 0.0
        self._sound_s = 0.0

    @property
    def power_w(self) -> float:
        """Return the power at the output."""
        return self.voltage_v * self.current_a

    @property
    def max_power_w(self) -> float:
        """Return the lower of its rating and its supply."""
        return min(self.spec.max_power_w, self.supply_w)

    def plug_in(self, supply_w: float) -> None:
        """Begin a new session, at a supply of this power."""
        self.supply_w = supply_w
        self.energy_wh = 0.0
        self._unheard_s = 0.0
        if self.phase is ChargerPhase.DONE:
            self._enter(ChargerPhase.IDLE)

    def stop(self) -> None:
        """End the session: the current falls to zero, and stays there until it is plugged in again."""
        if self.phase not in (ChargerPhase.FAULT, ChargerPhase.DONE):
            self._enter(ChargerPhase.DONE)

    def tick(self, request: ChargeRequest | None, terminals: Terminals, duration_s: float) -> None:
        """Advance by `duration_s`. `request` is None when nothing was heard from the BMS."""
        self._measure(terminals, duration_s)
        self._unheard_s = 0.0 if request is not None else self._unheard_s + duration_s
        if request is not None:
            self.request = request
        self._warm_up(duration_s)
        self._in_phase_s += duration_s
        self._find_faults(terminals, duration_s)
        holding_a = max(terminals.current_at(min(self.request.voltage_v, self.spec.max_voltage_v)), 0.0)
        allowed_a = self._allowed_a(terminals.voltage_v)
        self._change_phase(terminals, holding_a, allowed_a, duration_s)
        self._set_current(min(holding_a, allowed_a), duration_s)
        self._set_voltage(terminals)

    # --- how it works

    def _measure(self, terminals: Terminals, duration_s: float) -> None:
        energy_wh = terminals.voltage_v * self.current_a * duration_s / _SECONDS_PER_HOUR
        self.energy_wh += energy_wh

    def _warm_up(self, duration_s: float) -> None:
        rise_c = self.spec.full_power_rise_c * self.power_w / self.spec.max_power_w
        final_c = self._ambient_c + rise_c * (_WITHOUT_COOLING if self.cooling_lost else 1.0)
        share = min(duration_s / self.spec.thermal_time_constant_s, 1.0)
        self.temperature_c += (final_c - self.temperature_c) * share

    def _find_faults(self, terminals: Terminals, duration_s: float) -> None:
        found = self._present_fault(terminals)
        if found is not FaultCode.NONE:
            self.fault = found
            self._sound_s = 0.0
            if self.phase is not ChargerPhase.FAULT:
                self._enter(ChargerPhase.FAULT)
            return
        self._sound_s += duration_s
        if self.phase is ChargerPhase.FAULT and self._sound_s >= _RESTART_AFTER_S:
            self.fault = FaultCode.NONE
            self._enter(ChargerPhase.IDLE)

    def _present_fault(self, terminals: Terminals) -> FaultCode:
        cooled_c = _COOLED_C if self.fault is FaultCode.OVERTEMPERATURE else _OVERHEATED_C
        unheard = (
            self.phase in (ChargerPhase.STARTING, ChargerPhase.CC, ChargerPhase.CV)
            or self.fault is FaultCode.REQUEST_TIMEOUT
        )
        if self.hardware_fault:
            return FaultCode.HARDWARE
        if self.temperature_c >= cooled_c:
            return FaultCode.OVERTEMPERATURE
        if terminals.voltage_v > _OVERVOLTAGE * self.spec.max_voltage_v:
            return FaultCode.OUTPUT_OVERVOLTAGE
        if unheard and self._unheard_s >= _REQUEST_TIMEOUT_S:
            return FaultCode.REQUEST_TIMEOUT
        return FaultCode.NONE

    def _allowed_a(self, voltage_v: float) -> float:
        """Return the limit by the request, the ratings, the supply and the heat; not by the voltage."""
        cool = (_OVERHEATED_C - self.temperature_c) / (_OVERHEATED_C - _DERATE_FROM_C)
        rated_a = min(self.spec.max_current_a, self.max_power_w / max(voltage_v, 1.0))
        return max(min(self.request.current_a, rated_a * min(max(cool, 0.0), 1.0)), 0.0)

    def _change_phase(
        self, terminals: Terminals, holding_a: float, allowed_a: float, duration_s: float
    ) -> None:
        asked = self.request.enabled and self.supply_w > 0.0
        match self.phase:
            case ChargerPhase.IDLE if asked:
                self._enter(ChargerPhase.STARTING)
            case ChargerPhase.STARTING | ChargerPhase.CC | ChargerPhase.CV if not self.request.enabled:
                self._enter(ChargerPhase.DONE)
            case ChargerPhase.STARTING if self._in_phase_s >= self.spec.start_s:
                self._enter(ChargerPhase.CC)
            case ChargerPhase.CC if holding_a <= min(allowed_a, self.current_a):
                self._enter(ChargerPhase.CV)
            case ChargerPhase.CV if holding_a > _RELEASE * allowed_a:
                self._enter(ChargerPhase.CC)
            case ChargerPhase.CV if holding_a < self.spec.done_below_a:
                self._tapered_s += duration_s
                if self._tapered_s >= self.spec.done_after_s:
                    self._enter(ChargerPhase.DONE)
            case ChargerPhase.DONE if asked and self._sunk(terminals):
                self._enter(ChargerPhase.IDLE)
            case _:
                self._tapered_s = 0.0

    def _sunk(self, terminals: Terminals) -> bool:
        restart_below_v = self.spec.restart_below_v
        return restart_below_v is not None and terminals.voltage_v < restart_below_v

    def _enter(self, phase: ChargerPhase) -> None:
        self.phase = phase
        self._in_phase_s = 0.0
        self._tapered_s = 0.0

    def _set_current(self, limit_a: float, duration_s: float) -> None:
        step_a = self.spec.ramp_a_per_s * duration_s
        match self.phase:
            case ChargerPhase.CC | ChargerPhase.CV:
                self.current_a = min(limit_a, self.current_a + step_a)
            case ChargerPhase.DONE:
                self.current_a = max(min(limit_a, self.current_a - step_a), 0.0)
            case _:
                self.current_a = 0.0

    def _set_voltage(self, terminals: Terminals) -> None:
        match self.phase:
            case ChargerPhase.CC | ChargerPhase.CV:
                self.voltage_v = terminals.voltage_v
            case ChargerPhase.STARTING:
                self.voltage_v = terminals.voltage_v * min(self._in_phase_s / self.spec.start_s, 1.0)
            case _:
                self.voltage_v = terminals.voltage_v if self.current_a > 0.0 else 0.0
