"""When the follower is asked whether a plug's silence ends its session."""

from types import SimpleNamespace
from typing import cast

from telemetry_core.text.lines import LineBuffer

from telemetry.charging.tracker import ChargingTracker
from telemetry.stages.sessions import FollowedSessions
from telemetry.stages.writing import Writing

SECOND_NS = 1_000_000_000


class Tracker:
    """One plug, of which the two ends were heard last at `heard_ns`."""

    def __init__(self) -> None:
        self.plugs = {0: SimpleNamespace(source="bay")}
        self.heard_ns = 0
        self.asked_ns: list[int] = []
        self.follower = SimpleNamespace(last_ns=lambda _: self.heard_ns)

    def joined(self, _channel: int) -> None:
        return None

    def state(self, _channel: int) -> bytes:
        return b""

    def restore(self, _channel: int, state: bytes) -> None:
        self.heard_ns = int(state)

    def due(self, _channel: int, now_ns: int) -> tuple[()]:
        self.asked_ns.append(now_ns)
        return ()


def test_frames_of_others_show_silence_only_once_an_end_was_heard_in_this_run() -> None:
    tracker, lines = Tracker(), LineBuffer()
    writing = SimpleNamespace(write_made=lambda *_, **_more: None)
    sessions = FollowedSessions(cast(ChargingTracker, tracker), {}, cast(Writing, writing))
    assert sessions.plugs_of("") == ("power of bay",)
    plug = "power of bay"
    sessions.restore(plug, b"%d" % SECOND_NS, lines)
    # A minute passed until this run began: nobody has watched it, whatever frames of others say.
    sessions.watch(plug, 61 * SECOND_NS, SECOND_NS // 2, lines, shift_ns=0)
    assert tracker.asked_ns == []
    sessions.watch(plug, 61 * SECOND_NS, SECOND_NS, lines, shift_ns=0)
    assert tracker.asked_ns == [62 * SECOND_NS]
    tracker.heard_ns = 70 * SECOND_NS
    sessions.watch(plug, 71 * SECOND_NS, 0, lines, shift_ns=0)
    assert tracker.asked_ns == [62 * SECOND_NS, 71 * SECOND_NS]
