"""The power stage of a DC charger: the current that follows a demand, and the meter at the output."""

from dataclasses import dataclass

from firmware_sim.ecus.charger import Terminals
from firmware_sim.table import key

_SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class PowerStageSpec:
    """Ratings; the defaults are a 120 kW charger."""

    max_voltage_v: float = key(750.0, above=0.0, most=1500.0)
    min_voltage_v: float = key(200.0, least=0.0, most=1500.0)
    max_current_a: float = key(250.0, above=0.0, most=400.0)
    min_current_a: float = 0.0
    max_power_w: float = key(120_000.0, name="max_power_kw", scale=1000.0, above=0.0, most=600.0)
    ramp_a_per_s: float = 50.0
    cable_ohm: float = 0.002


class _Nothing:
    """What an empty socket is connected to."""

    voltage_v = 0.0

    def current_at(self, voltage_v: float) -> float:  # noqa: ARG002  # the protocol's signature
        return 0.0


NOTHING: Terminals = _Nothing()
_BATTERY_OHM = 0.1  # of a battery that is known by what it says alone


class HeardBattery:
    """A battery at the other end of the cable, as its BMS describes it: for a charger without a plant."""

    def __init__(self) -> None:
        self.voltage_v = 0.0
        self.current_a = 0.0

    def hear(self, voltage_v: float, current_a: float) -> None:
        """Take what the BMS measures."""
        self.voltage_v, self.current_a = voltage_v, current_a

    def current_at(self, voltage_v: float) -> float:
        """Return the current that would bring it to this voltage; none before it was described."""
        if self.voltage_v <= 0.0:
            return 0.0
        return self.current_a + (voltage_v - self.voltage_v) / _BATTERY_OHM


class PowerStage:
    """Call `tick` again and again; `current_a` is what flows until the next."""

    def __init__(self, spec: PowerStageSpec) -> None:
        self.spec = spec
        self.derating = 1.0  # share of the highest current that is there
        self.excess_a = 0.0  # given beyond the demand, as a fault
        self.voltage_v = 0.0
        self.current_a = 0.0
        self.energy_wh = 0.0
        self.charge_ah = 0.0

    def tick(self, voltage_v: float, current_a: float, terminals: Terminals, duration_s: float) -> None:
        """Count what has flowed for `duration_s`, then follow a demand of these; none: 0 A."""
        if terminals.current_at(terminals.voltage_v + 1.0) <= 0.0:  # its contactors are open
            self.current_a = 0.0
        self.voltage_v = terminals.voltage_v + self.current_a * self.spec.cable_ohm
        self.energy_wh += self.voltage_v * self.current_a * duration_s / _SECONDS_PER_HOUR
        self.charge_ah += self.current_a * duration_s / _SECONDS_PER_HOUR
        if current_a <= 0.0:
            self.current_a = 0.0
            return
        holding_a = terminals.current_at(min(voltage_v, self.spec.max_voltage_v))
        power_a = self.spec.max_power_w / max(terminals.voltage_v, 1.0)
        most_a = min(self.spec.max_current_a * self.derating, power_a)
        wanted_a = min(current_a + self.excess_a, most_a, holding_a)
        self.current_a = max(min(wanted_a, self.current_a + self.spec.ramp_a_per_s * duration_s), 0.0)
