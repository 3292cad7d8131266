"""Writes what the plant knows, second by second, to compare measurements with.

A CSV file: simulated time in ns since the start, then the values that the frames and replies of that moment
hold. Promises: one row for each full simulated second, of the tick that begins with it.
"""

import csv
from collections.abc import Sequence
from typing import TextIO

from firmware_sim.ecus.bms import TICK_S
from firmware_sim.errors import NotWrittenError
from firmware_sim.simulation import Simulation

_TICK_NS = round(TICK_S * 1e9)
_EVERY_NS = 1_000_000_000

COLUMNS = (
    "time_ns",
    "voltage_v",
    "current_a",
    "soc_pct",
    "cell_min_v",
    "cell_max_v",
    "temp_min_c",
    "temp_max_c",
    "charger_phase",
    "charger_voltage_v",
    "charger_current_a",
    "charger_energy_wh",
    "service_voltage_v",
    "service_current_a",
    "service_soc_pct",
    "solar_current_a",
)


def truth_row(simulation: Simulation) -> tuple[float, ...]:
    """The values of COLUMNS but the time, as of the present tick."""
    bms, charger, service = simulation.bms, simulation.charger, simulation.service
    return (
        bms.pack.voltage_v,
        bms.pack.current_a,
        bms.pack.soc_pct,
        bms.cell_min_v,
        bms.cell_max_v,
        bms.temp_min_c,
        bms.temp_max_c,
        charger.phase,
        charger.voltage_v,
        charger.current_a,
        charger.energy_wh,
        service.pack.voltage_v,
        service.pack.current_a,
        service.pack.soc_pct,
        service.solar.charger.current_a,
    )


class TruthLog:
    """Give `observe` to a Simulation."""

    def __init__(self, stream: TextIO, name: str) -> None:
        """name: of the stream, for errors."""
        self._writer = csv.writer(stream, lineterminator="\n")
        self._name = name
        self._write(COLUMNS)

    def observe(self, simulation: Simulation) -> None:
        """Called in each tick. Raises NotWrittenError when the stream cannot be written."""
        at_ns = simulation.now_ns - _TICK_NS
        if at_ns % _EVERY_NS == 0:
            self._write((str(at_ns), *(f"{value:.9g}" for value in truth_row(simulation))))

    def _write(self, row: Sequence[str]) -> None:
        try:
            self._writer.writerow(row)
        except OSError as error:
            raise NotWrittenError(f"cannot be written: {error.strerror}", where=self._name) from error
