"""The 40 faults of a charge, as a listener sees them: the simulator's logs, through a recording's stages.

What must come out stands in each scenario's [ends], by the contract; what went on the bus is the simulator's
own truth.
"""

import re
from pathlib import Path

import pytest

from firmware_sim.charge import ChargeSpec, DcCharge
from firmware_sim.ecus.gbt.charger import GbtChargerSpec
from firmware_sim.ecus.gbt.power_stage import PowerStageSpec
from firmware_sim.ecus.gbt.vehicle import VehicleSpec
from firmware_sim.faults.charge_kinds import VARIANTS
from firmware_sim.links.can import CandumpLog
from firmware_sim.plant.pack import PackSpec
from telemetry.__main__ import main
from telemetry.charging.session import Session
from telemetry.decode.sessions import collect_sessions
from telemetry.model.event_codes import EVENT_CODES
from tests.support.charges import BY_FAULT, FAULTS, PlayedCharge, played_charge, scenario_of

WITH_EVENT = [name for name in FAULTS if scenario_of(name).ends.event is not None]


def sessions_of(charge: PlayedCharge, tmp_path: Path) -> list[Session]:
    return list(collect_sessions([charge.write_log(tmp_path / "charge.log")]))


def assert_ended_as_it_must(charge: PlayedCharge, session: Session, *, reason: str | None) -> None:
    ends, truth = charge.scenario.ends, charge.truth
    assert (truth.phase, truth.outcome, truth.side) == (ends.phase, ends.outcome, ends.side)
    last_phase = [phase.phase for phase in session.phases if phase.attempt == session.attempts][-1]
    assert (last_phase, session.outcome, session.stop_side) == (ends.phase, ends.outcome, ends.side)
    assert (session.stop_reason, session.attempts) == (reason, ends.attempts)
    seen = [(error.attempt, error.side, error.what) for error in session.errors]
    assert seen == [(error.attempt, error.side, error.what) for error in truth.errors]


@pytest.mark.parametrize("name", BY_FAULT)
def test_a_fault_is_one_session_that_ends_as_the_contract_says(name: str, tmp_path: Path) -> None:
    charge = played_charge(name)
    ends = charge.scenario.ends
    assert (charge.truth.reason, charge.truth.attempts) == (ends.reason, ends.attempts)
    (session,) = sessions_of(charge, tmp_path)
    assert_ended_as_it_must(charge, session, reason=ends.reason)


@pytest.mark.parametrize("name", BY_FAULT)
def test_what_is_added_to_a_fault_changes_no_outcome(name: str, tmp_path: Path) -> None:
    """Each fault with one variant here, and with every one in the campaign."""
    assert_variant_changes_nothing(name, list(VARIANTS)[FAULTS.index(name) % len(VARIANTS)], tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", BY_FAULT)
def test_nothing_that_is_added_to_any_fault_changes_its_outcome(
    name: str, variant: str, tmp_path: Path
) -> None:
    assert_variant_changes_nothing(name, variant, tmp_path)


def assert_variant_changes_nothing(name: str, variant: str, tmp_path: Path) -> None:
    charge = played_charge(name, variant)
    (session,) = sessions_of(charge, tmp_path)
    without_reason = variant == "zero-stop" and charge.truth.side and charge.truth.outcome != "error"
    reason = "unexplained" if without_reason else charge.scenario.ends.reason
    assert_ended_as_it_must(charge, session, reason=reason)


@pytest.mark.parametrize(
    ("name", "edition"), [("24", "2015"), ("25", "2011"), ("26", "2011"), ("27", "2015"), ("37", "2023")]
)
def test_the_edition_is_known_by_its_frames(name: str, edition: str, tmp_path: Path) -> None:
    (session,) = sessions_of(played_charge(name), tmp_path)
    assert session.edition == edition


@pytest.mark.parametrize("name", WITH_EVENT)
def test_an_event_reports_what_ends_no_charge(name: str, tmp_path: Path) -> None:
    charge = played_charge(name)
    log, lines = charge.write_log(tmp_path / "charge.log"), tmp_path / "lines"
    arguments = ["--protocol", "gbt27930", "--format", "lp", "--output", str(lines)]
    assert main(["decode", *arguments, str(log)]) == 0
    (expected,) = (code.name for code in EVENT_CODES.values() if code.number == charge.scenario.ends.event)
    assert expected in re.findall(r"^event,.*?\bcode=(\w+)", lines.read_text("utf-8"), re.MULTILINE)


def test_a_derated_charger_is_short_of_what_it_is_asked_for(tmp_path: Path) -> None:
    (session,) = sessions_of(played_charge("38"), tmp_path)
    assert session.current_shortfall_max_a == pytest.approx(100.0, abs=1.0)  # asked 200, given 40 % of 250


def test_the_vehicle_is_known_by_what_it_says_of_itself(tmp_path: Path) -> None:
    (session,) = sessions_of(played_charge("21"), tmp_path)
    assert (session.vin, session.maker, session.rated_ah) == ("LSIMGBT27930V0001", "SIMU", 178.0)


def test_energies_from_10_to_80_percent_are_those_of_plant_and_meter(tmp_path: Path) -> None:
    """A battery of a tenth of the size: the same charge in less time."""
    pack = PackSpec(cell_capacity_ah=17.8, start_soc_pct=10.6, start_temp_c=22.0)
    charger = GbtChargerSpec(power=PowerStageSpec(max_current_a=120.0))
    charge = DcCharge(ChargeSpec(pack, charger, VehicleSpec(until_soc_pct=80.0)), 1)
    log = tmp_path / "charge.log"
    with log.open("w", encoding="ascii") as stream:
        written = CandumpLog(stream)
        for at_ns, id, data in charge.frames():
            written.write(1_772_445_600_000_000_000 + at_ns, id, data)
    truth = charge.truth()
    (session,) = collect_sessions([log])
    assert session.energy_vehicle_wh == pytest.approx(truth.energy_vehicle_wh, rel=0.005)
    assert session.energy_charger_wh == pytest.approx(truth.energy_charger_wh, rel=0.005)
    assert session.charged_ah == pytest.approx(truth.charged_ah, rel=0.005)
    assert session.station_energy_wh == pytest.approx(truth.energy_charger_wh, abs=50.0)
    assert session.start_soc_pct == pytest.approx(truth.soc_start_pct, abs=1.0)
    assert session.end_soc_pct == pytest.approx(truth.soc_end_pct, abs=1.0)
    assert session.max_current_a == pytest.approx(truth.max_current_a, abs=0.1)
    assert [point.soc_pct for point in session.curve] == [float(soc) for soc in range(10, 81)]
    assert sum(point.duration_s or 0.0 for point in session.curve) == pytest.approx(
        session.charging_s or 0.0, rel=0.05
    )
