"""firmware_sim/simulation.py: whole scenarios, read back from their frames by cantools."""

import hashlib
from itertools import pairwise
from pathlib import Path

import cantools
import pytest
from cantools.database.can import Database

from firmware_sim.scenario import Scenario, load_scenario
from firmware_sim.simulation import Simulation
from firmware_sim.wire.broadcast import VEHICLE_DBC
from telemetry.settings.table import TomlTable

SHORT = """\
starts_at = "2026-03-02T07:30:00Z"
[pack]
start_soc_pct = 50.0
start_temp_c = 25.0
[[phase]]
do = "stand"
duration_s = 1.0
[[phase]]
do = "drive"
road = "urban"
duration_s = 40.0
[[phase]]
do = "drive"
road = "motorway"
duration_s = 20.0
[[phase]]
do = "charge"
max_power_kw = 60.0
until_soc_pct = 50.5
duration_s = 600.0
[[phase]]
do = "stand"
duration_s = 2.0
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    file = tmp_path / "short.toml"
    file.write_text(SHORT, "ascii")
    return load_scenario(file, TomlTable.load)


def digest(simulation: Simulation) -> str:
    frames = hashlib.sha256()
    for at_ns, id, data in simulation.frames():
        frames.update(at_ns.to_bytes(8, "little") + id.to_bytes(4, "little") + data)
    return frames.hexdigest()


def pack_power(simulation: Simulation) -> list[tuple[float, int, float, float]]:
    """Seconds, state, volts and amperes of each BMS_PackPower."""
    database = cantools.database.load_file(VEHICLE_DBC)
    assert isinstance(database, Database)
    message = database.get_message_by_name("BMS_PackPower")
    rows = []
    for at_ns, id, data in simulation.frames():
        if id == message.frame_id:
            values = message.decode(data, decode_choices=False)
            assert isinstance(values, dict)
            state, volts, amperes = values["State"], values["PackVoltage"], values["PackCurrent"]
            assert isinstance(state, int)
            assert isinstance(volts, float)
            assert isinstance(amperes, float)
            rows.append((at_ns / 1e9, state, volts, amperes))
    return rows


def test_the_same_seed_gives_the_same_frames(scenario: Scenario) -> None:
    assert digest(Simulation(scenario, 3)) == digest(Simulation(scenario, 3))
    assert digest(Simulation(scenario, 3)) != digest(Simulation(scenario, 4))


def test_it_goes_through_every_phase_and_ends_with_open_contactors(scenario: Scenario) -> None:
    states = [state for _, state, _, _ in pack_power(Simulation(scenario, 1))]
    changes = [state for before, state in zip([-1, *states], states, strict=False) if state != before]
    assert changes == [0, 1, 2, 0, 1, 3, 0]


def test_a_charge_ends_at_its_state_of_charge(scenario: Scenario) -> None:
    simulation = Simulation(scenario, 1)
    for _ in simulation.frames():
        pass
    assert simulation.truth().soc_end_pct == pytest.approx(50.5, abs=0.1)


def test_the_energy_in_the_frames_is_the_plants_own(scenario: Scenario) -> None:
    simulation = Simulation(scenario, 1)
    rows = pack_power(simulation)
    energy_in_wh = energy_out_wh = 0.0
    for (before_s, _, before_v, before_a), (now_s, _, now_v, now_a) in pairwise(rows):
        energy_wh = 0.5 * (before_v * before_a + now_v * now_a) * (now_s - before_s) / 3600.0
        if energy_wh > 0.0:
            energy_in_wh += energy_wh
        else:
            energy_out_wh -= energy_wh
    truth = simulation.truth()
    assert truth.energy_in_wh > 300.0
    assert energy_in_wh == pytest.approx(truth.energy_in_wh, rel=1e-3)
    assert energy_out_wh == pytest.approx(truth.energy_out_wh, rel=1e-3)


def test_the_truth_counts_the_frames(scenario: Scenario) -> None:
    simulation = Simulation(scenario, 1)
    total = sum(1 for _ in simulation.frames())
    truth = simulation.truth()
    assert truth.frames_total == total == sum(truth.frames.values())
    assert truth.frames["BMS_PackPower"] == pytest.approx(truth.duration_s * 100, abs=1)
    assert truth.frames_total == total


def test_the_truth_knows_the_chargers_peaks_and_both_ends_of_the_service_battery(scenario: Scenario) -> None:
    seen: list[tuple[float, float, float]] = []

    def observe(simulation: Simulation) -> None:
        charger, service = simulation.charger, simulation.service
        seen.append((charger.power_w, charger.current_a, service.pack.soc_pct))

    simulation = Simulation(scenario, 1, observe=observe)
    before_pct = simulation.service.pack.soc_pct
    for _ in simulation.ticks():
        pass
    truth = simulation.truth()
    assert truth.charger_peak_w == max(power_w for power_w, _, _ in seen) > 0.0
    assert truth.charger_peak_a == max(current_a for _, current_a, _ in seen) > 0.0
    assert truth.service_soc_start_pct == before_pct
    assert truth.service_cell_min_v < truth.service_cell_max_v
    assert truth.service_cell_min_v == min(simulation.service.bms.cell_voltages_v)


def test_a_duration_cuts_the_scenario_short(scenario: Scenario) -> None:
    simulation = Simulation(scenario, 1, duration_s=12.34)
    frames = list(simulation.frames())
    assert frames[-1][0] < 12_340_000_000
    assert simulation.truth().duration_s == 12.34
    assert simulation.truth().frames["BMS_PackPower"] == 1234


def test_a_longer_duration_begins_the_scenario_again(scenario: Scenario) -> None:
    once = Simulation(scenario, 1)
    for _ in once.frames():
        pass
    longer_s = once.truth().duration_s + 60.0
    states = [state for _, state, _, _ in pack_power(Simulation(scenario, 1, duration_s=longer_s))]
    changes = [state for before, state in zip([-1, *states], states, strict=False) if state != before]
    assert changes[:9] == [0, 1, 2, 0, 1, 3, 0, 1, 2]
