"""A scenario played through: pack, BMS and load, tick by tick, into frames in simulated time.

Promises: a pure generator; the same scenario and seed give the same frames, byte for byte, whatever plays
them. All values in a frame are of the tick at or before it. `truth` is what the plant knows about itself.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import cycle, pairwise

from firmware_sim.activity import Activity, Charging, Driving, Standing
from firmware_sim.bms import TICK_S, Bms
from firmware_sim.broadcast import Broadcast, Frame
from firmware_sim.load import ConstantCurrentConstantVoltage, Vehicle
from firmware_sim.plant import Pack
from firmware_sim.scenario import Charge, Drive, Phase, Scenario, Stand

_TICK_NS = round(TICK_S * 1e9)
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Truth:
    """The plant's own view, to compare measurements with. Cells and temperature: as of the last frames."""

    frames: dict[str, int]  # by message
    frames_total: int
    duration_s: float
    soc_start_pct: float
    soc_end_pct: float
    energy_in_wh: float
    energy_out_wh: float
    cell_min_v: float
    cell_max_v: float
    temp_max_c: float

    def as_dict(self) -> dict[str, object]:
        """For a report."""
        return asdict(self)


class Simulation:
    """One pack and its BMS through the phases of a scenario."""

    def __init__(self, scenario: Scenario, seed: int, *, duration_s: float | None = None) -> None:
        """Ends with the scenario, or after `duration_s`: the phases then begin again as often as needed."""
        self.pack = Pack(scenario.pack, seed)
        self.bms = Bms(self.pack)
        self._scenario = scenario
        self._vehicle = Vehicle(seed)
        self._broadcast = Broadcast(self.bms)
        self._duration_ns = None if duration_s is None else round(duration_s * _NS_PER_S)
        self._soc_start_pct = self.pack.soc_pct
        self._now_ns = 0

    def frames(self) -> Iterator[Frame]:
        """All frames, at ns from the simulation's start."""
        for phase, following in self._phases():
            activity = self._begin(phase, following)
            ends_ns = self._now_ns + round(phase.duration_s * _NS_PER_S)
            while not activity.finished:
                self.bms.tick(activity.request)
                yield from self._broadcast.frames_until(self._tick_end_ns())
                if self._now_ns == self._duration_ns:
                    return
                if self._now_ns >= ends_ns:
                    activity.finish()
                self.pack.step(activity.next_current_a(self.bms), TICK_S)

    def truth(self) -> Truth:
        """As of now; whole once `frames` is exhausted."""
        frames = self._broadcast.sent()
        return Truth(
            frames=frames,
            frames_total=sum(frames.values()),
            duration_s=self._now_ns / _NS_PER_S,
            soc_start_pct=self._soc_start_pct,
            soc_end_pct=self.pack.soc_pct,
            energy_in_wh=self.pack.energy_in_wh,
            energy_out_wh=self.pack.energy_out_wh,
            cell_min_v=self.bms.cell_min_v,
            cell_max_v=self.bms.cell_max_v,
            temp_max_c=self.bms.temp_max_c,
        )

    def _phases(self) -> Iterator[tuple[Phase, Phase | None]]:
        """Each phase with the one that follows it."""
        phases = self._scenario.phases
        if self._duration_ns is None:
            yield from zip(phases, (*phases[1:], None), strict=True)
        else:
            yield from pairwise(cycle(phases))

    def _begin(self, phase: Phase, following: Phase | None) -> Activity:
        match phase:
            case Drive():
                self._vehicle.enter(phase.profile)
                return Driving(self._vehicle, stop_at_end=not isinstance(following, Drive))
            case Charge():
                return Charging(ConstantCurrentConstantVoltage(phase.max_power_w), phase.until_soc_pct)
            case Stand():
                return Standing()

    def _tick_end_ns(self) -> int:
        end_ns = self._now_ns + _TICK_NS
        self._now_ns = end_ns if self._duration_ns is None else min(end_ns, self._duration_ns)
        return self._now_ns
