"""CHAdeMO: sessions by the bits of messages that both ends send all the time."""

import pytest

from telemetry.charging.plan import ProtocolPlug
from tests.support.plug import PlugBench

_MALFUNCTIONS = ("charger_malfunction", "system_malfunction")


def bench_of_a_charge(**stop: float) -> PlugBench:
    """Ten seconds before charging, twenty of charging, and what ends it."""
    bench = PlugBench(plugs=[ProtocolPlug("plug", "chademo")])
    for step in range(100):
        bench.put("CHA102", step / 10, charging_enabled=int(step > 50), contactor_open=1)
        bench.put("CHA109", step / 10, charging=0, stopped=1)
    bench.put("CHA108", 10.0, available_voltage_v=500, available_current_a=120)
    for step in range(200):
        bench.put("CHA102", 10.0 + step / 10, charging_enabled=1, contactor_open=0)
        bench.put("CHA109", 10.0 + step / 10, charging=1, stopped=0)
        bench.measure("charger", 10.0 + step / 10, voltage_v=400.0, current_a=90.0)
    name = "CHA109" if "stopped" in stop else "CHA102"
    bench.put(name, 30.0, **stop)
    return bench


def test_a_stop_bit_that_is_set_before_charging_stops_nothing() -> None:
    session = bench_of_a_charge(charging_enabled=0, fault_overtemperature=1).finish()
    phases = [phase.phase for phase in session.phases]
    assert phases == ["handshake", "configuration", "charging", "stopping"]
    assert (session.outcome, session.stop_side) == ("stopped", "vehicle")
    assert session.stop_reason == "fault_overtemperature"
    assert (session.max_voltage_v, session.max_current_a) == (500.0, 120.0)


def test_a_charger_that_stops_says_why_by_its_own_bits() -> None:
    session = bench_of_a_charge(stopped=1, charger_malfunction=1, energized=1).finish()
    assert (session.stop_side, session.stop_reason) == ("charger", "charger_malfunction")


def test_an_open_contactor_after_the_stop_completes_it() -> None:
    bench = bench_of_a_charge(charging_enabled=0)
    bench.put("CHA102", 31.0, charging_enabled=0, contactor_open=1)
    session = bench.finish()
    assert (session.outcome, session.stop_reason) == ("complete", "unexplained")
    assert session.edition is None


def test_a_stop_bit_that_stays_set_for_some_frames_of_charging_stops_nothing() -> None:
    bench = PlugBench(plugs=[ProtocolPlug("plug", "chademo")])
    bench.put("CHA102", 0.0, charging_enabled=1)
    for step in range(100):
        bench.put("CHA109", step / 10, charging=1, stopped=int(step < 3))
    bench.put("CHA109", 10.0, charging=1, stopped=1)
    session = bench.finish()
    assert [phase.phase for phase in session.phases] == ["handshake", "configuration", "charging", "stopping"]
    assert session.charging_s == pytest.approx(9.7)
    assert session.stop_side == "charger"


def test_a_charge_that_begins_at_once_after_the_one_before_is_the_next_session() -> None:
    bench = bench_of_a_charge(charging_enabled=0)
    bench.measure("battery", 30.5, soc_pct=80.0)
    for step in range(10):
        bench.put("CHA102", 31.0 + step / 10, charging_enabled=int(step > 7), contactor_open=1)
        bench.measure("battery", 31.0 + step / 10, soc_pct=80.0 if step < 5 else 15.0)
    bench.put("CHA102", 32.0, charging_enabled=1, contactor_open=0)
    bench.measure("battery", 32.0, soc_pct=15.0)
    bench.put("CHA109", 32.1, charging=1, stopped=0)
    bench.measure("battery", 39.0, soc_pct=16.0)
    bench.put("CHA109", 40.0, charging=0, stopped=1)
    bench.finish()
    assert [(session.outcome, session.stop_side) for session in bench.sessions] == [
        *(("complete", "vehicle"), ("stopped", "charger"))
    ]
    assert [phase.phase for phase in bench.sessions[1].phases] == [
        *("handshake", "configuration", "charging", "stopping")
    ]
    assert [(session.start_soc_pct, session.end_soc_pct) for session in bench.sessions] == [
        *((80.0, 80.0), (15.0, 16.0))
    ]


def test_a_charge_that_follows_a_failed_start_at_once_is_the_next_session() -> None:
    bench = PlugBench(plugs=[ProtocolPlug("plug", "chademo")])
    bench.put("CHA102", 0.0, charging_enabled=1, contactor_open=1)
    bench.put("CHA109", 0.1, charging=0, stopped=1, charger_malfunction=1)
    bench.put("CHA102", 0.2, charging_enabled=0, contactor_open=1)
    bench.put("CHA102", 2.0, charging_enabled=1, contactor_open=0)
    for step in range(2):
        bench.put("CHA109", 2.1 + step / 10, charging=1, stopped=0, charger_malfunction=0)
        bench.put("CHA102", 2.15 + step / 10, charging_enabled=1, contactor_open=0)
    bench.put("CHA102", 9.0, charging_enabled=0, fault_overvoltage=1)
    bench.finish()
    assert [session.stop_reason for session in bench.sessions] == ["charger_malfunction", "fault_overvoltage"]
    phases = [phase.phase for phase in bench.sessions[1].phases]
    assert phases == ["handshake", "configuration", "charging", "stopping"]


def test_a_start_that_fails_is_a_stop_by_the_charger_that_no_open_contactor_completes() -> None:
    bench = PlugBench(plugs=[ProtocolPlug("plug", "chademo")])
    for step in range(20):
        bench.put("CHA102", step / 10, charging_enabled=int(step > 5), contactor_open=1)
        bench.put("CHA109", step / 10, charging=0, stopped=1, **dict.fromkeys(_MALFUNCTIONS, int(step > 10)))
    session = bench.finish(60.0)
    assert [phase.phase for phase in session.phases] == ["handshake", "configuration", "stopping"]
    assert (session.outcome, session.stop_side) == ("stopped", "charger")
    assert session.stop_reason == "charger_malfunction,system_malfunction"


@pytest.mark.parametrize(
    ("message", "bits", "side", "reason"),
    [
        ("CHA109", {"battery_incompatible": 1, "stopped": 1}, "charger", "battery_incompatible"),
        ("CHA109", {"system_malfunction": 1, "stopped": 1}, "charger", "system_malfunction"),
        ("CHA102", {"stop_before_charging": 1, "charging_enabled": 0}, "vehicle", "stop_before_charging"),
        ("CHA102", {"fault_overvoltage": 1, "charging_enabled": 0}, "vehicle", "fault_overvoltage"),
        ("CHA102", {"stop_before_charging": 1, "charging_enabled": 1}, None, None),
        ("CHA102", {"charging_enabled": 0}, None, None),
    ],
)
def test_a_start_fails_by_any_malfunction_and_where_the_vehicle_gives_it_up_and_says_why(
    message: str, bits: dict[str, float], side: str | None, reason: str | None
) -> None:
    bench = PlugBench(plugs=[ProtocolPlug("plug", "chademo")])
    bench.put("CHA102", 0.0, charging_enabled=1, contactor_open=1)
    bench.put(message, 1.0, **bits)
    session = bench.finish(60.0)
    assert (session.outcome, session.stop_side, session.stop_reason) == (
        *("stopped" if side else "failed", side, reason),
    )


def test_a_stop_request_of_before_charging_is_no_reason_to_stop_charging() -> None:
    session = bench_of_a_charge(charging_enabled=0, stop_before_charging=1).finish()
    assert session.stop_reason == "unexplained"


def test_no_phase_lasts_into_the_next_session_that_begins_past_its_whole_minute() -> None:
    bench = bench_of_a_charge(charging_enabled=0)
    for step in range(30):
        bench.put("CHA102", 30.5 + step, charging_enabled=0, contactor_open=1)
    bench.put("CHA102", 62.0, charging_enabled=1, contactor_open=0)
    bench.finish()
    assert bench.sessions[0].phases[-1].duration_s == pytest.approx(29.0)
    assert bench.sessions[0].duration_s == 59.5


def test_a_state_of_charge_that_is_not_valid_before_charging_is_not_the_first() -> None:
    bench = PlugBench(plugs=[ProtocolPlug("plug", "chademo")])
    bench.put("CHA102", 0.0, charging_enabled=0, contactor_open=1)
    bench.measure("battery", 0.1, soc_pct=0.0)
    bench.put("CHA108", 0.2, available_voltage_v=500, available_current_a=120)
    bench.put("CHA102", 1.0, charging_enabled=1, contactor_open=0)
    bench.measure("battery", 1.1, soc_pct=30.0)
    bench.put("CHA109", 2.0, charging=1, stopped=0)
    bench.measure("battery", 3.0, soc_pct=31.0)
    assert bench.finish().start_soc_pct == 30.0


def test_a_charger_that_still_charges_after_the_vehicle_has_stopped_begins_no_other_session() -> None:
    bench = bench_of_a_charge(charging_enabled=0, fault_overvoltage=1)
    bench.put("CHA109", 30.1, charging=1, stopped=0)
    bench.put("CHA109", 30.2, charging=0, stopped=1)
    bench.finish()
    assert [session.stop_reason for session in bench.sessions] == ["fault_overvoltage"]


def test_a_charger_alone_is_no_session() -> None:
    """Any vehicle's own bus may use its ids."""
    bench = PlugBench(plugs=[ProtocolPlug("plug", "chademo")])
    for step in range(100):
        bench.put("CHA108", step / 10, available_voltage_v=500, available_current_a=120)
        bench.put("CHA109", step / 10, charging=1, stopped=0)
        bench.measure("charger", step / 10, voltage_v=65535.0, current_a=255.0)
    bench.finish_all(10.0)
    assert bench.sessions == []


def test_what_the_charger_says_counts_from_the_first_message_of_the_vehicle_on() -> None:
    bench = PlugBench(plugs=[ProtocolPlug("plug", "chademo")])
    for step in range(21):
        if step >= 10:
            bench.put("CHA102", step, charging_enabled=1, contactor_open=0)
        bench.put("CHA109", step, charging=1, stopped=0)
        bench.measure("charger", step, voltage_v=400.0, current_a=90.0)
    session = bench.finish()
    assert (session.duration_s, session.charging_s) == (10.0, 10.0)
    assert session.energy_wh == pytest.approx(400 * 90 * 10 / 3600)
