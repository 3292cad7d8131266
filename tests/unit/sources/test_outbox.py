"""What becomes of the frames of a live source when the pipeline is behind."""

from collections.abc import Mapping

from telemetry.sources.inbox import Arrival, Inbox, Outbox


def counts() -> Mapping[str, int]:
    return {"read": 0}


def small_channel() -> Inbox:
    """Make an inbox with room for one batch of two frames."""
    return Inbox(capacity_frames=2, batch_frames=2)


def add(outbox: Outbox, frames: int) -> None:
    for _ in range(frames):
        outbox.batch.append(1, 0x1, b"")


def taken(channel: Inbox) -> tuple[int, int]:
    """Position and length of the oldest arrival."""
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
