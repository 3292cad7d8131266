"""What is said to one device of a serial line, and when."""

from itertools import pairwise

import pytest

from telemetry.sources.serial.conversation import Asking, Listening, Poll
from telemetry.sources.serial.turns import Turns
from tests.support.clock import FakeClock

FAILED_ROUNDS = 10

BASIC = Poll(b"basic?", answer_id=3, every_s=1.0, timeout_s=0.5)
CELLS = Poll(b"cells?", answer_id=4, every_s=2.0, timeout_s=0.5)
MODEL = Poll(b"model?", answer_id=5, every_s=60.0, timeout_s=0.5)
GAP_S = 0.02


class Line:
    """A conversation, and the time at which it is looked at."""

    def __init__(self, *polls: Poll) -> None:
        self._clock = FakeClock()
        self.talk = Asking(polls, GAP_S, self._clock)
        self._turns = Turns([self.talk], self._clock)
        self._turns.opened()

    def at(self, now_s: float) -> Turns:
        self._clock.advance(now_s - self._clock.monotonic_s())
        return self._turns

    def ask(self, now_s: float) -> bytes:
        request = self.at(now_s).due()
        assert request is not None
        self._turns.asked()
        return request


def test_everything_is_asked_once_the_port_is_open_one_after_the_other() -> None:
    line = Line(BASIC, CELLS, MODEL)
    assert line.ask(0.0) == b"basic?"
    assert line.at(0.1).due() is None
    line.at(0.1).took(0, 3)
    assert line.at(0.11).due() is None, "the line rests"
    assert line.at(0.11).wait_s() == pytest.approx(0.01)
    assert line.ask(0.125) == b"cells?"
    line.at(0.2).took(0, 4)
    assert line.ask(0.3) == b"model?"
    line.at(0.4).took(0, 5)
    assert line.at(0.5).due() is None
    assert line.at(0.5).wait_s() == pytest.approx(0.5)
    assert line.at(1.0).due() == b"basic?"


def test_intervals_count_from_when_a_request_was_due_and_not_from_its_answer() -> None:
    line = Line(BASIC)
    for second in range(5):
        assert line.ask(second + 0.01) == b"basic?"
        line.at(second + 0.3).took(0, 3)
        assert line.at(second + 0.3).wait_s() == pytest.approx(0.7)


def test_requests_that_were_missed_are_not_made_up_for() -> None:
    line = Line(BASIC)
    line.ask(0.0)
    line.at(100.0).took(0, 3)
    line.ask(100.1)
    line.at(100.2).took(0, 3)
    assert line.at(100.5).due() is None
    assert line.at(101.0).due() == b"basic?"


def test_a_request_without_an_answer_ends_by_its_time_out() -> None:
    line = Line(BASIC, CELLS)
    line.ask(0.0)
    assert line.at(0.2).wait_s() == pytest.approx(0.3)
    assert not line.at(0.49).is_late()
    assert line.at(0.5).is_late()
    assert line.at(0.5).due() is None, "the line rests"
    assert not line.at(0.5).is_late()
    assert line.at(0.5).timeouts == 1
    assert line.ask(0.525) == b"cells?"


def test_only_the_message_that_was_asked_for_is_an_answer() -> None:
    line = Line(BASIC)
    line.ask(0.0)
    line.at(0.1).took(0, 4)
    assert line.at(0.2).due() is None
    assert line.at(0.5).is_late()


def test_what_comes_while_nothing_is_asked_is_discarded_and_counted() -> None:
    line = Line(BASIC)
    assert line.at(0.0).received(b"late") == []
    line.ask(0.0)
    assert line.at(0.1).received(b"answer") == [0]
    line.at(0.1).took(0, 3)
    assert line.at(0.2).received(b"chatter") == []
    assert line.at(0.2).discarded_bytes == len(b"late" + b"chatter")


def test_what_is_asked_seldom_is_asked_again_soon_when_it_fails_and_then_ever_later() -> None:
    line = Line(MODEL)
    asked_s: list[float] = []
    now_s = 0.0
    while len(asked_s) < 6:
        if line.at(now_s).due():
            line.at(now_s).asked()
            asked_s.append(now_s)
        now_s += 0.25
    assert asked_s == [0.0, 5.0, 15.0, 35.0, 75.0, 135.0]


def test_one_in_a_hurry_asks_the_rarest_first_and_again_after_a_second() -> None:
    line = Line(BASIC, CELLS, MODEL)
    line.talk.hurry(30.0)
    asked: list[tuple[float, bytes]] = []
    for tick in range(4 * 120):
        now_s = tick / 4
        if request := line.at(now_s).due():
            line.at(now_s).asked()
            asked.append((now_s, request))
            if request != b"model?":
                line.at(now_s).took(0, 3 if request == b"basic?" else 4)
    assert [request for _, request in asked[:3]] == [b"model?", b"cells?", b"basic?"]
    named_s = [at_s for at_s, request in asked if request == b"model?"]
    gaps_s = [after_s - before_s for before_s, after_s in pairwise(named_s)]
    hurried = [gap_s for gap_s, at_s in zip(gaps_s, named_s, strict=False) if at_s < 29.0]
    assert len(hurried) > 10
    assert max(hurried) <= 2.5  # a time-out, a second, and its turn
    assert gaps_s[-1] >= 5.0


def test_a_port_that_reads_nothing_though_requests_go_out_is_deaf() -> None:
    line = Line(BASIC)
    for second in range(FAILED_ROUNDS):
        assert not line.at(second).is_deaf()
        line.ask(second)
        line.at(second + 0.5).due()
    assert line.at(FAILED_ROUNDS).is_deaf()
    line.at(FAILED_ROUNDS).opened()
    assert not line.at(FAILED_ROUNDS).is_deaf()
    assert line.at(FAILED_ROUNDS).timeouts == FAILED_ROUNDS


def test_a_port_that_reads_garbage_is_not_deaf() -> None:
    line = Line(BASIC)
    for second in range(3 * FAILED_ROUNDS):
        line.ask(second)
        line.at(second + 0.1).received(b"?")
        line.at(second + 0.6).due()
        assert not line.at(second + 0.6).is_deaf()


def test_an_answer_ends_a_row_of_failed_rounds() -> None:
    line = Line(BASIC)
    for second in range(3 * FAILED_ROUNDS):
        line.ask(second)
        if second % (FAILED_ROUNDS - 1) == 0:
            line.at(second + 0.1).took(0, 3)
        line.at(second + 0.6).due()
        assert not line.at(second + 0.6).is_deaf()


def test_a_port_that_is_opened_again_is_asked_everything_again() -> None:
    line = Line(BASIC, MODEL)
    line.ask(0.0)
    line.at(0.3).opened()
    assert line.ask(0.3) == b"basic?"
    line.at(0.4).took(0, 3)
    assert line.ask(0.5) == b"model?"
    assert line.at(0.5).timeouts == 0


def test_nothing_to_ask_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to ask"):
        Asking((), GAP_S, FakeClock())


def test_a_device_that_talks_by_itself_is_only_listened_to() -> None:
    clock = FakeClock()
    conversation = Listening(clock, silent_s=10.0)
    clock.advance(100.0)
    conversation.opened()
    clock.advance(1.0)
    conversation.heard()
    clock.advance(4.0)
    assert conversation.wait_s() == pytest.approx(6.0)
    clock.advance(5.9)
    assert not conversation.is_deaf()
    clock.advance(0.1)
    assert conversation.is_deaf()
    conversation.opened()
    assert not conversation.is_deaf()
