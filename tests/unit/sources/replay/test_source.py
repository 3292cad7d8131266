"""A log as a source: nothing lost, resumable, at any speed, in injected time."""

import gzip
import threading
from pathlib import Path

import pytest
from telemetry_core.frames.batch import FrameBatch, FrameTuple

from telemetry.model.source_states import WAITING, WELL
from telemetry.sources.inbox import Arrival, Inbox, Item, SourceEnded, SourceEvent
from telemetry.sources.replay.source import ReplayPace, ReplaySource
from telemetry.sources.stop import StopSignal
from tests.support.clock import FakeClock

TIMEOUT_S = 60.0


class Numbering(dict[str, int]):
    """Numbers names in the order in which they appear."""

    def __missing__(self, name: str) -> int:
        self[name] = len(self)
        return self[name]


def line(stamp_s: float, id: int = 1) -> str:
    return f"({stamp_s:.6f}) can0 {id:03X}#{id:02X}\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "drive.log"
    path.write_text("".join(line(10 + number / 10, number) for number in range(30)))
    return path


def drain(channel: Inbox) -> list[Item]:
    items: list[Item] = []
    while (item := channel.get(TIMEOUT_S)) is not None:
        items.append(item)
        if isinstance(item, SourceEnded):
            return items
    raise AssertionError("the source did not end")


def replay(
    path: Path,
    batch_frames: int = 8,
    speed: float | None = None,
    start_position: int = 0,
    clock: FakeClock | None = None,
) -> tuple[list[Item], ReplaySource]:
    source = ReplaySource(
        "log",
        path,
        clock or FakeClock(),
        Numbering().__getitem__,
        speed=speed,
        start_position=start_position,
    )
    channel = Inbox(capacity_frames=2 * batch_frames, batch_frames=batch_frames)
    with StopSignal() as stop:
        thread = threading.Thread(target=source.run, args=(channel, stop), daemon=True)
        thread.start()
        items = drain(channel)
        thread.join(TIMEOUT_S)
    return items, source


def frames_of(items: list[Item]) -> list[FrameTuple]:
    return [frame for item in items if isinstance(item, Arrival) for frame in item.batch]


def events_of(items: list[Item]) -> list[tuple[str, str]]:
    return [(item.event.code, item.event.text) for item in items if isinstance(item, SourceEvent)]


def test_a_log_larger_than_the_channel_arrives_whole_and_in_order(log: Path) -> None:
    items, source = replay(log, batch_frames=4)
    assert [frame.id for frame in frames_of(items)] == list(range(30))
    assert [item.batch.position for item in items if isinstance(item, Arrival)] == list(range(0, 30, 4))
    assert events_of(items) == [("source_end", "drive.log: 30 frames")]
    assert items[-1] == SourceEnded("log", {"read": 30, "lost/damaged": 0, "nudged": 0}, is_complete=True)
    assert source.status == "ended"


@pytest.mark.parametrize("batch_frames", [1, 3, 100])
def test_frames_do_not_depend_on_the_batch_size(log: Path, batch_frames: int) -> None:
    log.write_text(log.read_text() * 3)
    assert frames_of(replay(log, batch_frames)[0]) == frames_of(replay(log)[0])


def test_frames_of_one_stamp_are_nudged(tmp_path: Path) -> None:
    path = tmp_path / "coarse.log"
    path.write_text(line(1.0) * 5)
    items, source = replay(path, batch_frames=2)
    assert [frame.nudge_ns for frame in frames_of(items)] == [0, 1, 2, 3, 4]
    assert source.counts()["nudged"] == 4


def test_a_resumed_log_has_a_batch_that_ends_where_it_is_resumed(log: Path) -> None:
    items, _ = replay(log, start_position=13)
    ends = [item.batch.position + len(item.batch) for item in items if isinstance(item, Arrival)]
    assert 13 in ends
    assert frames_of(items) == frames_of(replay(log)[0])


@pytest.mark.parametrize(("read_before", "is_warned"), [(0, False), (29, False), (30, True)])
def test_a_log_that_was_read_to_its_end_before_is_reported(
    log: Path, caplog: pytest.LogCaptureFixture, read_before: int, is_warned: bool
) -> None:
    replay(log, start_position=read_before)
    assert ("log: drive.log was read to its end before, and holds nothing new" in caplog.text) is is_warned


def test_nothing_is_merged_across_the_place_of_resuming(log: Path) -> None:
    channel = Inbox()
    with StopSignal() as stop:
        ReplaySource("log", log, FakeClock(), Numbering().__getitem__, start_position=13).run(channel, stop)
    assert [len(item.batch) for item in drain(channel) if isinstance(item, Arrival)] == [13, 17]


def test_damage_is_counted_with_the_frame_after_it_and_reported_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "damaged.log"
    path.write_text(line(1) + line(2) + "garbage\n" + line(3) + "more\n")
    items, source = replay(path, start_position=2)
    counts = [item.counts for item in items if isinstance(item, Arrival)]
    assert [(count["read"], count["lost/damaged"]) for count in counts] == [(2, 0), (4, 1)]
    assert source.counts() == {"read": 5, "lost/damaged": 2, "nudged": 0}
    byte = len(line(1) + line(2))
    assert events_of(items)[0] == ("log_damaged", f"{path}:3 (byte {byte}): no frame, skipped, and 1 more")


@pytest.mark.parametrize("speed", [None, 1000.0])
@pytest.mark.parametrize("batch_frames", [1, 3, 7, 100])
def test_a_batch_begins_where_the_clock_begins_again_and_nothing_is_lost_there(
    batch_frames: int, speed: float | None, tmp_path: Path
) -> None:
    path = tmp_path / "drive.log"
    later = "501 498.5 498 400 401 338 337.5 900 870 841 839"  # steps within 60 s are of a clock that was set
    stamps = [*range(500, 510), *map(float, later.split())]
    path.write_text("".join(line(stamp, number) for number, stamp in enumerate(stamps)))
    for start_position in (0, 10, 13, 14, 20):
        items, source = replay(path, batch_frames, speed, start_position)
        arrivals = [item for item in items if isinstance(item, Arrival)]
        restarts = [item.restart for item in arrivals if item.restart is not None]
        assert [(one.file, one.before_ns // 10**9, one.at_ns / 10**9) for one in restarts] == [
            (path, 501, 498.5),  # 2.5 s back, to before the first stamp
            (path, 498, 400.0),
            (path, 401, 338.0),
        ]
        assert [item.batch[0].id for item in arrivals if item.restart is not None] == [11, 13, 15]
        assert [frame.id for frame in frames_of(items)] == list(range(len(stamps)))
        ends = [item.batch.position + len(item.batch) for item in arrivals]
        assert [item.batch.position for item in arrivals] == [0, *ends[:-1]]
        assert start_position in (0, *ends)
        assert source.counts()["read"] == len(stamps)


def test_a_log_that_is_not_there_ends_the_source_with_an_event(tmp_path: Path) -> None:
    items, source = replay(tmp_path / "missing.log")
    assert events_of(items) == [("source_lost", f"{tmp_path}/missing.log: No such file or directory")]
    assert isinstance(items[-1], SourceEnded)
    assert "No such file" in source.status


def test_a_fault_of_our_own_is_an_event_too(log: Path, caplog: pytest.LogCaptureFixture) -> None:
    def channel_of(name: str) -> int:
        raise ZeroDivisionError(name)

    channel = Inbox()
    with StopSignal() as stop:
        ReplaySource("log", log, FakeClock(), channel_of).run(channel, stop)
    assert events_of(drain(channel)) == [("source_lost", "internal error: ZeroDivisionError: can0")]
    assert "a source failed" in caplog.text


def test_a_gzipped_log_that_was_cut_off_is_read_until_there(log: Path, tmp_path: Path) -> None:
    path = tmp_path / "drive.log.gz"
    log.write_text("".join(line(stamp, stamp * stamp % 251) for stamp in range(6000)))
    packed = gzip.compress(log.read_bytes())
    path.write_bytes(packed[: len(packed) // 2])
    items, _ = replay(path)
    assert 0 < len(frames_of(items)) < 6000
    damage = [text for code, text in events_of(items) if code == "log_damaged"]
    assert any("ends early" in text for text in damage)


@pytest.mark.parametrize("name", ["drive.log.gz", "drive.blf", "drive.blf.gz", "drive.csv"])
def test_a_log_that_was_cut_off_at_its_very_beginning_ends_with_one_event(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"")
    items, source = replay(path)
    (damaged, text), ended = events_of(items)
    assert (damaged, ended) == ("log_damaged", ("source_end", f"{name}: 0 frames"))
    assert text.startswith(f"{path}: ends early: ")
    assert text.endswith(", at byte 0")
    assert source.status == "ended"


def test_a_file_that_is_no_gzip_at_all_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "drive.log.gz"
    path.write_text(line(1))
    items, _ = replay(path)
    assert events_of(items)[0][0] == "source_lost"
    assert "not a gzipped file" in events_of(items)[0][1]


@pytest.mark.parametrize(("speed", "seconds"), [(1.0, 2.9), (10.0, 0.29)])
def test_at_recorded_speed_a_log_takes_its_own_time(log: Path, speed: float, seconds: float) -> None:
    clock = FakeClock()
    items, _ = replay(log, speed=speed, clock=clock)
    assert [frame.id for frame in frames_of(items)] == list(range(30))
    assert clock.monotonic_s() == pytest.approx(seconds, abs=0.011)


def test_a_resumed_log_does_not_wait_for_what_is_past(log: Path) -> None:
    clock = FakeClock()
    replay(log, speed=1.0, start_position=20, clock=clock)
    assert clock.monotonic_s() == pytest.approx(0.9, abs=0.011)


def test_a_clock_that_was_set_while_recording_neither_rushes_nor_waits(tmp_path: Path) -> None:
    path = tmp_path / "set.log"
    stamps = [1e9, 1e9 + 1, 1e9 + 2, 1e9 - 500, 1e9 - 499, 1e9 - 498, 1.7e9, 1.7e9 + 1]
    path.write_text("".join(line(stamp) for stamp in stamps))
    clock = FakeClock()
    replay(path, batch_frames=1, speed=1.0, clock=clock)
    assert clock.monotonic_s() == pytest.approx(5.0, abs=0.1)


def test_a_stop_ends_a_wait_at_once(log: Path) -> None:
    class StoppingClock(FakeClock):
        def wait(self, event: threading.Event, timeout_s: float) -> bool:
            stop.set()
            return super().wait(event, timeout_s)

    channel = Inbox()
    with StopSignal() as stop:
        source = ReplaySource("log", log, StoppingClock(), Numbering().__getitem__, speed=1.0)
        source.run(channel, stop)
    assert not frames_of(drain(channel))
    assert source.status == "stopped"


def test_a_stop_ends_the_wait_for_room(log: Path) -> None:
    channel = Inbox(capacity_frames=4, batch_frames=4)
    source = ReplaySource("log", log, FakeClock(), Numbering().__getitem__)
    with StopSignal() as stop:
        thread = threading.Thread(target=source.run, args=(channel, stop), daemon=True)
        thread.start()
        while channel.frames_waiting < 4:
            thread.join(0.001)
        stop.set()
        thread.join(TIMEOUT_S)
        assert not thread.is_alive()
    assert [frame.id for frame in frames_of(drain(channel))] == [0, 1, 2, 3]


@pytest.mark.parametrize("speed", [0.0, -1.0])
def test_a_speed_is_above_zero(log: Path, speed: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        ReplaySource("log", log, FakeClock(), Numbering().__getitem__, speed=speed)


def test_a_pace_waits_long_enough_for_frames_to_gather() -> None:
    pace = ReplayPace(FakeClock(), 1.0)
    assert pace.wait_s(100) == 0.0
    assert pace.wait_s(1_000_100) == 0.01


def test_a_log_at_ten_times_its_speed_is_waited_for_a_tenth_of_its_time() -> None:
    clock = FakeClock()
    pace = ReplayPace(clock, 10.0)
    assert pace.wait_s(5_000_000_000) == 0.0
    assert pace.wait_s(7_000_000_000) == pytest.approx(0.2)
    clock.advance(0.1)
    assert pace.wait_s(7_000_000_000) == pytest.approx(0.1)
    clock.advance(0.1)
    assert pace.due_ns() >= 7_000_000_000


def test_a_log_that_waits_for_room_in_the_spool_says_so_and_is_well(log: Path) -> None:
    seen: list[str] = []
    channel = Inbox(capacity_frames=64, batch_frames=32)

    def look(_name: str) -> int:
        """Note the source's status when called at the first frame, in the source's thread."""
        seen.append(source.status)
        channel.hold(True)
        seen.append(source.status)
        channel.hold(False)
        return 0

    source = ReplaySource("log", log, FakeClock(), look)
    with StopSignal() as stop:
        source.run(channel, stop)
    assert seen == ["reading", WAITING]
    assert source.status == "ended"
    assert {*seen, source.status} <= set(WELL)


def test_a_log_that_waits_for_its_time_gives_the_batch_back_that_it_does_not_fill(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[FrameBatch] = []
    take_empty = Inbox.take_empty

    def noted(inbox: Inbox) -> FrameBatch:
        taken.append(take_empty(inbox))
        return taken[-1]

    monkeypatch.setattr(Inbox, "take_empty", noted)
    items, _ = replay(log, speed=1.0)
    filled = sum(isinstance(item, Arrival) for item in items)
    assert len(taken) > filled + 10
    assert len({id(batch) for batch in taken}) <= filled + 1
