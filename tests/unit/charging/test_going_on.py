"""A session that goes on in another process, is closed, is left open, or has had a wrong clock."""

import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from telemetry.charging.installation import installation_key
from telemetry.charging.items import CurveRow, PhaseRow, PhaseWord, SessionItem
from telemetry.charging.moving import moved
from telemetry.charging.rows import point, rfc3339, start_of
from telemetry.charging.saved import head_of, unpacked
from telemetry.charging.session import CurvePoint, Phase, Session, SessionError
from telemetry.model.event_codes import EVENT_CODES, Level
from telemetry.model.events import Event
from tests.support.plug import START_NS, PlugBench

HOUR_S = 3600.0
PLACES, LAYOUT = -3, -2  # of its checksums in a state
HOUR_NS = 3_600_000_000_000


def charge(first: PlugBench, second: PlugBench, between: Callable[[], None], shift_s: float = 0.0) -> Session:
    """Two minutes of charging, of which `second` sees the later half, `shift_s` later."""
    first.begin()
    first.charge(1.0, 61.0, soc_pct=50.0)
    first.charge(61.25, 63.0, soc_pct=51.0)
    first.put("CEM", 63.1, bcs_timeout=1)
    between()
    second.recognise(64.0 + shift_s)
    second.charge(65.0 + shift_s, 121.0 + shift_s, soc_pct=52.0)
    second.stop(121.5 + shift_s)
    return second.finish(122.0 + shift_s)


def bare(session: Session) -> Session:
    """Without what is in rows of its own."""
    return replace(session, phases=(), errors=(), curve=())


def test_a_session_goes_on_in_another_process_as_if_nothing_had_been() -> None:
    whole, first, second = PlugBench(), PlugBench(), PlugBench()
    expected = charge(whole, whole, lambda: None)
    states: list[bytes] = []

    def hand_over() -> None:
        states.append(first.tracker.state(0))
        second.tracker.restore(0, states[0])

    session = charge(first, second, hand_over)
    assert session.gap_s == pytest.approx(0.9)  # from the last row of the one to the first of the other
    assert replace(bare(session), gap_s=expected.gap_s) == bare(expected)
    assert session.attempts == 2
    assert head_of(states[0]) == (None, False)
    assert unpacked(states[0]).named == ["bus-7", "main", "gbt27930", "can0"]
    assert second.tracker.state(0) == b""
    assert not second.tracker.has_ended(0)


def test_a_clock_that_is_set_right_moves_all_that_is_known_of_a_session() -> None:
    whole, bench = PlugBench(), PlugBench()
    expected = charge(whole, whole, lambda: None)
    session = charge(bench, bench, lambda: bench.tracker.move(0, HOUR_NS), HOUR_S)
    content = moved(SessionItem(0, 0, expected), HOUR_NS).content
    assert isinstance(content, Session)
    assert session.start_ns == expected.start_ns + HOUR_NS
    assert replace(session, phases=(), errors=(), curve=()) == replace(
        content, phases=(), errors=(), curve=()
    )
    assert session.phases == tuple(
        replace(each, start_ns=each.start_ns + HOUR_NS) for each in expected.phases
    )
    assert session.errors == tuple(replace(each, at_ns=each.at_ns + HOUR_NS) for each in expected.errors)
    assert session.curve == tuple(replace(each, at_ns=each.at_ns + HOUR_NS) for each in expected.curve)
    assert session.errors
    assert len(session.curve) == 3


def state_of(*, stopped: bool = False, finished: bool = False) -> bytes:
    bench = PlugBench()
    bench.begin()
    bench.charge(1.0, 31.0)
    if finished:
        bench.stop(31.5)
    elif stopped:
        bench.put("BST", 31.5, soc_reached=1)
    return bench.tracker.state(0)


def test_phases_that_had_no_row_before_a_kill_have_one_after_it() -> None:
    """They wait for the name of the pack, which never comes."""
    bench = PlugBench()
    bench.put("CHM", 0.0, version_minor=1, version_major=1)
    bench.put("CRM", 1.0, recognition=0)
    assert not [made for made in bench.made if isinstance(made.content, PhaseRow)]
    later = PlugBench()
    later.tracker.restore(0, bench.tracker.state(0))
    made = later.tracker.due(0, START_NS + 60 * 10**9)
    phases = [one.content.phase for one in made if isinstance(one.content, PhaseRow)]
    assert [(phase.phase, phase.duration_s) for phase in phases] == [("handshake", 1.0), ("recognition", 0.0)]


def test_what_no_plug_goes_on_with_is_cut_unless_a_side_has_stopped_it() -> None:
    bench = PlugBench()
    event, row = bench.tracker.close(state_of())
    assert isinstance(event.content, Event)
    assert (event.content.code, event.content.text) == ("charging_cut", "nothing follows it any more")
    assert isinstance(row.content, Session)
    assert (row.content.outcome, row.content.vehicle, row.content.open) == ("cut", "bus-7", False)
    assert row.time_ns == row.content.start_ns == START_NS
    assert event.time_ns > START_NS + 30 * 10**9
    assert head_of(state_of(finished=True)) == (None, True)
    for state in (state_of(stopped=True), state_of(finished=True)):
        (row,) = bench.tracker.close(state)
        assert isinstance(row.content, Session)
        assert row.content.outcome != "cut"
        assert row.content.stop_side == "vehicle"


def test_a_session_that_a_stop_of_the_service_leaves_open_is_written_as_unfinished_and_goes_on() -> None:
    bench = PlugBench()
    assert bench.tracker.unfinished(0) == []
    bench.begin()
    bench.charge(1.0, 31.0)
    sessions = [made.content for made in bench.tracker.unfinished(0) if isinstance(made.content, Session)]
    assert [(each.outcome, each.open) for each in sessions] == [("unfinished", False)]
    assert bench.tracker.state(0)
    assert bench.tracker.joined(0) is None


def test_a_session_that_is_heard_from_its_middle_on_has_joined() -> None:
    bench = PlugBench()
    bench.charge(1.0, 31.0)
    assert bench.tracker.joined(0) == START_NS + 10**9


def with_other(body: bytes, place: int) -> bytes:
    """Return a state whose checksum at this place, from its end, is another one."""
    parts = json.loads(body)
    parts[place] += 1
    return json.dumps(parts).encode()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda body: body.replace(b"bus-7", b"bus-8"), "of another vehicle"),
        (lambda body: b"[4" + body[2:], "is of version 4, and not 3"),
        (lambda body: with_other(body, LAYOUT), "of another protocol or version"),
        (lambda body: body.replace(b'"main","gbt', b'"mine","gbt'), "of the charger 'mine'"),
        (lambda body: with_other(body, PLACES), "of another protocol or version"),
        (lambda body: body[:9], "is damaged"),
        (lambda body: body[:-3] + b"]]", "is damaged"),
    ],
)
def test_a_state_of_another_kind_is_refused(change: Callable[[bytes], bytes], fault: str) -> None:
    state = zlib.compress(change(zlib.decompress(state_of())))
    with pytest.raises(ValueError, match=fault):
        PlugBench().tracker.restore(0, state)


@pytest.mark.parametrize(
    ("change", "energy_wh"),
    [
        (lambda body: with_other(body, PLACES), pytest.approx(30.25, abs=0.5)),
        (lambda body: with_other(body, LAYOUT), None),  # the row before has it
    ],
)
def test_what_an_older_gateway_has_left_open_is_cut(
    change: Callable[[bytes], bytes], energy_wh: float | None
) -> None:
    state = zlib.compress(change(zlib.decompress(state_of())))
    _, row = PlugBench().tracker.close(state)
    assert isinstance(row.content, Session)
    assert (row.content.outcome, row.time_ns) == ("cut", START_NS)
    assert row.content.energy_wh == energy_wh
    assert head_of(zlib.compress(change(zlib.decompress(state_of(finished=True))))) == (None, True)


def test_a_damaged_state_has_no_end() -> None:
    assert [head_of(state) for state in (b"junk", b"\1junk")] == [(None, False)] * 2
    with pytest.raises(ValueError, match="is damaged"):
        PlugBench().tracker.close(b"junk")


def test_a_plug_ends_with_the_last_frame() -> None:
    bench = PlugBench()
    bench.begin()
    bench.charge(1.0, 31.0)
    made = bench.tracker.finish_plug(0, START_NS + 40 * 10**9)
    assert any(isinstance(each.content, Session) and not each.content.open for each in made)
    assert bench.tracker.state(0) == b""


SESSION = Session(
    5, 9, "van", "main", "bay", open=False, duration_s=1.0, stop_reason="soc", station_clock_offset_s=10.0
)
CONTENTS: Sequence[Session | PhaseRow | CurveRow] = (
    SESSION,
    PhaseRow(SESSION, Phase(1, "charging", 6, 2.0)),
    CurveRow(SESSION, CurvePoint(7, 50.0, power_w=100.0)),
)


def test_every_row_of_a_session_moves_with_its_start() -> None:
    for content, at_ns in zip(CONTENTS, (5, 6, 7), strict=True):
        row = moved(SessionItem(3, 8, content, 2), HOUR_NS)
        assert (row.row, row.channel, row.time_ns) == (3, 2, 8 + HOUR_NS)
        assert start_of(row) == 5 + HOUR_NS
        assert not isinstance(row.content, Event)
        assert point(row.content, "van", 0) == point(content, "van", 0, HOUR_NS) or content is SESSION
        assert point(row.content, "van", 0).time_ns == at_ns + HOUR_NS
    whole = moved(SessionItem(0, 8, SESSION), HOUR_NS).content
    assert isinstance(whole, Session)
    assert (whole.start_ns, whole.end_ns) == (5 + HOUR_NS, 9 + HOUR_NS)
    assert whole.station_clock_offset_s == 10.0 - HOUR_S
    still_open = moved(
        SessionItem(0, 8, replace(SESSION, end_ns=None, station_clock_offset_s=None)), 1
    ).content
    assert isinstance(still_open, Session)
    assert (still_open.end_ns, still_open.station_clock_offset_s) == (None, None)
    word = SessionItem(0, 8, PhaseWord("bay", "can0", "charging"))
    assert moved(word, 1) == replace(word, time_ns=9)
    assert start_of(word) is None


def test_rows_say_which_session_they_are_of_and_what_can_vanish_is_there_as_nothing() -> None:
    session, phase, percent = (point(content, "van", 0, 10**9) for content in CONTENTS)
    tags = {"vehicle": "van", "pack": "main", "charger": "bay"}
    start = {"session_start": "1970-01-01T00:00:01.000000005Z"}
    assert (session.measurement, session.tags, session.time_ns) == ("charging_session", tags, 10**9 + 5)
    assert (session.fields["outcome"], session.fields["stop_reason"]) == ("", "soc")
    assert phase == (
        "charging_phase",
        tags,
        {"attempt": 1.0, "phase": "charging", "duration_s": 2.0, **start},
        10**9 + 6,
    )
    assert percent == ("charging_curve", tags, {"soc_pct": 50.0, "power_w": 100.0, **start}, 10**9 + 7)
    word = point(PhaseWord("bay", "can0", "charging"), "van", 4, 10**9)
    assert word == (
        "charger",
        {"vehicle": "van", "charger": "bay", "source": "can0"},
        {"phase": "charging"},
        10**9 + 4,
    )
    assert rfc3339(START_NS + 7) == "2026-03-02T10:00:00.000000007Z"


def test_the_key_of_an_installation_is_made_once_and_where_it_cannot_be_kept_for_one_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = installation_key(tmp_path)
    assert len(key) == 32
    assert (tmp_path / "installation.key").read_bytes() == key
    assert (tmp_path / "installation.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["installation.key"]
    installation_key.cache_clear()
    assert installation_key(tmp_path) == key
    assert caplog.text == ""
    for directory in (tmp_path / "installation.key", tmp_path / "absent"):
        assert len(installation_key(directory)) == 32
        assert (
            f"{directory / 'installation.key'}: digests of vehicle numbers are of this run alone"
            in caplog.text
        )
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "installation.key").touch()  # a crash came before its content
    assert (
        installation_key(tmp_path / "empty") == (tmp_path / "empty" / "installation.key").read_bytes() != b""
    )


def test_an_error_of_a_session_has_its_side_and_attempt() -> None:
    bench = PlugBench()
    session = charge(bench, bench, lambda: None)
    assert [(each.attempt, each.side) for each in session.errors] == [(1, "charger")]
    assert isinstance(session.errors[0], SessionError)


def test_events_of_a_charge_begin_at_the_level_of_their_code_and_a_pause_ends() -> None:
    bench = PlugBench()
    bench.begin()
    bench.charge(1.0, 11.0)
    bench.put("CCS", 11.25, permitted=0)
    bench.charge(15.0, 21.0)
    bench.put("CEM", 21.1, bcs_timeout=1)
    bench.finish()
    events = [made.content for made in bench.made if isinstance(made.content, Event)]
    assert {"charging_started", "charging_paused", "charging_error"} <= {event.code for event in events}
    for event in events:
        is_over = event.text.startswith("no longer")
        assert event.active != is_over
        assert event.level == (Level.INFORMATION if is_over else EVENT_CODES[event.code].level)
        assert (event.source, event.charger) == ("can0", "main")
    assert sum(not event.active for event in events) == 1
