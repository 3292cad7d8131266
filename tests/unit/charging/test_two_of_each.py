"""State of a plug: the second attempt, charger, device and minute are not the first."""

import pytest

from telemetry.charging.plan import ProtocolPlug
from telemetry.charging.session import Session
from telemetry.charging.settings import ChargingSettings, SessionSettings
from telemetry.model.events import Event
from tests.support.plug import INLET, PACK, SHUNT, START_NS, PlugBench


def test_events_are_of_the_charger_at_whose_plug_they_happened() -> None:
    bench = PlugBench(plugs=[ProtocolPlug("plug", "gbt27930", charger="bay-2")])
    bench.begin()
    bench.stop(2.0)
    bench.finish()
    assert {made.content.charger for made in bench.made if isinstance(made.content, Event)} == {"bay-2"}


def test_a_silence_is_reported_in_the_second_attempt_as_in_the_first() -> None:
    bench = PlugBench()
    bench.begin()
    bench.charge(1.0, 3.0)
    bench.put("BEM", 4.0, ccs_timeout=1)
    bench.recognise(6.0)
    bench.put("CCS", 6.8, permitted=1)
    for step in range(12):
        bench.put("BCL", 7.0 + step / 4)
        bench.put("BCS", 7.0 + step / 4)
    assert "nothing heard of CCS for 1.0 s" in bench.events("charging_silence")


def test_a_plug_that_is_bound_again_knows_nothing_of_the_session_before() -> None:
    bench = PlugBench()
    bench.begin()
    bench.plugs.bind(0, 0, "can0", [PACK, INLET], [{"pack": "main"}, {"charger": "main"}])
    assert not bench.tracker.follower.is_open(0)
    assert bench.tracker.state(0) == b""


def test_a_pack_s_rows_from_another_source_are_those_of_a_meter() -> None:
    bench = PlugBench()
    bench.begin()
    for second in range(1, 5):
        bench.put("BCL", float(second))
        bench._feed("battery", float(second), {"voltage_v": 100.0, "current_a": 36.0}, tags=SHUNT, channel=1)
    session = bench.finish()
    assert session.energy_meter_wh == pytest.approx(3.0)
    assert session.energy_vehicle_wh is None


def test_a_session_by_power_is_written_each_minute_also_once_the_clock_was_set_back() -> None:
    power = SessionSettings(pack="main", starts_after_s=1.0)
    bench = PlugBench(ChargingSettings(sessions=(power,)), plugs=())
    for second in (*range(900, 1000), *range(250)):
        bench.measure("battery", float(second), voltage_v=100.0, current_a=36.0)
    assert sum(isinstance(made.content, Session) for made in bench.made) >= 5


def test_each_session_of_a_plug_has_its_own_edition_and_pauses() -> None:
    bench = PlugBench()
    for begin_s, version in ((0.0, 0), (20.0, 1), (40.0, 0)):
        if version:
            bench.put("CHM", begin_s, version_minor=1, version_major=1)
        bench.put("CRM", begin_s + 0.1, recognition=0)
        bench.put("BRM", begin_s + 0.2, version_minor=version, version_major=1)
        for second, permitted in ((1.0, 1), (2.0, 0), (4.0, 1)):
            bench.put("CCS", begin_s + second, permitted=permitted)
    bench.put("BCL", 60.0)
    bench.finish()
    found = [(session.edition, session.paused_s) for session in bench.sessions]
    assert found == [("2011", 0.0), ("2015", 2.0), ("2011", 0.0), (None, 0.0)]


def test_percents_that_are_heard_at_one_stamp_are_points_of_their_own() -> None:
    bench = PlugBench()
    bench.begin()
    for soc_pct in (60.0, 61.0, 62.0):
        bench.measure("battery", 2.0, soc_pct=soc_pct)
    curve = [(point.soc_pct, point.at_ns - START_NS) for point in bench.finish().curve]
    assert curve[-3:] == [(60.0, 2_000_000_000), (61.0, 2_000_000_001), (62.0, 2_000_000_002)]


@pytest.mark.parametrize("is_late", [False, True])
def test_what_both_sides_cover_begins_again_with_the_charger_after_a_gap(is_late: bool) -> None:
    """By hand: 1 s without a difference, and 0.5 s with one of 8 A; late: fed after the vehicle's rows."""
    bench = PlugBench()
    bench.put("CCS", 0.0, permitted=1)
    charger = [(0.0, 36.0), (1.0, 36.0), (5.25, 44.0), (5.5, 44.0), (5.75, 44.0)]
    if is_late:
        charger = [(0.0, 36.0), (1.0, 36.0), (4.5, 44.0), (6.5, 44.0)]
    rows = [(float(second), "battery", 36.0) for second in range(7)]
    rows += [(at_s, "charger", amperes) for at_s, amperes in charger]
    rows.sort(key=lambda row: (is_late and row[1] == "charger" and row[0] > 2.0, row[0]))
    for at_s, side, amperes in rows:
        bench.measure(side, at_s, voltage_v=100.0, current_a=amperes)
    bench.measure("battery", 7.0, voltage_v=100.0, current_a=36.0)
    assert bench.finish().current_difference_mean_a == pytest.approx(8.0 * 0.5 / 1.5)


def test_minutes_that_come_with_each_tenth_second_alone_are_those_of_the_session_that_goes_on() -> None:
    """A station that counts charging alone says 1 for five minutes."""
    first, second = PlugBench(), PlugBench()
    first.begin()
    for step in range(2, 622):
        has_minutes = {"charged_min": 1} if step % 20 == 0 else {}
        first.put("CCS", step / 2, permitted=1, **has_minutes)
        first.put("BCL", step / 2 + 0.1)
        first.put("BCS", step / 2 + 0.1)
    second.tracker.restore(0, first.tracker.state(0))
    for at_s in range(312, 327):
        second.put("CCS", float(at_s), permitted=1, charged_min=1)
        second.measure("battery", float(at_s), soc_pct=50.0)
    second.finish()
    (session,) = second.sessions
    assert session.start_ns == START_NS
