"""What a session makes of a clock that steps."""

import pytest

from tests.support.plug import PlugBench


def test_phases_last_as_long_as_they_did_when_the_clock_steps_back() -> None:
    bench = PlugBench()
    bench.put("CCS", 3600.0, permitted=1)
    for at_s in range(1, 41):
        bench.put("CCS", 3600.0 + at_s if at_s <= 20 else at_s, permitted=1)
    bench.put("BST", 41.0, soc_reached=1)
    bench.put("BSD", 43.0, soc_pct=80)
    bench.put("BSD", 46.0, soc_pct=80)
    lasted = [(phase.phase, phase.duration_s) for phase in bench.finish().phases]
    assert lasted == [("charging", 40.0), ("stopping", 2.0), ("ended", 3.0)]  # without the second of the step


def test_time_that_was_charged_counts_when_the_clock_steps_back() -> None:
    bench = PlugBench()
    bench.begin()
    bench.charge(1.0, 41.0)
    bench.charge(11.0, 31.0)  # 30 s earlier than it should be
    bench.put("BST", 31.0, soc_reached=1)
    bench.put("BSD", 41.0, soc_pct=80)
    session = bench.finish()
    assert session.charging_s == pytest.approx(41.0 - 0.8 + 20.0, abs=0.3)
    assert session.duration_s == pytest.approx(41.0 + 20.0 + 10.0, abs=0.3)
    assert session.energy_wh is not None
    assert session.mean_power_w == pytest.approx(session.energy_wh * 3600 / session.duration_s)


def test_a_clock_that_steps_forward_in_charging_ends_no_session() -> None:
    """The charger's own minutes have not grown with it."""
    bench = PlugBench()
    bench.begin()
    bench.charge(1.0, 5.0)
    for step in range(8):
        at_s = 3605.0 + step / 4
        bench.put("BCL", at_s)
        bench.put("CCS", at_s, permitted=1, charged_min=0)
        bench.put("BCS", at_s)
        bench.measure("battery", at_s, voltage_v=100.0, current_a=36.0, soc_pct=50.0)
    bench.stop(3607.0)
    session = bench.finish()
    assert [one.outcome for one in bench.sessions] == ["complete"]
    assert session.gap_s == pytest.approx(3600.0)
    assert session.charging_s == pytest.approx(6.2, abs=0.01)
    assert [phase.duration_s for phase in session.phases][3:] == pytest.approx([6.2, 0.2, 0.1], abs=0.01)


def test_a_clock_that_steps_back_costs_two_minutes_of_charging_at_most() -> None:
    bench = PlugBench()
    for first_s in (4000, 400):
        for step in range(600):
            bench.put("CCS", first_s + step, permitted=1)
    session = bench.finish()
    assert len(bench.sessions) == 1
    assert session.charging_s is not None
    assert 2 * 599 - 120 <= session.charging_s <= 2 * 599


def test_a_window_that_a_set_clock_cuts_makes_nobody_wait_less_for_a_disagreement() -> None:
    """It has to last for 30 s, and lasts for 21 s."""
    bench = PlugBench()
    bench.begin()
    bench.charge(1.0, 10.0)
    for step in range(1, 4 * 21):
        at_s = 10.0 + step / 4
        if step == 24:
            bench.tracker.move(0, 3600 * 10**9)
        late_s = 0.0 if step < 24 else 3600.0
        bench.put("CCS", at_s + late_s, permitted=1)
        bench.measure("battery", at_s + late_s, voltage_v=100.0, current_a=36.0)
        bench.measure("charger", at_s + late_s, voltage_v=100.0, current_a=90.0)
    assert bench.events("measurements_disagree") == []
