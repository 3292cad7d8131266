"""Whose turn it is on a line with several devices."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.sources.serial.conversation import Asking, Listening, Poll
from telemetry.sources.serial.turns import Turns
from tests.support.clock import FakeClock

FAILED_ROUNDS = 10
LONGEST_REST_S = 60.0

GAP_S = 0.02
TIMEOUT_S = 0.5
ANSWERS_AFTER_S = 0.05


class Line:
    """Devices on a line, of which some answer. asked: who was asked, and when."""

    def __init__(
        self, every_s: list[float], *, dead: frozenset[int] = frozenset(), listeners: int = 0
    ) -> None:
        self.clock = FakeClock()
        talks: list[Asking | Listening] = [
            Asking([Poll(bytes([n]), 1, period_s, TIMEOUT_S)], GAP_S, self.clock)
            for n, period_s in enumerate(every_s)
        ]
        talks += [Listening(self.clock) for _ in range(listeners)]
        self.turns = Turns(talks, self.clock)
        self.turns.opened()
        self.dead = dead
        self.asked: list[tuple[float, int]] = []

    def run(self, until_s: float) -> None:
        while self.clock.monotonic_s() < until_s:
            request = self.turns.due()
            if request is None:
                self.clock.advance(max(self.turns.wait_s(), 0.001))
                continue
            device = request[0]
            assert self.turns.current == device
            self.turns.asked()
            self.asked.append((self.clock.monotonic_s(), device))
            if device not in self.dead:
                self.clock.advance(ANSWERS_AFTER_S)
                assert device in self.turns.received(b"answer")
                self.turns.took(device, 1)

    def times(self, device: int) -> list[float]:
        return [at for at, asked in self.asked if asked == device]


def gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in itertools.pairwise(times)]


def test_each_device_has_its_own_interval() -> None:
    line = Line([1.0, 2.0, 5.0])
    line.run(20.5)
    assert [len(line.times(n)) for n in range(3)] == [21, 11, 5]


def test_one_request_is_outstanding_and_the_line_rests_between_two() -> None:
    line = Line([1.0, 1.0])
    line.run(5.0)
    assert min(gaps([at for at, _ in line.asked])) >= ANSWERS_AFTER_S + GAP_S - 1e-9


def test_while_the_line_rests_the_wait_is_as_long_as_the_rest_though_a_device_is_due() -> None:
    line = Line([1.0, 1.0])
    assert line.turns.due() == b"\x00"
    line.turns.asked()
    line.turns.received(b"answer")
    line.turns.took(0, 1)
    assert line.turns.due() is None
    assert line.turns.wait_s() == pytest.approx(GAP_S)
    line.clock.advance(GAP_S)
    assert (line.turns.wait_s(), line.turns.due()) == (0.0, b"\x01")


@given(st.lists(st.floats(0.01, 0.2), min_size=2, max_size=6))
def test_a_line_that_is_too_slow_for_all_is_shared_fairly(every_s: list[float]) -> None:
    line = Line([0.01] * len(every_s))
    line.run(10.0)
    counts = [len(line.times(n)) for n in range(len(every_s))]
    assert max(counts) - min(counts) <= 1


def test_a_dead_device_is_asked_ever_less_often_and_costs_the_others_nothing() -> None:
    line = Line([1.0, 1.0], dead=frozenset({1}))
    line.run(600.0)
    rests_s = gaps(line.times(1))
    assert rests_s[:2] == pytest.approx([1.0, 1.0], abs=0.6)
    assert rests_s[2:8] == pytest.approx([1.5, 2.5, 4.5, 8.5, 16.5, 32.5], abs=0.2)
    assert max(rests_s) == pytest.approx(LONGEST_REST_S + TIMEOUT_S, abs=0.2)
    assert len(line.times(0)) >= 598
    assert max(gaps(line.times(0))) < 1.0 + TIMEOUT_S + 0.2


def test_a_device_that_comes_back_has_its_interval_again() -> None:
    line = Line([1.0, 1.0], dead=frozenset({1}))
    line.run(100.0)
    line.dead = frozenset()
    line.run(200.0)
    assert gaps(line.times(1))[-10:] == pytest.approx([1.0] * 10, abs=0.1)


def test_a_single_device_is_asked_at_its_interval_whether_it_answers_or_not() -> None:
    line = Line([1.0], dead=frozenset({0}))
    line.run(9.5)
    assert gaps(line.times(0)) == pytest.approx([1.0] * 9, abs=0.01)


def test_those_who_talk_by_themselves_hear_everything_and_the_rest_only_their_answers() -> None:
    line = Line([1.0], listeners=1)
    assert line.turns.received(b"chatter") == [1]
    assert line.turns.due() == b"\x00"
    line.turns.asked()
    assert sorted(line.turns.received(b"answer")) == [0, 1]
    line.turns.took(1, 1)
    assert line.turns.due() is None, "the answer of another device ends nothing"
    line.turns.took(0, 1)
    line.clock.advance(1.0)
    assert line.turns.due() == b"\x00"


def test_a_request_waits_until_what_follows_an_answer_is_over_and_not_for_ever() -> None:
    line = Line([0.01, 0.01])
    line.run(0.01)
    for _ in range(3):
        line.clock.advance(GAP_S / 2)
        assert line.turns.received(b"padding") == []
        assert line.turns.due() is None
    line.clock.advance(GAP_S)
    assert line.turns.due() is not None
    line.run(line.clock.monotonic_s() + 0.01)
    begin_s = line.clock.monotonic_s()
    while line.turns.due() is None:
        line.clock.advance(GAP_S / 2)
        line.turns.received(b"chatter")
    assert line.clock.monotonic_s() - begin_s < 0.6


def test_a_port_is_deaf_when_nobody_hears_a_byte() -> None:
    line = Line([1.0, 1.0], dead=frozenset({0, 1}))
    line.run(2.0)
    assert not line.turns.is_deaf()
    line.run(60.0)
    assert line.turns.is_deaf()
    assert len(line.asked) >= FAILED_ROUNDS
    line.turns.opened()
    assert not line.turns.is_deaf()


def test_a_port_is_not_deaf_when_one_of_two_answers() -> None:
    line = Line([1.0, 1.0], dead=frozenset({0}))
    line.run(300.0)
    assert not line.turns.is_deaf()


@pytest.mark.parametrize("talks", [True, False])
def test_a_port_is_not_deaf_while_one_who_talks_by_itself_is_heard(talks: bool) -> None:
    clock = FakeClock()
    listener = Listening(clock)
    turns = Turns([Asking([Poll(b"\x00", 1, 1.0, TIMEOUT_S)], GAP_S, clock), listener], clock)
    turns.opened()
    for _ in range(600):  # the device that is asked never answers
        if turns.due() is not None:
            turns.asked()
        clock.advance(1.0)
        if talks:
            listener.heard()
    assert turns.timeouts >= FAILED_ROUNDS
    assert turns.is_deaf() is not talks
