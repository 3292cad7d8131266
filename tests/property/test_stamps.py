"""The nudger against a plain model of it."""

from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.frames import FrameBatch
from telemetry_core.stamps import Nudger

frames = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3), st.integers(0, 1)), min_size=1, max_size=80)


def modelled(rows: list[tuple[int, int, int]]) -> list[int]:
    recent: dict[tuple[int, int], dict[int, int]] = {}
    nudges = []
    for stamp, id, channel in rows:
        stamps = recent.setdefault((channel, id), {})
        seen = stamps.pop(stamp, 0)
        if len(stamps) == 4:
            del stamps[next(iter(stamps))]
        stamps[stamp] = seen + 1
        nudges.append(seen)
    return nudges


@given(frames, st.integers(1, 80))
def test_it_counts_as_the_model_does_whatever_the_batches(
    rows: list[tuple[int, int, int]], batch_frames: int
) -> None:
    nudger = Nudger()
    nudges = []
    for first in range(0, len(rows), batch_frames):
        batch = FrameBatch(batch_frames)
        for stamp, id, channel in rows[first : first + batch_frames]:
            batch.append(stamp, id, b"", channel=channel)
        nudger.nudge(batch)
        nudges += [frame.nudge_ns for frame in batch]
    assert nudges == modelled(rows)
    assert nudger.nudged == sum(nudge > 0 for nudge in nudges)
