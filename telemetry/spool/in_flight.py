"""The two lanes out of the spool, and what is in flight.

Live is the newest batch. Backlog is every other one, oldest first.

- An ordered batch may hold points of any batch before it. So it leaves by the backlog alone, once all before
  it is settled. Until then no later batch passes it there.
- A batch in flight is handed out again only after `release`.
- Batches on disk are handed out. Those in memory are handed out only while the disk refuses.

The spool's lock lets in one thread at a time.
"""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass

from telemetry_core.text.lines import restamp

from telemetry.clock import Clock
from telemetry.errors import DataError
from telemetry.spool.batch import EncodedBatch, Entry, TimeBase, count_lines, lines_of, without_replaced
from telemetry.spool.deadletters import NO_TIME, DeadLetters, Letter
from telemetry.spool.memory import Item, Memory
from telemetry.spool.store import Commit, Store


@dataclass(slots=True)
class _Flight:
    """A batch that was handed out."""

    entry: Entry
    place: int | None  # None: not on disk
    dead: int = 0  # points that were refused so far
    is_answered: bool = False  # acknowledged while it was being written to disk
    shift_ns: int = 0  # what was added to its stamps on the way

    @property
    def end(self) -> int:
        """Return the place after it."""
        return (self.place or 0) + self.entry.batch.points

    @property
    def stamps_ns(self) -> tuple[int, int]:
        """Return the first and the last, as they were sent."""
        return self.entry.batch.first_ns + self.shift_ns, self.entry.batch.last_ns + self.shift_ns

    def lines(self) -> bytes:
        """Return them as they were sent. Raises DataError if they cannot be read."""
        lines = lines_of(self.entry.batch)
        return restamp(lines, self.shift_ns) if self.shift_ns else lines


class InFlight:
    """What was handed out and is not settled, and what comes next."""

    def __init__(self, store: Store, memory: Memory, dead_letters: DeadLetters, clock: Clock) -> None:
        self._store = store
        self._memory = memory
        self._dead_letters = dead_letters
        self._clock = clock
        self._in_flight: dict[int, _Flight] = {}
        self._newest: tuple[Entry, int] | None = None  # the newest record on disk, and its place
        self._fresh: dict[int, Entry] = {}  # of the last commit, by place: these need not be read from disk
        self._being_written: frozenset[int] = frozenset()
        self.memory_is_open = False  # what is in memory is handed out

    def set_newest(self, sequence: int, batch: EncodedBatch, place: int) -> None:
        """Note the newest record on disk."""
        self._newest = Entry(sequence, batch), place

    @property
    def is_writing(self) -> bool:
        """Return whether a commit is on its way to disk."""
        return bool(self._being_written)

    def begin_commit(self, items: Iterable[Item]) -> None:
        """Note that these items are being written. Their places are not known yet."""
        self._being_written = frozenset(item.sequence for item in items)

    def end_commit(self, commit: Commit | None) -> None:
        """Give the items being written their places; None: they could not be written."""
        self._being_written = frozenset()
        if commit:
            self._fresh.clear()
            for item, place in zip(commit.items, commit.places, strict=True):
                self._fresh[place] = Entry(item.sequence, item.batch)
                if item.in_flight:
                    self._in_flight[item.sequence].place = place
            self.set_newest(item.sequence, item.batch, place)
        for flight in [flight for flight in self._in_flight.values() if flight.is_answered]:
            self.acknowledge(flight.entry.sequence)

    def next_live(self) -> Entry | None:
        """Return the newest batch, unless it is ordered, settled or in flight."""
        item = self._memory.newest if self.memory_is_open else None
        if item:
            return None if item.batch.ordered or item.in_flight else self._take_item(item)
        if self._newest is None:
            return None
        entry, place = self._newest
        if entry.batch.ordered or entry.sequence in self._in_flight:
            return None
        if self._store.settled.covers(place, place + 1) or self._bury_if_past(entry, place):
            return None
        return self._take(entry, place)

    def next_backlog(self) -> Entry | None:
        """Return the oldest batch but the newest. An ordered one waits for all before it; none passes it."""
        return self._next_on_disk() or self._next_in_memory()

    def restamped(self, sequence: int, shift_ns: int) -> None:
        """Note that a batch in flight counts from boot and is sent with `shift_ns` added to its stamps."""
        self._in_flight[sequence].shift_ns = shift_ns

    def refuse(self, sequence: int, lines: bytes, *, reason: str, words: str) -> None:
        """Make these lines, as they were sent, dead letters; the rest of the batch awaits `acknowledge`.

        A line that a later line of the batch replaces is dead too, but in no letter: sent again it would
        replace the later one.
        """
        flight = self._in_flight[sequence]
        batch = flight.entry.batch
        points = count_lines(lines)
        flight.dead += points
        first_ns, last_ns = flight.stamps_ns
        letter = Letter(
            sequence=sequence,
            place=self._store.end if flight.place is None else flight.place,
            from_memory=flight.place is None,
            reason=reason,
            words=words,
            points=points,
            first_ns=first_ns,
            last_ns=last_ns,
            boot_id="" if flight.shift_ns else batch.boot_id,
            ordered=batch.ordered,
            stored_ns=self._clock.unix_ns(),
        )
        with contextlib.suppress(DataError):  # a batch that cannot be read has no lines to compare
            lines = without_replaced(lines, flight.lines())
        if lines:
            with contextlib.suppress(OSError):  # a disk that refuses loses the lines, but not the count
                self._dead_letters.add(letter, lines)

    def acknowledge(self, sequence: int) -> None:
        """Settle a batch: the server has it, but for what was refused. KeyError unless it is in flight."""
        flight = self._in_flight[sequence]
        if sequence in self._being_written:
            flight.is_answered = True
            return
        del self._in_flight[sequence]
        batch = flight.entry.batch
        # Before it is settled: after a power cut nothing would do it.
        if batch.ordered and (letters := self._dead_letters.between(*flight.stamps_ns)):
            with contextlib.suppress(OSError, DataError):
                self._dead_letters.drop_replaced(letters, sequence, flight.lines())
        item = self._memory.get(sequence)
        if flight.place is not None:
            settled = self._store.settle(flight.place, flight.end, "acknowledged", dead=flight.dead)
            if settled < flight.dead:  # it was evicted meanwhile, and counted as that
                self._drop_letters(sequence)
        elif item:
            self._memory.settle(item, "acknowledged", dead=flight.dead)

    def release(self, sequence: int) -> None:
        """Put back a batch that was not sent. KeyError unless it is in flight."""
        flight = self._in_flight.pop(sequence)
        if flight.dead:
            self._drop_letters(sequence)
        item = self._memory.get(sequence)
        if item:
            item.in_flight = False

    def is_settled(self, letter: Letter) -> bool:
        """Return whether the record of a letter is settled; otherwise it will be sent again."""
        if letter.from_memory:
            return letter.place < self._store.end
        return self._store.is_settled_anywhere(letter.place)

    def _next_on_disk(self) -> Entry | None:
        ends = {flight.place: flight.end for flight in self._in_flight.values() if flight.place is not None}
        if self._newest and not (self.memory_is_open and self._memory):
            newest, place = self._newest
            if not newest.batch.ordered:
                ends[place] = place + newest.batch.points
        place = 0
        while (place := self._store.settled.next_open(place)) < self._store.end:
            if place in ends:
                place = ends[place]
                continue
            entry = self._fresh.get(place)
            if entry is None:
                try:
                    stored = self._store.find(place)
                except OSError:
                    return None  # out of descriptors or memory: later
                if stored is None:
                    return None
                head, batch = stored
                place = head.place
                if place in ends:
                    continue
                entry = Entry(head.sequence, batch)
            if entry.batch.ordered and (
                place > self._store.settled.next_open(0)
                or any(sequence < entry.sequence for sequence in self._in_flight)  # whose segment may be gone
            ):
                return None
            if self._bury_if_past(entry, place):
                place += entry.batch.points
                continue
            return self._take(entry, place)
        return None

    def _next_in_memory(self) -> Entry | None:
        if not self.memory_is_open:
            return None
        newest, oldest = self._memory.newest, self._memory.oldest
        for item in self._memory:
            if item.in_flight:
                continue
            if item.batch.ordered:
                is_due = item is oldest and not self._store.waiting_points
                return self._take_item(item) if is_due else None
            if item is not newest:
                return self._take_item(item)
        return None

    def _take(self, entry: Entry, place: int) -> Entry:
        self._in_flight[entry.sequence] = _Flight(entry, place)
        self._fresh.pop(place, None)
        return entry

    def _take_item(self, item: Item) -> Entry:
        entry = Entry(item.sequence, item.batch)
        self._in_flight[item.sequence] = _Flight(entry, None)
        item.in_flight = True
        return entry

    def _bury_if_past(self, entry: Entry, place: int) -> bool:
        """Make it a dead letter if its stamps count from a boot that is over; return whether they do."""
        batch = entry.batch
        if batch.time_base is TimeBase.UNIX or batch.boot_id == self._clock.boot_id():
            return False
        try:
            lines = lines_of(batch)
        except DataError:
            self._store.settle(place, place + batch.points, "damaged")
            return True
        self._take(entry, place)
        self.refuse(entry.sequence, lines, reason=NO_TIME, words="")
        self.acknowledge(entry.sequence)
        return True

    def _drop_letters(self, sequence: int) -> None:
        with contextlib.suppress(OSError):
            self._dead_letters.remove_of(sequence)
