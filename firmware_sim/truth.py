"""Writes what the plant knows, second by second, to compare measurements with.

A CSV file: simulated time in ns since the start, then the values that the frames and replies of that moment
hold. Promises: one row for each full simulated second, of the tick that begins with it.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from typing import TextIO

from firmware_sim.ecus.bms import TICK_NS
from firmware_sim.errors import NotWrittenError
from firmware_sim.simulation import Simulation

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
