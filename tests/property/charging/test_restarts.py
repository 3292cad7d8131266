"""A charge that two restarts of the service cut into three is the one without any, but for its gaps."""

from collections.abc import Sequence
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.charging.session import Session
from telemetry.charging.settings import ChargingSettings, SessionSettings
from tests.property.charging.test_by_power import drive
from tests.property.charging.test_clock_set import PLUGS, Row, charges
from tests.support.cross_check_model import Sample
from tests.support.examples import examples
from tests.support.plug import PlugBench
from tests.support.power_model import Row as PowerRow
from tests.support.power_model import Rule

POWER = 65535  # the plug that is followed by power
SAME = (
    *("start_ns", "end_ns", "duration_s", "outcome", "stop_side", "stop_reason", "attempts", "edition"),
    *("pack", "station", "rated_ah", "max_current_a", "station_clock_offset_s", "requested_max_a"),
    *("energy_vehicle_wh", "energy_charger_wh", "covered_vehicle_s", "covered_charger_s", "charged_ah"),
    *("energy_difference_pct", "current_difference_mean_a", "voltage_difference_mean_v"),
    *("start_soc_pct", "end_soc_pct", "peak_power_w"),
)


def sessions(rows: Sequence[Row], restarts: Sequence[int]) -> list[Session]:
    """Return those of all plugs. restarts: in front of these rows."""
    bench = PlugBench()
    found = bench.sessions
    for number, row in enumerate(rows):
        if number in restarts:
            states = {plug: bench.tracker.state(plug) for plug in PLUGS}
            bench = PlugBench()
            bench.tracker.collect(found)
            for plug, state in states.items():
                if state:
                    bench.tracker.restore(plug, state)
        row.feed(bench, 0.0)
    bench.finish_all(1000.0)
    return sorted(found, key=lambda session: session.charger)


@settings(max_examples=examples(150))
@given(charges(PLUGS[0]), charges(PLUGS[1]), st.data())
def test_two_restarts_in_two_charges_change_nothing_but_what_is_counted_as_a_gap(
    first: list[Row], second: list[Row], data: st.DataObject
) -> None:
    rows = sorted(first + second, key=lambda row: row.at_s)
    restarts = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=2, max_size=2))
    expected, found = sessions(rows, []), sessions(rows, restarts)
    assert [one.charger for one in found] == [one.charger for one in expected] == ["can1", "main"]
    for one, whole in zip(found, expected, strict=True):
        assert_same(one, whole)


def assert_same(one: Session, whole: Session) -> None:
    """Compare what is measured; of the time what the restarts have missed is a gap."""
    for name in SAME:
        value = getattr(whole, name)
        same = pytest.approx(value, rel=1e-9) if isinstance(value, float) else value
        assert getattr(one, name) == same, name
    counted_s = (one.charging_s or 0) + (one.paused_s or 0)
    whole_s = (whole.charging_s or 0) + (whole.paused_s or 0)
    assert counted_s <= whole_s + 1e-9
    assert counted_s + (one.gap_s or 0) >= whole_s - 1e-9


def sessions_by_power(rows: Sequence[PowerRow], rule: Rule, restarts: Sequence[int]) -> list[Session]:
    settings = SessionSettings("main", "", rule.starts_above_w, rule.starts_after_s, rule.ends_after_s)
    bench = PlugBench(ChargingSettings(sessions=(settings,)), plugs=())
    found = bench.sessions
    for number, row in enumerate(rows):
        if number in restarts and (state := bench.tracker.state(POWER)):
            bench = PlugBench(ChargingSettings(sessions=(settings,)), plugs=())
            bench.tracker.collect(found)
            bench.tracker.restore(POWER, state)
        if isinstance(row, Sample):
            values = {"voltage_v": row.voltage_v, "current_a": row.current_a}
        else:
            values = {"soc_pct": row.soc_pct / 4, "temp_max_c": row.temp_max_c}  # as fast as batteries charge
        bench.measure("battery", row.at_s, **values)
    bench.finish_all(rows[-1].at_s if rows else 0.0)
    return found


@settings(max_examples=examples(150))
@given(seed=st.integers(0, 2**32))
def test_two_restarts_in_a_charge_by_power_change_nothing_but_what_is_counted_as_a_gap(seed: int) -> None:
    chance = Random(seed)
    rule = Rule(100.0, chance.choice((0.0, 5.0, 20.0)), chance.choice((1.0, 5.0, 12.0, 30.0)))
    rows = drive(chance, rule)
    at_once = [number for number, (a, b) in enumerate(pairwise(rows), 1) if b.at_s - a.at_s <= 2.0]
    restarts = chance.sample(at_once, min(2, len(at_once)))
    expected, found = sessions_by_power(rows, rule, []), sessions_by_power(rows, rule, restarts)
    assert len(found) == len(expected)
    for one, whole in zip(found, expected, strict=True):
        assert_same(one, whole)
