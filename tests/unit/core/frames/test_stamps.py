"""What a source does to the stamps of its frames."""

import pytest
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.stamps import HardwareClock, Nudger, TimeMap


def batch_of(frames: list[tuple[int, int, int]]) -> FrameBatch:
    """Frames of (stamp, id, channel)."""
    batch = FrameBatch(max(len(frames), 1))
    for time_ns, id, channel in frames:
        batch.append(time_ns, id, b"", channel=channel)
    return batch


def nudges(nudger: Nudger, *frames: tuple[int, int, int]) -> list[int]:
    batch = batch_of(list(frames))
    nudger.nudge(batch)
    return [frame.nudge_ns for frame in batch]


def test_frames_of_one_id_with_one_stamp_are_counted_up() -> None:
    nudger = Nudger()
    assert nudges(nudger, (10, 1, 0), (10, 1, 0), (10, 1, 0), (20, 1, 0)) == [0, 1, 2, 0]
    assert nudger.nudged == 2


def test_other_ids_and_other_channels_have_counts_of_their_own() -> None:
    assert nudges(Nudger(), (10, 1, 0), (10, 2, 0), (10, 1, 1), (10, 1 | 0x80000000, 0)) == [0, 0, 0, 0]


def test_a_j1939_message_to_another_receiver_or_of_another_priority_has_the_same_count() -> None:
    to_all, to_one, urgent = 0x98EFFFFE, 0x98EF21FE, 0x8CEF21FE
    assert nudges(Nudger(), (10, to_all, 0), (10, to_one, 0), (10, urgent, 0)) == [0, 1, 2]


@pytest.mark.parametrize(
    "id",
    [
        pytest.param(0x98EF21FD, id="sender"),
        pytest.param(0x98EE21FE, id="PDU format"),
        pytest.param(0x99EF21FE, id="data page"),
        pytest.param(0x9AEF21FE, id="extended data page"),
    ],
)
def test_another_message_or_sender_of_j1939_has_a_count_of_its_own(id: int) -> None:
    assert nudges(Nudger(), (10, 0x98EF21FE, 0), (10, id, 0)) == [0, 0]


def test_broadcasts_of_j1939_and_ids_that_are_none_have_counts_by_all_their_bits() -> None:
    broadcasts, others = (0x98F00421, 0x98F00521), (0x9AEF21FE, 0x9AEF22FE, 0x8EEF21FE)
    assert nudges(Nudger(), *((10, id, 0) for id in broadcasts + others)) == [0] * 5


def test_a_stamp_goes_on_in_the_next_batch() -> None:
    nudger = Nudger()
    assert nudges(nudger, (10, 1, 0)) == [0]
    assert nudges(nudger, (10, 1, 0)) == [1]


def test_the_stamp_zero_is_a_stamp() -> None:
    assert nudges(Nudger(), (0, 0, 0), (0, 0, 0)) == [0, 1]


def test_a_stamp_that_earlier_frames_were_set_to_follows_the_last_of_them() -> None:
    """Else the third frame's place, 11, would be the second's."""
    assert nudges(Nudger(), (10, 1, 0), (10, 1, 0), (11, 1, 0), (12, 1, 0), (14, 1, 0)) == [0, 1, 1, 1, 0]


def test_a_stamp_that_steps_back_by_less_than_a_microsecond_follows_the_last_frame() -> None:
    assert nudges(Nudger(), (5000, 1, 0), (4001, 1, 0), (4500, 1, 0), (4000, 1, 0)) == [0, 1000, 502, 1001]


@pytest.mark.parametrize("frames_before", [6, 1000], ids=["a few frames ago", "long ago"])
def test_a_frame_whose_stamp_steps_back_never_gets_the_place_of_another(frames_before: int) -> None:
    us = 1000
    before = [(index * us, 1, 0) for index in range(frames_before)]
    nudger = Nudger()
    assert set(nudges(nudger, *before)) == {0}
    assert set(nudges(nudger, *before)) == {1}
    assert nudges(nudger, *before[:3], *before[1:4]) == [2, 2, 2, 3, 3, 2]
    assert nudges(nudger, (frames_before * us, 1, 0)) == [0]
    assert nudger.nudged == frames_before + 6


def test_where_runs_of_equal_stamps_differ_in_length_a_step_back_goes_past_what_follows_it() -> None:
    runs = [9, 7, 5, 3, 1]  # more than are kept apart: of two the longer one counts
    nudger = Nudger()
    for index, count in enumerate(runs):
        assert nudges(nudger, *[(index * 1000, 1, 0)] * count) == list(range(count))
    assert nudges(nudger, (4000, 1, 0), (3000, 1, 0), (2000, 1, 0), (1000, 1, 0)) == [1, 3, 5, 9]


def test_a_series_of_things_that_are_no_frames_is_kept_apart_likewise() -> None:
    nudger = Nudger()
    assert [nudger.nudge_of(7, stamp) for stamp in (0, 0, 5000, 0)] == [0, 1, 0, 2]
    assert nudger.nudge_of(8, 0) == 0


def test_only_frames_from_the_start_index_on_are_touched() -> None:
    nudger = Nudger()
    batch = batch_of([(10, 1, 0)])
    nudger.nudge(batch)
    batch = batch_of([(10, 1, 0), (10, 1, 0)])
    nudger.nudge(batch, 1)
    assert [frame.nudge_ns for frame in batch] == [0, 1]


def test_a_flood_of_ids_does_not_make_a_recent_one_forget() -> None:
    nudger = Nudger()
    assert nudges(nudger, (10, 5, 0)) == [0]
    flood = [(10, 0x80F00000 | id, 0) for id in range(30_000)]
    assert not any(nudges(nudger, *flood))
    assert nudges(nudger, (10, 5, 0)) == [1]
    assert all(nudge == 1 for nudge in nudges(nudger, *flood))


def test_a_flood_of_ids_is_forgotten_in_the_end() -> None:
    nudger = Nudger()
    assert nudges(nudger, (10, 5, 0), (10, 5, 0)) == [0, 1]
    for first in range(0, 120_000, 30_000):
        nudges(nudger, *[(10, 0x80F00000 | id, 0) for id in range(first, first + 30_000)])
    assert nudges(nudger, (10, 0x80F00000 | 119_999, 0), (10, 5, 0), (10, 5, 0)) == [1, 0, 1]


def test_simulated_time_runs_from_its_own_origin() -> None:
    batch = batch_of([(1_000, 1, 0), (1_500, 1, 0), (900, 1, 0)])
    TimeMap(60.0, origin_ns=5_000_000, wall_ns=1_000).map(batch)
    assert [frame.time_ns for frame in batch] == [5_000_000, 5_030_000, 4_994_000]


def test_simulated_time_is_exact_over_a_day_of_the_wall_clock() -> None:
    day_ns = 86_400 * 10**9
    batch = batch_of([(1_700_000_000 * 10**9 + day_ns, 1, 0)])
    TimeMap(3.0, origin_ns=0, wall_ns=1_700_000_000 * 10**9).map(batch)
    assert batch[0].time_ns == 3 * day_ns


def test_only_new_frames_are_mapped() -> None:
    batch = batch_of([(1, 1, 0), (2, 1, 0)])
    TimeMap(10.0, 0, 0).map(batch, 1)
    assert [frame.time_ns for frame in batch] == [1, 20]


@pytest.mark.parametrize("scale", [0.0, -1.0, 1e7, float("nan")])
def test_an_impossible_time_scale_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match="time scale"):
        TimeMap(scale, 0, 0)


S = 10**9
MS = 10**6


def test_a_hardware_stamp_is_put_on_the_software_time_line() -> None:
    clock = HardwareClock()
    assert clock.stamp(1000 * S, 5 * S) == 1000 * S
    # The next frame's software stamp came 3 ms late; the controller knows better.
    assert clock.stamp(1001 * S + 3 * MS, 6 * S) == pytest.approx(1001 * S, abs=MS)


def test_a_smaller_delay_is_taken_at_once() -> None:
    clock = HardwareClock()
    clock.stamp(1000 * S + 5 * MS, 5 * S)
    assert clock.stamp(1001 * S, 6 * S) == 1001 * S


def test_a_controller_that_is_reset_starts_again() -> None:
    clock = HardwareClock()
    clock.stamp(1000 * S, 500 * S)
    assert clock.stamp(1001 * S, 1 * MS) == 1001 * S
    assert clock.stamp(1002 * S, S + MS) == 1002 * S


def test_a_controller_whose_clock_is_slow_is_followed() -> None:
    clock = HardwareClock()
    for second in range(1000):
        stamp = clock.stamp(second * S, second * S - second * 100_000)  # 100 ppm slow
    assert stamp == pytest.approx(999 * S, abs=MS)
