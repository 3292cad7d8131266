"""The sample of an id's frames: what is counted is exact, what is kept is bounded and fair."""

import pytest
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.by_id import FramesById

ERROR, REMOTE = 0x20000000, 0x40000000
FIRST, RUN, MOST = 255, 17, 1275  # frames of an id that stay, of a run, and that are kept at all


def batch(frames: list[tuple[int, int]]) -> FrameBatch:
    made = FrameBatch(len(frames))
    for time_ns, id in frames:
        made.append(time_ns, id, time_ns.to_bytes(8, "big"))
    return made


@pytest.mark.parametrize("frames", [1, 16, 17, FIRST, MOST, MOST + 1, 100_003])
def test_all_frames_count_and_a_fair_sample_is_kept_in_whole_runs(frames: int) -> None:
    by_id = FramesById(2)
    for begin in range(0, frames, 997):  # batches end anywhere
        by_id.take(batch([(at, 5 | at % 2 << 8) for at in range(2 * begin, 2 * min(begin + 997, frames))]))
    even, odd = by_id.found()
    assert (even.frames, odd.frames, even.first_ns, even.last_ns) == (frames, frames, 0, 2 * frames - 2)
    assert (
        len(even.rows) == min(frames, MOST) or frames % RUN
    )  # of the run that has just begun there is a part
    assert list(even.numbers[: min(frames, FIRST)]) == list(range(min(frames, FIRST)))
    assert even.numbers == tuple(sorted(set(even.numbers)))
    for number, time_ns, row in zip(even.numbers, even.times_ns, even.rows, strict=True):
        assert (2 * number, row) == (time_ns, time_ns.to_bytes(8, "big"))
    if frames > 10 * MOST:
        later = [number for number in even.numbers if number >= FIRST]
        assert 0.35 < sum(later) / len(later) / frames < 0.65
        successors = sum(number + 1 in set(later) for number in later)
        assert successors >= len(later) * (RUN - 2) / RUN
        assert even.numbers != odd.numbers  # another draw


def test_of_further_ids_frames_are_counted_and_error_frames_have_one_id() -> None:
    by_id = FramesById(3)
    by_id.take(batch([(at, at) for at in (1, 2, ERROR | 3, ERROR | 4, REMOTE | 5, 6, 7, 1)]))
    assert [(one.id, one.frames) for one in by_id.found()] == [(1, 2), (2, 1), (ERROR, 2)]
    assert by_id.others == 2


def test_memory_is_bounded_where_every_frame_has_another_id() -> None:
    by_id = FramesById(16_384)
    for begin in range(0, 200_000, 50_000):
        by_id.take(batch([(at, 0x80000000 | at * 2654435761 % 2**29) for at in range(begin, begin + 50_000)]))
    assert (len(by_id.found()), by_id.others) == (16_384, 200_000 - 16_384)
