"""The bounded channel between sources and the pipeline, and the batch that waits before it."""

import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from telemetry_core.frames.batch import FrameBatch

from telemetry.logs.stamps import ClockRestart
from telemetry.model.events import begins
from telemetry.sources.inbox import Arrival, Inbox, Item, Outbox, SourceEnded, SourceEvent
from telemetry.sources.stop import StopSignal

MAX_EVENTS = 1024


def frames(channel: Inbox, count: int, position: int = 0) -> FrameBatch:
    batch = channel.take_empty()
    batch.position = position
    for index in range(count):
        batch.append(position + index, 0x100, b"")
    return batch


def arrival(
    channel: Inbox,
    count: int,
    position: int = 0,
    source: str = "a",
    *,
    sealed: bool = False,
    restart: ClockRestart | None = None,
) -> Arrival:
    return Arrival(source, frames(channel, count, position), {"read": position + count}, sealed, restart)


def event(source: str = "a") -> SourceEvent:
    return SourceEvent(begins("source_lost", "unplugged", source), 1)


def drained(channel: Inbox) -> list[Item]:
    items = []
    while (item := channel.get(0)) is not None:
        items.append(item)
    return items


def test_a_stalled_pipeline_costs_a_full_bus_no_frame_for_a_second_and_a_half() -> None:
    empty_frame_bits = 44 + 3  # ISO 11898-1: start to end of frame without data or stuffing; intermission
    frames_per_s = 1_000_000 / empty_frame_bits
    assert 1.5 <= Inbox().capacity_frames / frames_per_s < 2.0


def test_what_goes_in_comes_out_in_order() -> None:
    channel = Inbox()
    items: list[Item] = [
        arrival(channel, 2),
        event(),
        arrival(channel, 1, 2),
        SourceEnded("a", {"read": 3}),
    ]
    assert all(channel.put(item) for item in items)
    assert drained(channel) == items


def test_small_batches_merge_while_they_wait_and_the_newest_counts_win() -> None:
    channel = Inbox(capacity_frames=16, batch_frames=4)
    for position in range(6):
        assert channel.put(arrival(channel, 1, position))
    first, second = drained(channel)
    assert isinstance(first, Arrival)
    assert isinstance(second, Arrival)
    assert [frame.time_ns for frame in first.batch] == [0, 1, 2, 3]
    assert [frame.time_ns for frame in second.batch] == [4, 5]
    assert (first.counts, second.counts) == ({"read": 4}, {"read": 6})


def test_batches_of_two_sources_merge_each_with_its_own() -> None:
    channel = Inbox()
    for position in range(3):
        channel.put(arrival(channel, 1, position, "a"))
        channel.put(arrival(channel, 1, position, "b"))
    assert [(item.source, len(item.batch)) for item in drained(channel) if isinstance(item, Arrival)] == [
        ("a", 3),
        ("b", 3),
    ]


@pytest.mark.parametrize("what", ["an event", "a gap", "a seal", "a restart"])
def test_frames_do_not_merge_across(what: str) -> None:
    channel = Inbox()
    channel.put(arrival(channel, 1, 0, sealed=what == "a seal"))
    if what == "an event":
        channel.put(event())
    restart = ClockRestart(Path("a.log"), 1, 9) if what == "a restart" else None
    channel.put(arrival(channel, 1, 2 if what == "a gap" else 1, restart=restart))
    channel.put(
        arrival(channel, 1, 3 if what == "a gap" else 2)
    )  # is merged with the second, which keeps its restart
    found = [item for item in drained(channel) if isinstance(item, Arrival)]
    assert [(len(item.batch), item.restart) for item in found] == [(1, None), (2, restart)]


def test_a_full_channel_refuses_and_leaves_the_frames_with_their_source() -> None:
    channel = Inbox(capacity_frames=4, batch_frames=4)
    assert channel.put(arrival(channel, 3))
    refused = arrival(channel, 2, 3)
    assert not channel.put(refused)
    assert len(refused.batch) == 2
    assert channel.frames_waiting == 3


def test_one_source_that_fills_its_share_leaves_the_others_theirs() -> None:
    channel = Inbox(capacity_frames=4, batch_frames=4)
    assert channel.put(arrival(channel, 4, source="flood"))
    assert not channel.put(arrival(channel, 1, 4, source="flood"))
    assert channel.put(arrival(channel, 4, source="quiet"))


def test_taking_makes_room() -> None:
    channel = Inbox(capacity_frames=4, batch_frames=4)
    channel.put(arrival(channel, 4))
    channel.get(0)
    assert channel.frames_waiting == 0
    assert channel.put(arrival(channel, 4, 4))


def test_the_end_of_a_source_always_finds_room() -> None:
    channel = Inbox(capacity_frames=4, batch_frames=4)
    channel.put(arrival(channel, 4))
    assert channel.put(SourceEnded("a", {}))


def test_events_are_bounded_too() -> None:
    channel = Inbox()
    assert all(channel.put(event()) for _ in range(MAX_EVENTS))
    assert not channel.put(event())
    channel.get(0)
    assert channel.put(event())


def test_batches_are_used_again() -> None:
    channel = Inbox()
    batch = frames(channel, 3)
    channel.give_back(batch)
    again = channel.take_empty()
    assert again is batch
    assert len(again) == 0


def test_the_pool_does_not_grow_past_the_capacity() -> None:
    channel = Inbox(capacity_frames=8, batch_frames=4)
    batches = [FrameBatch(4) for _ in range(5)]
    for batch in batches:
        channel.give_back(batch)
    assert sum(channel.take_empty() in batches for _ in range(5)) == 2


def test_an_empty_channel_times_out() -> None:
    assert Inbox().get(0) is None


def test_a_waiting_source_gets_room_when_the_pipeline_takes() -> None:
    channel = Inbox(capacity_frames=4, batch_frames=4)
    channel.put(arrival(channel, 4))
    waiting = arrival(channel, 1, 4)
    taken: list[Item | None] = []

    def take_two() -> None:
        taken.append(channel.get(10))
        taken.append(channel.get(10))

    with StopSignal() as stop:
        taker = threading.Thread(target=take_two, daemon=True)
        taker.start()
        assert channel.put_waiting(waiting, stop)
        taker.join(10)
    assert taken[1] is not None


@pytest.mark.parametrize("held", [False, True], ids=["full", "held"])
def test_a_waiting_source_is_stopped_at_once(held: bool) -> None:
    channel = Inbox(capacity_frames=4, batch_frames=4)
    channel.hold(held)
    if not held:
        channel.put(arrival(channel, 4))
    waiting = arrival(channel, 1, 4)
    with StopSignal() as stop:
        stopper = threading.Thread(target=stop.set)
        stopper.start()
        assert not channel.put_waiting(waiting, stop)
        stopper.join(10)
    assert len(waiting.batch) == 1


def test_while_it_is_held_a_log_waits_and_a_bus_does_not() -> None:
    channel = Inbox()
    channel.hold(True)
    waiting = arrival(channel, 1)
    handed_over: list[bool] = []
    with StopSignal() as stop:
        log = threading.Thread(
            target=lambda: handed_over.append(channel.put_waiting(waiting, stop)), daemon=True
        )
        log.start()
        assert channel.put(arrival(channel, 2, 1))
        assert channel.get(10) is not None
        assert channel.get(0.05) is None
        channel.hold(False)
        assert channel.get(10) is not None
        log.join(10)
    assert handed_over == [True]


def test_a_stopped_source_still_hands_over_what_finds_room() -> None:
    channel = Inbox()
    with StopSignal() as stop:
        stop.set()
        assert channel.put_waiting(arrival(channel, 1), stop)


def test_a_channel_smaller_than_one_batch_is_refused() -> None:
    with pytest.raises(ValueError, match="room for at least one batch"):
        Inbox(capacity_frames=3, batch_frames=4)


def counts() -> Mapping[str, int]:
    return {"read": 0}


def small_channel() -> Inbox:
    """Make an inbox with room for one batch of two frames."""
    return Inbox(capacity_frames=2, batch_frames=2)


def add(outbox: Outbox, frames: int) -> None:
    for _ in range(frames):
        outbox.batch.append(1, 0x1, b"")


def taken(channel: Inbox) -> tuple[int, int]:
    """Return position and length of the oldest arrival."""
    arrival = channel.get(0)
    assert isinstance(arrival, Arrival)
    return arrival.batch.position, len(arrival.batch)


def test_a_batch_that_is_not_full_waits() -> None:
    channel = small_channel()
    outbox = Outbox("a", channel)
    add(outbox, 2)
    outbox.send(counts)
    add(outbox, 1)
    outbox.send(counts)
    assert (len(outbox.batch), outbox.is_full, outbox.overflowed) == (1, False, 0)
    assert taken(channel) == (0, 2)
    outbox.send(counts)
    assert taken(channel) == (2, 1)


def test_a_full_batch_is_given_up_and_positions_go_on_past_it() -> None:
    channel = small_channel()
    outbox = Outbox("a", channel)
    for _ in range(3):
        add(outbox, 2)
        outbox.send(counts)
    assert outbox.overflowed == 4
    assert taken(channel) == (0, 2)
    add(outbox, 1)
    outbox.send(counts)
    assert taken(channel) == (6, 1)


def test_a_full_batch_is_kept_for_a_source_with_a_buffer_of_its_own() -> None:
    channel = small_channel()
    outbox = Outbox("a", channel)
    add(outbox, 2)
    outbox.hand_over(counts)
    add(outbox, 2)
    outbox.hand_over(counts, 0.01)
    assert (outbox.is_full, outbox.overflowed) == (True, 0)
    assert taken(channel) == (0, 2)
    outbox.hand_over(counts)
    assert taken(channel) == (2, 2)
    assert not outbox.is_full
