"""Charges as Health counts them, each number by arithmetic on the rows."""

import math

import pytest
from telemetry_core.health.health_spec import CountedCharge, HealthKind

from tests.support.health_rows import START_NS, Bench


def charges(bench: Bench) -> list[CountedCharge]:
    return [change.charge for change in bench.changes if change.charge is not None]


def charged() -> Bench:
    """Return a minute of rest, an hour of 50 A at 400 V from 20 to 70 %, and 20 minutes of rest at 68.5 %."""
    bench = Bench()
    bench.run(0, 60, soc_pct=20.0, voltage_v=400.0, temp_min_c=20.0, temp_max_c=22.0, current_a=0.0)
    for second in range(3601):
        bench.put(60 + second, current_a=50.0, voltage_v=400.0, soc_pct=20 + second // 72)
    bench.run(3661, 4861, soc_pct=68.5, voltage_v=390.0, current_a=0.0)
    return bench


def test_a_charge_is_counted_from_its_first_row_with_current_to_its_last() -> None:
    (charge,) = charges(charged())
    expected = CountedCharge(
        start_ns=START_NS + 60 * 10**9,
        end_ns=START_NS + 3660 * 10**9,
        from_soc_pct=20.0,
        to_soc_pct=68.5,
        charge_ah=50.0,
        bridged_ah=0.0,
        energy_wh=20_000.0,
        gap_s=0.0,
        duration_s=3600.0,
        mean_current_a=50.0,
        highest_current_a=50.0,
        end_current_a=50.0,
        temp_mean_c=21.0,
        soc_fell_pct=1.5,
        soc_step_pct=-1.5,
        soc_step_ah=50 * 0.5 / 3600,  # the triangle after it, too
        soc_still_ah=1.0,
        bridged_pause_s=0.0,
        net_ah=50 + 50 * 0.5 / 3600,  # with the triangle before it
        net_s=3660.0,
        net_gap_pct=0.0,
    )
    assert charge._asdict() == pytest.approx(expected._asdict(), rel=1e-12)


def test_a_charge_is_reported_once_it_is_no_regeneration_and_ends_after_15_minutes_without_current() -> None:
    bench = charged()
    begun, ended = bench.changes
    assert (begun.kind, begun.time_ns) == (HealthKind.CHARGE_BEGUN, START_NS + 60 * 10**9)
    assert (ended.kind, ended.time_ns) == (HealthKind.CHARGE_ENDED, START_NS + 60 * 10**9)


def test_without_a_state_of_charge_there_is_none() -> None:
    bench = Bench()
    bench.run(0, 1000, current_a=50.0)
    bench.run(1000, 2000, current_a=0.0)
    (charge,) = charges(bench)
    assert math.isnan(charge.from_soc_pct)
    assert math.isnan(charge.to_soc_pct)
    assert charge.soc_still_ah == charge.charge_ah == pytest.approx(50 * 999 / 3600)
