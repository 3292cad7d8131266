"""The thread that ends what takes too long."""

import threading
from collections.abc import Iterator

import pytest

from telemetry.errors import UnavailableError
from telemetry.sinks.deadline import RequestDeadline

LONG_S = 600.0
_OTHERS: list[threading.Thread] = []


@pytest.fixture(autouse=True)
def others() -> Iterator[None]:
    """Note threads of that name that are there already: tests of one process may have left some."""
    _OTHERS[:] = _named()
    yield
    _OTHERS.clear()


@pytest.fixture
def deadline(others: None) -> Iterator[RequestDeadline]:
    deadline = RequestDeadline()
    deadline.start()
    yield deadline
    deadline.close()


def _named() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "sink-deadline"]


def of_ours() -> list[threading.Thread]:
    return [thread for thread in _named() if thread not in _OTHERS]


def test_what_takes_too_long_is_ended(deadline: RequestDeadline) -> None:
    ended = threading.Event()
    with deadline.limit(0.001, ended.set):
        assert ended.wait(60.0)


def test_what_is_over_in_time_is_not_ended_and_the_next_has_a_time_of_its_own(
    deadline: RequestDeadline,
) -> None:
    ended: list[str] = []
    over = threading.Event()
    with deadline.limit(LONG_S, lambda: ended.append("first")):
        pass
    with deadline.limit(0.001, over.set):
        assert over.wait(60.0)
    with deadline.limit(LONG_S, lambda: ended.append("third")):
        pass
    assert ended == []


def test_a_block_that_ends_by_an_exception_is_not_ended_once_more(deadline: RequestDeadline) -> None:
    ended: list[str] = []
    over = threading.Event()
    with pytest.raises(OSError, match="reset"), deadline.limit(0.0005, lambda: ended.append("first")):
        raise OSError("reset")
    count = len(ended)  # the time may have been up before
    with deadline.limit(0.001, over.set):
        assert over.wait(60.0)
    assert len(ended) == count


def test_one_thread_serves_every_limit(deadline: RequestDeadline) -> None:
    deadline.start()
    (thread,) = of_ours()
    for _ in range(100):
        over = threading.Event()
        with deadline.limit(0.0001, over.set):
            assert over.wait(60.0)
    assert of_ours() == [thread]


def test_closing_ends_the_thread_and_a_new_start_begins_another() -> None:
    deadline = RequestDeadline()
    deadline.start()
    deadline.close()
    deadline.close()
    assert of_ours() == []
    deadline.start()
    over = threading.Event()
    with deadline.limit(0.001, over.set):
        assert over.wait(60.0)
    deadline.close()
    assert of_ours() == []


class _Hanging(threading.Thread):
    """One that never ends, and remembers how long it was waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.waits_s: list[float | None] = []

    def join(self, timeout: float | None = None) -> None:
        self.waits_s.append(timeout)


def test_closing_waits_a_second_at_most_for_what_hangs() -> None:
    deadline = RequestDeadline()
    hanging = _Hanging()
    deadline._thread = hanging
    deadline.close()
    deadline.close()
    assert hanging.waits_s == [1.0]


def test_the_thread_keeps_no_process_alive(deadline: RequestDeadline) -> None:
    (thread,) = of_ours()
    assert thread.daemon
    deadline.close()


def test_where_no_thread_is_granted_that_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    deadline = RequestDeadline()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(UnavailableError, match="sink-deadline: no thread can be started"):
            deadline.start()
    deadline.start()  # it can be tried again
    deadline.close()
