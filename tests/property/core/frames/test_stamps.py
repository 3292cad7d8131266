"""The nudger: no two frames of one series at one place in time, whatever the order of their stamps."""

from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.stamps import Nudger

US_NS = 1000
FrameKey = tuple[int, int, int]  # stamp, id, channel

rows = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2), st.integers(0, 1)), min_size=1, max_size=120)
runs = st.lists(
    st.tuples(st.integers(0, 12), st.integers(1, 9)), max_size=40
)  # a stamp, and how many frames have it


def nudged(frames: list[FrameKey], batch_frames: int = 256) -> tuple[list[int], int]:
    """Return the nudge of each frame, and how many the nudger counted."""
    nudger = Nudger()
    nudges = []
    for first in range(0, len(frames), batch_frames):
        batch = FrameBatch(batch_frames)
        for time_ns, id, channel in frames[first : first + batch_frames]:
            batch.append(time_ns, id, b"", channel=channel)
        nudger.nudge(batch)
        nudges += [frame.nudge_ns for frame in batch]
    return nudges, nudger.nudged


@given(rows, st.sampled_from([1, US_NS, 10**6]), st.integers(1, 80))
def test_stamps_in_any_order_give_each_frame_of_a_series_a_place_of_its_own(
    rows: list[FrameKey], step_ns: int, batch_frames: int
) -> None:
    """Of a coarse clock, and of a fine one within a moment."""
    frames = [(steps * step_ns, id, channel) for steps, id, channel in rows]
    nudges, counted = nudged(frames, batch_frames)
    places = [
        (id, channel, time_ns + nudge) for (time_ns, id, channel), nudge in zip(frames, nudges, strict=True)
    ]
    assert len(set(places)) == len(places)
    assert counted == sum(nudge > 0 for nudge in nudges)
    assert step_ns == 1 or max(nudges) < len(rows)


@given(runs)
def test_many_runs_of_equal_stamps_in_any_order_give_each_frame_a_place_of_its_own(
    runs: list[tuple[int, int]],
) -> None:
    stamps = [time_us * US_NS for time_us, count in runs for _ in range(count)]
    nudges, _ = nudged([(time_ns, 1, 0) for time_ns in stamps])
    places = {time_ns + nudge for time_ns, nudge in zip(stamps, nudges, strict=True)}
    assert len(places) == len(stamps)


@given(rows, st.integers(1, 80))
def test_the_size_of_batches_makes_no_difference(rows: list[FrameKey], batch_frames: int) -> None:
    assert nudged(rows, batch_frames) == nudged(rows)


@given(rows)
def test_stamps_in_order_are_nudged_only_where_they_are_taken_however_fine_they_are(
    rows: list[FrameKey],
) -> None:
    frames = sorted(rows)
    nudges, _ = nudged(frames)
    last_place: dict[tuple[int, int], int] = {}
    for (time_ns, id, channel), nudge in zip(frames, nudges, strict=True):
        free_ns = last_place.get((id, channel), -1) + 1
        assert time_ns + nudge == max(time_ns, free_ns)
        last_place[id, channel] = time_ns + nudge
