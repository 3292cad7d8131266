"""What is said to one device of a serial line, and when: state machines without port and thread, in injected
time.

Promises: requests that were missed are not made up for in a burst; a device that talks by itself is never
asked. Relies on `Turns`, by which the devices of a line share it, and on a framer that knows the echo of a
request from an answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from telemetry.clock import Clock

# What is asked more seldom is asked again so soon when it got no answer, then after twice that …
RETRY_S = 5.0
HURRIED_RETRY_S = 1.0
FAILED_ROUNDS = 10  # requests in a row on which not a byte came: the port is opened again
_AHEAD = 1e-6  # of its interval: of requests that are due at one time, the rarest comes first
SILENT_S = 10.0  # of a device that talks by itself: the port is opened again


@dataclass(frozen=True, slots=True)
class Poll:
    """One request: its bytes, the id of the message that answers it, how often it is sent, its time-out."""

    request: bytes
    answer_id: int
    every_s: float
    timeout_s: float


class Listening:
    """A device that talks by itself."""

    def __init__(self, clock: Clock, silent_s: float = SILENT_S) -> None:
        self._clock = clock
        self._silent_s = silent_s
        self._heard_s = 0.0

    def opened(self) -> None:
        """Begin again: the port was opened."""
        self._heard_s = self._clock.monotonic_s()

    def wait_s(self) -> float:
        """Return how long nothing is to be done unless bytes come."""
        return max(self._heard_s + self._silent_s - self._clock.monotonic_s(), 0.0)

    def heard(self) -> None:
        """Note that bytes have come: everything is wanted."""
        self._heard_s = self._clock.monotonic_s()

    def is_deaf(self) -> bool:
        """Return whether it has been silent for so long that its port is to be opened again."""
        return self._clock.monotonic_s() >= self._heard_s + self._silent_s


class _Schedule:
    """When one request is due, and how often it has failed."""

    __slots__ = ("due_s", "failures", "poll")

    def __init__(self, poll: Poll) -> None:
        self.poll = poll
        self.due_s = 0.0
        self.failures = 0

    def restart(self, now_s: float) -> None:
        """Make it due now."""
        self.due_s = now_s
        self.failures = 0

    def answered(self, now_s: float) -> None:
        """Make it due an interval after it was due; what was missed meanwhile is not made up for."""
        self.failures = 0
        self.due_s = max(self.due_s + self.poll.every_s, now_s)

    def failed(self, now_s: float, *, hurries: bool) -> None:
        """Make it due after an interval; a long one is cut short, less so each time."""
        patience_s = HURRIED_RETRY_S if hurries else RETRY_S * 2.0 ** min(self.failures, 20)
        retry_s = min(self.poll.every_s, patience_s)
        self.failures += 1
        self.due_s = max(self.due_s + retry_s, now_s)


class Asking:
    """A device that answers requests."""

    def __init__(self, polls: Sequence[Poll], gap_s: float, clock: Clock) -> None:
        """Begin unasked. gap_s: the line rests so long between an answer, or its time-out, and a request."""
        if not polls:
            raise ValueError("nothing to ask")
        self._schedules = [_Schedule(poll) for poll in polls]
        self._clock = clock
        self._outstanding: _Schedule | None = None
        self._gives_up_s = 0.0
        self._is_heard = False
        self._hurries_until_s = 0.0
        self.gap_s = gap_s
        self.unheard_rounds = 0  # requests in a row on which not a byte has come
        self.timeouts = 0

    @property
    def is_asking(self) -> bool:
        """Return whether a request is outstanding."""
        return self._outstanding is not None

    @property
    def next_s(self) -> float:
        """Return when the next request is due, by the clock."""
        return self._soonest().due_s

    @property
    def request(self) -> bytes:
        """Return the next request."""
        return self._soonest().poll.request

    def opened(self) -> None:
        """Begin again: the port was opened."""
        now_s = self._clock.monotonic_s()
        for schedule in self._schedules:
            schedule.restart(now_s)
        self.unheard_rounds = 0
        self._outstanding = None

    def hurry(self, for_s: float) -> None:
        """Ask first what is asked most seldom, such as the device's name, and soon again where it fails."""
        now_s = self._clock.monotonic_s()
        self._hurries_until_s = now_s + for_s
        for schedule in self._schedules:
            schedule.due_s = now_s - _AHEAD * schedule.poll.every_s

    def calm(self) -> None:
        """End the hurry: a request that fails costs the others a time-out each time."""
        self._hurries_until_s = self._clock.monotonic_s()

    def asked(self) -> None:
        """Note that the request is sent."""
        self._outstanding = self._soonest()
        self._gives_up_s = self._clock.monotonic_s() + self._outstanding.poll.timeout_s
        self._is_heard = False

    def wait_s(self) -> float:
        """Return how long the answer may still take; 0: it is overdue, what the framer holds is all of it."""
        return max(self._gives_up_s - self._clock.monotonic_s(), 0.0)

    def heard(self) -> None:
        """Note that bytes have come since the request."""
        self._is_heard = True

    def took(self, message_id: int) -> None:
        """Take a good message. One that was not asked for answers nothing."""
        if self._outstanding is not None and message_id == self._outstanding.poll.answer_id:
            self.unheard_rounds = 0
            self._outstanding.answered(self._clock.monotonic_s())
            self._outstanding = None

    def give_up(self) -> None:
        """Go on: the answer does not come."""
        if self._outstanding is not None:
            self.timeouts += 1
            self.unheard_rounds = 0 if self._is_heard else self.unheard_rounds + 1
            now_s = self._clock.monotonic_s()
            self._outstanding.failed(now_s, hurries=now_s < self._hurries_until_s)
            self._outstanding = None

    def _soonest(self) -> _Schedule:
        return min(self._schedules, key=lambda schedule: schedule.due_s)
