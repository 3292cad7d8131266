"""The sender's decisions, step by step, in injected time."""

import threading
from collections.abc import Sequence

import pytest

from telemetry.errors import ConfigError
from telemetry.events import Event
from telemetry.sink.boot_time import BootTime
from telemetry.sink.delivery import MOST_ALIKE, MOST_REFUSALS
from telemetry.sink.retry import Backoff
from telemetry.sink.sender import HOLD_S, UNREACHABLE_AFTER_S, Sender
from telemetry.sink.verdict import Answer, Failure, NoAnswer
from tests.support.clock import FakeClock
from tests.support.list_queue import ListQueue, batch_of
from tests.support.model_server import NO_CONNECTION, ModelServer, Reply, refusal

BROKEN = Answer(500, {}, b'{"code":"internal error","message":"unexpected EOF"}')


class Rig:
    """A sender with everything around it made up."""

    def __init__(self, *, wait_for_clock: bool = False) -> None:
        self.clock = FakeClock()
        self.queue = ListQueue()
        self.server = ModelServer()
        self.events: list[Event] = []
        self.sender = Sender(
            self.queue,
            self.server,
            self.clock,
            Backoff(lambda: 0.5),
            BootTime(self.clock, None, wait_for_clock=wait_for_clock),
            self.events.append,
        )

    def step(self) -> float:
        """One step, and the wait that it asks for."""
        wait_s = self.sender.step()
        self.clock.advance(wait_s)
        return wait_s

    def run_until_idle(self, most_steps: int = 10_000) -> int:
        """Steps until nothing is left; how many it took."""
        for count in range(most_steps):
            self.step()
            if self.sender.state.idle:
                self.queue.assert_balance()
                return count
        raise AssertionError(f"not idle after {most_steps} steps")

    @property
    def codes(self) -> list[tuple[str, bool]]:
        return [(event.code, event.active) for event in self.events]


@pytest.fixture
def rig() -> Rig:
    return Rig()


def lines(count: int, name: str = "m") -> list[bytes]:
    return [b"%s v=%d %d" % (name.encode(), index, index) for index in range(count)]


# -- order


def test_an_accepted_batch_is_acknowledged(rig: Rig) -> None:
    rig.queue.put_lines(*lines(3))
    rig.run_until_idle()
    assert rig.server.stored == set(lines(3))
    assert rig.queue.acknowledged == [1]
    assert rig.sender.state.acknowledged_points == 3
    assert rig.events == []


def test_the_newest_batch_goes_first_and_the_others_from_the_oldest_on(rig: Rig) -> None:
    for _ in range(4):
        rig.queue.put_lines(b"m v=1 1")
    rig.run_until_idle()
    assert rig.queue.acknowledged == [4, 1, 2, 3]


def test_live_data_overtakes_the_backlog(rig: Rig) -> None:
    for _ in range(3):
        rig.queue.put_lines(b"m v=1 1")
    rig.step()
    rig.step()
    rig.queue.put_lines(b"m v=2 2")
    rig.run_until_idle()
    assert rig.queue.acknowledged == [3, 1, 4, 2]


# -- a server in trouble


@pytest.mark.parametrize(
    "trouble",
    [
        NO_CONNECTION,
        NoAnswer(Failure.BROKEN),
        NoAnswer(Failure.TIMEOUT),
        Answer(408),
        Answer(429),
        Answer(500),
        Answer(502),
        Answer(503),
        Answer(504),
    ],
)
def test_a_server_in_trouble_is_asked_again_until_it_takes_the_batch(rig: Rig, trouble: Reply) -> None:
    rig.queue.put_lines(*lines(3))
    rig.server.answers(*[trouble] * 25)
    rig.run_until_idle()
    assert rig.server.stored == set(lines(3))
    assert rig.queue.dead == {}
    assert len(rig.server.requests) == 26


def test_the_waits_grow_to_a_minute_and_start_over(rig: Rig) -> None:
    rig.queue.put_lines(*lines(1))
    rig.server.answers(*[NO_CONNECTION] * 9)
    assert [rig.step() for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    rig.run_until_idle()
    rig.queue.put_lines(*lines(1))
    rig.server.answers(NO_CONNECTION)
    assert rig.step() == 0.5


def test_nothing_is_sent_before_the_wait_is_over(rig: Rig) -> None:
    rig.queue.put_lines(*lines(1))
    rig.server.answers(Answer(503, {"retry-after": "30"}))
    assert rig.sender.step() == 30.0
    rig.clock.advance(29.0)
    rig.queue.put_lines(*lines(1))
    assert rig.sender.step() == pytest.approx(1.0)
    assert len(rig.server.requests) == 1


def test_after_an_outage_the_newest_batch_goes_first(rig: Rig) -> None:
    rig.queue.put_lines(b"m v=1 1")
    rig.server.answers(NO_CONNECTION)
    rig.step()
    rig.queue.put_lines(b"m v=2 2")
    rig.run_until_idle()
    assert rig.queue.acknowledged == [2, 1]


def test_an_outage_is_an_event_after_some_seconds_and_so_is_its_end(rig: Rig) -> None:
    rig.queue.put_lines(*lines(1))
    rig.server.answers(*[NO_CONNECTION] * 8)
    rig.step()
    assert rig.codes == []
    assert rig.sender.state.failure == "no connection Connection refused"
    while rig.clock.monotonic_s() < UNREACHABLE_AFTER_S:
        rig.step()
    rig.run_until_idle()
    assert rig.codes == [("sink_unreachable", True), ("sink_unreachable", False)]
    assert rig.sender.state.failing_since_s is None


# -- hold


@pytest.mark.parametrize("status", [401, 403, 404, 301, 302, 307, 308])
def test_a_server_that_refuses_everything_is_asked_once_a_minute(rig: Rig, status: int) -> None:
    for _ in range(3):
        rig.queue.put_lines(*lines(2))
    rig.server.answers(*[Answer(status)] * 3)
    started_s = rig.clock.monotonic_s()
    for _ in range(3):
        assert rig.step() == HOLD_S
    assert rig.sender.state.held
    rig.run_until_idle()
    assert rig.clock.monotonic_s() - started_s == pytest.approx(3 * HOLD_S, abs=2.0)
    assert rig.queue.acknowledged_points == 6
    assert rig.codes == [("sink_hold", True), ("sink_hold", False)]
    assert not rig.sender.state.held


def test_the_secrets_are_read_anew_before_a_server_that_holds_is_asked_again(rig: Rig) -> None:
    rig.queue.put_lines(*lines(1))
    rig.server.answers(Answer(401), Answer(401))
    rig.run_until_idle()
    assert rig.server.rereads == 2


def test_a_token_file_that_others_can_read_holds_like_a_refusal(rig: Rig) -> None:
    rig.queue.put_lines(*lines(1))
    rig.server.answers(Answer(401))
    rig.step()
    rig.server.reread_error = ConfigError("others may read it", where="/etc/token")
    rig.step()
    assert "others may read it" in rig.sender.state.held
    rig.server.reread_error = None
    rig.run_until_idle()
    assert rig.queue.acknowledged == [1]


def test_a_hold_stays_known_while_the_server_is_away(rig: Rig) -> None:
    rig.queue.put_lines(*lines(1))
    rig.server.answers(Answer(401), NO_CONNECTION)
    rig.step()
    assert rig.step() == HOLD_S
    assert rig.sender.state.held


# -- refused lines


def test_a_rejected_line_never_blocks_the_batches_behind_it(rig: Rig) -> None:
    def refuse_marked(sent: Sequence[bytes]) -> Reply | None:
        marked = [line for line in sent if b"bad" in line]
        return refusal(f"unable to parse '{marked[0].decode()}': invalid number") if marked else None

    rig.server.behave = refuse_marked
    rig.queue.put_lines(b"m v=1 1", b"m v=bad 2", b"m v=3 3")
    rig.queue.put_lines(b"m v=4 4")
    rig.run_until_idle()
    assert rig.server.stored == {b"m v=1 1", b"m v=3 3", b"m v=4 4"}
    assert rig.queue.dead_lines() == [b"m v=bad 2"]
    assert (rig.queue.acknowledged_points, rig.queue.dead_points()) == (3, 1)
    assert (rig.sender.state.acknowledged_points, rig.sender.state.dead_points) == (3, 1)
    assert rig.codes == [("sink_refused", True)]


def test_the_rest_of_a_rejected_batch_is_sent_at_once(rig: Rig) -> None:
    rig.queue.put_lines(*lines(3))
    rig.server.answers(refusal("unable to parse 'm v=1 1': invalid number"))
    assert rig.step() == 0.0
    rig.step()
    assert rig.server.requests[1] == [b"m v=0 0", b"m v=2 2"]


def test_dead_letters_are_one_event_a_minute_at_most(rig: Rig) -> None:
    rig.server.behave = lambda _: refusal("partial write: points beyond retention policy dropped=1", 422)
    for _ in range(30):
        rig.queue.put_lines(b"m v=1 1")
        rig.run_until_idle()
        rig.clock.advance(3.0)
    assert 2 <= len(rig.events) <= 3
    assert rig.queue.dead_points() == 30


def test_live_data_flows_while_a_backlog_batch_is_isolated(rig: Rig) -> None:
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


def test_a_batch_that_is_too_large_is_split_down_to_the_line_that_is(rig: Rig) -> None:
    rig.server.behave = lambda sent: Answer(413) if sum(map(len, sent)) > 40 else None
    large = b'm v="' + b"x" * 60 + b'" 9'
    rig.queue.put_lines(*lines(20), large)
    rig.run_until_idle()
    assert rig.server.stored == set(lines(20))
    assert rig.queue.dead_lines() == [large]


# -- an answer 500


def poison(sent: Sequence[bytes]) -> Reply | None:
    """Fails, with the same words each time, whenever one line is among those sent."""
    return BROKEN if b"poison v=1 1" in sent else None


def test_an_identical_500_ten_times_isolates_the_batch_if_others_are_accepted(rig: Rig) -> None:
    rig.server.behave = poison
    rig.queue.put_lines(*lines(20), b"poison v=1 1")
    rig.queue.put_lines(*lines(5, "second"))
    rig.queue.put_lines(*lines(5, "newest"))
    rig.run_until_idle()
    assert rig.server.stored == {*lines(20), *lines(5, "second"), *lines(5, "newest")}
    assert rig.queue.dead_lines() == [b"poison v=1 1"]
    whole = [sent for sent in rig.server.requests if len(sent) == 21]
    assert len(whole) == MOST_ALIKE


def test_an_identical_500_for_every_batch_is_the_servers_trouble(rig: Rig) -> None:
    rig.server.answers(*[BROKEN] * 200)
    for _ in range(3):
        rig.queue.put_lines(*lines(20))
    rig.run_until_idle()
    assert rig.queue.dead == {}
    assert rig.queue.acknowledged_points == 60


def test_the_last_batch_is_compared_with_one_that_was_accepted_before(rig: Rig) -> None:
    rig.server.behave = poison
    rig.queue.put_lines(*lines(5, "before"))
    rig.run_until_idle()
    rig.queue.put_lines(*lines(20), b"poison v=1 1")
    rig.run_until_idle()
    assert rig.queue.dead_lines() == [b"poison v=1 1"]
    assert rig.server.stored == {*lines(5, "before"), *lines(20)}


def test_rows_that_may_have_been_replaced_are_not_sent_again_to_compare(rig: Rig) -> None:
    rig.server.behave = poison
    rig.queue.put_lines(*lines(5, "before"), ordered=True)
    rig.run_until_idle()
    rig.queue.put_lines(b"poison v=1 1")
    for _ in range(50):
        rig.step()
    assert sum(lines(5, "before") == sent for sent in rig.server.requests) == 1
    assert rig.queue.dead == {}


def test_an_identical_500_for_the_only_batch_is_never_its_fault(rig: Rig) -> None:
    rig.server.answers(*[BROKEN] * 50)
    rig.queue.put_lines(*lines(20))
    rig.run_until_idle()
    assert rig.queue.dead == {}
    assert rig.queue.acknowledged_points == 20


def test_500s_that_differ_are_never_the_batchs_fault(rig: Rig) -> None:
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


def isolate_in_vain(rig: Rig, ill: IllServer) -> None:
    """Ten times 500, then another batch is accepted: isolation; but the server refuses every piece."""
    rig.server.behave = ill
    rig.queue.put_lines(*lines(20))
    rig.queue.put_lines(*lines(1, "proof"))
    while len(rig.server.requests) < 1 + MOST_ALIKE:
        rig.step()
    rig.queue.put_lines(*lines(1, "proof"))
    rig.step()
    ill.takes_proof = False
    while sum(len(sent) == 1 for sent in rig.server.requests) < 2 + 20:
        rig.step()


def test_a_server_that_falls_ill_during_isolation_costs_no_good_line(rig: Rig) -> None:
    ill = IllServer()
    isolate_in_vain(rig, ill)
    for _ in range(20):
        rig.step()
    assert rig.queue.dead == {}
    ill.cured = True
    rig.run_until_idle()
    assert rig.queue.dead == {}
    assert rig.server.stored >= set(lines(20))


def test_dead_lines_that_are_in_doubt_are_none_if_another_batch_meets_the_same_trouble(rig: Rig) -> None:
    ill = IllServer()
    isolate_in_vain(rig, ill)
    rig.queue.put_lines(*lines(1, "third"))
    rig.step()
    assert rig.server.requests[-1] == lines(1, "third")
    ill.cured = True
    rig.run_until_idle()
    assert rig.queue.dead == {}
    assert rig.server.stored >= {*lines(20), *lines(1, "third")}


def test_dead_lines_that_are_in_doubt_are_dead_if_another_batch_is_accepted(rig: Rig) -> None:
    ill = IllServer()
    isolate_in_vain(rig, ill)
    ill.takes_proof = True
    rig.queue.put_lines(*lines(1, "proof"))
    rig.run_until_idle()
    assert rig.queue.dead_lines() == sorted(lines(20))


# -- another 4xx


def test_a_request_that_is_refused_holds_and_is_dead_after_a_bounded_number_of_tries(rig: Rig) -> None:
    rig.server.behave = lambda _: Answer(418, {}, b"teapot")
    rig.queue.put_lines(*lines(3))
    rig.run_until_idle()
    assert len(rig.server.requests) == MOST_REFUSALS
    assert rig.queue.dead_points() == 3
    assert rig.codes[0] == ("sink_hold", True)
    assert rig.clock.monotonic_s() >= (MOST_REFUSALS - 1) * HOLD_S


def test_a_request_that_is_refused_holds_others_up_once_at_most(rig: Rig) -> None:
    rig.server.behave = lambda sent: Answer(418) if b"odd v=1 1" in sent else None
    rig.queue.put_lines(b"odd v=1 1")
    for _ in range(20):
        rig.queue.put_lines(*lines(2))
    rig.run_until_idle()
    assert rig.queue.dead_lines() == [b"odd v=1 1"]
    assert rig.queue.acknowledged_points == 40
    assert rig.clock.monotonic_s() <= HOLD_S + 2.0


# -- stamps that count from boot


def test_batches_stamped_from_boot_wait_for_the_time_and_are_stamped_then() -> None:
    rig = Rig(wait_for_clock=True)
    rig.clock.is_synchronised = False
    rig.clock.advance(100.0)
    rig.queue.put(batch_of([b"m v=1 50000000000"], boot_id=rig.clock.boot_id()))
    for _ in range(3):
        rig.step()
    assert rig.server.requests == []
    rig.clock.is_synchronised = True
    rig.run_until_idle()
    booted_ns = rig.clock.unix_ns() - rig.clock.boot_ns()
    assert rig.server.stored == {b"m v=1 %d" % (booted_ns + 50_000_000_000)}


def test_a_batch_that_is_sent_twice_gets_the_same_stamps_though_the_clock_was_set_between() -> None:
    rig = Rig(wait_for_clock=True)
    rig.queue.put(batch_of([b"m v=1 5"], boot_id=rig.clock.boot_id()))
    rig.server.answers(NO_CONNECTION)
    rig.step()
    rig.clock.step(0.25)
    rig.queue.put(batch_of([b"m v=2 6"], boot_id=rig.clock.boot_id()))
    rig.run_until_idle()
    assert rig.server.requests[0] == rig.server.requests[-1]


def test_a_batch_with_known_time_does_not_wait_for_those_without() -> None:
    rig = Rig(wait_for_clock=True)
    rig.clock.is_synchronised = False
    rig.queue.put_lines(b"m v=1 1")
    rig.queue.put(batch_of([b"m v=2 6"], boot_id=rig.clock.boot_id()))
    rig.step()
    assert rig.server.stored == {b"m v=1 1"}


def test_a_batch_that_cannot_be_stamped_is_dead_and_counted() -> None:
    rig = Rig(wait_for_clock=True)
    rig.queue.put(batch_of([b"no stamp at all", b"m v=2"], boot_id=rig.clock.boot_id()))
    rig.run_until_idle()
    assert rig.queue.dead_points() == 2


# -- running


def test_what_is_under_way_goes_back_to_the_queue_when_the_sender_is_stopped(rig: Rig) -> None:
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
