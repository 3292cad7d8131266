"""What is being done with the battery during one phase of a scenario: standing, driving or charging.

Each activity says what it requests of the BMS and which current flows in the next tick. It goes on until it
has `finished`, which it does by itself (a full battery) or some time after `finish` (a car has to brake).
"""

from firmware_sim.ecus.bms import TICK_S, Bms, BmsState, VehicleRequest
from firmware_sim.ecus.charger import Charger, ChargerPhase
from firmware_sim.plant.load import Vehicle


class Activity:
    """One phase, tick by tick; by itself one in which nothing happens: parked."""

    request = VehicleRequest.OFF

    def __init__(self) -> None:
        self._finishing = False

    @property
    def finished(self) -> bool:
        """Return whether nothing flows any more and the next activity may begin."""
        return self._finishing

    def finish(self) -> None:
        """Begin to end the activity."""
        self._finishing = True

    def next_current_a(self, bms: Bms) -> float:  # noqa: ARG002  # nothing flows
        """Return the current over the next tick, within the BMS's limits."""
        return 0.0


class Driving(Activity):
    """On the road. The vehicle outlives the phase, so that one road leads into the next without a stop."""

    request = VehicleRequest.DRIVE

    def __init__(self, vehicle: Vehicle, *, stop_at_end: bool) -> None:
        self._vehicle = vehicle
        self._stop_at_end = stop_at_end
        super().__init__()

    @property
    def finished(self) -> bool:
        return self._finishing and (self._vehicle.standing or not self._stop_at_end)

    def finish(self) -> None:
        if not self._finishing and self._stop_at_end:
            self._vehicle.stop()
        super().finish()

    def next_current_a(self, bms: Bms) -> float:
        if bms.state is BmsState.FAULT:  # the contactors are open: it brakes by itself, and stays
            self._vehicle.stop()
            self._vehicle.power_w(TICK_S)
        if bms.state is not BmsState.DRIVE:
            return 0.0
        current_a = bms.pack.current_for_power(self._vehicle.power_w(TICK_S))
        return min(max(current_a, -bms.discharge_limit_a), bms.charge_limit_a)


class Charging(Activity):
    """At a charger, which is plugged in with the phase and out again with its end."""

    request = VehicleRequest.CHARGE

    def __init__(self, charger: Charger, supply_w: float, until_soc_pct: float) -> None:
        self._charger = charger
        self._until_soc_pct = until_soc_pct
        super().__init__()
        charger.plug_in(supply_w)

    @property
    def finished(self) -> bool:
        over = self._charger.phase is ChargerPhase.DONE or (
            self._finishing and self._charger.phase in (ChargerPhase.FAULT, ChargerPhase.IDLE)
        )
        return over and self._charger.current_a == 0.0

    def finish(self) -> None:
        super().finish()
        self._charger.stop()

    def next_current_a(self, bms: Bms) -> float:
        if bms.state is not BmsState.CHARGE:
            return 0.0
        if bms.pack.soc_pct >= self._until_soc_pct:
            self._charger.stop()
        return self._charger.current_a
