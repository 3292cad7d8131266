"""An answer that names no line blames the batch if others are accepted; otherwise it blames the server."""

from collections.abc import Sequence

import pytest

from telemetry.sinks.influx.verdict import Answer
from tests.support.model_server import NO_CONNECTION, Reply, refusal
from tests.support.sender_rig import SenderRig, lines

BROKEN = Answer(500, {}, b'{"code":"internal error","message":"unexpected EOF"}')


@pytest.fixture
def rig() -> SenderRig:
    return SenderRig()


# -- an answer 400 that names nothing


def test_a_server_that_begins_to_refuse_everything_holds_and_costs_nothing(rig: SenderRig) -> None:
    """As a proxy in front of it does that was set up again, with an answer 400 of its own."""
    rig.deliver(*lines(5, "before"))
    rig.server.behave = lambda _: Answer(400, {}, b"<html>plain HTTP request sent to HTTPS port</html>")
    for index in range(3):
        rig.queue.put_lines(*lines(20, f"batch{index}"))
    for _ in range(500):
        rig.step()
    assert "accepted before is refused" in rig.sender.state.held
    assert rig.queue.dead == {}
    rig.server.behave = lambda _: None
    rig.run_until_idle()
    assert rig.queue.dead == {}
    assert len(rig.server.stored) == 65


def test_a_batch_of_which_every_line_is_refused_is_dead_if_another_is_accepted(rig: SenderRig) -> None:
    rig.server.behave = lambda sent: Answer(400, {}, b"no") if b"bad" in sent[0] else None
    rig.deliver(*lines(5, "before"))
    rig.deliver(*lines(20, "bad"))
    assert rig.queue.dead_points() == 20
    assert ("sink_hold", True) not in rig.codes


@pytest.mark.parametrize(
    "reply",
    [
        Answer(400, {}, b'{"error":"partial write: points beyond retention policy dropped=5"}'),
        Answer(413),
    ],
)
def test_a_batch_to_compare_with_that_is_too_old_or_too_large_by_now_will_do(
    rig: SenderRig, reply: Reply
) -> None:
    rig.deliver(*lines(5, "before"))
    rig.server.behave = lambda sent: reply if b"before" in sent[0] else Answer(400, {}, b"no")
    rig.deliver(*lines(3, "bad"))
    assert rig.queue.dead_points() == 3
    assert rig.clock.monotonic_s() < 60.0


def test_a_server_that_takes_other_batches_again_is_trusted_though_it_refuses_the_old_one(
    rig: SenderRig,
) -> None:
    rig.deliver(*lines(5, "before"))
    rig.server.behave = lambda _: Answer(400, {}, b"no")
    rig.queue.put_lines(*lines(3, "second"))
    for _ in range(20):
        rig.step()
    assert rig.sender.state.held
    rig.server.behave = lambda sent: Answer(400, {}, b"no") if b"before" in sent[0] else None
    rig.run_until_idle()
    assert rig.server.stored == {*lines(5, "before"), *lines(3, "second")}


def test_others_that_wait_are_tried_before_an_old_batch_is_sent_again_to_compare(rig: SenderRig) -> None:
    rig.deliver(*lines(1, "before"))
    rig.server.behave = lambda sent: Answer(400, {}, b"no") if b"bad" in sent[0] else None
    rig.queue.put_lines(*lines(1, "other"))
    rig.deliver(*lines(1, "bad"))
    assert [sent[0].split()[0] for sent in rig.server.requests] == [b"before", b"bad", b"other"]
    assert rig.queue.dead_lines() == lines(1, "bad")


def test_an_old_batch_of_which_lines_are_refused_by_name_will_do_to_compare(rig: SenderRig) -> None:
    named = refusal("unable to parse 'before v=0 0': invalid number")
    rig.deliver(*lines(1, "before"))
    rig.server.behave = lambda sent: named if b"before" in sent[0] else Answer(400, {}, b"no")
    rig.deliver(*lines(1, "bad"))
    assert rig.queue.dead_lines() == lines(1, "bad")
    assert not rig.sender.state.held


@pytest.mark.parametrize(
    ("reply", "held", "wait_s"),
    [
        (NO_CONNECTION, "", 0.5),
        (Answer(404), "no such endpoint", 60.0),
        (Answer(418), "refused: HTTP 418", 60.0),
    ],
)
def test_a_server_that_cannot_be_asked_to_compare_costs_no_line(
    rig: SenderRig, reply: Reply, held: str, wait_s: float
) -> None:
    rig.deliver(*lines(1, "before"))
    rig.server.behave = lambda sent: reply if b"before" in sent[0] else Answer(400, {}, b"no")
    rig.queue.put_lines(*lines(1, "bad"))
    rig.step()
    assert rig.step() == wait_s
    assert rig.sender.state.failure
    assert held in rig.sender.state.held
    assert bool(rig.sender.state.held) == bool(held)
    assert rig.queue.dead == {}
    rig.server.behave = lambda _: None
    rig.run_until_idle()
    assert rig.queue.dead == {}
    assert rig.queue.acknowledged_points == 2


def test_what_a_refused_part_of_an_ordered_batch_may_have_replaced_is_not_sent_again(rig: SenderRig) -> None:
    rig.deliver(*lines(1, "before"))
    rig.server.answers(refusal("unable to parse 'after v=0 0': invalid number"), Answer(400, {}, b"no"))
    rig.deliver(*lines(2, "after"), ordered=True)
    assert lines(1, "before") not in rig.server.requests[1:]


def test_a_server_that_never_accepted_anything_is_believed(rig: SenderRig) -> None:
    rig.server.behave = lambda _: Answer(400, {}, b"no")
    rig.deliver(b"m v=1 1")
    assert rig.queue.dead_points() == 1


# -- an answer 500


def poison(sent: Sequence[bytes]) -> Reply | None:
    """Fail, with the same words each time, whenever one line is among those sent."""
    return BROKEN if b"poison v=1 1" in sent else None


def test_an_identical_500_ten_times_isolates_the_batch_if_others_are_accepted(rig: SenderRig) -> None:
    rig.server.behave = poison
    rig.queue.put_lines(*lines(20), b"poison v=1 1")
    rig.queue.put_lines(*lines(5, "second"))
    rig.deliver(*lines(5, "newest"))
    assert rig.server.stored == {*lines(20), *lines(5, "second"), *lines(5, "newest")}
    assert rig.queue.dead_lines() == [b"poison v=1 1"]
    whole = [sent for sent in rig.server.requests if len(sent) == 21]
    assert len(whole) == 10


def test_others_that_wait_are_tried_after_the_tenth_identical_500_and_not_before(rig: SenderRig) -> None:
    rig.server.behave = poison
    rig.deliver(*lines(1, "before"))
    rig.queue.put_lines(*lines(1, "other"))
    rig.deliver(b"poison v=1 1")
    names = [sent[0].split()[0] for sent in rig.server.requests]
    assert names[:12] == [b"before", *[b"poison"] * 10, b"other"]
    assert rig.queue.dead_lines() == [b"poison v=1 1"]


@pytest.mark.parametrize(("batches", "failures"), [(3, 200), (1, 50)])
def test_an_identical_500_for_every_batch_is_the_servers_trouble(
    rig: SenderRig, batches: int, failures: int
) -> None:
    rig.server.answers(*[BROKEN] * failures)
    for _ in range(batches):
        rig.queue.put_lines(*lines(20))
    rig.run_until_idle()
    assert rig.queue.dead == {}
    assert rig.queue.acknowledged_points == 20 * batches


def test_the_last_batch_is_compared_with_one_that_was_accepted_before(rig: SenderRig) -> None:
    rig.server.behave = poison
    rig.deliver(*lines(5, "before"))
    rig.deliver(*lines(20), b"poison v=1 1")
    assert rig.queue.dead_lines() == [b"poison v=1 1"]
    assert rig.server.stored == {*lines(5, "before"), *lines(20)}


def test_an_ordered_batch_that_was_accepted_last_is_sent_again_to_compare(rig: SenderRig) -> None:
    """Nothing accepted after it can have replaced its rows."""
    rig.server.behave = poison
    rig.deliver(*lines(5, "before"), ordered=True)
    rig.deliver(*lines(20), b"poison v=1 1")
    assert sum(lines(5, "before") == sent for sent in rig.server.requests) > 1
    assert rig.queue.dead_lines() == [b"poison v=1 1"]


def test_what_an_ordered_batch_may_have_replaced_is_not_sent_again_to_compare(rig: SenderRig) -> None:
    rig.server.behave = poison
    rig.deliver(*lines(5, "before"))
    rig.deliver(*lines(5, "after"), ordered=True)
    rig.queue.put_lines(b"poison v=1 1")
    for _ in range(50):
        rig.step()
    assert sum(lines(5, "before") == sent for sent in rig.server.requests) == 1
    assert sum(lines(5, "after") == sent for sent in rig.server.requests) > 1


def test_a_batch_that_fails_among_ordered_ones_does_not_block_them(rig: SenderRig) -> None:
    rig.server.behave = poison
    for name in (b"first", b"poison", b"last"):
        rig.queue.put_lines(name + b" v=1 1", ordered=True)
    rig.run_until_idle()
    assert [sent for sent in rig.server.requests if b"poison v=1 1" not in sent][-1] == [b"last v=1 1"]
    assert sum(len(dead) for dead in rig.queue.dead.values()) == 1


def test_pieces_of_a_batch_that_has_a_point_twice_are_sent_in_its_order(rig: SenderRig) -> None:
    """Of two halves by bytes, the one with more lines would go first."""
    first, last = b'battery v=1,words="%s" 1' % (b"x" * 100), b"battery v=2 1"
    rig.server.behave = lambda sent: None if len(sent) < 5 else refusal("no")
    rig.deliver(first, b"x v=1 1", b"y v=1 1", b"z v=1 1", last)
    assert rig.queue.dead == {}
    stored = [line for sent in rig.server.requests if len(sent) < 5 for line in sent]
    assert [line for line in stored if line in (first, last)] == [first, last]


def test_500s_that_differ_are_never_the_batchs_fault(rig: SenderRig) -> None:
    words = [Answer(500, {}, b"trouble " + bytes([97 + index % 26])) for index in range(40)]
    rig.queue.put_lines(*lines(4))
    rig.queue.put_lines(*lines(4))
    rig.server.behave = lambda _: words.pop() if words and len(rig.server.requests) % 3 else None
    rig.run_until_idle()
    assert rig.queue.dead == {}


class IllServer:
    """Answers 500 to everything, or to everything but lines named `proof`, until it is cured."""

    def __init__(self) -> None:
        self.cured = False
        self.takes_proof = True

    def __call__(self, sent: Sequence[bytes]) -> Reply | None:
        return None if self.cured or (self.takes_proof and sent[0].startswith(b"proof")) else BROKEN


def isolate_in_vain(rig: SenderRig, ill: IllServer) -> None:
    """Answer ten times 500, then another batch is accepted: isolation; but the server refuses every piece."""
    rig.server.behave = ill
    rig.queue.put_lines(*lines(20))
    rig.queue.put_lines(*lines(1, "proof"))
    while len(rig.server.requests) < 11:
        rig.step()
    rig.queue.put_lines(*lines(1, "proof"))
    rig.step()
    ill.takes_proof = False
    while sum(len(sent) == 1 for sent in rig.server.requests) < 2 + 20:
        rig.step()


def test_a_server_that_falls_ill_during_isolation_costs_no_good_line(rig: SenderRig) -> None:
    ill = IllServer()
    isolate_in_vain(rig, ill)
    for _ in range(20):
        rig.step()
    assert rig.queue.dead == {}
    ill.cured = True
    rig.run_until_idle()
    assert rig.queue.dead == {}
    assert rig.server.stored >= set(lines(20))


def test_dead_lines_that_are_in_doubt_are_none_if_another_batch_meets_the_same_trouble(
    rig: SenderRig,
) -> None:
    ill = IllServer()
    isolate_in_vain(rig, ill)
    rig.queue.put_lines(*lines(1, "third"))
    rig.step()
    assert rig.server.requests[-1] == lines(1, "third")
    ill.cured = True
    rig.run_until_idle()
    assert rig.queue.dead == {}
    assert rig.server.stored >= {*lines(20), *lines(1, "third")}


def test_dead_lines_that_are_in_doubt_are_dead_if_another_batch_is_accepted(rig: SenderRig) -> None:
    ill = IllServer()
    isolate_in_vain(rig, ill)
    ill.takes_proof = True
    rig.deliver(*lines(1, "proof"))
    assert rig.queue.dead_lines() == sorted(lines(20))


# -- another 4xx


def test_a_request_that_is_refused_holds_and_is_dead_after_a_bounded_number_of_tries(rig: SenderRig) -> None:
    rig.server.behave = lambda _: Answer(418, {}, b"teapot")
    rig.deliver(*lines(3))
    assert len(rig.server.requests) == 10
    assert rig.queue.dead_points() == 3
    assert rig.codes[0] == ("sink_hold", True)
    assert rig.clock.monotonic_s() >= 540.0


def test_a_request_that_is_refused_holds_others_up_once_at_most(rig: SenderRig) -> None:
    rig.server.behave = lambda sent: Answer(418) if b"odd v=1 1" in sent else None
    rig.queue.put_lines(b"odd v=1 1")
    for _ in range(20):
        rig.queue.put_lines(*lines(2))
    rig.run_until_idle()
    assert rig.queue.dead_lines() == [b"odd v=1 1"]
    assert rig.queue.acknowledged_points == 40
    assert rig.clock.monotonic_s() <= 62.0


def test_two_requests_that_are_refused_are_asked_in_turns(rig: SenderRig) -> None:
    rig.server.behave = lambda _: Answer(418)
    rig.queue.put_lines(b"first v=1 1")
    rig.queue.put_lines(b"second v=1 1")
    for _ in range(4):
        assert rig.step() == 60.0
    assert [sent[0].split()[0] for sent in rig.server.requests] == [b"second", b"first"] * 2
