"""Protected messages through all stages: the simulated vehicle's own, whole and spoiled."""

from dataclasses import replace
from pathlib import Path

import pytest
from telemetry_core.decode.spec import PlanSpec
from telemetry_core.rules.protection_spec import Action

from firmware_sim.faults.kinds import ChecksumError, CounterError, Fault, Window
from firmware_sim.scenario import load_scenario
from firmware_sim.simulation import Simulation
from firmware_sim.wire.broadcast import VEHICLE_DBC, Frame
from telemetry.databases.build import build_plan
from telemetry.databases.bus import BusDatabases
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.protect import protect
from telemetry.rules.protect_entry import CRC8_J1850, ProtectEntry
from telemetry.settings.table import TomlTable
from telemetry.stages.stages import Stages
from tests.support import stages
from tests.support.lineprotocol import parse_lines
from tests.support.stages import written

SCENARIO = """\
starts_at = "2026-03-02T07:30:00Z"
[pack]
start_soc_pct = 50.0
start_temp_c = 25.0
[[phase]]
do = "drive"
road = "urban"
duration_s = 20.0
"""
SPOILED = "BMS_PackState"


@pytest.fixture(scope="module")
def spec() -> PlanSpec:
    return build_plan([BusDatabases("can0", (VEHICLE_DBC,))]).spec


def entries(spec: PlanSpec, on_error: Action) -> list[ProtectEntry]:
    """Return an entry for every message that has a checksum."""
    return [
        ProtectEntry(
            message.name,
            CRC8_J1850,
            crc="Checksum",
            counter="Counter",
            data_id=message.arbitration_id,
            on_error=on_error,
        )
        for message in spec.buses[0].messages
        if any(field.name == "Checksum" for field in spec.records[message.record].fields)
    ]


def drive(tmp_path: Path, *faults: Fault) -> tuple[list[Frame], dict[str, int]]:
    """20 s of frames, and how many of them were spoiled by what."""
    file = tmp_path / "drive.toml"
    file.write_text(SCENARIO, "ascii")
    simulation = Simulation(replace(load_scenario(file, TomlTable.load), faults=faults), seed=1)
    return list(simulation.frames()), simulation.truth().frames_spoiled


def stages_of(spec: PlanSpec, on_error: Action, *mapped: MapEntry) -> Stages:
    protected = protect(spec, entries(spec, on_error))
    return stages.stages_of(protected.spec, mapped, protection=protected.rules)


def test_the_simulated_vehicle_is_protected_as_its_database_says(spec: PlanSpec, tmp_path: Path) -> None:
    frames, _ = drive(tmp_path)
    line = stages_of(spec, Action.DROP)
    assert len(entries(spec, Action.DROP)) == 12
    assert written(line, frames) == written(stages.stages_of(spec), frames)
    faults = {name: count for name, count in line.counted().items() if name.startswith("protection/")}
    assert len(faults) == 12 * 3
    assert not any(faults.values())


@pytest.mark.parametrize("batch_frames", [5000, 7])
def test_what_is_spoiled_is_left_out_counted_and_the_account_balances(
    spec: PlanSpec, tmp_path: Path, batch_frames: int
) -> None:
    frames, spoiled = drive(tmp_path, ChecksumError(Window(5.0, 10.0), SPOILED, 0.3))
    line = stages_of(spec, Action.DROP)
    text = written(line, frames, batch_frames)
    counted = line.counted()
    assert spoiled["checksum"] > 10
    assert counted[f"protection/bus/{SPOILED}/wrong_crc"] == spoiled["checksum"]
    assert counted["frames/bus/lost/bad_crc"] == spoiled["checksum"]
    assert sum(count for name, count in counted.items() if name.startswith("frames/")) == len(frames)
    points = [point for point in parse_lines(text) if point.measurement == SPOILED]
    assert len(points) == counted[f"points/made/{SPOILED}"]


def test_a_counter_that_stands_still_is_reported_in_the_rows_of_that_message(
    spec: PlanSpec, tmp_path: Path
) -> None:
    frames, spoiled = drive(tmp_path, CounterError(Window(5.0, 10.0), SPOILED))
    line = stages_of(spec, Action.FLAG)
    points = parse_lines(written(line, frames))
    counted = line.counted()
    reported = [point.fields["protection_ok"] for point in points if point.measurement == SPOILED]
    repeated = counted[f"protection/bus/{SPOILED}/repeated"]
    skipped = counted.get(f"protection/bus/{SPOILED}/skipped", 0)
    assert repeated > 0.9 * spoiled["counter"] > 10
    assert reported.count(False) in (repeated, repeated + skipped)
    assert reported.count(True) == len(reported) - reported.count(False)
    assert "frames/bus/lost/bad_counter" not in counted  # nothing is dropped
    assert counted["frames/bus/decoded"] == len(frames)


@pytest.mark.parametrize(("on_error", "wrong_frames_fill"), [(Action.FLAG, False), (Action.KEEP, True)])
def test_a_wrong_frame_that_is_flagged_fills_no_field_of_the_model_and_one_that_is_kept_does(
    spec: PlanSpec, tmp_path: Path, on_error: Action, wrong_frames_fill: bool
) -> None:
    frames, spoiled = drive(tmp_path, ChecksumError(Window(5.0, 10.0), SPOILED, 0.3))
    line = stages_of(spec, on_error, MapEntry(f"{SPOILED}.StateOfCharge", "battery.soc_pct"))
    points = parse_lines(written(line, frames))
    rows = [point for point in points if point.measurement == SPOILED]
    battery = [point.time_ns for point in points if point.measurement == "battery"]
    wrong = [point.time_ns for point in rows if point.fields.get("protection_ok") is False]
    assert wrong_frames_fill or len(wrong) >= spoiled["checksum"] > 10  # two in a row: a counter too
    assert sorted([*battery, *wrong]) == [point.time_ns for point in rows]


@pytest.mark.parametrize(("on_error", "events"), [(Action.FLAG, 0), (Action.KEEP, 2)])
def test_a_wrong_frame_that_is_flagged_raises_no_alarm_and_one_that_is_kept_does(
    spec: PlanSpec, tmp_path: Path, on_error: Action, events: int
) -> None:
    frames, _ = drive(tmp_path)
    id = next(message.arbitration_id for message in spec.buses[0].messages if message.name == SPOILED)
    at = next(number for number, (_, frame_id, _) in enumerate(frames) if number > 500 and frame_id == id)
    at_ns, _, data = frames[at]
    frames[at] = (at_ns, id, data[:1] + bytes([data[1] ^ 0x80]) + data[2:])  # bit 15: Balancing
    line = stages_of(spec, on_error, MapEntry(f"{SPOILED}.Balancing", "event.bms_fault"))
    points = parse_lines(written(line, frames))
    assert len([point for point in points if point.measurement == "event"]) == events


def test_kept_frames_are_written_as_if_nothing_were_wrong(spec: PlanSpec, tmp_path: Path) -> None:
    frames, spoiled = drive(tmp_path, ChecksumError(Window(5.0, 10.0), SPOILED, 0.3))
    line = stages_of(spec, Action.KEEP)
    assert written(line, frames) == written(stages.stages_of(spec), frames)
    assert line.counted()[f"protection/bus/{SPOILED}/wrong_crc"] == spoiled["checksum"]
