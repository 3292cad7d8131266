"""telemetry/demo/verdict.py: success is named so, and each kind of loss is named."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from telemetry.demo.sampling import Estimate
from telemetry.demo.verdict import Outcome, SimulatorReport, faults, render
from tests.support.demo import FRAMES, PLANT, TRUTH, good_outcome, with_estimate


def with_accounts(**changes: int) -> Outcome:
    outcome = good_outcome()
    named: Mapping[str, int] = {name.replace("__", "/"): count for name, count in changes.items()}
    return replace(outcome, accounts={**outcome.accounts, **named})


def stored(**changes: int) -> Outcome:
    return replace(good_outcome(), stored={**good_outcome().stored, **changes})


def test_a_run_without_a_loss_has_no_fault() -> None:
    assert faults(good_outcome()) == []


GOOD = good_outcome()
BAD = {
    "a frame that was not read": (
        with_accounts(bus__can__read=2180, frames__can__decoded=2180),
        "2,180 read",
    ),
    "a frame that was not decoded": (with_accounts(frames__can__decoded=2180), "2,180 decoded"),
    "a frame of the plug that was not read": (
        with_accounts(bus__plug__read=1),
        "100,775 frames were sent, 1 read",
    ),
    "a frame of the plug that was not known": (
        with_accounts(frames__plug__absorbed=49_999),
        "100,774 decoded",
    ),
    "a frame of the plug that was lost": (with_accounts(frames__plug__lost__x=3), "plug: 3 frames were lost"),
    "a frame dropped by the kernel": (with_accounts(bus__can__kernel_dropped=1), "1 frames were lost"),
    "a frame lost later": (with_accounts(frames__can__lost__queue_overflow=2), "2 frames were lost"),
    "a point that is not stored": (stored(BMS_Limits=99), "BMS_Limits: 100 points expected, 99 stored"),
    "a measurement that is not stored": (replace(GOOD, stored={}), "battery: 1,330 points expected, 0"),
    "an evicted point": (with_accounts(points__evicted=3), "3 points were lost (evicted)"),
    "a dead letter": (with_accounts(points__dead=3), "3 points were lost (dead)"),
    "a waiting point": (replace(GOOD, waiting_points=7), "7 points are still waiting"),
    "an account that does not balance": (with_accounts(points__acknowledged=1), "are not accounted for"),
    "energy that went missing": (
        with_estimate(GOOD, 0, 22_600.0),
        "battery: energy in: 22,600.0 Wh stored, 22,764.9 Wh true, sampling explains 20",
    ),
    "a wrong state of charge": (with_estimate(GOOD, 1, 75.2), "state of charge, end: 75.20 %"),
    "a value that is not a number": (with_estimate(GOOD, 0, float("nan")), "energy in: nan Wh stored"),
    "a serial message that was not decoded": (
        with_accounts(frames__jbd__decoded=18),
        "jbd: 21 messages were",
    ),
    "a block that was not decoded": (
        with_accounts(frames__vedirect__decoded=9),
        "vedirect: 10 messages were",
    ),
    "a damaged answer": (with_accounts(frames__jbd__lost__checksum=1), "jbd: 1 messages were lost"),
    "a serial message that is not stored": (
        replace(GOOD, serial_stored={"jbd": 18, "vedirect": 10}),
        "jbd: 20 messages decoded, 18 stored",
    ),
    "a block that is not stored": (
        replace(GOOD, serial_stored={"jbd": 19, "vedirect": 9}),
        "vedirect: 10 messages decoded, 9 stored",
    ),
    "a cycle of cells that is not stored": (stored(cells=39), "cells: 40 points expected, 39 stored"),
    "a frame that the simulator could not send": (
        replace(GOOD, truth=replace(TRUTH, frames_sent=2000)),
        "181 frames of the simulator went nowhere",
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
    late = replace(TRUTH, late_max_s=0.4)
    worse = with_estimate(good_outcome(), 0, 22_600.0)
    busy = render(replace(worse, truth=late), database="InfluxDB", wall_s=30.0)
    calm = render(worse, database="InfluxDB", wall_s=30.0)
    assert "up to 0.4 s late" in busy
    assert "busy" not in calm


def test_an_error_that_agrees_with_anything_is_no_measurement() -> None:
    outcome = good_outcome()
    vague = replace(outcome.quantities[0], stored=Estimate(22_700.0, 9_000.0))
    assert vague.agrees
    report = render(
        replace(outcome, quantities=(vague, *outcome.quantities[1:])), database="InfluxDB", wall_s=30.0
    )
    assert report.count("not measured") == 1
    assert "what was measured agrees with the plant" in report
    assert "not measured" not in render(outcome, database="InfluxDB", wall_s=30.0)


def test_a_cycle_that_the_gateway_counts_as_incomplete_is_named_and_no_fault() -> None:
    outcome = replace(good_outcome(), stored={**good_outcome().stored, "cells": 38}, incomplete_cycles=2)
    assert faults(outcome) == []
    assert "2 in incomplete cycles" in render(outcome, database="InfluxDB", wall_s=30.0)


def test_points_may_wait_where_there_is_no_database() -> None:
    outcome = good_outcome()
    made = sum(count for name, count in outcome.accounts.items() if name.startswith("points/made/"))
    accounts = {**outcome.accounts, "points/acknowledged": 0}
    assert faults(replace(outcome, accounts=accounts, waiting_points=made, delivered=False)) == []


def test_a_truth_is_read_from_the_simulators_report() -> None:
    report = {
        "frames": FRAMES,
        "frames_sent": TRUTH.frames_sent,
        "serial": {
            "jbd": {"sent": 21, "spoiled": 0, "unheard": 3},
            "vedirect": {"sent": 10, "spoiled": 0, "unheard": 0},
        },
        "time_start_ns": TRUTH.start_ns,
        "duration_s": 10.0,
        "late_max_s": 0.0123,
        "seed": 1,
        **PLANT,
    }
    truth = SimulatorReport.from_report(report)
    assert truth.plant.items() >= PLANT.items()
    assert replace(truth, plant=PLANT) == TRUTH
    assert truth.span_ns == (TRUTH.start_ns, TRUTH.start_ns + 10_000_000_000)


def test_the_report_shows_every_number_beside_what_it_should_be() -> None:
    report = render(good_outcome(), database="InfluxDB", wall_s=30.4)
    lines = report.splitlines()
    assert "in 30 s (no frame over 12 ms late), read back from InfluxDB" in lines[0]
    assert max(len(line) for line in lines) < 110
    for words in (
        ("BMS_PackPower", "1,000", "1,000"),
        ("battery", "the plant", "stored", "difference", "sampling error"),
        ("state of charge, end", "75.10 %", "75.10 %", "+0.000 %", "± 0.015 %"),
        ("energy in", "22,764.9 Wh", "22,766.0 Wh", "+1.10 Wh", "± 20.00 Wh"),
        ("service battery", "the plant"),
        ("messages of jbd", "20", "19"),
        (f"sent: can {TRUTH.frames_sent:,}, jbd 21, vedirect 10, plug 100,775",),
        (f"can: read {TRUTH.frames_sent:,}, decoded {TRUTH.frames_sent:,}, nothing lost",),
        ("jbd: read 20, decoded 19, without signals 1, nothing lost",),
        ("points: made", "acknowledged", "all accounted for"),
        ("nothing was lost",),
        ("within its own sampling error",),
    ):
        assert any(all(word in line for word in words) for line in lines), words
