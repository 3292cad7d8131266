"""One end of a DC charge alone, with the other one in another process on the same bus.

Pure like the pair: frames and the time in, frames out. A charger without a plant takes the battery for what
its BMS says; a vehicle without a charger lets the current flow that CCS gives.
"""

from collections.abc import Iterator

from firmware_sim.charge import ChargeSpec, local_clock
from firmware_sim.ecus.bms import TICK_S
from firmware_sim.ecus.gbt.charger import ChargerNode, ChargerState
from firmware_sim.ecus.gbt.node import S_NS, Sent
from firmware_sim.ecus.gbt.vehicle import VehicleNode, VehicleState
from firmware_sim.faults.charge import ChargeFaults
from firmware_sim.plant.pack import Pack

_TICK_NS = round(TICK_S * S_NS)
SIDES = ("charger", "vehicle")


class ChargeEnd:
    """The charger or the vehicle of a specification."""

    def __init__(
        self, spec: ChargeSpec, side: str, seed: int, *, starts_at_ns: int = 0, floor_ns: int = 0
    ) -> None:
        """side: one of SIDES.

        `floor_ns`: no deadline is shorter than this, for a clock that runs faster than the machine.
        """
        self._charger = ChargerNode(
            spec.charger, seed, local_time=local_clock(starts_at_ns), floor_ns=floor_ns
        )
        self._vehicle = VehicleNode(spec.vehicle, Pack(spec.pack, seed), seed, floor_ns=floor_ns)
        self._faults = ChargeFaults(spec.faults, self._charger, self._vehicle)
        self._is_charger = side == "charger"
        self._node = self._charger if self._is_charger else self._vehicle
        self._tick_ns = 0

    @property
    def finished(self) -> bool:
        """Whether this end is silent for good."""
        if self._is_charger:
            return self._charger.state is ChargerState.OFF
        return self._vehicle.state is VehicleState.OFF

    @property
    def wake_ns(self) -> int:
        """When `run` has something to do, at the latest."""
        return min(self._tick_ns, self._node.wake_ns, self._faults.wake_ns)

    def hear(self, now_ns: int, id: int, data: bytes) -> None:
        """A frame of the bus."""
        self._faults.see(now_ns, id)
        if not self._faults.pulled:
            self._node.hear(now_ns, id, data)

    def run(self, now_ns: int) -> Iterator[Sent]:
        """The frames that are due."""
        while now_ns >= self._tick_ns:
            self._tick()
        yield from self._faults.extra_frames(now_ns)
        for id, sent in self._node.run(now_ns):
            if (data := self._faults.through(now_ns, id, sent)) is not None:
                yield id, data

    def truth(self) -> dict[str, object]:
        """What this end knows, for a report."""
        charger, vehicle = self._charger, self._vehicle
        if self._is_charger:
            return {
                "state": charger.state.value,
                "attempts": charger.attempts,
                "energy_charger_wh": charger.stage.energy_wh,
                "charged_min": charger.charged_min,
                "stop_reasons": charger.stop_reasons,
                "errors": charger.errors,
            }
        pack = vehicle.bms.pack
        return {
            "state": vehicle.state.value,
            "soc_end_pct": pack.soc_pct,
            "energy_vehicle_wh": pack.energy_in_wh,
            "stop_reasons": vehicle.stop_reasons,
            "errors": vehicle.errors,
        }

    def _tick(self) -> None:
        self._faults.apply(self._tick_ns)
        if self._is_charger:
            self._charger.tick(self._charger.heard, TICK_S)
        else:
            self._vehicle.tick(self._vehicle.heard_a)
        self._tick_ns += _TICK_NS
