"""What an id, a length and a period are worth in the judgement of a bus, on buses made by hand."""

from dataclasses import replace
from pathlib import Path

import pytest
from telemetry_core.decode.spec import BusSpec, MessageSpec

from telemetry.scan.can_scan import Candidate, judge
from telemetry.scan.traffic import BusTraffic

MS = 1_000_000


def traffic(count: int = 1, *, period_ms: int = 100, length: int = 8, others: int = 0) -> BusTraffic:
    """`count` ids from 100 on, and others from 700 on."""
    heard = BusTraffic()
    for number in range(40):
        for index in range(count):
            heard.observe(number * period_ms * MS + index, 0x100 + index, length)
        for index in range(others):
            heard.observe(number * period_ms * MS + index, 0x700 + index, 8)
    return heard


def database(count: int = 1, *, period_ms: int = 0, length: int = 8, first: int = 0x100) -> Candidate:
    messages = tuple(MessageSpec(f"M{n}", first + n, False, length, (), (), record=0) for n in range(count))
    periods = {each.name: period_ms for each in messages} if period_ms else {}
    return Candidate("a.dbc", BusSpec("a.dbc", messages), periods, Path("a.dbc"))


@pytest.mark.parametrize(
    ("period_ms", "length", "worth"),
    [(100, 8, 1.0), (0, 8, 0.75), (1000, 8, 0.25), (100, 4, 1.0), (100, 5, 0.1)],
)
def test_an_id_is_worth_what_its_length_and_its_period_say(period_ms: int, length: int, worth: float) -> None:
    candidate = database(period_ms=period_ms, length=4 if length < 8 else 8)
    (fit,) = judge(traffic(length=length), [candidate]).ranking
    assert fit.score == worth
    assert (fit.lengths_right, fit.periods_judged, fit.frames) == (length != 5, bool(period_ms), 40)
    assert judge(traffic(length=length, others=1), [candidate]).ranking[0].score == worth / 2


@pytest.mark.parametrize("length", [3, 5, 7])
def test_a_database_s_frames_are_as_long_as_it_says_or_full(length: int) -> None:
    (fit,) = judge(traffic(length=length), [database(length=4)]).ranking
    assert fit.lengths_right == 0
    (fit,) = judge(traffic(length=4), [database(length=4)]).ranking
    assert fit.lengths_right == 1


@pytest.mark.parametrize(("length", "is_right"), [(3, False), (4, True), (8, True), (12, False), (64, False)])
def test_a_table_s_frames_have_what_it_needs_and_are_no_can_fd(length: int, is_right: bool) -> None:
    table = replace(database(length=4), database=None)
    (fit,) = judge(traffic(length=length), [table]).ranking
    assert fit.lengths_right == is_right


@pytest.mark.parametrize(
    ("declared_ms", "measured_ms", "is_right"),
    [
        (100, 124, True),
        (100, 126, False),
        (100, 76, True),
        (100, 74, False),
        (4, 6, True),  # two milliseconds are always near
        (4, 7, False),
        (20, 24, True),
        (20, 26, False),
    ],
)
def test_a_period_may_differ_by_a_quarter_or_two_milliseconds(
    declared_ms: int, measured_ms: int, is_right: bool
) -> None:
    (fit,) = judge(traffic(period_ms=measured_ms), [database(period_ms=declared_ms)]).ranking
    assert fit.periods_right == is_right


@pytest.mark.parametrize(
    ("others", "own", "is_chosen"), [(4, 6, True), (5, 5, True), (5, 6, False), (0, 9, True), (9, 1, True)]
)
def test_a_database_explains_a_fifth_of_the_ids_or_has_a_fifth_of_its_messages_there(
    others: int, own: int, is_chosen: bool
) -> None:
    found = judge(traffic(others=others), [database(own, first=0x100)])
    assert bool(found.chosen) is is_chosen
    assert found.ranking[0].ids == {0x100}


@pytest.mark.parametrize(
    ("ids", "others", "is_chosen"), [(4, 0, False), (5, 0, True), (5, 1, True), (5, 2, False), (8, 2, True)]
)
def test_a_database_with_wrong_periods_is_believed_where_it_has_nearly_all_ids(
    ids: int, others: int, is_chosen: bool
) -> None:
    assert bool(judge(traffic(ids, others=others), [database(ids, period_ms=1000)]).chosen) is is_chosen
    assert judge(traffic(ids, others=others), [database(ids, period_ms=100)]).chosen


def test_ids_that_are_explained_need_no_second_database() -> None:
    found = judge(traffic(3), [database(3, period_ms=100), database(2)])
    assert [len(fit.ids) for fit in found.ranking] == [3, 2]
    assert [len(fit.ids) for fit in found.chosen] == [3]
