"""When the follower is asked whether a plug's silence ends its session."""

from types import SimpleNamespace
from typing import cast

from telemetry_core.text.lines import LineBuffer

from telemetry.charging.made import CurveRow, Made
from telemetry.charging.session import CurvePoint, Session
from telemetry.charging.tracker import ChargingTracker
from telemetry.stages.sessions import PlugSessions
from telemetry.stages.writing import Writing

SECOND_NS = 1_000_000_000


class Tracker:
    """One plug, of which the two ends were heard last at `heard_ns`."""

    def __init__(self) -> None:
        self.plugs = {0: SimpleNamespace(source="bay")}
        self.heard_ns = 0
        self.joined_ns: int | None = None  # start of the stored session that goes on
        self.asked_ns: list[int] = []
        self.follower = SimpleNamespace(last_ns=lambda _: self.heard_ns)

    def joined(self, _channel: int) -> int | None:
        return self.joined_ns

    def state(self, _channel: int) -> bytes:
        return b""

    def restore(self, _channel: int, state: bytes) -> None:
        self.heard_ns = int(state)

    def due(self, _channel: int, now_ns: int) -> tuple[()]:
        self.asked_ns.append(now_ns)
        return ()


def followed(tracker: Tracker) -> tuple[PlugSessions, str]:
    """The sessions, and the name of its plug."""
    writing = SimpleNamespace(write_made=lambda *_, **_more: None)
    sessions = PlugSessions(cast(ChargingTracker, tracker), {}, cast(Writing, writing))
    (plug,) = sessions.plugs_of("")
    return sessions, plug


def test_of_rows_that_wait_for_the_time_the_newest_thousand_are_kept_one_a_stamp() -> None:
    sessions, plug = followed(Tracker())
    sessions.write_rows(plug, False, LineBuffer())
    session = Session(0, None, "van", "main", "bay", open=True, duration_s=0.0)
    for number in (*range(1500), 1499):
        row = CurveRow(session, CurvePoint(number, soc_pct=50.0))
        assert sessions.holds(Made(0, number, row, channel=0))
    held = sessions.held(plug)
    assert held is not None
    assert [made.time_ns for made in held] == list(range(500, 1500))


def test_a_session_that_goes_on_replaces_the_rows_of_its_second_half_that_wait_for_the_time() -> None:
    tracker, lines = Tracker(), LineBuffer()
    sessions, plug = followed(tracker)
    sessions.write_rows(plug, False, lines)
    for start_ns in (0, 5):
        session = Session(start_ns, None, "van", "main", "bay", open=True, duration_s=0.0)
        assert sessions.holds(Made(0, start_ns, session, channel=0))
    tracker.joined_ns = 5
    sessions.restore(plug, b"7", lines)
    held = sessions.held(plug)
    assert held is not None
    assert [made.time_ns for made in held] == [0]


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
    sessions.watch(plug, 71 * SECOND_NS, 0, lines, shift_ns=0)
    assert tracker.asked_ns == [62 * SECOND_NS, 71 * SECOND_NS]
