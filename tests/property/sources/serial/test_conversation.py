"""Whatever a line does, and however late the caller comes: one request at a time, and each has its turn."""

import random

from hypothesis import given
from hypothesis import strategies as st

from telemetry.sources.serial.conversation import Asking, Poll
from telemetry.sources.serial.turns import Turns
from tests.support.clock import FakeClock

RETRY_S = 5.0

GAP_S = 0.02
polls = st.lists(
    st.builds(
        Poll,
        request=st.binary(min_size=1, max_size=8),
        answer_id=st.integers(0, 255),
        every_s=st.floats(0.1, 100.0),
        timeout_s=st.floats(0.05, 2.0),
    ),
    min_size=1,
    max_size=4,
    unique_by=(lambda poll: poll.request, lambda poll: poll.answer_id),
)
# What the device does about a request, and after how long the caller looks again.
steps = st.lists(
    st.tuples(st.sampled_from(["answer", "other", "garbage", "nothing"]), st.floats(0.0, 3.0)), max_size=60
)


@given(polls, steps)
def test_one_request_at_a_time_and_none_before_the_last_has_ended(
    polls: list[Poll], steps: list[tuple[str, float]]
) -> None:
    clock = FakeClock()
    conversation = Turns([Asking(polls, GAP_S, clock)], clock)
    conversation.opened()
    by_request = {poll.request: poll for poll in polls}
    outstanding: Poll | None = None
    asked_s = ended_s = -1.0
    sent = timeouts = answers = 0
    for act, later_s in steps:
        now_s = clock.monotonic_s()
        timed_out = outstanding is not None and now_s >= asked_s + outstanding.timeout_s
        assert conversation.is_late() == timed_out
        request = conversation.due()
        if timed_out:
            outstanding, ended_s = None, now_s
            timeouts += 1
        if request is not None:
            assert outstanding is None
            assert now_s >= ended_s + GAP_S
            conversation.asked()
            outstanding, asked_s = by_request[request], now_s
            sent += 1
        assert (conversation.current is not None) == (outstanding is not None)
        if outstanding is None:
            before = conversation.discarded_bytes
            assert conversation.received(b"late") == []
            assert conversation.discarded_bytes == before + 4
        elif act == "garbage":
            assert conversation.received(b"\x00") == [0]
        elif act == "other":
            conversation.took(0, outstanding.answer_id ^ 0x100)
            assert conversation.current == 0
        elif act == "answer":
            conversation.took(0, outstanding.answer_id)
            outstanding, ended_s = None, now_s
            answers += 1
        assert conversation.timeouts == timeouts
        assert conversation.wait_s() >= 0.0
        clock.advance(later_s)
    assert sent == timeouts + answers + (outstanding is not None)


@given(polls, st.integers(0, 2**32), st.floats(0.0, 1.0))
def test_every_request_has_its_turn_and_none_comes_more_often_than_it_should(
    polls: list[Poll], seed: int, answered_share: float
) -> None:
    clock, chance = FakeClock(), random.Random(seed)
    conversation = Turns([Asking(polls, GAP_S, clock)], clock)
    conversation.opened()
    answer_ids = {poll.request: poll.answer_id for poll in polls}
    sent = dict.fromkeys(answer_ids, 0)
    for _ in range(300):
        request = conversation.due()
        if request is not None:
            conversation.asked()
            sent[request] += 1
            if chance.random() < answered_share:
                clock.advance(0.04)
                conversation.took(0, answer_ids[request])
        clock.advance(conversation.wait_s() + 1e-6)
    for poll in polls:
        assert 1 <= sent[poll.request] <= clock.monotonic_s() / min(poll.every_s, RETRY_S) + 2
