"""State of a plug: the second attempt, charger, device and minute are not the first."""

import pytest

from telemetry.charging.plan import ProtocolPlug
from telemetry.charging.session import Session
from telemetry.charging.settings import ChargingSettings, SessionSettings
from telemetry.model.events import Event
from tests.support.plug import INLET, PACK, SHUNT, PlugBench


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
