"""A scenario's vehicle as one that answers: control units over its plant, with a tester or with yours.

Promises: an answer holds the values of the tick in which it was asked for. A conversation is as pure as the
simulation.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from statistics import fmean

from firmware_sim.ecus.asked import ControlUnit, Tester, UnitSpec
from firmware_sim.scenario import Scenario
from firmware_sim.simulation import Simulation
from firmware_sim.units import MS_NS
from firmware_sim.wire.broadcast import Frame

_FRAME_NS = 250_000  # of 8 bytes at 500 kbit/s
_MOST_PER_MODULE = 12


def with_cells(scenario: Scenario, cells: int) -> Scenario:
    """Return the scenario with a pack of so many cells, in modules as large as they go."""
    size = max(size for size in range(1, _MOST_PER_MODULE + 1) if cells % size == 0)
    return replace(scenario, pack=replace(scenario.pack, cells=cells, cells_per_module=size))


def known_of(simulation: Simulation) -> Callable[[str], float | None]:
    """Return what gives values of the plant: `soc_pct`, …, `v17` a cell, `t3` a sensor, `t` their mean."""
    bms, pack = simulation.bms, simulation.pack
    values: dict[str, Callable[[], float]] = {
        "voltage_v": lambda: pack.voltage_v,
        "current_a": lambda: bms.gauge.current_a,
        "soc_pct": lambda: bms.gauge.soc_pct,
        "soh_pct": lambda: 100.0 * pack.soh,
        "capacity_ah": lambda: pack.capacity_ah,
        "remaining_ah": lambda: pack.remaining_ah,
        "temp_min_c": lambda: bms.temp_min_c,
        "temp_max_c": lambda: bms.temp_max_c,
        "t": lambda: fmean(pack.module_temperatures_c),
        "cell_min_v": lambda: bms.cell_min_v,
        "cell_max_v": lambda: bms.cell_max_v,
        "cell_min_index": lambda: 1 + bms.cell_voltages_v.index(bms.cell_min_v),
        "cell_max_index": lambda: 1 + bms.cell_voltages_v.index(bms.cell_max_v),
    }

    def known(name: str) -> float | None:
        if name in values:
            return values[name]()
        group, number = name[:1], name[1:]
        of_group = {"v": bms.cell_voltages_v, "t": pack.module_temperatures_c}.get(group, [])
        is_one = number.isdecimal() and 1 <= int(number) <= len(of_group)
        return of_group[int(number) - 1] if is_one else None

    return known


class Answering:
    """Units over a simulation: on a bus, as a node that a player plays; or in a conversation of its own."""

    def __init__(self, simulation: Simulation, specs: Sequence[UnitSpec]) -> None:
        self._simulation = simulation
        self._ticks = simulation.ticks()
        known = known_of(simulation)
        self._specs = specs
        self._units = [ControlUnit(spec, known) for spec in specs]
        self.finished = next(self._ticks, self) is self

    @property
    def wake_ns(self) -> int:
        """Return when the next frame is due, or the plant moves."""
        return min(self._simulation.now_ns, *(unit.wake_ns for unit in self._units))

    def hear(self, now_ns: int, id: int, data: bytes) -> None:
        """Take a frame of the bus."""
        for unit in self._units:
            unit.hear(now_ns, id, data)

    def run(self, now_ns: int) -> Iterator[tuple[int, bytes]]:
        """Move the plant to this time, and yield the frames that are due."""
        while not self.finished and self._simulation.now_ns <= now_ns:
            self.finished = next(self._ticks, self) is self
        for unit in self._units:
            yield from unit.run(now_ns)

    def conversation(self) -> Iterator[Frame]:
        """Yield what a tester asks, or two, and what is answered, at ns from the simulation's start."""
        faults = {fault.kind for spec in self._specs for fault in spec.faults}
        testers = [Tester(self._specs)]
        if "second-tester" in faults:
            testers.append(Tester(self._specs, begins_ns=5 * MS_NS, pace=1.3))
        nodes: list[Answering | Tester] = [*testers, self]
        now_ns = 0
        while not self.finished:
            now_ns = max(now_ns, min(node.wake_ns for node in nodes))
            for node in nodes:
                for id, data in [*node.run(now_ns)]:
                    now_ns += _FRAME_NS
                    yield now_ns, id, data
                    for other in nodes:
                        if other is not node:
                            other.hear(now_ns, id, data)
