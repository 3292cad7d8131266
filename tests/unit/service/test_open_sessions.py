"""What is open when a process ends, and how the next one goes on: by a fake of what follows them."""

import json
import zlib
from collections.abc import Mapping

import pytest
from telemetry_core.decode.spec import BusSpec, MessageSpec, PlanSpec, SignalSpec
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.text.lines import LineBuffer

from telemetry.charging.saved import Boot, unpacked
from telemetry.ledger import Ledger
from telemetry.service.pipeline import Pipeline
from telemetry.spool.batch import TimeBase, lines_of
from telemetry.stages.binding import Binding
from telemetry.stages.sessions import PlugSessions
from telemetry.stages.stages import Stages
from tests.support.clock import FakeClock
from tests.support.listed_store import ListedStore

KNOWN = 0x100
PLAN = PlanSpec(
    records=(RecordSpec("Pack", (FieldSpec("level", SlotKind.UINT, passes=False),)),),
    buses=(
        BusSpec(
            "can0",
            (MessageSpec("Pack", KNOWN, False, 1, (SignalSpec(0, 8, True, False, False),), (), record=0),),
        ),
    ),
)
SECOND_NS = 1_000_000_000
CHARGING, ENDED = 4, 6
FINISHED = 9  # frames, after which both ends of a session have finished


def state_of(session: Mapping[str, int], boot: Boot | None = None) -> bytes:
    """Return a state whose session is this one, without all that nobody looks at here."""
    known = {**session, "phase": ENDED if session["frames"] >= FINISHED else CHARGING}
    return zlib.compress(json.dumps([3, boot, [], {}, 0, 0, known, [], 0, 0, []]).encode(), 0)


def session_in(state: bytes) -> dict[str, int]:
    return unpacked(state).known


class FakeSessions(PlugSessions):
    """A session a source, which counts its frames. Each third frame writes its row again."""

    def __init__(self, sources: tuple[str, ...], replacing: LineBuffer | None = None) -> None:
        self.sources = sources
        self.replacing = replacing
        self.sessions: dict[str, dict[str, int]] = {}
        self.closed: list[dict[str, int]] = []
        self.watched: dict[str, tuple[int | None, int]] = {}
        self.writes_rows = True

    def plugs_of(self, source: str) -> tuple[str, ...]:
        return (source,) if source in self.sources else ()

    def state(self, plug: str, boot: Boot | None = None) -> bytes:
        return state_of(self.sessions[plug], boot) if plug in self.sessions else b""

    def has_ended(self, plug: str) -> bool:
        return plug in self.sessions and self.sessions[plug]["frames"] >= FINISHED

    def restore(self, plug: str, state: bytes, *_: object) -> None:
        self.sessions[plug] = session_in(state)

    def close(self, plug: str, state: bytes, *_: object) -> None:
        self.sessions.pop(plug, None)
        self.closed.append(session_in(state))
        self.write(self.closed[-1], "cut")

    def watch(self, plug: str, newest_ns: int | None, silent_ns: int, *_: object, **_more: object) -> None:
        self.watched[plug] = newest_ns, silent_ns

    def leave(self, plug: str, *_: object, **_more: object) -> None:
        if plug in self.sessions:
            self.write(self.sessions[plug], "unfinished")

    def move(self, plug: str, by_ns: int) -> None:
        if plug in self.sessions:
            self.sessions[plug]["start"] += by_ns

    def finish(self, *_: object, **_more: object) -> None:
        raise AssertionError("no log ends here")

    def write_rows(self, plug: str, wanted: bool, *_: object) -> None:
        assert plug in self.sources
        self.writes_rows = wanted

    def holds(self, _made: object) -> bool:
        return False

    def write(self, session: Mapping[str, int], outcome: str = "") -> None:
        if self.replacing is not None and self.writes_rows:
            row = b'charging_session frames=%d,outcome="%s" %d' % (
                session["frames"],
                outcome.encode(),
                session["start"],
            )
            self.replacing.append(row, session["start"], overlaps=True)

    def take(self, source: str, frames: FrameBatch) -> None:
        """Note what the stages hear."""
        for number in range(len(frames)):
            session = self.sessions.setdefault(source, {"start": frames[number].time_ns, "frames": 0})
            session["frames"] += 1
            if session["frames"] % 3 == 0:
                self.write(session)


class Bench:
    """A pipeline of live sources, each with a plug."""

    def __init__(
        self,
        *sources: str,
        state: Mapping[str, bytes] | None = None,
        clock: FakeClock | None = None,
        wait_for_clock: bool = False,
    ) -> None:
        self.clock = clock or FakeClock()
        self.store = ListedStore()
        self.pipeline = Pipeline(
            self.stages(*sources),
            self.store,
            Ledger({}),
            self.clock,
            {},
            state=state or {},
            wait_for_clock=wait_for_clock,
        )
        self.sessions.replacing = self.replacing

    def stages(self, *sources: str) -> Stages:
        made = Stages(PLAN, None, vehicle="van")
        for channel, source in enumerate(sources):
            made.bind(channel, Binding(0, source, source))
        self.sessions = FakeSessions(sources)
        made.writing.sessions = self.sessions
        return made

    @property
    def replacing(self) -> LineBuffer:
        buffer = self.pipeline.stages.writing.output.replacing
        assert buffer is not None
        return buffer

    def deliver(self, source: str, count: int = 1, *, at_ns: int | None = None, known: bool = True) -> None:
        batch = FrameBatch(count)
        channel = self.sessions.sources.index(source)
        for number in range(count):
            stamp_ns = (self.clock.unix_ns() if at_ns is None else at_ns) + number
            batch.append(stamp_ns, KNOWN, bytes([number]), channel=channel)
        process = self.pipeline.stages.process

        def heard(frames: FrameBatch, lines: LineBuffer, *, shift_ns: int = 0) -> None:
            process(frames, lines, shift_ns=shift_ns)
            self.sessions.take(source, frames)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.pipeline.stages, "process", heard)
            self.pipeline.process(source, batch, {}, time_known=known)

    def last_state(self) -> dict[str, bytes]:
        return self.store.states[-1]

    def rows(self) -> list[bytes]:
        """Those that replace, in their order."""
        pairs = zip(self.store.replacing, self.store.batches, strict=True)
        lines = [
            lines_of(each) for before, (batch, _, _) in pairs for each in (before, batch) if each is not None
        ]
        return [row for row in b"".join(lines).splitlines() if row.startswith(b"charging_session")]


def frames_of(state: Mapping[str, bytes]) -> dict[str, int]:
    """Return how many frames each session has."""
    return {source: session_in(content)["frames"] for source, content in state.items()}


def test_each_record_and_each_piece_in_memory_has_the_state_as_of_its_end() -> None:
    bench = Bench("bay-1", "bay-2")
    bench.deliver("bay-1", 2)
    bench.pipeline.tick()
    assert frames_of(bench.store.kept_states[-1]) == {"bay-1": 2}
    bench.deliver("bay-2", 1)
    bench.pipeline.cut()
    for kept in (bench.store.kept_states[-1], bench.last_state()):
        assert frames_of(kept) == {"bay-1": 2, "bay-2": 1}


def test_without_a_plug_no_record_has_a_state() -> None:
    bench = Bench()
    bench.pipeline.add_point("note", b"note a=1 1", 1)
    bench.pipeline.cut()
    assert bench.store.states == [{}]


def test_rows_that_replace_earlier_ones_go_before_the_batch_that_made_them_at_once() -> None:
    bench = Bench("bay-1")
    bench.deliver("bay-1", 2)
    assert bench.store.batches == []
    bench.deliver("bay-1", 2)
    ((batch, _, _),) = bench.store.batches
    (replacing,) = bench.store.replacing
    assert replacing is not None
    assert lines_of(replacing).startswith(b'charging_session frames=3,outcome="" ')
    assert (replacing.points, replacing.ordered) == (1, True)
    assert lines_of(batch).count(b"Pack,") == 4
    assert not batch.ordered
    assert bench.store.kept_replacing[-1] == lines_of(replacing)
    assert frames_of(bench.last_state()) == {"bay-1": 4}


def test_a_start_hands_out_the_last_state_and_the_session_goes_on_under_its_start() -> None:
    first = Bench("bay-1", "bay-2")
    first.deliver("bay-1", 2)
    first.deliver("bay-2", 1)
    first.pipeline.cut()
    start_ns = first.sessions.sessions["bay-1"]["start"]
    first.clock.advance(30.0)
    again = Bench("bay-1", "bay-2", state=first.last_state(), clock=first.clock)
    again.deliver("bay-1", 1)
    again.pipeline.cut()
    assert again.rows() == [b'charging_session frames=3,outcome="" %d' % start_ns]
    assert frames_of(again.last_state()) == {
        "bay-1": 3,
        "bay-2": 1,  # nothing has come yet, and its state is as it was
    }


def test_a_state_that_no_record_takes_is_reported_once_and_the_others_travel(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench("bay-1", "bay-2")
    bench.deliver("bay-1", 1)
    bench.sessions.sessions["bay-1"]["much"] = 10**2047  # as JSON it has as many digits
    for _ in range(3):
        bench.deliver("bay-2", 1)
        bench.pipeline.cut()
        assert set(bench.last_state()) == {"bay-2"}
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["bay-1"]


def test_a_state_of_as_many_bytes_as_a_record_takes_travels() -> None:
    bench = Bench("bay-1")
    bench.deliver("bay-1", 1)
    bench.sessions.sessions["bay-1"]["much"] = 1
    bench.pipeline.cut()
    less = 2048 - len(bench.last_state()["bay-1"])
    bench.sessions.sessions["bay-1"]["much"] = 10**less  # as JSON it has one digit more
    bench.deliver("bay-1", 1)
    bench.pipeline.cut()
    assert len(bench.last_state()["bay-1"]) == 2048


def test_what_is_left_of_a_source_that_is_no_longer_followed_is_closed() -> None:
    first = Bench("bay-1", "bay-2")
    first.deliver("bay-1", 2)
    first.deliver("bay-2", 1)
    first.pipeline.cut()
    again = Bench("bay-2", state=first.last_state())
    again.pipeline.close_orphans(["bay-2"])
    assert [each["frames"] for each in again.sessions.closed] == [2]
    assert set(again.last_state()) == {"bay-2"}
    assert [b'outcome="cut"' in row for row in again.rows()] == [True]


def test_a_stop_says_that_the_session_is_unfinished_and_leaves_it_open_for_the_next_start() -> None:
    bench = Bench("bay-1")
    bench.deliver("bay-1", 2)
    bench.pipeline.leave_sessions()
    bench.pipeline.finish()
    assert [b'frames=2,outcome="unfinished"' in row for row in bench.rows()] == [True]
    assert frames_of(bench.last_state()) == {"bay-1": 2}
    again = Bench("bay-1", state=bench.last_state())
    again.deliver("bay-1", 1)
    assert [b'frames=3,outcome=""' in row for row in again.rows()] == [True]


def test_silence_is_what_was_watched_since_the_newest_frame() -> None:
    bench = Bench("bay-1", "bay-2")
    bench.deliver("bay-1", 1, at_ns=5)
    for _ in range(10):
        bench.clock.advance(0.1)
        bench.pipeline.watch_silence(["bay-1"])
    assert bench.sessions.watched == {"bay-1": (5, SECOND_NS)}
    bench.deliver("bay-1", 1, at_ns=7)
    bench.clock.advance(0.1)
    bench.pipeline.watch_silence(["bay-1", "bay-2"])
    assert bench.sessions.watched["bay-1"] == (7, SECOND_NS // 10)
    assert bench.sessions.watched["bay-2"] == (None, SECOND_NS // 10)


def test_while_a_device_is_away_only_sessions_that_both_ends_have_finished_are_silent() -> None:
    bench = Bench("bay-1", "bay-2")
    bench.deliver("bay-1", FINISHED, at_ns=5)
    bench.deliver("bay-2", FINISHED - 1, at_ns=5)
    for _ in range(10):
        bench.clock.advance(0.1)
        bench.pipeline.watch_silence([], ["bay-1", "bay-2"])
    assert bench.sessions.watched == {"bay-1": (5 + FINISHED - 1, SECOND_NS)}


def test_a_finished_session_of_an_earlier_run_is_silent_though_its_device_is_away_from_the_start() -> None:
    first = Bench("bay-1", "bay-2")
    first.deliver("bay-1", FINISHED)
    first.deliver("bay-2", FINISHED - 1)
    first.pipeline.cut()
    again = Bench("bay-1", "bay-2", state=first.last_state())
    again.clock.advance(0.1)
    again.pipeline.watch_silence([], ["bay-1", "bay-2"])
    assert list(again.sessions.sessions) == ["bay-1"]  # the other one waits for its device
    assert again.sessions.watched == {"bay-1": (None, SECOND_NS // 10)}


def test_a_process_that_stood_still_has_watched_half_a_second_of_silence_at_most() -> None:
    bench = Bench("bay-1")
    bench.deliver("bay-1", 1, at_ns=5)
    bench.pipeline.watch_silence(["bay-1"])
    bench.clock.advance(3600.0)
    bench.pipeline.watch_silence(["bay-1"])
    assert bench.sessions.watched["bay-1"] == (5, SECOND_NS // 2)


def test_a_source_that_is_silent_after_a_start_gets_its_state_too() -> None:
    first = Bench("bay-1")
    first.deliver("bay-1", 2)
    first.pipeline.cut()
    again = Bench("bay-1", state=first.last_state())
    again.pipeline.watch_silence([])
    assert again.sessions.sessions == {}
    again.pipeline.watch_silence(["bay-1"])
    assert again.sessions.sessions["bay-1"]["frames"] == 2
    again.pipeline.add_point("note", b"note a=1 1", 1)
    again.pipeline.cut()
    assert frames_of(again.last_state()) == {"bay-1": 2}


def test_before_the_time_is_known_no_row_is_written_that_a_later_one_replaces() -> None:
    """The clock stands in 1970 at first, and is set when the session runs."""
    bench = Bench("bay-1", clock=FakeClock(unix_ns=5 * SECOND_NS), wait_for_clock=True)
    bench.deliver("bay-1", 4, known=False)
    start_ns = bench.sessions.sessions["bay-1"]["start"]
    bench.pipeline.cut()
    assert bench.rows() == []
    assert bench.store.batches[-1][0].time_base is TimeBase.BOOT
    bench.clock.step(1000.0)
    bench.deliver("bay-1", 2)
    bench.deliver("bay-1", 3)
    starts = {int(row.rsplit(b" ", 1)[1]) for row in bench.rows()}
    assert starts == {start_ns + 1000 * SECOND_NS}
    assert [batch.time_base for batch in bench.store.replacing if batch is not None] == [TimeBase.UNIX] * 2


def test_killed_before_the_time_was_known_and_started_after_it_the_session_has_the_right_start() -> None:
    clock = FakeClock(unix_ns=5 * SECOND_NS)
    first = Bench("bay-1", clock=clock, wait_for_clock=True)
    first.deliver("bay-1", 4, known=False)
    first.pipeline.cut()
    start_ns = first.sessions.sessions["bay-1"]["start"]
    clock.step(1000.0)
    clock.advance(1.0)
    again = Bench("bay-1", state=first.last_state(), clock=clock, wait_for_clock=True)
    again.deliver("bay-1", 2)
    assert again.rows() == [b'charging_session frames=6,outcome="" %d' % (start_ns + 1000 * SECOND_NS)]


def test_a_state_whose_time_was_never_known_is_dropped_after_another_boot(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock(unix_ns=5 * SECOND_NS)
    first = Bench("bay-1", clock=clock, wait_for_clock=True)
    first.deliver("bay-1", 4, known=False)
    first.pipeline.cut()
    clock.reboot()
    again = Bench("bay-1", state=first.last_state(), clock=clock)
    again.deliver("bay-1", 3)
    assert again.sessions.sessions["bay-1"]["frames"] == 3
    assert "bay-1: what was open before the last boot had no time yet" in caplog.text
