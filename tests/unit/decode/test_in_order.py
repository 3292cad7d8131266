"""Work shared by threads whose results come out in order."""

import threading
from collections.abc import Callable

import pytest

from telemetry.decode.in_order import InOrder

TIMEOUT_S = 60.0


class Counting:
    """Takes numbers from one counter that all workers share; `work` makes the result of each."""

    def __init__(self, counter: list[int], end: int, work: Callable[[int], int]) -> None:
        self._counter = counter
        self._end = end
        self._work = work
        self._number = 0

    def take(self) -> bool:
        self._number = self._counter[0]
        if self._number >= self._end:
            return False
        self._counter[0] += 1  # not atomic: it is one thread at a time
        return True

    def do(self) -> int:
        return self._work(self._number)


def workers(
    count: int, end: int, work: Callable[[int], int], counter: list[int] | None = None
) -> list[Counting]:
    shared = [0] if counter is None else counter
    return [Counting(shared, end, work) for _ in range(count)]


@pytest.mark.parametrize("count", [1, 2, 3, 8])
@pytest.mark.parametrize("ahead", [1, 2, 20])
def test_results_come_in_the_order_in_which_work_was_taken(count: int, ahead: int) -> None:
    with InOrder(workers(count, 500, lambda number: number * number), ahead) as results:
        assert list(results) == [number * number for number in range(500)]


def test_a_slow_piece_holds_back_the_results_after_it_and_nothing_else() -> None:
    later_are_done = threading.Barrier(2)

    def work(number: int) -> int:
        if number in (0, 3):  # the first is not done before the fourth is
            later_are_done.wait(TIMEOUT_S)
        return number

    with InOrder(workers(2, 4, work), 4) as results:
        assert list(results) == [0, 1, 2, 3]


def test_no_more_is_taken_than_may_wait() -> None:
    counter = [0]
    ahead_is_done = threading.Semaphore(0)

    def work(number: int) -> int:
        ahead_is_done.release()
        return number

    with InOrder(workers(2, 100, work, counter), 5) as results:
        fetched = iter(results)
        for _ in range(5):
            assert ahead_is_done.acquire(timeout=TIMEOUT_S)
        assert counter == [5]
        assert next(fetched) == 0
        assert ahead_is_done.acquire(timeout=TIMEOUT_S)
        assert counter == [6]


@pytest.mark.parametrize("count", [1, 4])
def test_an_error_comes_after_the_results_before_it(count: int) -> None:
    def work(number: int) -> int:
        if number >= 7:
            raise ValueError(str(number))
        return number

    seen: list[int] = []
    with InOrder(workers(count, 100, work), 8) as results, pytest.raises(ValueError, match=r"^7$"):
        seen.extend(results)
    assert seen == list(range(7))


class FailingToTake(Counting):
    def take(self) -> bool:
        if not super().take():
            raise OSError("no more")
        return True


def test_an_error_in_taking_comes_in_its_place_too() -> None:
    seen: list[int] = []
    shared = [0]
    failing = [FailingToTake(shared, 5, lambda number: number) for _ in range(3)]
    with InOrder(failing, 8) as results, pytest.raises(OSError, match="no more"):
        seen.extend(results)
    assert seen == list(range(5))


def test_stopping_ends_the_iteration_while_a_piece_is_under_way() -> None:
    under_way, go_on = threading.Event(), threading.Event()

    def work(number: int) -> int:
        under_way.set()
        go_on.wait(TIMEOUT_S)
        return number

    with InOrder(workers(1, 100, work), 2) as results:
        assert under_way.wait(TIMEOUT_S)
        results.stop()
        assert list(results) == []
        go_on.set()


def test_no_thread_is_left_when_the_results_are_not_wanted_any_more() -> None:
    before = threading.active_count()
    with InOrder(workers(4, 1000, lambda number: number), 4) as results:
        assert next(iter(results)) == 0
    assert threading.active_count() == before
