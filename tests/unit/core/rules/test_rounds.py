"""Cells that somebody asks for page by page: a round is read as soon as each page has come."""

import itertools
from collections.abc import Sequence

import pytest
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rules.senders import NEW_SENDER

from tests.support.cycles import START_NS, Arrival, Pack


def asked(rounds: Sequence[tuple[float, str]], apart_ms: float = 400.0) -> list[Arrival]:
    """Return the answers of rounds of (begin in s, pages in order): `0112` asks for page 1 twice."""
    return [
        Arrival(begin_s * 1000 + place * apart_ms, int(page), number)
        for number, (begin_s, pages) in enumerate(rounds)
        for place, page in enumerate(pages)
    ]


def read(pack: Pack, answers: Sequence[Arrival]) -> list[int]:
    """Return the round of each reading, and check that no reading has pages of two."""
    readings = pack.take(answers)
    assert all(len(reading.cycles) == 1 for reading in readings), readings
    return [next(iter(reading.cycles)) for reading in readings]


@pytest.mark.parametrize("every_s", [1.2, 2.3, 20, 60, 3600])
@pytest.mark.parametrize("orders", [["012"], ["210"], ["012", "120", "201"], ["0012"], ["0122"], ["01112"]])
def test_each_round_is_a_reading_however_seldom_and_in_whatever_order_its_pages_are_asked_for(
    every_s: float, orders: Sequence[str]
) -> None:
    rounds = [(every_s * number, orders[number % len(orders)]) for number in range(5)]
    pack = Pack(3, within_s=10)
    apart_ms = 400 if every_s > 2 else 100
    assert read(pack, asked(rounds, apart_ms)) == [0, 1, 2, 3, 4]
    pack.finish()
    assert (pack.mapper.incomplete_cycles, pack.notices) == (0, [])


def test_one_round_alone_is_a_reading_stamped_by_the_page_that_completed_it() -> None:
    (reading,) = Pack(3, within_s=10).take(asked([(1, "201")]))
    assert (reading.time_ms, reading.cells) == (1800.0, ("v001", "v002", "v003"))


@pytest.mark.parametrize(
    ("rounds", "complete", "given_up"),
    [
        ([(0, "01"), (1, "012"), (2, "012")], [1, 2], 1),
        ([(0, "12"), (1, "1"), (20, "012")], [2], 2),
        ([(0, "012"), (2, "02"), (4, "012")], [0, 2], 1),
        ([(0, "012"), (2, "01")], [0], 1),  # nobody asks any more
        ([(0, "0"), (20, "1"), (40, "2")], [], 3),
        ([(0, "012"), (2, "2"), (4, "012")], [0, 2], 0),  # a retry after all was read
    ],
)
def test_a_round_that_lacks_a_page_is_given_up_and_counted_once(
    rounds: Sequence[tuple[float, str]], complete: list[int], given_up: int
) -> None:
    pack = Pack(3, within_s=10)
    assert read(pack, asked(rounds)) == complete
    pack.finish()
    assert pack.mapper.incomplete_cycles == given_up


def test_the_same_page_twice_in_succession_replaces_the_first_and_gives_no_second_reading() -> None:
    pages = [Arrival(0, 0, 0), Arrival(100, 1, 0), Arrival(200, 1, 7), Arrival(300, 2, 7), Arrival(400, 2, 8)]
    pack = Pack(3, within_s=10)
    (reading,) = pack.take(pages)
    assert reading.cycles == {0, 7}
    assert [dict(row.raw) for row in pack.rows if row.measurement == "cells"] == [
        {"v001": 3.0, "v002": 3.007, "v003": 3.007}
    ]


@pytest.mark.parametrize(("more_ns", "readings"), [(0, 1), (1, 0)])
@pytest.mark.parametrize("within_s", [10.0, 0.5, 90.0])
def test_a_round_is_given_up_when_no_page_comes_for_longer_than_within_s(
    within_s: float, more_ns: int, readings: int
) -> None:
    pauses_ms = [0.0, within_s * 1000, within_s * 1000 + more_ns / 1e6]
    pages = [Arrival(time_ms, page, 0) for page, time_ms in enumerate(itertools.accumulate(pauses_ms))]
    pack = Pack(3, within_s=within_s)
    assert len(pack.take(pages)) == readings
    pack.finish()
    assert pack.mapper.incomplete_cycles == 2 * (1 - readings)  # what came before, and the page after it


def test_a_round_of_many_pages_may_take_an_hour() -> None:
    pack = Pack(9 * 40, within_s=10)
    assert len(pack.take([Arrival(10_000.0 * page, page, 0) for page in range(360)])) == 1


def test_time_that_steps_back_gives_the_round_up() -> None:
    pack = Pack(3, within_s=10)
    assert read(pack, asked([(100, "01"), (99, "2")])) == []
    pack.finish()
    assert pack.mapper.incomplete_cycles == 2


def test_only_a_pause_tells_the_rest_of_one_round_from_the_begin_of_the_next() -> None:
    rounds = [(2.0 * number, "12" if number == 3 else "012") for number in range(6)]
    assert read(Pack(3, within_s=10), asked(rounds)) == [0, 1, 2, 4, 5]  # it is learnt of the first two
    assert read(Pack(3, within_s=1), asked(rounds)) == [0, 1, 2, 4, 5]
    even = asked(rounds, apart_ms=2000 / 3)  # no pause is longer than the others
    assert [set(one.cycles) for one in Pack(3, within_s=10).take(even)] == [{0}, {1}, {2}, {3, 4}, {4, 5}]


def test_a_page_that_the_unit_never_answers_hides_the_others_for_ten_rounds() -> None:
    rounds = [(20.0 * number, "01") for number in range(15)]
    pack = Pack(3, within_s=10)
    assert read(pack, asked(rounds)) == [10, 11, 12, 13, 14]
    assert [(one.page, one.is_missing) for one in pack.notices] == [(2, True)]
    late = [(300, "012"), (320, "012"), (340, "012")]  # page 2 comes when that round is read already
    readings = pack.take(asked(late))
    assert [len(one.cells) for one in readings] == [2, 3, 3]
    assert [len(one.cycles) for one in readings] == [1, 1, 1]
    assert [(one.page, one.is_missing) for one in pack.notices[1:]] == [(2, False)]
    assert pack.mapper.incomplete_cycles == 10


@pytest.mark.parametrize(("is_remembered", "expected"), [(True, [[4]]), (False, [[3], [4]])])
def test_a_reload_goes_on_with_the_silence_and_the_pages_that_are_known(
    is_remembered: bool, expected: list[list[int]]
) -> None:
    """Without what is remembered, page 0 would not be expected, and round 3 be whole without it."""
    rounds = asked([(2.0 * number, "12" if number == 3 else "012") for number in range(5)])
    before, after = (Pack(3, messages=True, within_s=10, optional=[0]) for _ in range(2))
    assert read(before, rounds[:9]) == [0, 1, 2]
    memory = before.mapper.memory(0)
    if is_remembered and memory:
        after.mapper.remember(0, memory)
    assert [sorted(one.cycles) for one in after.take(rounds[9:])] == expected


def test_an_optional_page_is_missing_without_news_until_it_comes_and_then_as_any_other() -> None:
    pack = Pack(3, messages=True, within_s=10, optional=[2])
    seldom = [*[(20.0 * number, "01") for number in range(15)], (300, "012"), (320, "012")]
    readings = pack.take(asked([*seldom, *[(340 + 20.0 * number, "01") for number in range(12)]]))
    assert [len(one.cells) for one in readings] == [2] * 15 + [2, 3] + [3] + [2] * 2
    assert [(one.page, one.is_missing) for one in pack.notices] == [(2, True)]
    assert pack.mapper.missing(0) == [(0, 2)]
    assert Pack(3, messages=True, within_s=10, optional=[2]).mapper.missing(0) == []


@pytest.mark.parametrize("pause_s", [0, 0.6, 1.0105, 3, 9])
@pytest.mark.parametrize("place", [1, 57, 95])
@pytest.mark.parametrize("turned", [0, 40])
def test_a_tester_may_pause_within_each_of_three_rounds(pause_s: float, place: int, turned: int) -> None:
    """The simulated tester of `vw-meb` asks for 221E79, its 58th cell, 1.01 s after the 57th."""
    order = [*range(turned, 96), *range(turned)]
    answers = [
        Arrival(20_000 * number + 11.5 * at + 1000 * pause_s * (at >= place), page, number)
        for number in range(4)
        for at, page in enumerate(order)
    ]
    pack = Pack(96, messages=True, within_s=10)
    readings = pack.take(answers[: 3 * 96 + 1])  # the last one is of the fourth round
    assert [(sorted(one.cycles), len(one.cells)) for one in readings] == [([n], 96) for n in range(3)]
    assert pack.mapper.incomplete_cycles == 0


@pytest.mark.parametrize(("later_ms", "stamps"), [(10_000.0, []), (10_000.001, [400.0])])
def test_a_first_round_waits_for_optional_pages_until_another_message_is_later_than_within_s(
    later_ms: float, stamps: list[float]
) -> None:
    pack = Pack(3, messages=True, within_s=10, optional=[2])
    answers = [*asked([(0, "01")]), Arrival(400 + later_ms, 3, 0)]  # page 3 is another message
    assert [one.time_ms for one in pack.take(answers)] == stamps
    assert pack.mapper.held(0) == 1 - len(stamps)
    assert [one.time_ms for one in pack.finish()] == [400.0][len(stamps) :]
    assert (pack.mapper.held(0), pack.mapper.incomplete_cycles) == (0, 0)
    assert [row.raw["cell_max_v"] for row in pack.rows if row.measurement == "battery"] == [3.0]


@pytest.mark.parametrize(("before_ms", "readings"), [(10_400.0, 0), (10_400.001, 1)])
def test_what_is_held_is_released_before_a_stamp_that_cannot_be_of_its_round(
    before_ms: float, readings: int
) -> None:
    pack = Pack(3, messages=True, within_s=10, optional=[2])
    pack.take(asked([(0, "01")]), channel=1)
    out = SampleBatch(pack.schema)
    pack.mapper.release(0, out)
    pack.mapper.release(1, out, before_ns=START_NS + round(before_ms * 1e6))
    assert [row.channel for row in out if row.measurement == "cells"] == [1] * readings
    with pytest.raises(ValueError, match="the batch is not of the mapper's schema"):
        pack.mapper.release(0, SampleBatch(Schema(pack.plan.records)))


def test_a_round_that_may_be_two_is_a_reading_where_the_log_ends() -> None:
    answers = [Arrival(time_ms, page, 0) for page, time_ms in ((2, 0.0), (3, 11.0), (0, 4000.0), (1, 4011.0))]
    pack = Pack(4, within_s=10)
    assert pack.take(answers) == []
    assert [one.time_ms for one in pack.finish()] == [4011.0]
    assert pack.mapper.incomplete_cycles == 0


def test_another_sender_ends_the_first_round_and_does_not_lose_it() -> None:
    pack = Pack(3, messages=True, within_s=10, optional=[2])
    assert read(pack, asked([(0, "01")])) == []
    assert [set(one.cycles) for one in pack.take([Arrival(800, 0, 5)], id=NEW_SENDER)] == [{0}]


@pytest.mark.parametrize("every_s", [1.2, 2.0, 20.0])
def test_where_only_one_page_is_ever_answered_each_answer_is_a_reading(every_s: float) -> None:
    """As of a battery that knows one of three layouts."""
    pack = Pack(3, messages=True, within_s=10, optional=[1, 2])
    answers = asked([(every_s * number, "0") for number in range(6)])
    assert [sorted(one.cycles) for one in pack.take(answers) + pack.finish()] == [[n] for n in range(6)]
