"""A scenario played through: batteries, ECUs, load and charger, tick by tick, into frames in simulated time.

Promises:

- It is pure: the same scenario and seed give the same frames, byte for byte, at any pace.
- All values in a frame are of the tick at or before it.
- `truth` is what the plant knows about itself at the end; `observe` sees it tick by tick.

`PackTruth` knows what each pack holds and resists, at the start and at the end.
`TruthLog` writes what the plant knows, second by second, to compare measurements with: a CSV file of
simulated time in ns since the start and the values that the frames and replies of that moment hold. It has
one row for each full simulated second, of the tick that begins with it.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, pairwise
from typing import TextIO

from firmware_sim.activity import Activity, Charging, Driving
from firmware_sim.ecus.bms import TICK_NS, TICK_S, Bms
from firmware_sim.ecus.charger import Charger, ChargerSpec
from firmware_sim.ecus.messages import bms_messages, charger_messages
from firmware_sim.ecus.service_battery import ServiceBattery
from firmware_sim.errors import NotWrittenError
from firmware_sim.faults.bus import BusFaults
from firmware_sim.faults.plant import PlantFaults
from firmware_sim.links.shared_line import Said
from firmware_sim.plant.load import Vehicle
from firmware_sim.plant.pack import Pack
from firmware_sim.scenario import Charge, Drive, Phase, Scenario, Stand
from firmware_sim.serial_scenario import SimulatedLine, line_spec
from firmware_sim.units import S_NS
from firmware_sim.wire.broadcast import VEHICLE_DBC, Broadcast, Frame
from firmware_sim.wire.layout import load_layouts


@dataclass(frozen=True, slots=True)
class Truth:
    """The plant's own view, to compare measurements with. Cells, temperature, service battery: at the end."""

    frames: dict[str, int]  # of vehicle.dbc's messages, as they went out
    frames_total: int  # and all others
    frames_spoiled: dict[str, int]  # by what a fault did
    duration_s: float
    soc_start_pct: float
    soc_end_pct: float
    energy_in_wh: float
    energy_out_wh: float
    cell_min_v: float
    cell_max_v: float
    temp_max_c: float
    charger_wh: float  # by the charger's own meter
    charger_peak_w: float
    charger_peak_a: float
    service_soc_start_pct: float
    service_soc_pct: float
    service_in_wh: float
    service_out_wh: float
    service_cell_min_v: float
    service_cell_max_v: float
    solar_wh: float


class Simulation:
    """A vehicle through the phases of a scenario: traction battery, charger, service battery, sun."""

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        *,
        duration_s: float | None = None,
        observe: Callable[["Simulation"], None] | None = None,
    ) -> None:
        """End with the scenario, or after `duration_s`: the phases then begin again as often as needed.

        observe: called in each tick, when the values of its frames are settled.
        """
        self.pack = Pack(scenario.pack, seed)
        self.bms = Bms(self.pack)
        self.charger = Charger(ChargerSpec(), scenario.pack.ambient_c)
        self.service = ServiceBattery(scenario.service, seed)
        self.batteries = {
            name: ServiceBattery(spec, seed + n)
            for n, (name, spec) in enumerate(scenario.batteries.items(), 1)
        }
        self.now_ns = 0  # the end of the present tick
        self._scenario = scenario
        self._seed = seed
        self._observe = observe
        self._vehicle = Vehicle(seed)
        self._broadcast = Broadcast({**bms_messages(self.bms), **charger_messages(self.charger)})
        self._plant_faults = PlantFaults(scenario.faults, self.bms, self.charger, self.service.bms, seed)
        self._bus_faults = BusFaults(scenario.faults, load_layouts(VEHICLE_DBC), seed)
        self._duration_ns = None if duration_s is None else round(duration_s * S_NS)
        self._soc_start_pct = self.pack.soc_pct
        self._service_soc_start_pct = self.service.pack.soc_pct
        self._charger_peak_w = self._charger_peak_a = 0.0

    def serial_line(self, name: str, said: Callable[[Said], None] = lambda _: None) -> SimulatedLine:
        """Return a line of the scenario by its name, or `KIND[:ADDRESS][,OPTION[:VALUE]…][+…]`.

        said: is called with each message that a device makes. Raises ValueError if there is no such line.
        """
        scenario = self._scenario
        return SimulatedLine(line_spec(name, scenario.lines), self.battery, scenario.faults, self._seed, said)

    def battery(self, name: str) -> ServiceBattery:
        """Return the battery of that name; empty: the service battery."""
        return self.batteries[name] if name else self.service

    def frames(self) -> Iterator[Frame]:
        """Yield all frames, at ns from the simulation's start."""
        for _ in self.ticks():
            frames = self._broadcast.frames_until(self.now_ns)
            yield from self._bus_faults.through(frames, self.now_ns)

    def ticks(self) -> Iterator[None]:
        """Yield tick by tick to the end: for those who want the plant without its frames."""
        for phase, following in self._phases():
            activity = self._begin(phase, following)
            ends_ns = self.now_ns + round(phase.duration_s * S_NS)
            while not activity.finished:
                self._tick(activity)
                yield
                if self.now_ns == self._duration_ns:
                    return
                if self.now_ns >= ends_ns:
                    activity.finish()
                self.pack.step(activity.next_current_a(self.bms), TICK_S)

    def packs(self) -> dict[str, Pack]:
        """Return all packs by their names: `traction`, `service`, and those of [[battery]]."""
        others = {name: battery.pack for name, battery in self.batteries.items()}
        return {"traction": self.pack, "service": self.service.pack, **others}

    def truth(self) -> Truth:
        """Return the truth as of now; it is whole once `frames` is exhausted."""
        service = self.service.pack
        return Truth(
            frames=dict(self._bus_faults.sent),
            frames_total=self._bus_faults.frames_total,
            frames_spoiled=dict(self._bus_faults.spoiled),
            duration_s=self.now_ns / S_NS,
            soc_start_pct=self._soc_start_pct,
            soc_end_pct=self.pack.soc_pct,
            energy_in_wh=self.pack.energy_in_wh,
            energy_out_wh=self.pack.energy_out_wh,
            cell_min_v=self.bms.cell_min_v,
            cell_max_v=self.bms.cell_max_v,
            temp_max_c=self.bms.temp_max_c,
            charger_wh=self.charger.energy_wh,
            charger_peak_w=self._charger_peak_w,
            charger_peak_a=self._charger_peak_a,
            service_soc_start_pct=self._service_soc_start_pct,
            service_soc_pct=service.soc_pct,
            service_in_wh=service.energy_in_wh,
            service_out_wh=service.energy_out_wh,
            service_cell_min_v=min(self.service.bms.cell_voltages_v),
            service_cell_max_v=max(self.service.bms.cell_voltages_v),
            solar_wh=self.service.solar.charger.energy_wh,
        )

    def _tick(self, activity: Activity) -> None:
        """Settle the values of the next TICK_S."""
        self._plant_faults.apply(self.now_ns)
        self.bms.tick(activity.request)
        silent = self._bus_faults.silent("BMS_ChargeRequest", self.now_ns)
        self.charger.tick(None if silent else self.bms.charge_request, self.bms, TICK_S)
        self._charger_peak_w = max(self._charger_peak_w, self.charger.power_w)
        self._charger_peak_a = max(self._charger_peak_a, self.charger.current_a)
        self.service.tick(TICK_S)
        for battery in self.batteries.values():
            battery.tick(TICK_S)
        end_ns = self.now_ns + TICK_NS
        self.now_ns = end_ns if self._duration_ns is None else min(end_ns, self._duration_ns)
        if self._observe is not None:
            self._observe(self)

    def _phases(self) -> Iterator[tuple[Phase, Phase | None]]:
        """Yield each phase with the one that follows it."""
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
                return Charging(self.charger, phase.max_power_w, phase.until_soc_pct)
            case Stand():
                return Activity()


class PackTruth:
    """Give `observe` to a Simulation."""

    def __init__(self) -> None:
        self._packs: dict[str, Pack] = {}
        self._start: dict[str, object] = {}

    def observe(self, simulation: Simulation) -> None:
        """Remember the packs of the first tick, with the faults that begin with it."""
        if not self._packs:
            self._packs = simulation.packs()
            self._start = self._now()

    def start_and_end(self) -> dict[str, object]:
        """Return the condition of each pack by its name (`Pack.condition`), at the start and now."""
        return {"start": self._start, "end": self._now()}

    def _now(self) -> dict[str, object]:
        return {name: pack.condition() for name, pack in self._packs.items()}


_EVERY_NS = 1_000_000_000

_VALUES: Mapping[str, Callable[[Simulation], float]] = {
    "voltage_v": lambda simulation: simulation.bms.pack.voltage_v,
    "current_a": lambda simulation: simulation.bms.pack.current_a,
    "soc_pct": lambda simulation: simulation.bms.pack.soc_pct,
    "cell_min_v": lambda simulation: simulation.bms.cell_min_v,
    "cell_max_v": lambda simulation: simulation.bms.cell_max_v,
    "temp_min_c": lambda simulation: simulation.bms.temp_min_c,
    "temp_max_c": lambda simulation: simulation.bms.temp_max_c,
    "charger_phase": lambda simulation: simulation.charger.phase,
    "charger_voltage_v": lambda simulation: simulation.charger.voltage_v,
    "charger_current_a": lambda simulation: simulation.charger.current_a,
    "charger_energy_wh": lambda simulation: simulation.charger.energy_wh,
    "service_voltage_v": lambda simulation: simulation.service.pack.voltage_v,
    "service_current_a": lambda simulation: simulation.service.pack.current_a,
    "service_soc_pct": lambda simulation: simulation.service.pack.soc_pct,
    "solar_current_a": lambda simulation: simulation.service.solar.charger.current_a,
}
COLUMNS = ("time_ns", *_VALUES)


class TruthLog:
    """Give `observe` to a Simulation."""

    def __init__(self, stream: TextIO, name: str) -> None:
        """name: of the stream, for errors."""
        self._writer = csv.writer(stream, lineterminator="\n")
        self._name = name
        self._write(COLUMNS)

    def observe(self, simulation: Simulation) -> None:
        """Write a row where a second begins, given each tick. Raises NotWrittenError."""
        at_ns = simulation.now_ns - TICK_NS
        if at_ns % _EVERY_NS == 0:
            self._write((str(at_ns), *(f"{value(simulation):.9g}" for value in _VALUES.values())))

    def _write(self, row: Sequence[str]) -> None:
        try:
            self._writer.writerow(row)
        except OSError as error:
            raise NotWrittenError(f"cannot be written: {error.strerror}", where=self._name) from error
