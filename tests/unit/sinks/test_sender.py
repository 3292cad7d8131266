"""The sender's decisions, step by step, in injected time."""

import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest

from telemetry.errors import ConfigError
from telemetry.sinks.influx.verdict import Answer, Failure, Unanswered
from telemetry.sinks.sender import Backoff
from telemetry.sinks.verdict import Exchange
from tests.support.list_queue import batch_of
from tests.support.model_server import NO_CONNECTION, Reply, refusal
from tests.support.sender_rig import SenderRig, lines


@pytest.fixture
def rig() -> SenderRig:
    return SenderRig()


# -- order


def test_an_accepted_batch_is_acknowledged(rig: SenderRig) -> None:
    rig.deliver(*lines(3))
    assert rig.server.stored == set(lines(3))
    assert rig.queue.acknowledged == [1]
    assert rig.sender.state.acknowledged_points == 3
    assert rig.events == []


def test_the_newest_batch_goes_first_and_the_others_from_the_oldest_on(rig: SenderRig) -> None:
    for _ in range(4):
        rig.queue.put_lines(b"m v=1 1")
    rig.run_until_idle()
    assert rig.queue.acknowledged == [4, 1, 2, 3]


def test_live_data_overtakes_the_backlog(rig: SenderRig) -> None:
    for _ in range(3):
        rig.queue.put_lines(b"m v=1 1")
    rig.step()
    rig.step()
    rig.deliver(b"m v=2 2")
    assert rig.queue.acknowledged == [3, 1, 4, 2]


# -- a server in trouble


@pytest.mark.parametrize(
    "trouble",
    [
        NO_CONNECTION,
        Unanswered(Failure.BROKEN),
        Unanswered(Failure.TIMEOUT),
        Answer(408),
        Answer(429),
        Answer(500),
        Answer(502),
        Answer(503),
        Answer(504),
    ],
)
def test_a_server_in_trouble_is_asked_again_until_it_takes_the_batch(rig: SenderRig, trouble: Reply) -> None:
    rig.queue.put_lines(*lines(3))
    rig.server.answers(*[trouble] * 25)
    rig.run_until_idle()
    assert rig.server.stored == set(lines(3))
    assert rig.queue.dead == {}
    assert len(rig.server.requests) == 26


def test_the_waits_grow_to_a_minute_and_start_over(rig: SenderRig) -> None:
    rig.queue.put_lines(*lines(1))
    rig.server.answers(*[NO_CONNECTION] * 9)
    assert [rig.step() for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    rig.run_until_idle()
    rig.queue.put_lines(*lines(1))
    rig.server.answers(NO_CONNECTION)
    assert rig.step() == 0.5


def test_nothing_is_sent_before_the_wait_is_over(rig: SenderRig) -> None:
    rig.queue.put_lines(*lines(1))
    rig.server.answers(Answer(503, {"retry-after": "30"}))
    assert rig.sender.step() == 30.0
    rig.clock.advance(29.0)
    rig.queue.put_lines(*lines(1))
    assert rig.sender.step() == pytest.approx(1.0)
    assert len(rig.server.requests) == 1


def test_after_an_outage_the_newest_batch_goes_first(rig: SenderRig) -> None:
    rig.queue.put_lines(b"m v=1 1")
    rig.server.answers(NO_CONNECTION)
    rig.step()
    rig.deliver(b"m v=2 2")
    assert rig.queue.acknowledged == [2, 1]


def test_a_batch_that_a_newer_one_overtakes_in_an_outage_is_back_in_the_queue(rig: SenderRig) -> None:
    rig.queue.put_lines(b"m v=1 1")
    rig.server.answers(NO_CONNECTION, NO_CONNECTION)
    rig.step()
    rig.queue.put_lines(b"m v=2 2")
    rig.step()
    assert rig.queue.in_flight == {2}


def test_an_outage_is_an_event_after_some_seconds_and_so_is_its_end(rig: SenderRig) -> None:
    rig.queue.put_lines(*lines(1))
    rig.server.answers(*[NO_CONNECTION] * 8)
    rig.step()
    assert rig.codes == []
    assert rig.sender.state.failure == "no connection: Connection refused"
    while rig.clock.monotonic_s() < 10.0:
        rig.step()
    rig.run_until_idle()
    assert rig.codes == [("sink_unreachable", True), ("sink_unreachable", False)]
    assert rig.sender.state.failing_since_s is None


def test_a_server_is_unreachable_after_ten_seconds_of_failing_and_not_before(rig: SenderRig) -> None:
    rig.queue.put_lines(*lines(1))
    rig.server.answers(Answer(503, {"retry-after": "9"}), *[NO_CONNECTION] * 4)
    began_s = rig.clock.monotonic_s()
    rig.step()
    assert rig.step() == 1.0
    assert rig.codes == [], "after 9 s"
    rig.step()
    assert rig.codes == [("sink_unreachable", True)]
    assert rig.sender.state.failing_since_s == began_s
    rig.step()
    rig.step()
    assert rig.codes == [("sink_unreachable", True)], "one event for one outage"


def test_a_server_that_fails_again_after_an_outage_is_another_outage(rig: SenderRig) -> None:
    for _ in range(2):
        rig.queue.put_lines(*lines(1))
        rig.server.answers(Answer(503, {"retry-after": "10"}), NO_CONNECTION)
        rig.run_until_idle()
    assert rig.codes == [("sink_unreachable", True), ("sink_unreachable", False)] * 2


# -- the waits between tries


def test_the_wait_doubles_up_to_a_minute() -> None:
    backoff = Backoff(lambda: 1.0)
    assert [backoff.next_delay_s() for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_the_wait_is_a_random_share_of_its_ceiling() -> None:
    shares = iter([0.0, 0.5, 0.25])
    backoff = Backoff(lambda: next(shares))
    assert [backoff.next_delay_s() for _ in range(3)] == [0.0, 1.0, 1.0]


def test_a_server_that_is_well_again_starts_from_the_beginning() -> None:
    backoff = Backoff(lambda: 1.0)
    for _ in range(5):
        backoff.next_delay_s()
    backoff.reset()
    assert backoff.next_delay_s() == 1.0


# -- hold


@pytest.mark.parametrize("status", [401, 403, 404, 301, 302, 307, 308])
def test_a_server_that_refuses_everything_is_asked_once_a_minute(rig: SenderRig, status: int) -> None:
    for _ in range(3):
        rig.queue.put_lines(*lines(2))
    rig.server.answers(*[Answer(status)] * 3)
    started_s = rig.clock.monotonic_s()
    for _ in range(3):
        assert rig.step() == 60.0
    assert rig.sender.state.held
    rig.run_until_idle()
    assert rig.clock.monotonic_s() - started_s == pytest.approx(180.0, abs=2.0)
    assert rig.queue.acknowledged_points == 6
    assert rig.codes == [("sink_hold", True), ("sink_hold", False)]
    assert not rig.sender.state.held


def test_the_secrets_are_read_again_before_a_server_that_holds_is_asked_again(rig: SenderRig) -> None:
    rig.queue.put_lines(*lines(1))
    rig.server.answers(Answer(401), Answer(401))
    rig.step()
    before = rig.server.rereads
    rig.run_until_idle()
    assert rig.server.rereads == before + 2


def test_secrets_that_were_replaced_are_used_at_once_and_are_no_alarm(rig: SenderRig) -> None:
    rig.queue.put_lines(*lines(1))
    rig.server.answers(Answer(401))
    rig.server.has_new_secrets = True
    assert rig.step() == 0.0
    assert rig.queue.acknowledged == [1]
    assert rig.codes == []


def test_a_token_file_that_others_can_read_holds_like_a_refusal(rig: SenderRig) -> None:
    rig.queue.put_lines(*lines(1))
    rig.server.answers(Answer(401))
    rig.step()
    rig.server.reread_error = ConfigError("others may read it", where="/etc/token")
    rig.step()
    assert "others may read it" in rig.sender.state.held
    rig.server.reread_error = None
    rig.run_until_idle()
    assert rig.queue.acknowledged == [1]


def test_the_secrets_are_read_again_only_when_they_were_refused(rig: SenderRig) -> None:
    rig.queue.put_lines(*lines(1))
    rig.server.answers(NO_CONNECTION, Answer(404))
    rig.step()
    rig.step()
    assert rig.sender.state.held
    assert rig.server.rereads == 0


def test_what_fails_and_then_holds_has_failed_since_the_first(rig: SenderRig) -> None:
    rig.queue.put_lines(*lines(1))
    rig.server.answers(NO_CONNECTION, Answer(404))
    began_s = rig.clock.monotonic_s()
    rig.step()
    rig.step()
    assert rig.sender.state.failing_since_s == began_s
    rig.run_until_idle()
    rig.queue.put_lines(*lines(1))
    rig.server.answers(Answer(404))
    held_s = rig.clock.monotonic_s()
    rig.step()
    assert rig.sender.state.failing_since_s == held_s


def test_a_hold_stays_known_while_the_server_is_away(rig: SenderRig) -> None:
    rig.queue.put_lines(*lines(1))
    rig.server.answers(Answer(401), NO_CONNECTION)
    rig.step()
    assert rig.step() == 60.0
    assert rig.sender.state.held


def test_another_reason_to_hold_is_another_event_and_the_same_one_is_not(rig: SenderRig) -> None:
    rig.queue.put_lines(*lines(1))
    rig.server.answers(Answer(401), Answer(401), Answer(404), Answer(404))
    for _ in range(4):
        rig.step()
    assert rig.codes == [("sink_hold", True), ("sink_hold", True)]
    assert rig.events[0].text != rig.events[1].text == rig.sender.state.held
    rig.run_until_idle()
    assert rig.codes[2:] == [("sink_hold", False)]


# -- refused lines


def test_a_rejected_line_never_blocks_the_batches_after_it(rig: SenderRig) -> None:
    def refuse_marked(sent: Sequence[bytes]) -> Reply | None:
        marked = [line for line in sent if b"bad" in line]
        return refusal(f"unable to parse '{marked[0].decode()}': invalid number") if marked else None

    rig.server.behave = refuse_marked
    rig.queue.put_lines(b"m v=1 1", b"m v=bad 2", b"m v=3 3")
    rig.deliver(b"m v=4 4")
    assert rig.server.stored == {b"m v=1 1", b"m v=3 3", b"m v=4 4"}
    assert rig.queue.dead_lines() == [b"m v=bad 2"]
    assert (rig.queue.acknowledged_points, rig.queue.dead_points()) == (3, 1)
    assert (rig.sender.state.acknowledged_points, rig.sender.state.dead_points) == (3, 1)
    assert rig.codes == [("sink_refused", True)]
    assert rig.events[0].text.startswith("1 point: ")


def test_the_rest_of_a_rejected_batch_is_sent_at_once(rig: SenderRig) -> None:
    rig.queue.put_lines(*lines(3))
    rig.server.answers(refusal("unable to parse 'm v=1 1': invalid number"))
    assert rig.step() == 0.0
    rig.step()
    assert rig.server.requests[1] == [b"m v=0 0", b"m v=2 2"]


def test_dead_letters_are_one_event_a_minute_at_most(rig: SenderRig) -> None:
    rig.server.behave = lambda _: refusal("partial write: points beyond retention policy dropped=1", 422)
    reported = []
    for wait_s in (0.0, 59.5, 0.5, 59.5, 0.5):
        rig.clock.advance(wait_s)
        rig.queue.put_lines(b"m v=1 1")
        rig.sender.step()
        reported.append(len(rig.events))
    assert reported == [1, 1, 2, 2, 3]
    assert rig.queue.dead_points() == rig.sender.state.dead_points == 5
    assert rig.sender.state.acknowledged_points == 0


def test_live_data_flows_while_a_backlog_batch_is_isolated(rig: SenderRig) -> None:
    rig.server.behave = lambda sent: refusal("no") if any(b"bad" in line for line in sent) else None
    rig.queue.put_lines(*lines(500), b"m v=bad 1")
    rig.queue.put_lines(b"m v=1 1")
    for _ in range(4):
        rig.step()
    rig.queue.put_lines(b"live v=1 2")
    rig.step()
    assert rig.server.requests[-1] == [b"live v=1 2"]
    rig.run_until_idle()
    assert rig.queue.dead_lines() == [b"m v=bad 1"]
    assert rig.server.stored == {*lines(500), b"live v=1 2"}


def test_a_batch_that_is_too_large_is_split_down_to_the_line_that_is(rig: SenderRig) -> None:
    rig.server.behave = lambda sent: Answer(413) if sum(map(len, sent)) > 3999 else None
    large = b'm v="' + b"x" * 3992 + b'" 9'
    assert len(large) == 4000
    rig.deliver(*lines(20), large)
    assert rig.server.stored == set(lines(20))
    assert rig.queue.dead_lines() == [large]


def test_a_413_to_a_line_of_less_than_4_kb_says_nothing_of_the_line_and_holds(rig: SenderRig) -> None:
    rig.server.behave = lambda _: Answer(413, {}, b"limit_req")
    short = b'm v="' + b"x" * 3991 + b'" 9'
    for batch in ([*lines(30), short], lines(30, "n")):
        rig.queue.put_lines(*batch)
    for _ in range(7):
        rig.step()
    assert [len(sent) for sent in rig.server.requests] == [30, 17, 10, 5, 3, 2, 1]
    assert rig.sender.state.held == "even a short line is called too large: limit_req"
    before, began_s = len(rig.server.requests), rig.clock.monotonic_s()
    for _ in range(10):
        assert rig.step() == pytest.approx(60.0)
    assert len(rig.server.requests) - before == 10
    assert rig.clock.monotonic_s() - began_s == pytest.approx(600.0)
    assert rig.codes == [("sink_hold", True)]
    assert rig.queue.dead == {}
    rig.server.behave = lambda _: None
    rig.run_until_idle()
    assert rig.server.stored == {*lines(30), short, *lines(30, "n")}
    assert rig.queue.dead == {}
    assert rig.codes == [("sink_hold", True), ("sink_hold", False)]


# -- stamps that count from boot


def test_batches_stamped_from_boot_wait_for_the_time_and_are_stamped_then() -> None:
    rig = SenderRig(wait_for_clock=True)
    rig.clock.is_synchronised = False
    rig.clock.advance(100.0)
    rig.queue.put(batch_of([b"m v=1 50000000000"], boot_id=rig.clock.boot_id()))
    for _ in range(3):
        rig.step()
    assert rig.server.requests == []
    assert rig.sender.state.summary() == "batches wait until the clock is synchronised"
    rig.clock.is_synchronised = True
    rig.run_until_idle()
    assert rig.sender.state.trouble == ""
    booted_ns = rig.clock.unix_ns() - rig.clock.boot_ns()
    assert rig.server.stored == {b"m v=1 %d" % (booted_ns + 50_000_000_000)}
    assert rig.queue.shifts_ns == {1: booted_ns}


def test_a_batch_that_is_sent_twice_gets_the_same_stamps_though_the_clock_was_set_between() -> None:
    rig = SenderRig(wait_for_clock=True)
    rig.queue.put(batch_of([b"m v=1 5"], boot_id=rig.clock.boot_id()))
    rig.server.answers(NO_CONNECTION)
    rig.step()
    rig.clock.step(0.25)
    rig.queue.put(batch_of([b"m v=2 6"], boot_id=rig.clock.boot_id()))
    rig.run_until_idle()
    assert rig.server.requests[0] == rig.server.requests[-1]


def test_a_batch_with_known_time_does_not_wait_for_those_without() -> None:
    rig = SenderRig(wait_for_clock=True)
    rig.clock.is_synchronised = False
    rig.queue.put_lines(b"m v=1 1")
    rig.queue.put(batch_of([b"m v=2 6"], boot_id=rig.clock.boot_id()))
    rig.step()
    assert rig.server.stored == {b"m v=1 1"}
    waited = [rig.sender.state.waits_for_time]
    rig.step()
    waited.append(rig.sender.state.waits_for_time)
    rig.clock.is_synchronised = True
    rig.run_until_idle()
    waited.append(rig.sender.state.waits_for_time)
    assert waited == [False, True, False]


def test_a_batch_that_cannot_be_stamped_is_dead_and_counted() -> None:
    rig = SenderRig(wait_for_clock=True)
    rig.queue.put(batch_of([b"no stamp at all", b"m v=2"], boot_id=rig.clock.boot_id()))
    rig.run_until_idle()
    assert rig.queue.dead_points() == 2


# -- waits and figures


def test_an_empty_queue_is_looked_into_again_after_a_second(rig: SenderRig) -> None:
    assert rig.sender.state.looks == 0
    assert [rig.step() for _ in range(3)] == [1.0, 1.0, 1.0]
    assert (rig.sender.state.looks, rig.sender.state.idle) == (3, True)
    rig.queue.put_lines(*lines(1))
    assert rig.sender.step() == 0.0, "the next batch is due at once, however long ago the last one was"
    assert not rig.sender.state.idle


def test_a_rest_of_a_wait_that_is_shorter_than_a_microsecond_is_over(rig: SenderRig) -> None:
    rig.queue.put_lines(*lines(1))
    rig.server.answers(NO_CONNECTION)
    wait_s = rig.sender.step()
    rig.clock.advance(wait_s - 1.5e-6)
    assert rig.sender.step() == pytest.approx(1.5e-6, rel=0.01)
    assert len(rig.server.requests) == 1
    rig.clock.advance(1e-6)
    rig.sender.step()
    assert rig.queue.acknowledged == [1]


def test_each_request_is_counted_with_its_bytes_its_status_and_its_time(rig: SenderRig) -> None:
    answered = rig.server.write

    def write(payload: bytes) -> Exchange:
        return replace(answered(payload), latency_s=0.2, sent_bytes=70, plain=True)

    rig.server.write = write  # type: ignore[method-assign]  # to see each call
    rig.queue.put_lines(*lines(1))
    rig.server.answers(Answer(503))
    rig.step()
    assert rig.sender.state.last_status == 503
    rig.run_until_idle()
    state = rig.sender.state
    assert (state.requests, state.bytes_sent, state.last_status, state.plain) == (2, 140, 204, True)
    assert state.latencies.view()["sum_s"] == pytest.approx(0.4)


# -- running


def test_an_empty_queue_is_waited_at_and_a_server_in_trouble_is_waited_for(rig: SenderRig) -> None:
    stop = threading.Event()
    waits_s: list[float] = []

    def wait(timeout_s: float) -> bool:
        waits_s.append(timeout_s)
        stop.set()
        return False

    rig.queue.wait = wait  # type: ignore[method-assign]  # to see each call
    rig.queue.put_lines(*lines(1))
    rig.server.answers(Answer(503, {"retry-after": "30"}))
    began_s = rig.clock.monotonic_s()
    rig.sender.run(stop)
    assert rig.clock.monotonic_s() - began_s == 30.0
    assert waits_s == [1.0]
    assert rig.queue.acknowledged == [1]
    assert len(rig.server.requests) == 2


def test_what_is_under_way_goes_back_to_the_queue_when_the_sender_is_stopped(rig: SenderRig) -> None:
    stop = threading.Event()

    def stopping(sent: Sequence[bytes]) -> Reply | None:
        if len(rig.server.requests) == 5:
            stop.set()
        return NO_CONNECTION

    rig.queue.put_lines(*lines(1))
    rig.server.behave = stopping
    rig.sender.run(stop)
    assert rig.queue.in_flight == set()
    assert rig.server.closed
    rig.queue.assert_balance()
