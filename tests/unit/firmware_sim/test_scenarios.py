"""The scenarios that come with the package: each ends, and plays the same story each time.

Whole scenarios are read back from their frames by cantools (firmware_sim/simulation.py).
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import cantools
import pytest
from cantools.database.can import Database

from firmware_sim.ecus.bms import BmsState
from firmware_sim.ecus.charger import ChargerPhase, FaultCode
from firmware_sim.plant.pack import PackSpec
from firmware_sim.scenario import Charge, Scenario, load_scenario, scenario_names
from firmware_sim.simulation import Simulation, Truth
from firmware_sim.wire.broadcast import VEHICLE_DBC
from firmware_sim.wire.jbd import BASIC_INFO, request
from telemetry.settings.table import TomlTable

UNDERTEMPERATURE_BIT = 5  # of the JBD board: too cold to be charged
SECOND = 1_000_000_000


class Story:
    """What an onlooker sees of a simulation. Give `observe` to it."""

    def __init__(self) -> None:
        self.alarms: dict[str, int] = {}  # highest level by name
        self.charger_faults: set[FaultCode] = set()
        self.board_bits: set[int] = set()
        self.states: list[BmsState] = []
        self.charge_a: list[float] = []  # highest current while the charger gives, by charge
        self.lowest_limit_a = {"charge": 1e9, "discharge": 1e9}  # while the contactors are closed
        self.charger_phase = ChargerPhase.IDLE

    def observe(self, simulation: Simulation) -> None:
        bms, charger = simulation.bms, simulation.charger
        for name, level in bms.levels.items():
            if level:
                self.alarms[name] = max(level, self.alarms.get(name, 0))
        self.charger_faults |= {charger.fault} - {FaultCode.NONE}
        word = simulation.service.bms.protection_bits
        self.board_bits |= {bit for bit in range(16) if word >> bit & 1}
        if not self.states or self.states[-1] is not bms.state:
            self.states.append(bms.state)
            if bms.state is BmsState.CHARGE:
                self.charge_a.append(0.0)
        if bms.state is BmsState.CHARGE:
            self.charge_a[-1] = max(self.charge_a[-1], bms.pack.current_a)
        if bms.contactors_closed:
            limits = {"charge": bms.charge_limit_a, "discharge": bms.discharge_limit_a}
            for name, limit_a in limits.items():
                self.lowest_limit_a[name] = min(limit_a, self.lowest_limit_a[name])
        self.charger_phase = charger.phase


@cache
def played(name: str) -> tuple[Story, Truth]:
    """Play the whole scenario, without its frames."""
    story = Story()
    simulation = Simulation(load_scenario(name, TomlTable.load), 1, observe=story.observe)
    for _ in simulation.ticks():
        pass
    return story, simulation.truth()


def once(name: str) -> pytest.MarkDecorator:
    """Mark the tests of one scenario to run in one worker, which plays it once."""
    return pytest.mark.xdist_group(f"scenario {name}")


def each(*names: str) -> pytest.MarkDecorator:
    """Try scenarios; what "drive" has is in "drive-and-charge" too, and its own half hour is a campaign."""
    marks = {name: [once(name), *[pytest.mark.long] * (name == "drive")] for name in names}
    return pytest.mark.parametrize("name", [pytest.param(name, marks=marks[name]) for name in names])


ON_LINES = ("jbd", "vedirect")


def said(name: str, seed: int, duration_s: float) -> str:
    """Return a digest of all that the bus says, and the serial lines when asked each second."""
    scenario = load_scenario(name, TomlTable.load)
    simulation = Simulation(scenario, seed, duration_s=duration_s)
    lines = [simulation.serial_line(device) for device in ON_LINES]
    digest, asked_s = hashlib.sha256(), -1

    def on_lines(now_ns: int) -> Iterator[bytes]:
        for simulated in lines:
            simulated.line.hear(request(BASIC_INFO), now_ns, now_ns)
            simulated.line.talk(now_ns, now_ns)
            yield from (piece.data for piece in simulated.line.arrived(now_ns))
            yield from simulated.faults.noise(now_ns)

    for at_ns, id, data in simulation.frames():
        digest.update(at_ns.to_bytes(8, "little") + id.to_bytes(4, "little") + data)
        if at_ns // SECOND > asked_s:
            asked_s = at_ns // SECOND
            digest.update(b"".join(on_lines(at_ns)))
    return digest.hexdigest()


def test_these_are_the_scenarios_of_the_package() -> None:
    assert scenario_names() == [
        "charge",
        "cold-morning",
        "drive",
        "drive-and-charge",
        "flaky-bus",
        "two-lines",
        "weak-cell",
    ]


@each(*(name for name in scenario_names() if name != "charge"))
def test_a_scenario_ends_parked_and_in_the_time_it_was_planned_for(name: str) -> None:
    story, truth = played(name)
    assert story.states[-1] is BmsState.OFF
    # A drive ends when the car stands, a charge earlier when the battery is full.
    planned_s = load_scenario(name, TomlTable.load).planned_s
    assert planned_s - 900.0 < truth.duration_s < planned_s + 120.0


@pytest.mark.parametrize("name", scenario_names())
def test_a_scenario_says_the_same_bytes_with_the_same_seed(name: str) -> None:
    duration_s = 200.0 if name == "flaky-bus" else 20.0
    assert said(name, 5, duration_s) == said(name, 5, duration_s)
    assert said(name, 5, 20.0) != said(name, 6, 20.0)


@each("drive", "drive-and-charge")
def test_nothing_is_wrong_in_a_scenario_without_faults(name: str) -> None:
    story, truth = played(name)
    assert (story.alarms, story.charger_faults, story.board_bits) == ({}, set(), set())
    assert truth.frames_spoiled == {}


@once("cold-morning")
def test_on_a_cold_morning_the_pack_takes_no_charge_before_the_drive_and_little_after_it() -> None:
    story, truth = played("cold-morning")
    assert story.states == [
        *(BmsState.OFF, BmsState.PRECHARGE, BmsState.CHARGE, BmsState.OFF),
        *(
            BmsState.PRECHARGE,
            BmsState.DRIVE,
            BmsState.OFF,
            BmsState.PRECHARGE,
            BmsState.CHARGE,
            BmsState.OFF,
        ),
    ]
    before_a, behind_a = story.charge_a
    assert before_a == 0.0
    assert 30.0 < behind_a < 60.0  # at a charger of 75 kW that is 200 A otherwise
    assert 2_000.0 < truth.charger_wh < 75_000.0 * 1200.0 / 3600.0 / 4
    assert truth.energy_out_wh > 10_000.0
    assert truth.temp_max_c > -5.0  # from -15


@once("cold-morning")
def test_on_a_cold_morning_the_service_battery_is_too_cold_to_be_charged() -> None:
    story, truth = played("cold-morning")
    assert story.board_bits == {UNDERTEMPERATURE_BIT}
    assert (story.alarms, story.charger_faults) == ({}, set())
    assert truth.service_in_wh == 0.0


@once("weak-cell")
def test_a_weak_cell_is_reported_as_imbalance_and_undervoltage_and_throttles_drive_and_charge() -> None:
    story, _ = played("weak-cell")
    assert story.alarms == {"CellImbalance": 2, "CellUndervoltage": 1}
    assert story.lowest_limit_a["discharge"] < 100.0  # of 450
    assert story.lowest_limit_a["charge"] < 100.0  # of 250, at three quarters full
    assert BmsState.FAULT not in story.states


def test_a_flaky_bus_has_every_fault_of_a_bus_and_makes_the_charger_begin_again() -> None:
    scenario, story = load_scenario("flaky-bus", TomlTable.load), Story()
    simulation = Simulation(scenario, 1, observe=story.observe)
    for _ in simulation.frames():
        pass
    truth = simulation.truth()
    spoiled = Counter(truth.frames_spoiled)
    assert spoiled.keys() == {
        *("checksum", "counter", "silenced"),
        *("error_frame", "unknown_id", "short_frame"),
    }
    assert spoiled["error_frame"] == 2  # bus-off, and restarted
    assert spoiled["silenced"] > 3 * 190 + 15 * 180
    assert story.charger_faults == {FaultCode.REQUEST_TIMEOUT}
    assert story.alarms == {}
    assert truth.soc_end_pct > truth.soc_start_pct  # it charges all the same


def test_a_flaky_bus_spoils_both_serial_lines() -> None:
    scenario = load_scenario("flaky-bus", TomlTable.load)
    kinds = {
        device: {
            type(fault).__name__
            for fault in scenario.faults
            if getattr(fault, "on", "jbd" if type(fault).__name__ == "ErrorReply" else "vedirect") == device
        }
        for device in ON_LINES
    }
    assert kinds["jbd"] == {"LostBytes", "ErrorReply", "Unplug", "Silence"}
    assert kinds["vedirect"] >= {"LostBytes", "ChecksumError", "Garbage", "HexMessage", "Unplug"}


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


def test_an_lfp_pack_is_charged_to_full_along_its_plateau_and_ends_by_itself() -> None:
    spec = PackSpec(chemistry="lfp", start_soc_pct=85.0, start_temp_c=25.0, ambient_c=20.0)
    phases = (Charge(3000.0, 100_000.0, 100.0),)
    scenario = replace(load_scenario("charge", TomlTable.load), pack=spec, phases=phases, faults=())
    seen: list[tuple[float, float]] = []
    simulation = Simulation(
        scenario, 1, observe=lambda each: seen.append((each.pack.soc_pct, each.bms.cell_max_v))
    )
    for _ in simulation.ticks():
        pass
    assert simulation.pack.soc_pct > 99.5
    assert seen[0][1] < 3.32
    assert max(volts for _, volts in seen) <= 3.602
    assert simulation.now_ns < 2000e9
