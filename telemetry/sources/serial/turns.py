"""Whose turn it is on a line with several devices: a state machine without port and thread, in injected time.

Promises:
- One request is outstanding at a time, for whichever device. The next is sent only when it was answered or
  has timed out.
- Of devices that are due the one that has waited longest is asked. So each has its own interval, and none
  keeps another from its turn.
- A device that does not answer is asked ever less often, 1 s to 60 s apart, as long as there are others.
- A request waits until what follows an answer is over, half a second at most.
- Devices that talk by themselves hear everything. What comes when nobody hears is discarded and counted: no
  late answer passes for a new one.
"""

from collections.abc import Sequence

from telemetry.clock import Clock
from telemetry.sources.serial.conversation import FAILED_ROUNDS, Asking, Listening

FAILURES = 3  # in a row, after which a device counts as dead
FIRST_REST_S = 1.0
LONGEST_REST_S = 60.0
LONGEST_DRAIN_S = 0.5  # for which a line that does not fall silent after an answer is waited for


class _Seat:
    """One device's place on the line."""

    def __init__(self, talk: Asking) -> None:
        self.talk = talk
        self.asked_s = float("-inf")
        self.not_before_s = float("-inf")
        self.failures = 0


class Turns:
    """The conversations with all devices of a line, each known by its place in `talks`."""

    def __init__(self, talks: Sequence[Asking | Listening], clock: Clock) -> None:
        self._talks = tuple(talks)
        self._clock = clock
        self._seats = {n: _Seat(talk) for n, talk in enumerate(talks) if isinstance(talk, Asking)}
        self._listeners = {n: talk for n, talk in enumerate(talks) if isinstance(talk, Listening)}
        self._current: int | None = None
        self._next: int | None = None
        self._rests_until_s = 0.0
        self._gap_s = 0.0
        self._drained_by_s = 0.0
        self.discarded_bytes = 0

    @property
    def timeouts(self) -> int:
        """Return how many requests were not answered in time."""
        return sum(seat.talk.timeouts for seat in self._seats.values())

    @property
    def current(self) -> int | None:
        """Return the device that a request is outstanding for, or that is asked next."""
        return self._next if self._current is None else self._current

    def opened(self) -> None:
        """Begin again: the port was opened."""
        for talk in self._talks:
            talk.opened()
        for seat in self._seats.values():
            seat.not_before_s, seat.failures = float("-inf"), 0
        self._current = self._next = None
        self._rests_until_s = self._clock.monotonic_s()

    def is_late(self) -> bool:
        """Return whether the answer has not come in time."""
        return self._current is not None and self._talks[self._current].wait_s() <= 0.0

    def due(self) -> bytes | None:
        """Return the request to send now, if any."""
        if self._current is not None:
            if not self.is_late():
                return None
            self._give_up(self._current)
        now_s = self._clock.monotonic_s()
        if now_s < self._rests_until_s:
            return None
        ready = [n for n, seat in self._seats.items() if self._due_s(seat) <= now_s]
        if not ready:
            return None
        self._next = min(ready, key=lambda n: self._seats[n].asked_s)
        return self._seats[self._next].talk.request

    def asked(self) -> None:
        """Note that the request that was due is sent."""
        self._current, self._next = self._next, None
        if self._current is not None:
            seat = self._seats[self._current]
            seat.talk.asked()
            seat.asked_s = self._clock.monotonic_s()

    def wait_s(self) -> float:
        """Return how long nothing is to be done unless bytes come."""
        if self._current is not None:
            return self._talks[self._current].wait_s()
        waits = [talk.wait_s() for talk in self._listeners.values()]
        if self._seats:
            soonest_s = min(self._due_s(seat) for seat in self._seats.values())
            waits.append(max(soonest_s, self._rests_until_s) - self._clock.monotonic_s())
        return max(min(waits), 0.0)

    def received(self, data: bytes) -> list[int]:
        """Return who hears these bytes."""
        hearing = [*self._listeners, *([] if self._current is None else [self._current])]
        for n in hearing:
            self._talks[n].heard()
        if not hearing:
            self.discarded_bytes += len(data)
        if self._current is None:  # the rest of an answer, or of another one: it is not to be spoken into
            quiet_s = self._clock.monotonic_s() + self._gap_s
            self._rests_until_s = max(self._rests_until_s, min(quiet_s, self._drained_by_s))
        return hearing

    def took(self, device: int, message_id: int) -> None:
        """Take a good message of that device."""
        seat = self._seats.get(device)
        if seat is None:
            return
        seat.talk.took(message_id)
        if device != self._current or seat.talk.is_asking:
            return
        seat.failures, seat.not_before_s = 0, float("-inf")
        self._end_round(seat)

    def is_deaf(self) -> bool:
        """Return whether the port has read nothing for so long that it is to be opened again."""
        if not all(talk.is_deaf() for talk in self._listeners.values()):
            return False
        unheard = [seat.talk.unheard_rounds for seat in self._seats.values()]
        return all(unheard) and (not unheard or sum(unheard) >= FAILED_ROUNDS)

    def _due_s(self, seat: _Seat) -> float:
        return max(seat.talk.next_s, seat.not_before_s)

    def _give_up(self, device: int) -> None:
        seat = self._seats[device]
        seat.talk.give_up()
        seat.failures += 1
        if len(self._talks) > 1 and seat.failures >= FAILURES:
            rest_s = FIRST_REST_S * 2.0 ** min(seat.failures - FAILURES, 10)
            seat.not_before_s = self._clock.monotonic_s() + min(rest_s, LONGEST_REST_S)
        self._end_round(seat)

    def _end_round(self, seat: _Seat) -> None:
        self._gap_s = seat.talk.gap_s
        self._rests_until_s = self._clock.monotonic_s() + self._gap_s
        self._drained_by_s = self._rests_until_s + LONGEST_DRAIN_S
        self._current = None
