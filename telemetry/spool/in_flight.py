"""The lanes out of the spool, and what is in flight.

First are urgent batches, then those of sessions, oldest first. Live is the newest batch. Backlog is every
other one, oldest first.

- An ordered batch may hold points of batches before it. So it waits for those that may hold rows of its
  series (turns.py). Until then no later batch passes it in the backlog, unless it is of sessions alone.
- A batch in flight is handed out again only after `release`.
- Batches on disk are handed out. Those in memory are handed out only while the disk refuses.

The spool's lock lets in one thread at a time.
"""

import contextlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from telemetry_core.text.lines import restamp

from telemetry.clock import Clock
from telemetry.errors import DataError
from telemetry.spool.batch import (
    EncodedBatch,
    Entry,
    Series,
    TimeBase,
    count_lines,
    lines_of,
    without_replaced,
)
from telemetry.spool.deadletters import NO_TIME, DeadLetters, Letter
from telemetry.spool.memory import Item, Memory
from telemetry.spool.store import Commit, Store
from telemetry.spool.turns import Ahead, Turns


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

    def __init__(
        self, store: Store, memory: Memory, dead_letters: DeadLetters, clock: Clock, turns: Turns
    ) -> None:
        self._store = store
        self._turns = turns
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
                self._turns.add(item.sequence, place, item.batch)
                if item.in_flight:
                    self._in_flight[item.sequence].place = place
            self.set_newest(item.sequence, item.batch, place)
        for flight in [flight for flight in self._in_flight.values() if flight.is_answered]:
            self.acknowledge(flight.entry.sequence)

    def urgent_waits(self) -> bool:
        """Return whether an urgent batch waits that is not in flight."""
        return any(item.batch.urgent and not item.in_flight for item in self._open_memory()) or any(
            mark.urgent and mark.sequence not in self._in_flight
            for _, mark in self._turns.first(self._store.settled)
        )

    def next_first(self, together: Collection[int] = ()) -> Entry | None:
        """Return the oldest urgent batch that is due, then the oldest of sessions.

        together: what goes in the same request, before it.
        """
        for item in self._open_memory():
            if item.batch.urgent and not (item.batch.ordered or item.in_flight):
                return self._take_item(item)
        for place, mark in self._turns.first(self._store.settled):
            if mark.sequence in self._in_flight or (
                mark.ordered and not self._is_due(place, mark.sequence, mark.holds, together)
            ):
                continue
            try:
                entry = self._read(place)
            except OSError:
                return None  # out of descriptors or memory: later
            if entry is None or entry.sequence != mark.sequence:
                self._turns.forget(place)
            elif not self._bury_if_past(entry, place):
                return self._take(entry, place)
        return None

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

    def next_backlog(self, together: Collection[int] = (), *, newest_first: bool = False) -> Entry | None:
        """Return the oldest batch but the newest that is due. together: as of `next_first`.

        newest_first: the latest one, up to the first that waits for others: these are then due, oldest first.
        """
        latest = self._latest_on_disk(together) if newest_first and not self.memory_is_open else None
        return latest or self._next_on_disk(together) or self._next_in_memory()

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
            self._turns.forget(flight.place)
            ahead = Ahead(sequence, flight.end, flight.dead)
            if batch.ordered and self._store.settled.next_open(0) < flight.place:
                self._turns.send_ahead(flight.place, ahead)
            else:
                self._settle(flight.place, ahead)
            for place, ahead in self._turns.now_settled(self._store.settled):
                self._settle(place, ahead)
        elif item:
            self._memory.settle(item, "acknowledged", dead=flight.dead)

    def _settle(self, place: int, sent: Ahead) -> None:
        settled = self._store.settle(place, sent.end, "acknowledged", dead=sent.dead)
        if settled < sent.dead:  # it was evicted meanwhile, and counted as that
            self._drop_letters(sent.sequence)

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

    def _is_due(self, place: int, sequence: int, holds: Series, together: Collection[int]) -> bool:
        """Return whether an ordered batch may be handed out."""
        beside = {}
        for flight in self._in_flight.values():
            if flight.entry.sequence in together:
                if flight.place is not None:
                    beside[flight.place] = flight.end
            elif flight.entry.sequence < sequence and flight.entry.batch.holds & holds:
                return False  # also where its segment is gone
        return self._turns.is_due(place, holds, self._store.settled, beside)

    def _open_memory(self) -> Iterable[Item]:
        return self._memory if self.memory_is_open else ()

    def _read(self, place: int) -> Entry | None:
        """Return the batch at `place`, or None. Raises OSError."""
        entry = self._fresh.get(place)
        if entry is not None:
            return entry
        stored = self._store.find(place)
        return Entry(stored[0].sequence, stored[1]) if stored and stored[0].place == place else None

    def _next_on_disk(self, together: Collection[int]) -> Entry | None:
        ends = {flight.place: flight.end for flight in self._in_flight.values() if flight.place is not None}
        ends |= {place: sent.end for place, sent in self._turns.ahead.items()}
        if self._newest and not (self.memory_is_open and self._memory):
            newest, place = self._newest
            if not newest.batch.ordered:
                ends[place] = place + newest.batch.points
        place = 0
        while (place := self._store.settled.next_open(place)) < self._store.end:
            if place in ends:
                place = ends[place]
                continue
            apart = self._turns.waits_apart(place)
            if apart and not self._is_due(place, apart.sequence, apart.holds, together):
                place = apart.end
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
            if entry.batch.ordered and not self._is_due(place, entry.sequence, entry.batch.holds, together):
                return None
            if self._bury_if_past(entry, place):
                place += entry.batch.points
                continue
            return self._take(entry, place)
        return None

    def _latest_on_disk(self, together: Collection[int]) -> Entry | None:
        under_way = {
            flight.end: flight.place for flight in self._in_flight.values() if flight.place is not None
        }
        under_way |= {sent.end: place for place, sent in self._turns.ahead.items()}
        if self._newest and not self._newest[0].batch.ordered:
            newest, place = self._newest
            under_way[place + newest.batch.points] = place
        end = self._store.end
        while (end := self._store.settled.open_before(end)) > 0:
            if end in under_way:
                end = under_way[end]
                continue
            try:
                head = self._store.head_before(end)
                if head is None:
                    return None
                if not head.ordered or self._is_due(head.place, head.sequence, head.holds, together):
                    entry = self._read(head.place)
                    if entry is None:
                        return None
                    if not self._bury_if_past(entry, head.place):
                        return self._take(entry, head.place)
                elif head.holds is not Series.SESSIONS:
                    return None
            except OSError:  # out of descriptors or memory: later
                return None
            end = head.place
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
