"""telemetry/demo/plug.py: what was sent at the plug is held against what is stored."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from telemetry.charging.session import Session
from telemetry.decode.sessions import collect_sessions
from telemetry.demo.plug import PROTOCOL, PlugTruth, plug_faults, session_table, simulate, write_report
from telemetry.errors import StorageError
from tests.support.charging_sessions import good
from tests.support.demo import CHARGED, PLUG_TRUTH
from tests.support.report_page import ReadPage


def test_a_charge_that_is_stored_as_it_was_has_no_fault() -> None:
    assert plug_faults(PLUG_TRUTH, [CHARGED]) == []


@pytest.mark.parametrize(
    ("sessions", "fault"),
    [
        ([], "one charge was sent, 0 are stored"),
        ([CHARGED, CHARGED], "one charge was sent, 2 are stored"),
        ([replace(CHARGED, outcome="cut")], "the charge was complete, cut is stored"),
        ([replace(CHARGED, attempts=1)], "the charge took 2 attempts, 1 are stored"),
        (
            [replace(CHARGED, energy_vehicle_wh=29_600.0)],
            "the charge was 29,800 Wh by the vehicle, 29,600 Wh is stored",
        ),
        (
            [replace(CHARGED, energy_charger_wh=None)],
            "the charge was 29,900 Wh by the charger, none is stored",
        ),
    ],
)
def test_each_thing_that_differs_is_a_sentence(sessions: list[Session], fault: str) -> None:
    assert plug_faults(PLUG_TRUTH, sessions) == [fault]


def test_the_log_is_replayed_fast_enough_to_be_through_before_the_run_is() -> None:
    assert PLUG_TRUTH.duration_s / PLUG_TRUTH.speed(30.0) == pytest.approx(27.0)
    assert PLUG_TRUTH.speed(1e6) == 1.0


def test_the_table_is_indented_and_the_report_is_a_page(tmp_path: Path) -> None:
    lines = session_table([good()]).splitlines()
    assert [line[:5] for line in lines] == ["  #  ", "  1  "]
    write_report(good(), tmp_path / "charge.html")
    assert ReadPage((tmp_path / "charge.html").read_text("utf-8")).facts
    with pytest.raises(StorageError, match="cannot be written"):
        write_report(good(), tmp_path / "gone" / "charge.html")


def test_beside_a_short_scenario_the_charge_is_short_and_its_session_agrees_with_the_plant(
    tmp_path: Path,
) -> None:
    truth: PlugTruth = simulate(tmp_path, 1, 1_795_000_000_000_000_000, beside_s=1.0)
    assert (truth.attempts, truth.outcome) == (2, "complete")
    assert truth.duration_s < 420.0  # a quarter of 25 minutes, with two handshakes
    (session,) = collect_sessions([truth.log], protocol=PROTOCOL)
    assert session.attempts == 2
    assert session.energy_vehicle_wh == pytest.approx(truth.energy_vehicle_wh, rel=0.005)
    assert session.energy_charger_wh == pytest.approx(truth.energy_charger_wh, rel=0.005)
    assert len(truth.log.read_text("ascii").splitlines()) == truth.frames
    assert truth.log.read_text("ascii").startswith("(1795000000.")


@pytest.mark.long  # the whole charge is simulated
def test_beside_half_an_hour_the_charge_goes_to_80_percent(tmp_path: Path) -> None:
    truth = simulate(tmp_path, seed=1, origin_ns=0, beside_s=1765.0)
    report = json.loads((tmp_path / "plug.json").read_text("utf-8"))
    assert (truth.attempts, truth.outcome) == (2, "complete")
    assert report["soc_end_pct"] == pytest.approx(80.0, abs=0.1)
    assert report["errors"][0]["at_ns"] == pytest.approx(600e9, rel=0.02)
