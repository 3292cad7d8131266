"""What attempts leave behind: words, states of charge, and errors that are all that was heard."""

import pytest

from telemetry.charging.items import PhaseRow
from telemetry.charging.plan import ProtocolPlug
from tests.support.plug import READY, START_NS, PlugBench


def test_phases_of_one_stamp_have_a_row_each() -> None:
    bench = PlugBench()
    for code, raw in (
        ("CHM", {}),
        ("CRM", {"recognition": 0}),
        ("BCP", {}),
        ("BCL", {}),
        ("BEM", {"ccs_timeout": 1}),
    ):
        bench.put(code, 1.0, **raw)
    for code, raw in (("CRM", {"recognition": 0}), ("CRM", {"recognition": READY}), ("BCP", {}), ("BST", {})):
        bench.put(code, 1.0, **raw)
    session = bench.finish()
    written = {
        made.content.phase.start_ns: made.content.phase.phase
        for made in bench.made
        if isinstance(made.content, PhaseRow)
    }
    assert [(phase.start_ns, phase.phase) for phase in session.phases] == sorted(written.items())
    assert [phase.phase for phase in session.phases] == [
        *("handshake", "recognition", "configuration", "charging"),
        *("recognition", "configuration", "stopping"),
    ]


def test_minutes_of_the_attempt_before_say_nothing_of_a_silence_in_the_next() -> None:
    """With minutes that have not grown a silence is a step of the clock; without any it is an end."""
    bench = PlugBench()
    bench.begin()
    bench.put("CCS", 2.0, permitted=1, charged_min=5)
    bench.put("BEM", 3.0, ccs_timeout=1)
    for code, raw in (("CRM", {"recognition": 0}), ("CRM", {"recognition": READY}), ("BCP", {}), ("BCL", {})):
        bench.put(code, 5.0, **raw)
    bench.put("BCL", 200.0)
    bench.put("CCS", 200.1, permitted=1, charged_min=5)
    bench.charge(200.2, 212.0)
    bench.finish()
    assert [(session.attempts, session.gap_s) for session in bench.sessions] == [(2, 0.0), (1, 0.0)]


def test_an_attempt_that_comes_to_nothing_leaves_side_and_reason_to_the_error_before() -> None:
    bench = PlugBench()
    bench.begin()
    bench.put("BEM", 5.0, ccs_timeout=1)
    bench.put("CRM", 7.0, recognition=0)
    bench.put("CEM", 12.1, brm_timeout=1)
    bench.put("CRM", 14.0, recognition=0)
    session = bench.finish(40.0)
    assert (session.outcome, session.stop_side, session.stop_reason) == ("error", "charger", "brm_timeout")
    assert session.attempts == 3


def test_a_recording_that_ends_in_an_attempt_after_an_error_is_unfinished_and_nobody_s() -> None:
    bench = PlugBench()
    bench.begin()
    bench.put("BEM", 5.0, ccs_timeout=1)
    bench.put("CRM", 7.0, recognition=0)
    session = bench.finish(8.5)
    assert (session.outcome, session.stop_side, session.stop_reason) == ("unfinished", None, None)


def test_the_state_of_charge_at_the_end_of_an_attempt_is_not_that_of_the_next_one() -> None:
    """The next one charges, and is cut."""
    bench = PlugBench()
    bench.begin()
    bench.stop(5.0)
    bench.put("BEM", 14.0, csd_timeout=1)
    bench.recognise(18.0)
    bench.charge(19.0, 20.0, soc_pct=83.0)
    session = bench.finish(40.0)
    assert (session.outcome, session.end_soc_pct, session.attempts) == ("cut", 83.0, 2)


def test_a_charge_that_fails_early_ends_with_the_state_of_charge_of_its_configuration() -> None:
    bench = PlugBench()
    bench.put("CRM", 0.0, recognition=0)
    bench.put("BCP", 1.0, soc_pct=615)
    bench.put("BEM", 6.1, cts_cml_timeout=1)
    bench.put("CRM", 8.0, recognition=0)
    bench.put("BCP", 9.0, soc_pct=613)
    session = bench.finish(60.0)
    assert (session.start_soc_pct, session.end_soc_pct) == (61.5, 61.3)


@pytest.mark.parametrize("with_battery", [False, True])
def test_a_reconnect_does_not_begin_the_charge_whose_first_configuration_was_lost(with_battery: bool) -> None:
    bench = PlugBench()
    bench.put("CRM", 0.0, recognition=0)
    bench.put("CML", 0.5, min_current_a=4000)
    for step in range(30):
        bench.charge(1.0 + step, 1.75 + step, soc_pct=50.0 + step // 10)
    bench.put("BEM", 32.0, ccs_timeout=1)
    bench.put("CRM", 34.0, recognition=0)
    if with_battery:
        bench.measure("battery", 34.1, soc_pct=52.5)
    bench.put("BCP", 34.5, soc_pct=525)
    bench.charge(35.0, 40.0, soc_pct=53.0)
    session = bench.finish()
    assert (session.start_soc_pct, session.end_soc_pct, session.attempts) == (50.0, 53.0, 2)


@pytest.mark.parametrize(
    ("code", "side", "what"), [("BEM", "vehicle", "ccs_timeout"), ("CEM", "charger", "bcs_timeout")]
)
def test_an_error_that_is_all_that_was_heard_is_a_session(code: str, side: str, what: str) -> None:
    bench = PlugBench()
    for step in range(8):
        bench.put(code, 3.0 + step / 4, **{what: 1})
    session = bench.finish(60.0)
    assert (session.outcome, session.stop_side, session.attempts) == ("error", side, 1)
    assert (session.start_ns, session.end_ns) == (START_NS + 3 * 10**9, START_NS + 4_750_000_000)
    assert [(error.side, error.what) for error in session.errors] == [(side, what)]
    assert session.stop_reason == what
    assert session.phases == ()


@pytest.mark.parametrize("first", ["CRM", "BRM", "BCP"])
def test_an_error_before_all_else_belongs_to_the_attempt_before_that_of_what_follows(first: str) -> None:
    bench = PlugBench()
    bench.put("BEM", 0.0, ccs_timeout=1)
    codes = {"CRM": {"recognition": 0}, "BRM": {"version_minor": 1}, "BCP": {"soc_pct": 500}}
    bench.put(first, 2.0, **codes[first])
    bench.put("BRO", 2.5, ready=READY)
    bench.charge(3.0, 9.0)
    bench.stop(9.0)
    session = bench.finish()
    assert (session.outcome, session.stop_reason, session.attempts) == ("complete", "soc_reached", 2)
    assert (session.start_ns, len(session.errors)) == (START_NS, 1)


def test_an_error_without_a_reason_begins_nothing() -> None:
    bench = PlugBench()
    bench.put("BEM", 0.0, ccs_timeout=0)
    assert not bench.tracker.follower.is_open(0)


def test_each_side_of_an_error_is_listed_once_however_often_both_repeat_it() -> None:
    bench = PlugBench()
    bench.begin()
    for step in range(40):
        bench.put("BEM", 5.0 + step / 4, ccs_timeout=1)
        bench.put("CEM", 5.1 + step / 4, bcl_timeout=1)
    bench.put("CEM", 16.0, bcl_timeout=1)
    bench.put("BEM", 16.4, ccs_timeout=1)
    session = bench.finish()
    errors = [(error.side, (error.at_ns - START_NS) / 1e9) for error in session.errors]
    assert errors == [("vehicle", 5.0), ("charger", 5.1), ("charger", 16.0), ("vehicle", 16.4)]
    assert (session.stop_side, session.attempts) == ("vehicle", 1)


def test_an_error_that_the_other_side_reports_after_the_next_attempt_has_begun_is_none_of_it() -> None:
    bench = PlugBench()
    bench.begin()
    bench.charge(1.0, 5.0)
    bench.put("BEM", 5.0, ccs_timeout=1)
    bench.put("CRM", 5.1, recognition=0)
    bench.put("BRM", 5.2, version_minor=1, version_major=1)
    bench.put("CEM", 5.3, bcs_timeout=1)  # as the vehicle's error, of the attempt before
    bench.put("BCP", 5.4, soc_pct=500)
    bench.put("CML", 5.5, min_current_a=4000)
    bench.charge(6.0, 20.0)
    bench.stop(20.0)
    session = bench.finish()
    assert (session.attempts, session.outcome) == (2, "complete")
    assert [(error.side, error.attempt) for error in session.errors] == [("vehicle", 1)]


@pytest.mark.parametrize(
    ("stop", "outcome"), [({"charger_malfunction": 1}, "stopped"), ({}, "complete")], ids=["fault", "none"]
)
def test_a_chademo_session_that_a_fault_ended_is_not_complete(stop: dict[str, int], outcome: str) -> None:
    """The contactor opens in either case."""
    bench = PlugBench(plugs=[ProtocolPlug("plug", "chademo")])
    bench.put("CHA102", 0.0, charging_enabled=1, contactor_open=0)
    for step in range(20):
        bench.put("CHA109", 1.0 + step / 10, charging=1, stopped=0)
        bench.measure("charger", 1.0 + step / 10, voltage_v=0.0, current_a=0.0)
    bench.put("CHA109", 3.0, charging=0, stopped=1, **stop)
    bench.put("CHA102", 3.1, charging_enabled=0, contactor_open=1)
    session = bench.finish(12.0)
    assert (session.outcome, session.stop_side) == (outcome, "charger")
    assert session.stop_reason == (",".join(stop) or "unexplained")


def test_time_after_an_error_is_no_charging() -> None:
    bench = PlugBench()
    bench.begin()
    bench.put("BEM", 5.0, ccs_timeout=1)
    bench.put("CST", 9.0, vehicle_stopped=1)
    assert bench.finish().charging_s == pytest.approx(4.2)  # from 0.8 s on
