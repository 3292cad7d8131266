"""Takes batches from the queue, gets them into the database, and decides what to do about each answer.

Promises:
- One request is in flight at a time, and the next one with new data begins `every_s` later, with all that
  waits by then: sooner only for urgent batches, or where more waits than a request may hold.
- A batch that is refused never blocks those after it. What is sent together and not taken is sent one by one.
- No batch is given up for a fault that is not its own.
- While the server refuses everything, it is asked once a minute, and the secrets are read again each time.
- While the server is in trouble, it is asked after ever longer waits.

Relies on injected time and randomness. `step` makes one decision; `run` calls it from the sink's thread.
"""

import threading
from collections.abc import Callable
from dataclasses import replace

from telemetry_core.text.lines import restamp

from telemetry.clock import Clock
from telemetry.errors import ConfigError, DataError
from telemetry.model.events import Event, begins, ends
from telemetry.sinks.boot_time import BootTime
from telemetry.sinks.delivery import Delivery
from telemetry.sinks.isolate import Reason
from telemetry.sinks.lanes import Joint, Lanes
from telemetry.sinks.settings import Client
from telemetry.sinks.state import SinkState
from telemetry.sinks.verdict import Acknowledged, Exchange, Hold, HoldCause, Rejected, Retry, Split, Verdict
from telemetry.spool.batch import Entry, TimeBase, lines_of
from telemetry.spool.compress import compress
from telemetry.spool.spool import Spool

HOLD_S = 60.0
LOOK_AGAIN_S = 1.0  # for batches that wait for the time, or that came without a wake-up
TICK_S = 1e-6  # a wait that is shorter is over
UNREACHABLE_AFTER_S = 10.0  # of failing, before it is an event
FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 60.0
JOINED_FROM_S = 1.0  # between requests: where it is not more, each batch goes alone, as it was stored
REFUSED_EVENT_S = 60.0  # at most one event of dead letters in this time: each is a point itself


class Backoff:
    """How long to wait before asking a server again: exponential, with full jitter.

    Full jitter (a uniform share of the ceiling) keeps a fleet that lost its server at one instant from coming
    back at one instant. `random` gives uniform numbers in [0, 1).
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._ceiling_s = FIRST_DELAY_S

    def next_delay_s(self) -> float:
        """Return the seconds to wait now; the ceiling doubles for the next time."""
        delay_s = self._random() * self._ceiling_s
        self._ceiling_s = min(self._ceiling_s * 2.0, LONGEST_DELAY_S)
        return delay_s

    def reset(self) -> None:
        """Start with the first delay again: the server is well."""
        self._ceiling_s = FIRST_DELAY_S


class Sender:
    """The sink's loop. `step` and `run` belong to one thread; `state` may be read from any."""

    def __init__(
        self,
        queue: Spool,
        client: Client,
        clock: Clock,
        backoff: Backoff,
        boot_time: BootTime,
        on_event: Callable[[Event], None],
    ) -> None:
        self._queue = queue
        self._client = client
        self._clock = clock
        self._backoff = backoff
        self._boot_time = boot_time
        self._on_event = on_event
        self._lanes = Lanes(queue, self._prepare)
        self._not_before_s = clock.monotonic_s()
        self._asked_s = float("-inf")  # when the last request with new data began
        self._more_waits = False  # than the last one could hold
        self.every_s = JOINED_FROM_S  # between requests, as the next
        self.in_haste = False  # what waits is sent now
        self._lacks_time = False  # of a batch, at the last look
        self._unreachable_reported = False
        self._refused_reported_s: float | None = None
        self._known_good = b""  # what was accepted last, and may be sent again without harm
        self._distrusted = 0  # how many times in a row the server has refused that
        self.state = SinkState(api=client.api)

    def send_backlog(self, *, newest_first: bool) -> None:
        """Take the backlog in that order from the next batch on. From any thread."""
        self._lanes.newest_first = newest_first

    def run(self, stop: threading.Event) -> None:
        """Send until `stop` is set, then give back to the queue what was not sent."""
        while not stop.is_set():
            wait_s = self.step()
            if self.state.idle:
                self._queue.wait(wait_s)
            else:
                self._clock.wait(stop, wait_s)
        self._lanes.release()
        self._client.close()

    def step(self) -> float:
        """Send one request, or find that none is due. Return the seconds until the next step makes sense."""
        wait_s = self._not_before_s - self._clock.monotonic_s()
        if wait_s > TICK_S:
            return wait_s
        wait_s = self._asked_s + self.every_s - self._clock.monotonic_s()
        is_paced = self.every_s > JOINED_FROM_S and not (self.in_haste or self._lanes.is_busy)
        if is_paced and wait_s > TICK_S and not (self._more_waits or self._queue.urgent_waits()):
            self._note(looks=self.state.looks + 1, idle=True)
            return wait_s
        self._lacks_time = self._more_waits = False
        if self.every_s > JOINED_FROM_S and (joint := self._lanes.join()):
            self._send_joint(joint)
            return max(self._not_before_s - self._clock.monotonic_s(), 0.0)
        delivery = self._lanes.choose()
        self._note(
            looks=self.state.looks + 1,
            idle=delivery is None,
            waits_for_time=delivery is None and self._lacks_time,
        )
        if delivery is None:
            return LOOK_AGAIN_S
        try:
            if self._distrusted % 2:  # in turns with batches that wait: one of them may be taken sooner
                self._takes_known_good()
            elif delivery.needs_comparison:
                self._compare(delivery)
            elif not delivery.done:
                self._send(delivery)
        except ConfigError as error:
            self._hold(str(error))
        self._settle()
        return max(self._not_before_s - self._clock.monotonic_s(), 0.0)

    def _send_joint(self, joint: Joint) -> None:
        """Send batches together. Whatever the answer says of lines, it is asked of each batch again."""
        self._asked_s, self._more_waits = self._clock.monotonic_s(), self._lanes.more_waits
        self._note(looks=self.state.looks + 1, idle=False)
        try:
            verdict = self._write(joint.payload)
        except ConfigError as error:
            self._lanes.part(joint)
            self._more_waits = True
            self._hold(str(error))
            return
        match verdict:
            case Acknowledged():
                self._known_good = joint.payload
                self._server_is_well()
                for entry in joint.entries:
                    self._queue.acknowledge(entry.sequence)
                points = sum(entry.batch.points for entry in joint.entries)
                self._note(acknowledged_points=self.state.acknowledged_points + points)
            case Retry(sign=b""):
                self._lanes.part(joint)
                self._more_waits = True
                self._be_patient(verdict)
            case Hold(cause) if cause is not HoldCause.REFUSED:
                self._lanes.part(joint)
                self._more_waits = True
                self._hold(str(verdict))
            case _:
                self._known_good = b""  # the lines that were taken may have replaced some of its own
                self._lanes.send_apart(joint, too_large=isinstance(verdict, Split))

    def _send(self, delivery: Delivery) -> None:
        if not delivery.isolating:
            self._asked_s, self._more_waits = self._clock.monotonic_s(), self._lanes.more_waits
        payload = delivery.payload
        verdict = self._write(payload)
        if isinstance(verdict, Acknowledged):
            self._known_good = payload
        elif isinstance(verdict, Rejected) and delivery.entry.batch.ordered:
            self._known_good = b""  # the lines that were taken may have replaced some of its own
        self._judge(delivery, verdict)

    def _compare(self, suspect: Delivery) -> None:
        """Send an accepted batch once more, since no other is left to compare the suspect with."""
        if not self._known_good:
            suspect.others_are_unknown()
        elif self._takes_known_good():
            suspect.others_are_accepted()
        else:
            suspect.others_are_not()

    def _takes_known_good(self) -> bool:
        """Return whether the server takes what it has accepted before."""
        verdict = self._write(self._known_good)
        match verdict:
            case Retry():
                self._be_patient(verdict)
            case Hold(cause, words) if cause is not HoldCause.REFUSED:
                self._hold(f"{cause.value}: {words}")
            case Hold(_, words):
                self._distrust(words)
            case Rejected(refusal) if not refusal.names_lines:
                self._distrust(refusal.words)
            case _:  # accepted; or too old by now, or too large: it is a database that says so
                self._server_is_well()
                return True
        return False

    def _distrust(self, words: str) -> None:
        """Hold: the server refuses what it took before, so its refusals say nothing about the lines."""
        self._distrusted += 1
        self._lanes.start_over()
        self._hold(f"what was accepted before is refused: {words}")

    def _write(self, payload: bytes) -> Verdict:
        if self.state.held:
            self._client.reread_credentials()
            return self._exchange(payload)
        verdict = self._exchange(payload)
        is_refused = isinstance(verdict, Hold) and verdict.cause is HoldCause.CREDENTIALS
        if is_refused and self._client.reread_credentials():  # they were replaced: no reason for an alarm
            return self._exchange(payload)
        return verdict

    def _exchange(self, payload: bytes) -> Verdict:
        exchange = self._client.write(payload)
        self._note_exchange(exchange)
        return exchange.verdict

    def _judge(self, delivery: Delivery, verdict: Verdict) -> None:
        match verdict:
            case Acknowledged():
                self._server_is_well()
                delivery.answered(verdict)
                self._lanes.accepted(delivery)
            case Split(words) if delivery.is_one_short_line:
                self._hold(f"{HoldCause.NOT_THE_LINE.value}: {words}")
            case Rejected() | Split():
                self._lines_refused(delivery, verdict)
            case Hold(HoldCause.REFUSED, words):
                self._request_refused(delivery, words)
            case Hold(cause, words):
                self._hold(f"{cause.value}: {words}" if words else cause.value)
            case Retry():
                self._retry(delivery, verdict)

    def _lines_refused(self, delivery: Delivery, verdict: Rejected | Split) -> None:
        """Take a refusal of lines. One that names no line may come from anything in front of the database."""
        if isinstance(verdict, Rejected):
            if verdict.refusal.names_lines:
                self._server_is_well()
            elif self._distrusted:
                self._distrust(verdict.refusal.words)
                return
        delivery.answered(verdict)
        if delivery.doubt is not None:
            self._lanes.set_aside(delivery)

    def _request_refused(self, delivery: Delivery, words: str) -> None:
        """Take an unknown status 4xx. It concerns one batch if others are accepted."""
        others_were_accepted = self._lanes.is_set_aside(delivery) and delivery.doubt is None
        delivery.answered_refused(words)
        if not self._lanes.set_aside(delivery):
            self._lanes.suspect_is_next = True
        if not delivery.done and not others_were_accepted:
            self._hold(f"{HoldCause.REFUSED.value}: {words}")

    def _retry(self, delivery: Delivery, verdict: Retry) -> None:
        if delivery.answered_retry(verdict):
            return
        self._lanes.in_trouble(delivery)
        if delivery.doubt is not None:
            self._lanes.set_aside(delivery)
        self._be_patient(verdict)

    def _be_patient(self, verdict: Retry) -> None:
        wait_s = max(self._backoff.next_delay_s(), verdict.after_s, HOLD_S if self.state.held else 0.0)
        failing_s = self._fail(wait_s, verdict.reason)
        if failing_s >= UNREACHABLE_AFTER_S and not self._unreachable_reported:
            self._unreachable_reported = True
            self._on_event(begins("sink_unreachable", verdict.reason))

    def _hold(self, reason: str) -> None:
        if reason != self.state.held:
            self._on_event(begins("sink_hold", reason))
        self._fail(HOLD_S, reason)
        self._note(held=reason)

    def _fail(self, wait_s: float, reason: str) -> float:
        """Wait, and note why; return for how long nothing has been taken."""
        now_s = self._clock.monotonic_s()
        self._not_before_s = now_s + wait_s
        since_s = now_s if self.state.failing_since_s is None else self.state.failing_since_s
        self._note(failing_since_s=since_s, failure=reason)
        return now_s - since_s

    def _server_is_well(self) -> None:
        self._distrusted = 0
        self._backoff.reset()
        if self.state.held:
            self._on_event(ends("sink_hold", "the server takes batches again"))
        if self._unreachable_reported:
            self._unreachable_reported = False
            self._on_event(ends("sink_unreachable", "the server answers again"))
        self._note(held="", failing_since_s=None, failure="")

    def _settle(self) -> None:
        for delivery in self._lanes.settle_done():
            dead_points = sum(len(dead.lines) for dead in delivery.dead)
            self._note(
                acknowledged_points=self.state.acknowledged_points
                + delivery.entry.batch.points
                - dead_points,
                dead_points=self.state.dead_points + dead_points,
            )
            now_s = self._clock.monotonic_s()
            reported_s = self._refused_reported_s
            if dead_points and (reported_s is None or now_s - reported_s >= REFUSED_EVENT_S):
                self._refused_reported_s = now_s
                first = delivery.dead[0]
                points = "1 point" if dead_points == 1 else f"{dead_points} points"
                self._on_event(begins("sink_refused", f"{points}: {first.reason}: {first.words}"))

    def _prepare(self, entry: Entry) -> Delivery | None:
        """Return how to send `entry`; None while its stamps count from boot and the time is not known."""
        batch = entry.batch
        if batch.time_base is TimeBase.UNIX:
            return Delivery(entry, batch.payload)
        shift_ns = self._boot_time.shift_ns()
        if shift_ns is None:
            self._lacks_time = True
            return None
        try:
            stamped = compress(restamp(lines_of(batch), shift_ns))
        except (DataError, ValueError) as error:
            unusable = Delivery(entry, batch.payload)
            unusable.give_up(Reason.UNREADABLE, str(error))
            return unusable
        self._queue.restamped(entry.sequence, shift_ns)
        return Delivery(entry, stamped)

    def _note_exchange(self, exchange: Exchange) -> None:
        self._note(
            api=self._client.api,
            requests=self.state.requests + 1,
            bytes_sent=self.state.bytes_sent + exchange.sent_bytes,
            link_bytes=self.state.link_bytes + (exchange.link_bytes or exchange.sent_bytes),
            plain=exchange.plain,
            last_status=exchange.status,
            latencies=self.state.latencies.plus(exchange.latency_s),
        )

    def _note(self, **changes: object) -> None:
        self.state = replace(self.state, **changes)  # type: ignore[arg-type]  # names and types as in SinkState
