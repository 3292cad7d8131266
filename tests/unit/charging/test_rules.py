"""How sessions follow from what both ends of a plug say: each rule a sentence."""

import sys

import pytest

from telemetry.charging.session import Phase, Session
from telemetry.model.events import Event
from tests.support.plug import READY, START_NS, PlugBench


def phases(session_phases: tuple[Phase, ...]) -> list[tuple[int, str]]:
    return [(phase.attempt, phase.phase) for phase in session_phases]


def test_phases_go_forward_only() -> None:
    bench = PlugBench()
    bench.begin()
    bench.put("BRO", 1.0, ready=0)
    bench.put("CRO", 1.1, ready=0xAA)
    bench.stop(2.0)
    bench.put("BCL", 2.4)
    whole = ["handshake", "recognition", "configuration", "charging", "stopping", "ended"]
    assert phases(bench.finish().phases) == [(1, phase) for phase in whole]


def test_a_recording_that_begins_late_has_the_phases_that_it_shows() -> None:
    bench = PlugBench()
    bench.put("CCS", 0.0, permitted=1)
    bench.stop(1.0)
    session = bench.finish()
    assert phases(session.phases) == [(1, "charging"), (1, "stopping"), (1, "ended")]
    assert (session.outcome, session.start_ns) == ("complete", START_NS)


def test_a_reconnect_after_an_error_is_an_attempt_of_the_same_session() -> None:
    bench = PlugBench()
    bench.begin()
    bench.put("BEM", 5.0, ccs_timeout=1)
    bench.recognise(6.2)
    bench.stop(9.0)
    session = bench.finish()
    assert (session.outcome, session.attempts, len(bench.sessions)) == ("complete", 2, 1)
    assert bench.events("charging_reconnect") == ["attempt 2"]


def test_a_charge_heard_from_its_middle_on_keeps_its_first_state_of_charge_through_a_reconnect() -> None:
    bench = PlugBench()
    bench.charge(0.0, 1.0, soc_pct=49.0)
    bench.put("BEM", 5.0, ccs_timeout=1)
    bench.recognise(6.2)
    assert bench.finish().start_soc_pct == 49.0


def test_errors_a_second_apart_or_less_are_one_of_each_side_and_a_recognition_between_begins_nothing() -> (
    None
):
    bench = PlugBench()
    bench.begin()
    bench.put("BEM", 5.0, ccs_timeout=1)
    for step in range(1, 5):
        bench.put("CRM", 5.0 + step * 0.9 - 0.1, recognition=0)
        bench.put("CEM", 5.0 + step * 0.9, bcl_timeout=1)
    session = bench.finish()
    assert session.attempts == 1
    errors = [(error.side, error.what) for error in session.errors]
    assert errors == [("vehicle", "ccs_timeout"), ("charger", "bcl_timeout")]
    assert bench.events("charging_error") == ["vehicle: ccs_timeout", "charger: bcl_timeout"]
    assert (session.outcome, session.stop_side) == ("error", "vehicle")


def test_a_recognition_that_no_error_follows_for_a_second_begins_the_next_attempt_where_it_stood() -> None:
    bench = PlugBench()
    bench.begin()
    bench.put("BEM", 5.0, ccs_timeout=1)
    bench.put("CRM", 5.2, recognition=0)
    bench.put("CRM", 6.1, recognition=0)
    session = bench.finish()
    assert session.attempts == 2
    assert session.phases[-1] == Phase(2, "recognition", START_NS + 5_200_000_000, 0.9)


def test_an_error_that_is_more_than_a_second_after_the_last_is_another_one() -> None:
    bench = PlugBench()
    bench.begin()
    bench.put("BEM", 5.0, ccs_timeout=1)
    bench.put("CEM", 6.001, bcl_timeout=1)
    assert [error.side for error in bench.finish().errors] == ["vehicle", "charger"]


@pytest.mark.parametrize("again", ["CHM", "CRM"])
def test_a_handshake_in_charging_without_an_error_begins_the_next_session(again: str) -> None:
    bench = PlugBench()
    bench.begin()
    bench.put(again, 3.0, **({"recognition": 0} if again == "CRM" else {}))
    bench.finish()
    assert [session.outcome for session in bench.sessions] == ["cut", "unfinished"]
    assert bench.sessions[1].start_ns == START_NS + 3_000_000_000


def test_a_handshake_message_that_goes_on_beside_recognition_begins_nothing() -> None:
    bench = PlugBench()
    bench.put("CHM", 0.0)
    bench.put("CRM", 0.1, recognition=0)
    bench.put("CHM", 0.2)
    bench.finish()
    assert len(bench.sessions) == 1


@pytest.mark.parametrize(("silent_s", "outcomes"), [(10.0, ["complete"]), (10.001, ["cut", "complete"])])
def test_ten_seconds_of_silence_end_a_session(silent_s: float, outcomes: list[str]) -> None:
    bench = PlugBench()
    bench.begin()
    bench.charge(1.0, 2.0)
    bench.charge(2.0 + silent_s, 3.0 + silent_s)
    bench.stop(3.0 + silent_s)
    bench.finish()
    assert [session.outcome for session in bench.sessions] == outcomes


def test_the_silence_at_the_end_of_a_recording_is_that_of_its_last_frame() -> None:
    for end_s, outcome in ((11.0, "unfinished"), (11.3, "cut")):
        bench = PlugBench()
        bench.begin()
        bench.charge(1.0, 1.25)
        assert bench.finish(end_s).outcome == outcome


def test_a_stop_without_a_reason_is_unexplained_and_one_that_answers_a_stop_is_the_other_side_s() -> None:
    bench = PlugBench()
    bench.begin()
    bench.put("BST", 2.0)
    assert bench.events("charging_stopped") == ["vehicle: unexplained"]
    answered = PlugBench()
    answered.begin()
    answered.put("CST", 2.0, vehicle_stopped=1)
    assert answered.events("charging_stopped") == ["vehicle: unexplained"]


def test_a_session_that_is_open_has_charged_only_in_its_charging_and_not_while_it_prepares_or_stops() -> None:
    bench = PlugBench()
    bench.begin()
    bench.charge(1.0, 5.0)
    bench.put("CCS", 5.0, permitted=0)
    bench.put("CCS", 8.0, permitted=1)
    bench.stop(9.0)
    bench.put("BEM", 9.9, ccs_timeout=1)
    rows = [made.content for made in bench.made if isinstance(made.content, Session)]
    times_s = [(row.duration_s, row.charging_s, row.paused_s) for row in rows if row.open]
    assert times_s[0] == pytest.approx((0.4, 0.0, 0.0))  # BRO
    assert times_s[-1] == pytest.approx((9.9, 5.0 - 0.8 + 9.0 - 8.0, 3.0))


def test_either_side_can_report_a_pause_which_does_not_count_as_charging() -> None:
    bench = PlugBench()
    bench.begin()
    bench.charge(1.0, 5.0)
    bench.put("CCS", 5.0, permitted=0)
    bench.put("BSM", 6.0, permitted=0, **dict.fromkeys(STATES, 0))
    bench.put("CCS", 8.0, permitted=1)
    assert bench.events("charging_paused") == ["by the charger"]
    bench.put("BSM", 9.0, permitted=1)
    bench.charge(9.0, 10.0)
    bench.stop(10.0)
    session = bench.finish()
    assert bench.events("charging_paused") == ["by the charger", "no longer"]
    assert session.paused_s == pytest.approx(4.0)
    assert session.charging_s == pytest.approx(10.0 - 0.8 - 4.0)


STATES = (
    *("cell_voltage_state", "soc_state", "current_state"),
    *("temperature_state", "insulation_state", "connector_state"),
)


def test_a_state_that_is_not_normal_makes_a_forbidden_charge_no_pause() -> None:
    bench = PlugBench()
    bench.begin()
    bench.put("BSM", 2.0, permitted=0, **{**dict.fromkeys(STATES, 0), "insulation_state": 1})
    assert bench.events("charging_paused") == []


def test_in_a_session_of_2011_nothing_is_a_pause() -> None:
    """A CCS of six bytes that an exporter filled with 00 says so all the time."""
    bench = PlugBench()
    bench.put("CRM", 0.0, recognition=0)
    bench.put("BRM", 0.1, version_minor=0, version_major=1)
    bench.put("CCS", 0.2, permitted=0)
    assert bench.events("charging_paused") == []
    assert bench.finish().edition == "2011"


def test_a_session_heard_from_its_middle_on_has_pauses_only_once_it_shows_a_later_edition_than_2011() -> None:
    """Until then a CCS that permits nothing may be one of 2011, filled with 00."""
    bench = PlugBench()
    bench.put("CCS", 0.0, permitted=0)
    bench.put("BSM", 0.5, permitted=1)
    bench.put("CCS", 1.0, permitted=0)
    assert bench.events("charging_paused") == []
    bench.put("CCS", 2.0, permitted=1)
    bench.put("CCS", 3.0, permitted=0)
    bench.put("CCS", 4.5, permitted=1)
    assert bench.events("charging_paused") == ["by the charger", "no longer"]
    assert bench.finish().paused_s == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("ccs", "edition", "reason"),
    [
        ({"permitted": 0}, None, "relay_fault"),  # of any edition
        ({"permitted": 1}, "2015", "relay_fault"),
        ({}, "2011", "other_fault"),  # six bytes, or eight filled with FF
    ],
)
def test_a_session_heard_from_its_middle_on_has_the_edition_that_its_messages_show(
    ccs: dict[str, int], edition: str | None, reason: str
) -> None:
    bench = PlugBench()
    bench.put("CCS", 0.0, **ccs)
    bench.put("BST", 1.0, relay_fault=1)
    session = bench.finish()
    assert (session.edition, session.stop_reason) == (edition, reason)


def test_what_a_session_shows_first_while_it_charges_is_its_edition() -> None:
    for first, then, edition in (({"permitted": 1}, {}, "2015"), ({}, {"permitted": 1}, "2011")):
        bench = PlugBench()
        bench.put("CCS", 0.0, **first)
        bench.put("CCS", 0.1, **then)
        assert bench.finish().edition == edition


def test_an_answer_that_2011_does_not_have_shows_a_later_edition() -> None:
    bench = PlugBench()
    bench.put("BCL", 0.0)
    bench.put("BST", 1.0, charger_stopped=1)
    assert bench.finish().edition == "2015"


def test_a_message_that_is_due_and_does_not_come_is_an_event_and_no_stop() -> None:
    bench = PlugBench()
    bench.begin()
    bench.charge(1.0, 3.0)
    for step in range(10):
        bench.put("BCL", 3.0 + step / 4)
        bench.put("BCS", 3.0 + step / 4)
    bench.charge(5.5, 6.0)
    bench.stop(6.0)
    assert bench.events("charging_silence") == ["nothing heard of CCS for 1.0 s"]
    (stamp,) = [m.time_ns for m in bench.made if getattr(m.content, "code", "") == "charging_silence"]
    assert stamp == START_NS + 4_000_000_000
    assert bench.finish().outcome == "complete"


def test_the_first_stop_says_who_ended_it_and_why() -> None:
    bench = PlugBench()
    bench.begin()
    bench.put("CST", 2.0, emergency_stop=1, charger_overtemperature=1, fault=2)
    bench.put("BST", 2.1, charger_stopped=1, insulation_fault=1)
    session = bench.finish()
    assert (session.outcome, session.stop_side) == ("stopped", "charger")
    assert session.stop_reason == "charger_overtemperature,emergency_stop"


def test_a_stop_that_only_answers_one_that_was_lost_names_the_other_side() -> None:
    bench = PlugBench()
    bench.begin()
    bench.put("BST", 2.0, charger_stopped=1)
    session = bench.finish()
    assert (session.stop_side, session.stop_reason) == ("charger", "unexplained")


def test_bits_of_filler_and_of_doubt_are_no_reasons() -> None:
    bench = PlugBench()
    bench.begin()
    bench.put("BST", 2.0, soc_reached=2, insulation_fault=0)
    assert bench.finish().stop_reason == "unexplained"


def test_what_is_a_relay_fault_today_was_another_fault_in_2011() -> None:
    bench = PlugBench()
    bench.put("CRM", 0.0, recognition=0)
    bench.put("BRM", 0.1, version_minor=0, version_major=1)
    bench.put("BCL", 0.2)
    bench.put("BST", 1.0, relay_fault=1)
    assert bench.finish().stop_reason == "other_fault"


def test_an_error_after_a_stop_is_listed_and_changes_nothing_else() -> None:
    bench = PlugBench()
    bench.begin()
    bench.put("BST", 2.0, soc_reached=1)
    bench.put("BEM", 7.0, cst_timeout=1)
    session = bench.finish()
    assert (session.outcome, session.stop_side, session.stop_reason) == ("stopped", "vehicle", "soc_reached")
    assert [error.what for error in session.errors] == ["cst_timeout"]


def test_another_protocol_is_reported_once_and_begins_no_session() -> None:
    bench = PlugBench()
    for step in range(20):
        bench.put("VNC", step / 20, version_major=2, version_minor=0, result=0)
    assert bench.events("charging_protocol_unknown") == [
        "charger: result 0, version major 2, version minor 0"
    ]
    assert not bench.tracker.follower.is_open(0)


def test_what_is_unknown_is_known_again_by_its_side_after_a_session() -> None:
    bench = PlugBench()
    bench.begin(0.0)
    bench.put("VNC", 2.0, result=0)
    bench.stop(3.0)
    bench.finish()
    bench.put("VNC", 9.0, result=0)
    bench.put("VNB", 9.5, version_major=2)
    said = [text.partition(":")[0] for text in bench.events("charging_protocol_unknown")]
    assert said == ["charger", "vehicle"]


def test_a_vendors_confirmation_makes_currents_doubtful_once() -> None:
    bench = PlugBench()
    bench.begin()
    bench.put("CFC", 2.0, current_limit_a=10, guns=2)
    bench.put("BFC", 2.1, current_limit_a=10, guns=2)
    assert bench.events("charging_current_doubtful") == ["charger: current limit a 1000, guns 2"]


def test_a_pack_is_called_by_maker_and_serial_number_from_recognition_on() -> None:
    bench = PlugBench()
    bench.put("CRM", 0.0, recognition=0)
    bench.put("BRM", 0.1, version_minor=1, version_major=1, manufacturer="BYD", pack_serial=0x2A, vin="V1")
    bench.put("BCL", 0.2)
    session = bench.finish()
    assert (session.pack, session.vin, session.maker) == ("BYD-0000002A", "V1", "BYD")


def test_another_pack_in_the_same_vehicle_is_a_swap() -> None:
    bench = PlugBench()
    for number, (serial, vin) in enumerate([(1, "V1"), (2, "V1"), (3, "V2")]):
        bench.put("CHM", number * 20.0)
        bench.put("CRM", number * 20.0 + 0.1, recognition=0)
        bench.put("BRM", number * 20.0 + 0.2, manufacturer="BYD", pack_serial=serial, vin=vin)
    assert bench.events("pack_swapped") == ["from BYD-00000001 to BYD-00000002"]


def test_the_records_of_a_session_grow_no_more_than_their_lists_allow() -> None:
    bench = PlugBench()
    bench.begin()
    for number in range(1000):
        bench.put("BEM", 5.0 + number * 1.5, ccs_timeout=1)
        bench.put("CRM", 5.0 + number * 1.5 + 1.2, recognition=0)
    session = bench.finish()
    assert len(session.errors) == len(session.phases) == 400
    assert session.attempts == 1001


def test_a_configuration_after_an_error_is_the_next_attempt_where_the_recognition_is_lost() -> None:
    bench = PlugBench()
    bench.begin()
    bench.put("BEM", 5.0, ccs_timeout=1)
    bench.put("BCP", 8.0, soc_pct=500)
    bench.charge(9.0, 10.0)
    bench.stop(11.0)
    session = bench.finish()
    assert (session.outcome, session.stop_side, session.attempts) == ("complete", "vehicle", 2)


def test_what_is_configured_beside_the_error_is_no_next_attempt() -> None:
    bench = PlugBench()
    bench.begin()
    bench.put("BEM", 5.0, ccs_timeout=1)
    bench.put("CRO", 5.9, ready=READY)
    assert bench.finish().attempts == 1


@pytest.mark.parametrize("before_s", [0.0, -START_NS / 1e9])
def test_each_attempt_has_its_error_where_all_stamps_are_equal(before_s: float) -> None:
    bench = PlugBench()
    bench.put("CRM", before_s, recognition=0)
    for _ in range(3):
        bench.put("BEM", before_s, crm_aa_timeout=1)
        bench.put("CRM", before_s, recognition=0)
    bench.put("BRM", before_s, version_minor=1)
    bench.put("BCP", before_s, soc_pct=500)
    for _ in range(3):
        bench.put("BEM", before_s, cts_cml_timeout=1)
    session = bench.finish()
    errors = [(error.attempt, error.what) for error in session.errors]
    assert errors == [(1, "crm_aa_timeout"), (2, "cts_cml_timeout")]
    assert (session.outcome, session.stop_reason) == ("error", "cts_cml_timeout")


@pytest.mark.parametrize("chm", [False, True])
def test_limits_padded_with_zeros_are_those_of_2011_unless_a_handshake_has_been_heard(chm: bool) -> None:
    bench = PlugBench()
    if chm:
        bench.put("CHM", 0.0, version_minor=1)
    bench.put("CML", 1.0, max_current_a=2800, min_current_a=0)
    bench.put("CCS", 2.0, permitted=0)
    bench.put("CCS", 3.0, permitted=0)
    session = bench.finish()
    assert (session.edition, session.paused_s) == (("2015", 1.0) if chm else ("2011", 0.0))


def test_the_state_of_charge_at_an_end_that_was_none_is_not_that_at_the_end() -> None:
    bench = PlugBench()
    bench.begin()
    bench.put("BST", 5.0, soc_reached=1)
    bench.put("BSD", 5.1, soc_pct=49)
    bench.put("BEM", 15.0, csd_timeout=1)
    bench.recognise(17.0)
    bench.charge(18.0, 20.0, soc_pct=51.0)
    session = bench.finish()
    assert (session.attempts, session.end_soc_pct) == (2, 51.0)


@pytest.mark.parametrize(("again", "why"), [("CHM", "the next session begins"), ("", "the bus fell silent")])
def test_a_cut_session_says_whether_the_next_one_or_silence_has_cut_it(again: str, why: str) -> None:
    bench = PlugBench()
    bench.begin()
    if again:
        bench.put(again, 5.0)
    bench.finish(30.0)
    assert bench.events("charging_cut") == [why]


def test_sessions_that_are_over_are_kept_for_those_who_collect_them_alone() -> None:
    bench = PlugBench()
    bench.tracker.collect(None)
    bench.begin()
    bench.stop(5.0)
    over = bench.tracker.finish_plug(0, START_NS + 20_000_000_000)
    session = next(made.content for made in over if isinstance(made.content, Session))
    over.clear()
    bench.made.clear()
    assert sys.getrefcount(session) == 2  # that of this test, and of its question


def test_a_log_that_begins_years_before_the_last_one_has_its_own_start_and_duration() -> None:
    bench = PlugBench()
    earlier_s = -86_400.0 * 800
    for at_s in (0.0, earlier_s):
        bench.begin(at_s)
        bench.stop(at_s + 3.0)
        bench.finish(at_s + 3.3)
    assert [session.start_ns - START_NS for session in bench.sessions] == [0, round(earlier_s * 1e9)]
    assert [session.duration_s for session in bench.sessions] == [3.3, 3.3]


def test_sessions_that_begin_with_one_stamp_have_a_start_each() -> None:
    bench = PlugBench()
    for _ in range(3):
        bench.put("CHM", 0.0)
        bench.finish()
    assert [session.start_ns - START_NS for session in bench.sessions] == [0, 1, 2]


def test_a_session_that_no_plug_goes_on_with_ends_as_a_side_had_said() -> None:
    bench = PlugBench()
    bench.begin()
    closed = [closed_of(bench)]
    bench.put("BST", 3.0, soc_reached=1)
    closed.append(closed_of(bench))
    bench.stop(3.1)
    closed.append(closed_of(bench))
    assert closed == [("cut", None, 1), ("stopped", "soc_reached", 0), ("complete", "soc_reached", 0)]
    counts_alone = PlugBench()
    counts_alone.begin()
    counts_alone.put("CSD", 3.0, energy_kwh=10)  # whose stop nobody heard
    assert closed_of(counts_alone) == ("complete", None, 0)


def closed_of(bench: PlugBench) -> tuple[str | None, str | None, int]:
    """Outcome and reason if the next start does not know the plug, and how many events that it was cut."""
    contents = [made.content for made in bench.tracker.close(bench.tracker.state(0))]
    (session,) = (content for content in contents if isinstance(content, Session))
    events = [content for content in contents if isinstance(content, Event)]
    return session.outcome, session.stop_reason, len(events)
