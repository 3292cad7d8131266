"""One end of a DC charge alone, with the other one in another process on the same bus.

Pure like the pair: frames and the time in, frames out. A charger without a plant takes the battery for what
its BMS says; a vehicle without a charger lets the current flow that CCS gives.
"""

from collections.abc import Iterator

from firmware_sim.charge import ChargeSpec, Plug
from firmware_sim.ecus.bms import TICK_NS, TICK_S
from firmware_sim.ecus.gbt.node import Sent

SIDES = ("charger", "vehicle")


class ChargeEnd(Plug):
    """The charger or the vehicle of a specification; the other one of them says nothing."""

    def __init__(
        self, spec: ChargeSpec, side: str, seed: int, *, starts_at_ns: int = 0, floor_ns: int = 0
    ) -> None:
        """side: one of SIDES; the others as those of a Plug."""
        super().__init__(spec, seed, starts_at_ns=starts_at_ns, floor_ns=floor_ns)
        self._is_charger = side == "charger"
        self._node = self.charger if self._is_charger else self.vehicle
        self._tick_ns = 0

    @property
    def finished(self) -> bool:
        """Return whether this end is silent for good."""
        return self._node.is_off

    @property
    def wake_ns(self) -> int:
        """Return when `run` has something to do, at the latest."""
        return min(self._tick_ns, self._node.wake_ns, self._faults.wake_ns)

    def hear(self, now_ns: int, id: int, data: bytes) -> None:
        """Take a frame of the bus."""
        self._faults.see(now_ns, id)
        if not self._faults.pulled:
            self._node.hear(now_ns, id, data)

    def run(self, now_ns: int) -> Iterator[Sent]:
        """Yield the frames that are due."""
        while now_ns >= self._tick_ns:
            self._tick()
        yield from self._faults.extra_frames(now_ns)
        for id, sent in self._node.run(now_ns):
            if (data := self._faults.through(now_ns, id, sent)) is not None:
                yield id, data

    def truth(self) -> dict[str, object]:
        """Return what this end knows, for a report."""
        charger, node = self.charger, self._node
        known: dict[str, object] = {"state": node.state.value}
        if self._is_charger:
            known |= {
                "attempts": charger.attempts,
                "energy_charger_wh": charger.stage.energy_wh,
                "charged_min": charger.charged_min,
            }
        else:
            known |= {"soc_end_pct": self.pack.soc_pct, "energy_vehicle_wh": self.pack.energy_in_wh}
        return known | {"stop_reasons": node.stop_reasons, "errors": node.errors}

    def _tick(self) -> None:
        self._faults.apply(self._tick_ns)
        if self._is_charger:
            self.charger.tick(self.charger.heard, TICK_S)
        else:
            self.vehicle.tick(self.vehicle.heard_a)
        self._tick_ns += TICK_NS
