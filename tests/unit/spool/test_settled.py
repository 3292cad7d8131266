"""Stretches of settled places, against a list with one word a place."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from telemetry.spool.settled import KINDS, Settled, Tally

PLACES = 40
STEPS = st.lists(
    st.tuples(st.integers(0, PLACES), st.integers(0, PLACES), st.sampled_from(KINDS), st.integers(0, 3)),
    max_size=20,
)


def apply(settled: Settled, places: list[str], start: int, end: int, kind: str, dead: int) -> None:
    still_open = [place for place in range(start, end) if not places[place]]
    assert settled.open_points(start, end) == len(still_open)
    assert settled.settle(start, end, kind, dead=dead) == len(still_open)
    for number, place in enumerate(still_open):
        places[place] = "dead" if number < dead else kind


@given(STEPS)
def test_settling_is_what_it_is_on_a_list_of_places(steps: list[tuple[int, int, str, int]]) -> None:
    settled, places = Settled(), [""] * PLACES
    for start, end, kind, dead in steps:
        apply(settled, places, start, end, kind, dead)
        assert settled.points == sum(map(bool, places))
        assert settled.tally() == Tally(**{kind: places.count(kind) for kind in KINDS})
        for place in range(PLACES):
            is_open = [later for later in range(place, PLACES) if not places[later]]
            assert settled.next_open(place) == (is_open[0] if is_open else PLACES)
            assert settled.covers(place, place + 1) == bool(places[place])


@given(STEPS, st.integers(0, 3))
def test_what_is_kept_is_the_base_and_the_largest_islands(
    steps: list[tuple[int, int, str, int]], islands: int
) -> None:
    settled, places = Settled(), [""] * PLACES
    for step in steps:
        apply(settled, places, *step)
    everything, kept = settled.kept(PLACES), settled.kept(islands)
    base = [stretch for stretch in everything if stretch.start == 0]
    assert kept[: len(base)] == base
    assert len(kept) <= len(base) + islands
    assert [s.start for s in kept] == sorted(s.start for s in kept)
    left_out = [s.length for s in everything if s not in kept]
    assert max(left_out, default=0) <= min((s.length for s in kept[len(base) :]), default=PLACES)


def test_a_pinned_island_is_kept_before_larger_ones() -> None:
    settled = Settled()
    settled.settle(2, 3, "acknowledged")
    settled.settle(5, 9, "acknowledged")
    assert settled.pin(2, 3, islands=1)
    assert not settled.pin(5, 9, islands=1)
    assert [stretch.start for stretch in settled.kept(1)] == [2]


def test_too_many_islands_and_the_smallest_is_forgotten() -> None:
    settled = Settled(limit=2)
    settled.settle(10, 15, "acknowledged")
    settled.settle(20, 21, "acknowledged")
    settled.settle(30, 33, "acknowledged")
    assert [stretch.start for stretch in settled.kept(9)] == [10, 30]
    assert settled.points == 8


@pytest.mark.parametrize(
    ("tally", "taken"),
    [
        (Tally(dead=5), Tally(dead=-3)),
        (Tally(dead=1, damaged=9), Tally(dead=-1, damaged=-2)),
        (Tally(acknowledged=2), Tally(acknowledged=-2, dead=-1)),
    ],
)
def test_points_that_live_again_are_taken_from_the_dead_first(tally: Tally, taken: Tally) -> None:
    assert tally.revived(3) == taken
