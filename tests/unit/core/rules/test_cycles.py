"""Where a cycle of cell pages begins and ends: no reading has pages of two, and none is lost silently."""

import random
from collections.abc import Sequence

import pytest

from tests.support.cycles import Arrival, Pack, Reading, complete, send

BURST = send([0, 1, 2, 3], [0, 10, 20, 30], 1000, 20)
EVEN = send([0, 1, 2, 3], [0, 250, 500, 750], 1000, 20)
STREAMS = pytest.mark.parametrize("stream", [BURST, EVEN], ids=["burst", "even"])


def without(stream: Sequence[Arrival], *lost: tuple[int, int]) -> list[Arrival]:
    """Return the stream less these pages, as (cycle, page)."""
    return [one for one in stream if (one.cycle, one.page) not in lost]


def cycles_of(readings: Sequence[Reading]) -> list[int]:
    """Return the one cycle of each reading."""
    assert all(len(reading.cycles) == 1 for reading in readings), readings
    return [next(iter(reading.cycles)) for reading in readings]


@STREAMS
def test_every_complete_cycle_is_a_reading_stamped_by_its_last_page(stream: list[Arrival]) -> None:
    pack = Pack(4)
    assert [(one.time_ms, *one.cycles) for one in pack.take(stream)] == complete(stream, 4)
    assert pack.mapper.incomplete_cycles == 0


@STREAMS
@pytest.mark.parametrize("page", range(4))
def test_one_lost_page_costs_one_reading_and_is_counted_once(stream: list[Arrival], page: int) -> None:
    pack = Pack(4)
    assert cycles_of(pack.take(without(stream, (10, page)))) == [*range(10), *range(11, 20)]
    assert pack.mapper.incomplete_cycles == 1


@STREAMS
@pytest.mark.parametrize("begin", range(1, 8))
def test_wherever_the_rows_begin_no_reading_mixes_cycles(stream: list[Arrival], begin: int) -> None:
    pack = Pack(4)
    given = cycles_of(pack.take(stream[begin:]))
    assert given == list(range(given[0], 20))
    assert (
        given[0] <= (begin + 3) // 4 + 1
    )  # of even pages one cycle more is needed to learn where one begins
    begun = len({one.cycle for one in stream[begin:]})
    assert pack.mapper.incomplete_cycles == begun - len(given)


@STREAMS
@pytest.mark.parametrize("lost", range(1, 9))
@pytest.mark.parametrize("first", range(40, 44))
def test_a_row_of_lost_pages_of_any_length_mixes_nothing(
    stream: list[Arrival], lost: int, first: int
) -> None:
    arrived = stream[:first] + stream[first + lost :]
    pack = Pack(4)
    readings = pack.take(arrived)
    assert cycles_of(readings) == [cycle for _, cycle in complete(arrived, 4)]


@pytest.mark.parametrize("order", [[2, 3, 0, 1], [3, 2, 1, 0], [1, 3, 0, 2]])
@pytest.mark.parametrize("begin", range(5))
def test_after_a_silence_a_cycle_may_begin_with_any_page(order: list[int], begin: int) -> None:
    stream = send(order, [0, 10, 20, 30], 1000, 20)
    pack = Pack(4)
    assert cycles_of(pack.take(stream[begin:])) == list(range((begin + 3) // 4, 20))
    assert pack.mapper.incomplete_cycles == int(begin % 4 > 0)


def test_a_cycle_without_silence_begins_with_the_lowest_cells_whatever_their_order() -> None:
    stream = send([0, 2, 1, 3], [0, 250, 500, 750], 1000, 20)
    given = cycles_of(Pack(4).take(without(stream, (10, 0), (12, 3), (13, 1))))
    assert given == [cycle for cycle in range(given[0], 20) if cycle not in (10, 12, 13)]


def test_an_order_that_changes_once_costs_no_reading_between_silences() -> None:
    later = send([2, 3, 0, 1], [0, 10, 20, 30], 1000, 20)
    stream = BURST[:40] + later[40:]
    pack = Pack(4)
    assert cycles_of(pack.take(stream)) == list(range(20))
    assert pack.mapper.incomplete_cycles == 0


def test_a_period_that_changes_is_learnt_again() -> None:
    slower = [Arrival(one.time_ms * 5, one.page, one.cycle) for one in EVEN]
    faster = [Arrival(100_000 + one.time_ms / 10, one.page, one.cycle + 20) for one in EVEN]
    pack = Pack(4)
    given = cycles_of(pack.take(slower + faster))
    assert given == [cycle for cycle in range(40) if cycle in given]
    assert len(given) >= 38
    given = cycles_of(pack.take([Arrival(300_000 + one.time_ms, one.page, one.cycle + 40) for one in EVEN]))
    assert given[-10:] == list(range(50, 60))


@pytest.mark.parametrize("pattern", [[0, 0, 1, 1, 2, 2], [0, 1, 2, 2, 2], [0, 1, 2, 1]])
def test_pages_that_are_repeated_neither_end_a_cycle_nor_begin_one(pattern: list[int]) -> None:
    stream = send(pattern, [10.0 * place for place in range(len(pattern))], 1000, 30)
    pack = Pack(3)
    given = cycles_of(pack.take(stream))
    assert given[-20:] == list(range(10, 30))
    before = pack.mapper.incomplete_cycles
    pack.take([Arrival(30_000 + one.time_ms, one.page, one.cycle + 30) for one in stream])
    assert pack.mapper.incomplete_cycles == before


@pytest.mark.parametrize("fast_first", [True, False])
def test_messages_of_different_rates_are_read_where_they_come_together(fast_first: bool) -> None:
    fast = [Arrival(100.0 * tick, 0, tick // 10) for tick in range(200)]
    slow = [Arrival(1000.0 * cycle + (5 if fast_first else -5), 1, cycle) for cycle in range(1, 20)]
    stream = sorted(fast + slow, key=lambda one: one.time_ms)
    if not fast_first:  # the burst of a cycle begins with the slow message
        stream = [Arrival(one.time_ms, one.page, round(one.time_ms / 100) // 10) for one in stream]
    pack = Pack(2, messages=True)
    given = cycles_of(pack.take(stream))
    assert given == list(range(given[0], 20))
    assert given[0] <= 2
    before = pack.mapper.incomplete_cycles
    again = [Arrival(20_000 + one.time_ms, one.page, one.cycle + 20) for one in stream]
    pack.take(again)
    assert pack.mapper.incomplete_cycles == before, "what comes only every ten cycles is not due in each"


def test_pages_of_one_stamp_are_one_burst() -> None:
    stream = send([0, 1, 2], [0, 0, 0], 1000, 10)
    pack = Pack(3)
    arrived = without(stream, (5, 1), (6, 0))
    assert cycles_of(pack.take(arrived)) == [cycle for cycle in range(10) if cycle not in (5, 6)]
    assert pack.mapper.incomplete_cycles == 2


def test_time_that_steps_back_ends_the_cycle() -> None:
    back = [Arrival(one.time_ms - 3_600_000, one.page, one.cycle) for one in BURST[42:]]
    pack = Pack(4)
    assert cycles_of(pack.take(BURST[:42] + back)) == [*range(10), *range(11, 20)]
    assert pack.mapper.incomplete_cycles == 1 + 1  # before the step, and after it


def test_a_cycle_that_stands_still_is_given_up_after_exactly_ten_seconds() -> None:
    for more_ns, readings in ((0, 1), (1, 0)):
        stream = [Arrival(10_000.0 * page + (page == 3) * more_ns / 1e6, page, 0) for page in range(4)]
        pack = Pack(4)
        assert len(pack.take(stream)) == readings
        assert pack.mapper.incomplete_cycles == 1 - readings


def test_two_pages_wait_for_the_row_that_says_whether_they_are_of_one_cycle() -> None:
    stream = send([1, 0], [0, 10], 1000, 5)
    pack = Pack(2)
    assert pack.take(stream[1:3]) == []
    assert pack.mapper.incomplete_cycles == 0
    assert cycles_of(pack.take(stream[3:])) == [1, 2, 3, 4]
    assert pack.mapper.incomplete_cycles == 1


@pytest.mark.parametrize(("last_ms", "readings"), [(20, 1), (20.000001, 0)])
def test_pages_in_their_order_within_twenty_milliseconds_need_not_wait(last_ms: float, readings: int) -> None:
    assert len(Pack(2).take(send([0, 1], [0, last_ms], 1000, 1))) == readings
    assert Pack(2).take(send([1, 0], [0, last_ms], 1000, 1)) == []


def test_a_reading_that_waited_has_the_stamp_and_the_extremes_of_its_own_rows() -> None:
    pack = Pack(2)
    pack.take(send([0, 1], [0, 100], 1000, 2)[:3])
    rows = [(row.measurement, row.time_ns % 10**9, row.id, dict(row.raw)) for row in pack.rows]
    made = {"cell_min_v": 3.0, "cell_max_v": 3.0, "cell_delta_v": 0.0}
    made |= {"cell_min_index": 1.0, "cell_max_index": 1.0}
    assert rows[2:] == [
        ("Cells", 0, 0, {"Page": 0, "Cell1": 3001}),
        ("cells", 100_000_000, 0, {"v001": 3.0, "v002": 3.0}),
        ("battery", 100_000_000, 0, made),
    ]


@pytest.mark.parametrize("stream", [BURST, EVEN], ids=["burst", "even"])
@pytest.mark.parametrize("missing", range(4))
def test_a_page_that_never_comes_does_not_hide_the_others_and_is_reported_once(
    stream: list[Arrival], missing: int
) -> None:
    pack = Pack(4)
    readings = pack.take([one for one in stream if one.page != missing])
    cycles_of(readings)
    assert len(readings) >= 7
    assert all(len(reading.cells) == 3 for reading in readings)
    assert [(notice.page, notice.is_missing) for notice in pack.notices] == [(missing, True)]
    assert pack.mapper.missing(0) == [(0, missing)]
    assert 10 <= pack.mapper.incomplete_cycles <= 20 - len(readings)


@pytest.mark.parametrize("stream", [BURST, EVEN], ids=["burst", "even"])
@pytest.mark.parametrize("page", range(4))
def test_a_page_that_stops_is_reported_once_and_again_only_after_it_came_back(
    stream: list[Arrival], page: int
) -> None:
    long = [
        Arrival(one.time_ms + 20_000.0 * lap, one.page, one.cycle + 20 * lap)
        for lap in range(5)
        for one in stream
    ]
    gone = (*range(20, 45), *range(60, 100))
    pack = Pack(4)
    readings = pack.take([one for one in long if one.page != page or one.cycle not in gone])
    given = cycles_of(readings)
    by_cycle = dict(zip(given, readings, strict=True))
    assert all(len(by_cycle[cycle].cells) == 4 for cycle in (*range(20), *range(47, 60)))
    assert all(len(by_cycle[cycle].cells) == 3 for cycle in (*range(33, 45), *range(73, 100)))
    assert [notice.is_missing for notice in pack.notices] == [True, False, True]
    assert all(notice.page == page for notice in pack.notices)


def test_a_page_that_comes_seldom_is_not_reported_time_and_again() -> None:
    stream = [
        one
        for lap in range(60)
        for one in (Arrival(1000.0 * lap, 0, lap), Arrival(1000.0 * lap + 5, 1, lap))
        if one.page == 0 or lap % 20 == 0
    ]
    pack = Pack(2, messages=True)
    pack.take(stream)
    assert [notice.is_missing for notice in pack.notices] == [True, False]


@STREAMS
@pytest.mark.parametrize("after", range(40, 44))
def test_a_configuration_that_is_read_again_within_a_cycle_mixes_nothing(
    stream: list[Arrival], after: int
) -> None:
    before, behind = Pack(4), Pack(4)
    given = cycles_of(before.take(stream[:after])) + cycles_of(behind.take(stream[after:]))
    assert given == [cycle for cycle in range(20) if cycle in given]
    assert len(given) >= 18
    rebound = Pack(4)
    again = rebound.take(stream[:after])
    rebound.mapper.bind(0, 0, range(len(rebound.spec.tag_sets)))
    assert cycles_of(again + rebound.take(stream[after:])) == given


def test_the_pages_of_one_row_are_one_reading_at_once() -> None:
    assert cycles_of(Pack(1).take([Arrival(0, 0, 0), Arrival(5, 0, 1)])) == [0, 1]


@pytest.mark.parametrize("seed", range(150))
def test_no_reading_mixes_cycles_though_a_fifth_of_the_pages_is_lost(seed: int) -> None:
    chance = random.Random(seed)
    pages = chance.choice([2, 3, 4, 6, 12])
    period_ms = chance.choice([100.0, 500.0, 1000.0, 3000.0])
    order = list(range(pages))
    spacing_ms = period_ms / pages
    if chance.random() < 0.6:
        spacing_ms *= chance.uniform(0.02, 0.2)
        chance.shuffle(order)
    jitter_ms = spacing_ms * chance.choice([0.0, 0.1, 0.2])
    offsets_ms = [spacing_ms * place for place in range(pages)]
    stream = send(order, offsets_ms, period_ms, 60, lambda: chance.uniform(-jitter_ms, jitter_ms))
    share = chance.choice([0.02, 0.05, 0.1, 0.2])
    arrived = [one for one in stream[chance.randrange(pages) :] if chance.random() >= share]
    pack = Pack(pages)
    readings = pack.take(arrived, batch=chance.choice([1, 7, 1000]))
    expected = complete(arrived, pages)
    assert set(cycles_of(readings)) <= {cycle for _, cycle in expected}
    assert {reading.time_ms for reading in readings} <= {
        round(time_ms * 1e6) / 1e6 for time_ms, _ in expected
    }


def test_a_page_that_comes_late_is_of_the_open_cycle_until_it_is_half_a_period_late() -> None:
    """Pages of every second come 100 ms apart, so that half a period after the usual pause is 600 ms."""
    stream = send([2, 3, 0, 1], [0, 100, 200, 300], 1000, 20)
    for late_ms, incomplete in ((499, 0), (500, 1)):
        late = [
            Arrival(one.time_ms + late_ms, one.page, one.cycle)
            if one.cycle == 10 and one.page in (0, 1)
            else one
            for one in stream
        ]
        pack = Pack(4)
        pack.take(late[:20])  # five cycles, to learn
        learning = pack.mapper.incomplete_cycles
        given = cycles_of(pack.take(late[20:]))
        assert given == [cycle for cycle in range(5, 20) if cycle != 10 or not incomplete]
        assert pack.mapper.incomplete_cycles - learning == 2 * incomplete  # both parts of it


def delayed(chance: random.Random, *, pages: Sequence[int], silence: float) -> list[Arrival]:
    """Return a sender's pages in order, stamped late by up to 60 % of the pause between its pages.

    silence: the pause between two cycles, in pauses between pages.
    """
    order = list(range(chance.choice(pages)))
    if silence > 1:
        chance.shuffle(order)
    period_ms = chance.choice([100.0, 200.0, 500.0, 1000.0, 2000.0])
    pace_ms = period_ms / (len(order) - 1 + silence)
    sent = send(order, [pace_ms * place for place in range(len(order))], period_ms, 80)
    last_ms = 0.0
    stream = []
    for one in sent:
        last_ms = max(last_ms, one.time_ms + chance.uniform(0, 0.6 * pace_ms))
        stream.append(Arrival(last_ms, one.page, one.cycle))
    return stream


@pytest.mark.parametrize("silence", [1.0, 4.5, 10.0, 40.0])
@pytest.mark.parametrize("seed", range(40))
def test_stamps_that_are_late_by_half_of_what_pages_are_apart_cost_no_reading(
    silence: float, seed: int
) -> None:
    chance = random.Random(seed)
    stream = delayed(chance, pages=[2, 3, 4, 6, 8, 12], silence=silence)
    pages = 1 + max(one.page for one in stream)
    pack = Pack(pages)
    given = cycles_of(pack.take(stream[chance.randrange(pages) :], batch=1000))
    if pages > 2:
        assert given[-66:] == list(range(14, 80))  # what cycles are like is known by then
    else:  # one pause of a hundred is half a period longer than usual
        assert len(given) >= 64


@pytest.mark.parametrize("silence", [1.0, 4.5, 10.0, 40.0])
@pytest.mark.parametrize("seed", range(40))
def test_stamps_that_are_late_mix_nothing_though_a_fifth_of_the_pages_is_lost(
    silence: float, seed: int
) -> None:
    chance = random.Random(seed)
    stream = delayed(chance, pages=[3, 4, 6, 8, 12], silence=silence)
    pages = 1 + max(one.page for one in stream)
    share = chance.choice([0.02, 0.1, 0.2])
    arrived = [one for one in stream[chance.randrange(pages) :] if chance.random() >= share]
    readings = Pack(pages).take(arrived, batch=1000)
    assert set(cycles_of(readings)) <= {cycle for _, cycle in complete(arrived, pages)}


def test_pages_that_all_have_one_stamp_are_counted_and_harm_nothing() -> None:
    pack = Pack(3)
    pack.take([Arrival(5, place % 3, 0) for place in range(60)])
    assert pack.mapper.incomplete_cycles <= 20
    later = send([0, 1, 2], [10_000, 10_250, 10_500], 1000, 20)
    given = cycles_of(pack.take(later))
    assert given[-10:] == list(range(10, 20))
