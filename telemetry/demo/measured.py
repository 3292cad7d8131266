"""The run as its stored points show it, quantity by quantity, beside what the plant knows of itself.

Each quantity carries the error that its own sampling allows (`sampling.py`), and agrees or does not. Pure but
for asking the readback. Resolutions are those of vehicle.dbc and of the serial protocols.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from firmware_sim.wire.broadcast import VEHICLE_DBC
from firmware_sim.wire.layout import load_layouts
from firmware_sim.wire.vedirect import BLOCK_EVERY_NS
from telemetry.demo.gateway_config import JBD, SOURCE, VEDIRECT
from telemetry.demo.sampling import (
    Estimate,
    Lateness,
    Series,
    cyclic_lateness,
    energy_wh,
    first_value,
    highest_value,
    last_value,
    polled_lateness,
)
from telemetry.demo.stored import Readback
from telemetry.errors import UnavailableError

_VOLTAGE_V, _CURRENT_A = 0.01, 0.05  # of BMS_PackPower
_JBD_VOLTAGE_V, _JBD_CURRENT_A = 0.01, 0.01
_VEDIRECT_VOLTAGE_V, _VEDIRECT_CURRENT_A = 0.001, 0.001
_CHARGER_POWER_W, _CHARGER_CURRENT_A = 10.0, 0.05  # of CHG_Output

_NEAR_S = 5.0  # how far around its end a value is looked at where every tick is sent
_MINUTE_S = 60.0  # and where a percent is a step
_EVER_S = 1e6  # where it is asked for now and then

_MOST_ERROR_SHARE = 0.25  # of the value itself: an error that is larger agrees with anything


@dataclass(frozen=True, slots=True)
class Quantity:
    """One line of the report."""

    part: str  # of the vehicle
    name: str
    unit: str
    decimals: int
    true: float  # by the plant
    stored: Estimate

    @property
    def difference(self) -> float:
        """Return the stored value less the true one."""
        return self.stored.value - self.true

    @property
    def agrees(self) -> bool:
        """Return whether the difference is one that sampling can make."""
        return abs(self.difference) <= self.stored.error

    @property
    def is_measured(self) -> bool:
        """Return whether the error is small enough for an agreement to mean anything."""
        return self.stored.error <= _MOST_ERROR_SHARE * max(abs(self.true), abs(self.stored.value))


def quantities(plant: Mapping[str, float], span_ns: tuple[int, int], readback: Readback) -> list[Quantity]:
    """Return all quantities of the run.

    plant: the simulator's report; span_ns: when the simulation began and ended, in simulated time.
    Raises UnavailableError when too little is stored to say.
    """
    return [*_Run(plant, span_ns, readback).quantities()]


class _Run:
    def __init__(self, plant: Mapping[str, float], span_ns: tuple[int, int], readback: Readback) -> None:
        self._plant = plant
        self._span_ns = span_ns
        self._readback = readback
        self._layouts = load_layouts(VEHICLE_DBC)

    def quantities(self) -> Iterator[Quantity]:
        yield from self._battery()
        yield from self._charger()
        yield from self._service()
        yield from self._solar()

    def _battery(self) -> Iterator[Quantity]:
        part, plant = "battery", self._plant
        soc = self._series("battery", SOURCE, "soc_pct")
        yield Quantity(
            part, "state of charge, start", "%", 2, plant["soc_start_pct"], first_value(soc, 0.01, _NEAR_S)
        )
        yield Quantity(
            part, "state of charge, end", "%", 2, plant["soc_end_pct"], last_value(soc, 0.01, _NEAR_S)
        )
        power = self._pack_power
        lateness = self._bus_lateness
        resolution_w = self._resolution_w(SOURCE, _VOLTAGE_V, _CURRENT_A)
        for name, key, sign in (("energy in", "energy_in_wh", 1.0), ("energy out", "energy_out_wh", -1.0)):
            energy = energy_wh(power, lateness, resolution_w, self._span_ns, sign=sign)
            yield Quantity(part, name, "Wh", 1, plant[key], energy)
        for name, field in (("lowest cell, end", "cell_min_v"), ("highest cell, end", "cell_max_v")):
            cell = last_value(self._series("battery", SOURCE, field), 0.0005, _NEAR_S)
            yield Quantity(part, name, "V", 4, plant[field], cell)

    def _charger(self) -> Iterator[Quantity]:
        part, plant = "charger", self._plant
        meter = self._series("charger", SOURCE, "energy_wh")
        yield Quantity(
            part, "energy, its meter", "Wh", 1, plant["charger_wh"], last_value(meter, 0.1, _NEAR_S)
        )
        power = self._series("charger", SOURCE, "power_w")
        lateness = cyclic_lateness(power.times_ns, self._layouts["CHG_Output"].period_ns)
        energy = energy_wh(power, lateness, _CHARGER_POWER_W, self._span_ns)
        yield Quantity(part, "energy, from its power", "Wh", 1, plant["charger_wh"], energy)
        peak = highest_value(Series(power.times_ns, [value / 1000.0 for value in power.values]), 0.01)
        yield Quantity(part, "highest power", "kW", 2, plant["charger_peak_w"] / 1000.0, peak)
        current = highest_value(self._series("charger", SOURCE, "current_a"), _CHARGER_CURRENT_A)
        yield Quantity(part, "highest current", "A", 2, plant["charger_peak_a"], current)

    def _service(self) -> Iterator[Quantity]:
        part, plant = "service battery", self._plant
        soc = self._series("battery", JBD.name, "soc_pct")
        start, end = first_value(soc, 1.0, _MINUTE_S), last_value(soc, 1.0, _MINUTE_S)
        yield Quantity(part, "state of charge, start", "%", 1, plant["service_soc_start_pct"], start)
        yield Quantity(part, "state of charge, end", "%", 1, plant["service_soc_pct"], end)
        power = self._series("battery", JBD.name, "power_w").between(*self._span_ns)
        lateness = polled_lateness(power.times_ns, self._lag_s)
        resolution_w = self._resolution_w(JBD.name, _JBD_VOLTAGE_V, _JBD_CURRENT_A)
        for name, key, sign in (
            ("energy in", "service_in_wh", 1.0),
            ("energy out", "service_out_wh", -1.0),
        ):
            energy = energy_wh(
                power, lateness, resolution_w, self._span_ns, sign=sign, poll_every_s=JBD.poll_every_s
            )
            yield Quantity(part, name, "Wh", 1, plant[key], energy)
        for name, field in (("lowest cell, end", "cell_min_v"), ("highest cell, end", "cell_max_v")):
            cell = last_value(self._series("battery", JBD.name, field), 0.001, _EVER_S)
            yield Quantity(part, name, "V", 3, plant[f"service_{field}"], cell)

    def _solar(self) -> Iterator[Quantity]:
        power = self._series("charger", VEDIRECT.name, "power_w")
        lateness = cyclic_lateness(power.times_ns, BLOCK_EVERY_NS)
        resolution_w = self._resolution_w(VEDIRECT.name, _VEDIRECT_VOLTAGE_V, _VEDIRECT_CURRENT_A)
        energy = energy_wh(power, lateness, resolution_w, self._span_ns)
        yield Quantity("solar charger", "energy, from its power", "Wh", 1, self._plant["solar_wh"], energy)

    @cached_property
    def _pack_power(self) -> Series:
        return self._series("battery", SOURCE, "power_w")

    @cached_property
    def _bus_lateness(self) -> list[Lateness]:
        """Return the lateness of what is sent most often."""
        return cyclic_lateness(self._pack_power.times_ns, self._layouts["BMS_PackPower"].period_ns)

    @cached_property
    def _lag_s(self) -> Series:
        """Return how late the simulator was, by them."""
        return Series(self._pack_power.times_ns, [late.most_s for late in self._bus_lateness])

    def _resolution_w(self, source: str, voltage_v: float, current_a: float) -> float:
        """Return that of a power that is voltage times current."""
        measurement = "charger" if source == VEDIRECT.name else "battery"
        highest_v, highest_a = (
            max(abs(value) for value in self._series(measurement, source, field).values)
            for field in ("voltage_v", "current_a")
        )
        return voltage_v * highest_a + current_a * highest_v

    def _series(self, measurement: str, source: str, field: str) -> Series:
        found = self._readback.series(measurement, source, field)[field]
        if not len(found):
            raise UnavailableError(f"holds no {measurement}.{field} of {source}", where=self._readback.name)
        return found
