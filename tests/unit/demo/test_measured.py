"""telemetry/demo/measured.py: what the buses report agrees with the plant; what is wrong does not."""

from collections import defaultdict
from dataclasses import asdict, replace

import pytest

from firmware_sim.scenario import Charge, Drive, Stand, load_scenario
from firmware_sim.simulation import Simulation
from telemetry.demo.gateway_config import JBD, SOURCE, VEDIRECT
from telemetry.demo.measured import Quantity, quantities
from telemetry.demo.sampling import Series
from telemetry.errors import UnavailableError
from telemetry.settings.table import TomlTable
from tests.support.demo import ListedReadback

S = 1_000_000_000
START_NS = 1_772_436_600 * S
Stored = dict[tuple[str, str, str], Series]


def simulated() -> tuple[Simulation, Stored]:
    """Return a drive and a charge of a minute each, and what the buses reported, as they round it."""
    scenario = load_scenario("drive-and-charge", TomlTable.load)
    phases = (
        Drive(60.0, next(phase.profile for phase in scenario.phases if isinstance(phase, Drive))),
        Charge(60.0, 60_000.0, 100.0),
        Stand(10.0),
    )
    times: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    values: dict[tuple[str, str, str], list[float]] = defaultdict(list)

    def reported(at_ns: int, measurement: str, source: str, field: str, value: float, unit: float) -> None:
        times[measurement, source, field].append(START_NS + at_ns)
        values[measurement, source, field].append(round(value / unit) * unit)

    def observe(simulation: Simulation) -> None:
        at_ns = simulation.now_ns - S // 10
        bms, charger, service = simulation.bms, simulation.charger, simulation.service
        for part in range(10):  # BMS_PackPower
            stamp_ns = at_ns + part * S // 100
            power_w = round(bms.pack.voltage_v, 2) * round(bms.pack.current_a / 0.05) * 0.05
            reported(stamp_ns, "battery", SOURCE, "power_w", power_w, 1e-4)
            reported(stamp_ns, "battery", SOURCE, "voltage_v", bms.pack.voltage_v, 0.01)
            reported(stamp_ns, "battery", SOURCE, "current_a", bms.pack.current_a, 0.05)
        reported(at_ns, "battery", SOURCE, "soc_pct", bms.pack.soc_pct, 0.01)
        reported(at_ns, "battery", SOURCE, "cell_min_v", bms.cell_min_v, 0.0005)
        reported(at_ns, "battery", SOURCE, "cell_max_v", bms.cell_max_v, 0.0005)
        reported(at_ns, "charger", SOURCE, "energy_wh", charger.energy_wh, 0.1)
        reported(at_ns, "charger", SOURCE, "power_w", charger.power_w, 10.0)
        reported(at_ns, "charger", SOURCE, "current_a", charger.current_a, 0.05)
        if at_ns % S == 0:
            cells_v = service.bms.cell_voltages_v
            watts = service.pack.voltage_v * round(service.pack.current_a, 2)
            reported(at_ns, "battery", JBD.name, "soc_pct", service.pack.soc_pct, 1.0)
            reported(at_ns, "battery", JBD.name, "power_w", watts, 1e-4)
            reported(at_ns, "battery", JBD.name, "voltage_v", service.pack.voltage_v, 0.01)
            reported(at_ns, "battery", JBD.name, "current_a", service.pack.current_a, 0.01)
            reported(at_ns, "battery", JBD.name, "cell_min_v", min(cells_v), 0.001)
            reported(at_ns, "battery", JBD.name, "cell_max_v", max(cells_v), 0.001)
            reported(at_ns, "charger", VEDIRECT.name, "power_w", service.solar.charger.power_w, 1e-4)
            reported(at_ns, "charger", VEDIRECT.name, "voltage_v", service.solar.battery_v, 0.001)
            reported(at_ns, "charger", VEDIRECT.name, "current_a", service.solar.charger.current_a, 0.001)

    simulation = Simulation(replace(scenario, phases=phases), 1, observe=observe)
    for _ in simulation.ticks():
        pass
    return simulation, {key: Series(times[key], values[key]) for key in times}


@pytest.fixture(scope="module")
def run() -> tuple[Simulation, Stored]:
    return simulated()


def found(run: tuple[Simulation, Stored], stored: Stored) -> dict[tuple[str, str], Quantity]:
    simulation, _ = run
    truth = asdict(simulation.truth())
    plant = {name: value for name, value in truth.items() if isinstance(value, float)}
    span_ns = (START_NS, START_NS + simulation.now_ns)
    return {(one.part, one.name): one for one in quantities(plant, span_ns, ListedReadback(stored))}


def test_a_run_without_a_loss_agrees_in_every_quantity(run: tuple[Simulation, Stored]) -> None:
    lines = found(run, run[1])
    assert [name for name, one in lines.items() if not one.agrees] == []
    assert {part for part, _ in lines} == {"battery", "charger", "service battery", "solar charger"}
    assert lines["battery", "energy in"].stored.error < 0.01 * lines["battery", "energy in"].true


@pytest.mark.parametrize(
    ("key", "line", "factor"),
    [
        (("battery", SOURCE, "power_w"), ("battery", "energy in"), 1.05),
        (("charger", SOURCE, "energy_wh"), ("charger", "energy, its meter"), 1.01),
        (("charger", SOURCE, "power_w"), ("charger", "highest power"), 1.001),
        (("battery", JBD.name, "power_w"), ("service battery", "energy in"), 0.1),  # in the wrong unit
        (("battery", SOURCE, "soc_pct"), ("battery", "state of charge, end"), 1.01),
        (("battery", JBD.name, "cell_min_v"), ("service battery", "lowest cell, end"), 1.02),
    ],
)
def test_what_sampling_does_not_explain_does_not_agree(
    run: tuple[Simulation, Stored], key: tuple[str, str, str], line: tuple[str, str], factor: float
) -> None:
    series = run[1][key]
    spoiled = Series(series.times_ns, [factor * value for value in series.values])
    assert not found(run, run[1] | {key: spoiled})[line].agrees


def test_nothing_stored_is_reported_as_such(run: tuple[Simulation, Stored]) -> None:
    with pytest.raises(UnavailableError, match=r"a list: holds no battery\.soc_pct of can"):
        found(run, {})
