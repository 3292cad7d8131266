"""Which batch is sent next: live data first, the backlog with the time that is left, a suspect once it is
cleared.

Promises: at most three batches are in flight (taken from the queue and not settled), one of each lane and one
suspect. So no batch blocks those after it. Pure but for the queue.
"""

from collections.abc import Callable

from telemetry.sinks.delivery import Delivery
from telemetry.spool.batch import Entry
from telemetry.spool.spool import Spool


class Lanes:
    """The deliveries that are under way."""

    def __init__(self, queue: Spool, prepare: Callable[[Entry], Delivery | None]) -> None:
        """Begin empty. prepare: how an entry is to be sent; None if it cannot be sent yet."""
        self._queue = queue
        self._prepare = prepare
        self._live: Delivery | None = None
        self._backlog: Delivery | None = None
        self._suspect: Delivery | None = None
        self.suspect_is_next = False

    def choose(self) -> Delivery | None:
        """Return the delivery to go on with; None if nothing can be sent now.

        A suspect still in doubt is chosen only if there is no other delivery, or when its turn is asked for.
        """
        suspect = self._suspect
        if suspect is not None and self.suspect_is_next:
            self.suspect_is_next = False
            return suspect
        if (live := self._choose_live()) is not None:
            return live
        if suspect is not None and suspect.doubt is None:
            return suspect
        return self._choose_backlog() or suspect

    def set_aside(self, delivery: Delivery) -> bool:
        """Make it the suspect, which waits while others are tried; return False if there is another."""
        if self._suspect not in (None, delivery):
            return False
        if self._suspect is None:
            self._leave(delivery)
            self._suspect = delivery
        return True

    def is_set_aside(self, delivery: Delivery) -> bool:
        """Return whether it is the suspect."""
        return delivery is self._suspect

    def accepted(self, delivery: Delivery) -> None:
        """Note that the server has accepted a piece of it, or the whole."""
        if self._suspect is not None and self._suspect is not delivery:
            self._suspect.others_are_accepted()

    def in_trouble(self, delivery: Delivery) -> None:
        """Note that the server did not answer it, or was in trouble of its own."""
        if self._suspect is not None and self._suspect is not delivery:
            self._suspect.others_are_not()

    def start_over(self) -> None:
        """Forget what the server said of those that are under way."""
        for delivery in self._under_way():
            delivery.start_over()

    def settle_done(self) -> list[Delivery]:
        """Settle in the queue what is done; return those deliveries."""
        settled = [delivery for delivery in self._under_way() if delivery.done]
        for delivery in settled:
            for dead in delivery.dead:
                lines = b"".join(line + b"\n" for line in dead.lines)
                self._queue.refuse(delivery.sequence, lines, reason=dead.reason, words=dead.words)
            self._queue.acknowledge(delivery.sequence)
            self._leave(delivery)
        return settled

    def release(self) -> None:
        """Give everything that is not settled back to the queue."""
        for delivery in self._under_way():
            self._queue.release(delivery.sequence)
            self._leave(delivery)

    def _under_way(self) -> list[Delivery]:
        return [delivery for delivery in (self._live, self._backlog, self._suspect) if delivery is not None]

    def _leave(self, delivery: Delivery) -> None:
        if delivery is self._live:
            self._live = None
        if delivery is self._backlog:
            self._backlog = None
        if delivery is self._suspect:
            self._suspect = None

    def _choose_live(self) -> Delivery | None:
        live = self._live
        if live is None or not live.isolating:
            newer = self._take(self._queue.next_live())
            if newer is not None:
                if live is not None:
                    self._queue.release(live.sequence)  # it is backlog now
                self._live = newer
        return self._live

    def _choose_backlog(self) -> Delivery | None:
        if self._backlog is None:
            self._backlog = self._take(self._queue.next_backlog())
        return self._backlog

    def _take(self, entry: Entry | None) -> Delivery | None:
        if entry is None:
            return None
        delivery = self._prepare(entry)
        if delivery is None:
            self._queue.release(entry.sequence)
        return delivery
