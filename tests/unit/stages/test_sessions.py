"""Sessions by plug: when silence ends one, what waits for the time, what goes on in the next stages."""

from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import cast

import pytest
from telemetry_core.text.lines import LineBuffer

from telemetry.charging.items import CurveRow, PhaseWord, SessionItem
from telemetry.charging.plan import FollowedPlugs
from telemetry.charging.session import CurvePoint, Session
from telemetry.stages.sessions import NoSessions, PlugSessions, hand_over_sessions
from telemetry.stages.writing import Writing

SECOND_NS = 1_000_000_000


class Tracker:
    """One plug, of which the two ends were heard last at `heard_ns`."""

    def __init__(self) -> None:
        self.plugs = {0: SimpleNamespace(source="bay")}
        self.heard_ns = 0
        self.joined_ns: int | None = None  # start of the stored session that goes on
        self.asked_ns: list[int] = []
        self.open = b""  # what is open there
        self.moved_ns = 0
        self.inherited: list[tuple[int, Tracker, int]] = []
        self.follower = SimpleNamespace(last_ns=lambda _: self.heard_ns)

    def joined(self, _channel: int) -> int | None:
        return self.joined_ns

    def state(self, _channel: int, _boot: object = None) -> bytes:
        return self.open

    def inherit(self, channel: int, old: "Tracker", old_channel: int) -> None:
        self.inherited.append((channel, old, old_channel))

    def restore(self, _channel: int, state: bytes) -> None:
        self.heard_ns = int(state)

    def close(self, state: bytes) -> list[str]:
        if state == b"torn":
            raise ValueError("it is torn")
        return [f"closed {state.decode()}"]

    def move(self, _channel: int, by_ns: int) -> None:
        self.moved_ns += by_ns

    def unfinished(self, _channel: int) -> list[str]:
        return ["unfinished"]

    def finish_plug(self, _channel: int, end_ns: int) -> list[str]:
        return [f"finished at {end_ns}"]

    def due(self, _channel: int, now_ns: int) -> tuple[()]:
        self.asked_ns.append(now_ns)
        return ()


def followed(tracker: Tracker, written: list[object] | None = None) -> tuple[PlugSessions, str]:
    """Return the sessions and their plug's name; `written` gets what is written, with its shift."""

    def write_made(made: Iterable[object], _lines: LineBuffer, *, shift_ns: int) -> None:
        if written is not None:
            written.extend((one, shift_ns) for one in made)

    def write_waited(made: Iterable[object], lines: LineBuffer) -> None:
        write_made(made, lines, shift_ns=0)

    writing = SimpleNamespace(write_made=write_made, write_waited=write_waited)
    plugs = SimpleNamespace(tracker=tracker, feeding=lambda _channel: (), power_of=lambda _channel: "")
    sessions = PlugSessions(cast(FollowedPlugs, plugs), None, {}, cast(Writing, writing))
    (plug,) = sessions.plugs_of("")
    return sessions, plug


def stamps(written: Sequence[object]) -> list[int]:
    return [made.time_ns for made, _ in cast(Sequence[tuple[SessionItem, int]], written)]


def test_of_rows_that_wait_for_the_time_the_newest_thousand_are_kept_one_a_stamp() -> None:
    written = list[object]()
    sessions, plug = followed(Tracker(), written)
    sessions.write_rows(plug, False, LineBuffer())
    session = Session(0, None, "van", "main", "bay", open=True, duration_s=0.0)
    for number in (*range(1500), 1499):
        row = CurveRow(session, CurvePoint(number, soc_pct=50.0))
        assert sessions.holds(SessionItem(0, number, row, channel=0))
    sessions.write_rows(plug, True, LineBuffer())
    assert stamps(written) == list(range(500, 1500))


def test_a_session_that_goes_on_replaces_the_rows_of_its_second_half_that_wait_for_the_time() -> None:
    tracker, lines, written = Tracker(), LineBuffer(), list[object]()
    sessions, plug = followed(tracker, written)
    sessions.write_rows(plug, False, lines)
    for start_ns in (0, 5):
        session = Session(start_ns, None, "van", "main", "bay", open=True, duration_s=0.0)
        assert sessions.holds(SessionItem(0, start_ns, session, channel=0))
    tracker.joined_ns = 5
    sessions.restore(plug, b"7", lines)
    sessions.write_rows(plug, True, lines)
    assert stamps(written) == [0]


def test_frames_of_others_show_silence_only_once_an_end_was_heard_in_this_run() -> None:
    tracker, lines = Tracker(), LineBuffer()
    sessions, plug = followed(tracker)
    sessions.restore(plug, b"%d" % SECOND_NS, lines)
    # A minute passed until this run began: nobody has watched it, whatever frames of others say.
    sessions.watch(plug, 61 * SECOND_NS, SECOND_NS // 2, lines, shift_ns=0)
    assert tracker.asked_ns == []
    sessions.watch(plug, 61 * SECOND_NS, SECOND_NS, lines, shift_ns=0)
    assert tracker.asked_ns == [62 * SECOND_NS]
    tracker.heard_ns = 70 * SECOND_NS
    sessions.watch(plug, 70 * SECOND_NS + SECOND_NS // 2, 0, lines, shift_ns=0)
    assert tracker.asked_ns == [62 * SECOND_NS]
    sessions.watch(plug, 71 * SECOND_NS, 0, lines, shift_ns=0)
    assert tracker.asked_ns == [62 * SECOND_NS, 71 * SECOND_NS]


def row(start_ns: int = 0) -> SessionItem:
    return SessionItem(
        0, start_ns, Session(start_ns, None, "van", "main", "bay", open=True, duration_s=0.0), channel=0
    )


def test_nothing_waits_unless_rows_are_unwanted_and_events_never_do() -> None:
    sessions, plug = followed(Tracker())
    assert not sessions.holds(row())
    assert not sessions.holds(row())
    sessions.write_rows(plug, False, LineBuffer())
    assert not sessions.holds(SessionItem(0, 0, PhaseWord("main", "bay", "charging"), channel=0))
    assert sessions.holds(row())


def test_rows_that_waited_are_written_once_they_are_wanted_and_moved_with_the_clock() -> None:
    tracker, written = Tracker(), list[object]()
    sessions, plug = followed(tracker, written)
    sessions.move(plug, 5)
    sessions.write_rows(plug, False, LineBuffer())
    assert sessions.holds(row(7))
    sessions.move(plug, 100)
    assert tracker.moved_ns == 105
    assert written == []
    sessions.write_rows(plug, True, LineBuffer())
    assert written == [(row(107), 0)]
    assert not sessions.holds(row())


def test_what_is_open_is_left_or_finished_with_the_shift_of_now() -> None:
    written = list[object]()
    sessions, plug = followed(Tracker(), written)
    sessions.leave(plug, LineBuffer(), shift_ns=3)
    sessions.finish(plug, 9, LineBuffer(), shift_ns=4)
    assert written == [("unfinished", 3), ("finished at 9", 4)]


def test_what_was_open_goes_on_or_is_closed_where_it_cannot(caplog: pytest.LogCaptureFixture) -> None:
    tracker, written = Tracker(), list[object]()
    sessions, plug = followed(tracker, written)
    tracker.joined_ns = 5
    sessions.restore(plug, b"7", LineBuffer())
    assert (tracker.heard_ns, written) == (7, [])
    sessions.restore(plug, b"no number", LineBuffer())
    assert written == [("closed no number", 0)]
    assert "it is closed" in caplog.text
    sessions.close(plug, b"torn", LineBuffer())
    assert "what was open there is lost: it is torn" in caplog.text


def test_where_another_session_has_begun_meanwhile_the_old_one_is_closed() -> None:
    tracker, written = Tracker(), list[object]()
    sessions, plug = followed(tracker, written)
    tracker.open = b"another"
    sessions.restore(plug, b"7", LineBuffer())
    assert (tracker.heard_ns, written) == (0, [("closed 7", 0)])


class Plugs(NoSessions):
    """Plugs of one source by name."""

    def __init__(self, *plugs: str) -> None:
        self.plugs = plugs
        self.said: list[tuple[object, ...]] = []

    def plugs_of(self, source: str) -> Sequence[str]:
        return self.plugs if source == "bus" else ()

    def finish(self, *what: object, **more: object) -> None:
        self.said.append(("finish", *what[:2], more["shift_ns"]))

    def take_over(self, plug: str, old: PlugSessions, _lines: LineBuffer) -> None:
        assert plug in old.plugs_of("bus")
        self.said.append(("take over", plug))


def test_a_reload_goes_on_with_plugs_that_are_followed_still_and_finishes_the_others() -> None:
    old, new = Plugs("left", "right", "gone"), Plugs("left", "right")
    hand_over_sessions(old, new, "bus", LineBuffer(), shift_ns=6)
    assert old.said == [("finish", "gone", 0, 6)]
    assert new.said == [("take over", "left"), ("take over", "right")]


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("state", [b"", b"7"])
def test_what_is_taken_over_is_known_goes_on_and_waits_as_before(state: bytes, waits: bool) -> None:
    before, after = Tracker(), Tracker()
    before.open = state
    (old, plug), (new, _) = followed(before), followed(after, written := list[object]())
    old.write_rows(plug, not waits, LineBuffer())
    assert old.holds(row(5)) == waits
    new.take_over(plug, old, LineBuffer())
    assert after.inherited == [(0, before, 0)]
    assert after.heard_ns == int(state or 0)
    assert new.holds(row(6)) == waits
    new.write_rows(plug, True, LineBuffer())
    assert written == [(row(5), 0), (row(6), 0)] * waits


def test_where_nothing_is_followed_nothing_is_open() -> None:
    nothing = NoSessions()
    assert not nothing.any
    assert nothing.plugs_of("") == ()
    assert followed(Tracker())[0].any
