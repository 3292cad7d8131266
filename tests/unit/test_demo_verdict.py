"""telemetry/demo/verdict.py and report.py: success is named so, and each kind of loss is named."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from telemetry.demo.report import render
from telemetry.demo.verdict import Outcome, Truth, energy_difference, faults
from tests.support.demo import FRAMES, MEASURED, good_outcome


def with_accounts(**changes: int) -> Outcome:
    outcome = good_outcome()
    named: Mapping[str, int] = {name.replace("__", "/"): count for name, count in changes.items()}
    return replace(outcome, accounts={**outcome.accounts, **named})


def test_a_run_without_a_loss_has_no_fault() -> None:
    assert faults(good_outcome()) == []


BAD = {
    "a frame that was not read": (
        with_accounts(bus__can__read=1940, frames__can__decoded=1940),
        "1,940 read",
    ),
    "a frame that was not decoded": (with_accounts(frames__can__decoded=1940), "1,940 decoded"),
    "a frame dropped by the kernel": (with_accounts(bus__can__kernel_dropped=1), "1 frames were lost"),
    "a frame lost later": (with_accounts(frames__can__lost__queue_overflow=2), "2 frames were lost"),
    "a point that is not stored": (
        replace(good_outcome(), stored={**good_outcome().stored, "BMS_Limits": 99}),
        "BMS_Limits: 100 points expected, 99 stored",
    ),
    "a measurement that is not stored": (
        replace(good_outcome(), stored={}),
        "battery: 1,330 points expected, 0",
    ),
    "an evicted point": (with_accounts(points__evicted=3), "3 points were lost (evicted)"),
    "a dead letter": (with_accounts(points__dead=3), "3 points were lost (dead)"),
    "a waiting point": (replace(good_outcome(), waiting_points=7), "7 points are still waiting"),
    "an account that does not balance": (with_accounts(points__acknowledged=1), "are not accounted for"),
    "energy that went missing": (
        replace(good_outcome(), measured=replace(MEASURED, energy_in_wh=22_600.0)),
        "energy in: 22,600.0 Wh stored, 22,764.9 Wh true",
    ),
    "a wrong state of charge": (
        replace(good_outcome(), measured=replace(MEASURED, soc_end_pct=75.2)),
        "state of charge at the end",
    ),
    "a wrong cell": (replace(good_outcome(), measured=replace(MEASURED, cell_max_v=4.03)), "highest cell"),
    "a frame that the simulator could not send": (
        replace(good_outcome(), truth=replace(good_outcome().truth, frames_sent=1900)),
        "41 frames of the simulator went nowhere",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_each_loss_is_a_fault_and_stands_in_the_report(name: str) -> None:
    outcome, sentence = BAD[name]
    assert any(sentence in fault for fault in faults(outcome)), faults(outcome)
    report = render(outcome, database="InfluxDB", wall_s=30.0)
    assert f"NOT AS IT SHOULD BE: {faults(outcome)[0]}" in report
    assert "nothing was lost" not in report


def test_a_busy_machine_is_named_as_the_likely_reason() -> None:
    late = replace(good_outcome().truth, late_max_s=0.4)
    worse = replace(MEASURED, energy_in_wh=22_600.0)
    busy = render(replace(good_outcome(), truth=late, measured=worse), database="InfluxDB", wall_s=30.0)
    calm = render(replace(good_outcome(), measured=worse), database="InfluxDB", wall_s=30.0)
    assert "up to 0.4 s late" in busy
    assert "busy" not in calm
    assert "busy" not in render(replace(good_outcome(), truth=late), database="InfluxDB", wall_s=30.0)


def test_points_may_wait_where_there_is_no_database() -> None:
    outcome = good_outcome()
    made = sum(count for name, count in outcome.accounts.items() if name.startswith("points/made/"))
    accounts = {**outcome.accounts, "points/acknowledged": 0}
    assert faults(replace(outcome, accounts=accounts, waiting_points=made, delivered=False)) == []


def test_a_truth_is_read_from_the_simulators_report() -> None:
    report = {
        "frames": FRAMES,
        "frames_sent": 1941,
        "duration_s": 10.0,
        "late_max_s": 0.0123,
        "soc_start_pct": 45.87,
        "soc_end_pct": 75.1,
        "energy_in_wh": 22_764.9,
        "energy_out_wh": 3_536.1,
        "cell_min_v": 4.002,
        "cell_max_v": 4.025,
        "seed": 1,
    }
    assert Truth.from_report(report) == good_outcome().truth


def test_no_energy_at_all_is_no_difference() -> None:
    assert energy_difference(0.0, 0.0) == 0.0


def test_the_report_shows_every_number_beside_what_it_should_be() -> None:
    report = render(good_outcome(), database="InfluxDB", wall_s=30.4)
    lines = report.splitlines()
    assert "in 30 s (no frame over 12 ms late), read back from InfluxDB" in lines[0]
    assert max(len(line) for line in lines) < 110
    for words in (
        ("BMS_PackPower", "1,000", "1,000"),
        ("state of charge, end", "75.10 %", "75.10 %", "+0.00 %"),
        ("energy in", "22,764.9 Wh", "22,776.3 Wh", "+0.050 %"),
        ("cell spread, end", "23.0 mV", "23.0 mV"),
        ("bus", "sent 1,941", "read 1,941", "dropped by the kernel 0"),
        ("frames", "decoded 1,941", "lost 0"),
        ("points", "acknowledged 3,311", "dead letters 0"),
        ("nothing was lost",),
    ):
        assert any(all(word in line for word in words) for line in lines), words
