"""Requests that are some time apart: what waits goes together, and one by one where that is not taken."""

from collections.abc import Sequence

import pytest

from telemetry.sinks.influx.verdict import Answer
from tests.support.list_queue import batch_of
from tests.support.model_server import NO_CONNECTION, Reply, refusal
from tests.support.sender_rig import SenderRig

SECONDS_OF_AN_HOUR = 3600


@pytest.fixture
def rig() -> SenderRig:
    rig = SenderRig()
    rig.sender.every_s = 60.0
    return rig


def line(number: int, name: bytes = b"m") -> bytes:
    return b"%b v=1 %d" % (name, number)


def live_for(rig: SenderRig, seconds: int, urgent_at: Sequence[int] = ()) -> list[float]:
    """Let a batch come each second, as the spool commits them; return when requests began."""
    began_s, start_s = [], rig.clock.monotonic_s()
    for second in range(seconds):
        rig.queue.put(batch_of([line(rig.queue.made_points)], urgent=second in urgent_at))
        due_s = start_s + second + 1
        while (now_s := rig.clock.monotonic_s()) < due_s:
            before = len(rig.server.requests)
            wait_s = rig.sender.step()
            if len(rig.server.requests) > before:
                began_s.append(now_s - start_s)
            rig.clock.advance(min(wait_s, due_s - rig.clock.monotonic_s()) if wait_s else 0.0)
    return began_s


def test_requests_are_so_far_apart_and_take_all_that_waits_in_its_order(rig: SenderRig) -> None:
    assert live_for(rig, 181) == [0.0, 60.0, 120.0, 180.0]
    assert [len(request) for request in rig.server.requests] == [1, 60, 60, 60]
    assert [*map(int, b" ".join(rig.server.requests[1]).split()[2::3])] == list(range(1, 61))
    assert rig.sender.state.acknowledged_points == 181
    assert rig.queue.entries == []


def test_a_batch_that_goes_alone_goes_as_the_spool_has_it(
    rig: SenderRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("telemetry.sinks.lanes.compress")
    assert live_for(rig, 1) == [0.0]
    assert rig.queue.entries == []


def test_an_urgent_batch_goes_at_once_with_what_waits_and_the_interval_begins_again(rig: SenderRig) -> None:
    assert live_for(rig, 101, urgent_at=(7, 40)) == [0.0, 7.0, 40.0, 100.0]
    assert [len(request) for request in rig.server.requests] == [1, 7, 33, 60]


def test_the_interval_may_change_while_it_runs(rig: SenderRig) -> None:
    live_for(rig, 30)
    rig.sender.every_s = 10.0
    assert live_for(rig, 11) == [0.0, 10.0]
    rig.sender.every_s = 1.0
    assert live_for(rig, 3) == [0.0, 1.0, 2.0]
    rig.sender.every_s = 300.0
    assert live_for(rig, 300) == [299.0]


def test_in_haste_nothing_waits(rig: SenderRig) -> None:
    live_for(rig, 30)
    rig.sender.in_haste = True
    rig.run_until_idle()
    assert rig.queue.entries == []
    assert [len(request) for request in rig.server.requests] == [1, 29]


def test_what_one_request_cannot_hold_is_in_the_next_at_once(rig: SenderRig) -> None:
    for number in range(4):
        rig.queue.put_lines(*[line(2000 * number + each) for each in range(2000)])
    for number in range(3):
        rig.queue.put_lines(b'm text="%s" %d' % (b"x" * 1_200_000, number))
    while rig.queue.entries:
        rig.step()
    assert rig.clock.monotonic_s() < 1.0
    assert [len(request) for request in rig.server.requests] == [4001, 4001, 1]
    assert rig.queue.entries == []


@pytest.mark.parametrize("points", [3000, 5000])
def test_batches_of_which_no_two_fit_in_one_request_do_not_wait_for_its_time(
    rig: SenderRig, points: int
) -> None:
    for number in range(12):
        rig.queue.put_lines(*[line(points * number + each) for each in range(points)])
    while rig.queue.entries:
        rig.step()
        assert rig.clock.monotonic_s() < 1.0
    assert [len(request) for request in rig.server.requests] == [points] * 12


@pytest.mark.parametrize("manner", ["quotes", "says nothing", "is too large", "fails", "refuses requests"])
def test_a_joint_that_is_not_taken_goes_one_by_one_and_costs_its_bad_lines_alone(
    rig: SenderRig, manner: str
) -> None:
    def behave(sent: Sequence[bytes]) -> Reply | None:
        bad = [each for each in sent if b"bad" in each]
        if manner == "is too large" and len(sent) > 40:
            return Answer(413)
        if not bad:
            return None
        if manner == "fails":
            return Answer(500, {}, b"poisoned")
        if manner == "refuses requests":
            return Answer(418)
        quotes = "\n".join(f"unable to parse '{each.decode()}': invalid" for each in bad)
        return refusal(quotes if manner == "quotes" else "no")

    rig.server.behave = behave
    live_for(rig, 5)
    good = set(rig.server.stored)
    for number in range(9000, 9012):
        lines = [line(number), line(number + 100)]
        if number in (9003, 9007):
            lines.append(line(number, b"bad"))
        good.update(lines[:2])
        rig.queue.put_lines(*lines)
    live_for(rig, 1000)
    rig.sender.in_haste = True
    rig.run_until_idle()
    rig.sender.in_haste = False
    bad = [line(9003, b"bad"), line(9007, b"bad")]
    whole = [each for number in (9003, 9007) for each in (line(number), line(number + 100))]
    if manner == "refuses requests":  # an answer that speaks of no line costs the batch
        good, bad = good - set(whole), sorted(bad + whole)
    assert good <= rig.server.stored
    assert rig.queue.dead_lines() == bad
    assert rig.queue.entries == []
    requests = len(rig.server.requests)
    live_for(rig, 121)
    assert len(rig.server.requests) <= requests + 8, "what comes then goes together again"


def test_a_server_that_is_away_for_an_hour_gets_all_of_it_in_few_requests(rig: SenderRig) -> None:
    live_for(rig, 70)
    rig.server.behave = lambda _: NO_CONNECTION
    live_for(rig, SECONDS_OF_AN_HOUR)
    assert rig.codes == [("sink_unreachable", True)]
    rig.server.behave = lambda _: None
    tried = len(rig.server.requests)
    live_for(rig, 61)
    assert len(rig.queue.entries) < 61
    assert len(rig.server.requests) - tried <= 3600 // 600 + 4
    assert rig.codes == [("sink_unreachable", True), ("sink_unreachable", False)]


@pytest.mark.parametrize("status", [401, 404])
def test_a_server_that_holds_keeps_a_joint_waiting(rig: SenderRig, status: int) -> None:
    live_for(rig, 2)
    rig.server.behave = lambda _: Answer(status)
    live_for(rig, 200)
    assert len(rig.queue.entries) > 100
    assert rig.queue.in_flight == set()
    rig.server.behave = lambda _: None
    live_for(rig, 125)
    assert len(rig.queue.entries) < 61
    assert rig.queue.dead == {}
