"""Which batch is sent next: urgent ones and sessions first, then live data, the backlog with the time that is
left, a suspect once it is cleared.

Promises:
- Of batches that are sent one by one at most four are in flight (taken from the queue and not settled), one
  of each lane and one suspect. So no batch blocks those after it.
- What waits may go together (a `Joint`), while nothing is under way one by one. A joint that the server does
  not take as it is comes apart, and its batches go one by one.

Pure but for the queue.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from telemetry.errors import DataError
from telemetry.sinks.delivery import MAX_BATCH_BYTES, Delivery
from telemetry.spool.batch import Entry
from telemetry.spool.compress import compress, compress_joint, decompress
from telemetry.spool.spool import Spool

MOST_LINES = 5000  # of a joint
MOST_BYTES = 2 * 1024 * 1024  # of its lines
MOST_BATCHES = 600


@dataclass(frozen=True, slots=True)
class Joint:
    """Batches that go in one request, oldest first."""

    entries: tuple[Entry, ...]
    text_bytes: int
    payload: bytes


class Lanes:
    """The deliveries that are under way."""

    def __init__(self, queue: Spool, prepare: Callable[[Entry], Delivery | None]) -> None:
        """Begin empty. prepare: how an entry is to be sent; None if it cannot be sent yet."""
        self._queue = queue
        self._prepare = prepare
        self._first: Delivery | None = None
        self._live: Delivery | None = None
        self._backlog: Delivery | None = None
        self._suspect: Delivery | None = None
        self.suspect_is_next = False
        self.newest_first = False  # of the backlog
        self._apart: set[int] = set()  # batches of a joint that was not taken
        self._most_bytes = MOST_BYTES
        self.more_waits = False  # than `join` could take

    @property
    def is_busy(self) -> bool:
        """Return whether something is under way one by one."""
        return bool(self._under_way() or self._apart)

    def join(self) -> Joint | None:
        """Return what waits, if that is more than one batch and nothing is under way one by one."""
        taken: dict[int, tuple[Entry, bytes]] = {}
        points = size_bytes = 0
        self.more_waits = False
        for entry in () if self.is_busy else self._waiting(taken):
            try:
                delivery = self._prepare(entry)
                is_usable = delivery is not None and not delivery.done  # alone it is counted as what it is
                text = decompress(delivery.payload, MAX_BATCH_BYTES) if delivery and is_usable else b""
            except DataError:
                text = b""
            points, size_bytes = points + entry.batch.points, size_bytes + len(text)
            is_full = points > MOST_LINES or size_bytes > self._most_bytes or len(taken) == MOST_BATCHES
            if not text or is_full:
                self._queue.release(entry.sequence)
                self.more_waits = True
                break
            taken[entry.sequence] = entry, text
        if len(taken) < 2:
            for sequence in taken:
                self._queue.release(sequence)
            return None
        in_turn = [taken[sequence] for sequence in sorted(taken)]
        entries = tuple(entry for entry, _ in in_turn)
        lines = b"".join(text for _, text in in_turn)
        return Joint(entries, len(lines), compress(lines) if self.more_waits else compress_joint(lines))

    def _waiting(self, taken: Collection[int]) -> Iterator[Entry]:
        """Take out of the queue, what goes first first. taken: what goes in the same request so far."""
        while entry := self._queue.next_first(taken):
            yield entry
        if entry := self._queue.next_live():
            yield entry
        while entry := self._queue.next_backlog(taken, newest_first=self.newest_first):
            yield entry

    def part(self, joint: Joint) -> None:
        """Give the batches of a joint back to the queue."""
        for entry in joint.entries:
            self._queue.release(entry.sequence)

    def send_apart(self, joint: Joint, *, too_large: bool) -> None:
        """Let the batches of a joint go one by one."""
        self.part(joint)
        self._apart.update(entry.sequence for entry in joint.entries)
        if too_large:
            self._most_bytes = joint.text_bytes // 2

    def choose(self) -> Delivery | None:
        """Return the delivery to go on with; None if nothing can be sent now.

        A suspect still in doubt is chosen only if there is no other delivery, or when its turn is asked for.
        """
        suspect = self._suspect
        if suspect is not None and self.suspect_is_next:
            self.suspect_is_next = False
            return suspect
        first = self._choose_first()
        if first is not None and not first.costs_requests:
            return first
        if (live := self._choose_live()) is not None:
            return live
        if suspect is not None and suspect.doubt is None:
            return suspect
        chosen = first or self._choose_backlog() or suspect
        if chosen is None:
            self._apart.clear()  # what is left of it was evicted
        return chosen

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
            self._apart.discard(delivery.sequence)
            self._leave(delivery)
        return settled

    def release(self) -> None:
        """Give everything that is not settled back to the queue."""
        for delivery in self._under_way():
            self._queue.release(delivery.sequence)
            self._leave(delivery)

    def _under_way(self) -> list[Delivery]:
        lanes = (self._first, self._live, self._backlog, self._suspect)
        return [delivery for delivery in lanes if delivery is not None]

    def _leave(self, delivery: Delivery) -> None:
        if delivery is self._first:
            self._first = None
        if delivery is self._live:
            self._live = None
        if delivery is self._backlog:
            self._backlog = None
        if delivery is self._suspect:
            self._suspect = None

    def _choose_first(self) -> Delivery | None:
        if self._first is None:
            self._first = self._take(self._queue.next_first())
        return self._first

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
            self._backlog = self._take(self._queue.next_backlog(newest_first=self.newest_first))
        return self._backlog

    def _take(self, entry: Entry | None) -> Delivery | None:
        if entry is None:
            return None
        delivery = self._prepare(entry)
        if delivery is None:
            self._queue.release(entry.sequence)
        return delivery
