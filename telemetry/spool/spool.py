"""The durable queue between the pipeline, which appends, and the sink, which takes out.

Promises: once `commit` has returned, a batch survives anything but the loss of the disk; nothing is dropped
without being counted; opening works whatever bytes the directory holds. While the disk refuses, the spool is
*volatile*: an alarm, batches wait in bounded memory and flow to the sink from there, and the disk is tried
again until it takes what still waits.

Relies on: one process (a lock sees to it); one thread that appends and commits; any number that take out. The
lock is not held while the disk is written, so a slow disk does not keep the sink from sending.
"""

import contextlib
import errno
import gzip
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from telemetry.clock import Clock
from telemetry.errors import StorageError
from telemetry.spool.batch import EncodedBatch, Entry, TimeBase
from telemetry.spool.deadletters import NO_TIME, DeadLetters, Letter
from telemetry.spool.filesystem import FileSystem, RealFileSystem
from telemetry.spool.limits import SpoolLimits
from telemetry.spool.memory import Item, Memory
from telemetry.spool.recovery import read_state
from telemetry.spool.settled import Tally
from telemetry.spool.store import Commit, Store

LOCK_NAME = "lock"


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was found when the spool was opened."""

    clean: bool  # the last stop was orderly; if not, what was in memory then is gone
    accounts: Mapping[str, int]  # as of the last record
    positions: Mapping[str, int]
    last_sequence: int
    waiting_points: int
    damaged_points: int  # found damaged now
    torn_bytes: int  # of a commit that was never accepted


@dataclass(frozen=True, slots=True)
class Gauges:
    """How the spool is now. Bytes written and syncs count from when it was opened."""

    waiting_disk_points: int
    waiting_memory_points: int
    oldest_age_s: float  # of the oldest segment that waits, 0 if nothing does
    disk_bytes: int
    cap_bytes: int
    memory_bytes: int
    segments: int
    records: int
    payload_bytes: int
    bytes_written: int
    syncs: int
    volatile: str  # why the disk refuses; empty if it does not


@dataclass(slots=True)
class _InFlight:
    """A batch that was handed out."""

    entry: Entry
    place: int | None  # None: not on disk
    dead: int = 0  # points that were refused so far
    acknowledged: bool = False  # while it was being written to disk

    @property
    def end(self) -> int:
        """The place behind it."""
        return (self.place or 0) + self.entry.batch.points


@dataclass(frozen=True, slots=True)
class _Newest:
    """The newest record on disk."""

    entry: Entry
    place: int


class Spool:
    """See the module."""

    def __init__(
        self,
        directory: Path,
        *,
        clock: Clock,
        limits: SpoolLimits | None = None,
        filesystem: FileSystem | None = None,
    ) -> None:
        """StorageError if the directory cannot be used at all, or another process uses it."""
        self._limits = limits or SpoolLimits()
        self._clock = clock
        self._filesystem = filesystem or RealFileSystem()
        self._commit_lock = threading.Lock()
        self._lock = threading.RLock()
        self._arrival = threading.Condition(self._lock)
        self._arrived = False
        self._memory = Memory()
        self._writing: Commit | None = None
        self._in_flight: dict[int, _InFlight] = {}
        self._refusal = ""  # why the spool is volatile
        self._retry_at_s = 0.0
        self._retry_s = self._limits.retry_s
        self._closed = False
        self._lock_file = lock_directory(self._filesystem, directory)
        try:
            state = read_state(
                self._filesystem, directory, unix_ns=clock.unix_ns(), monotonic_s=clock.monotonic_s()
            )
            self._store = Store(self._filesystem, directory, clock=clock, limits=self._limits, state=state)
            self._dead_letters = DeadLetters(
                self._filesystem,
                directory,
                max_bytes=self._limits.dead_bytes,
                max_files=self._limits.dead_files,
            )
        except OSError as error:
            self._filesystem.close(self._lock_file)
            raise unusable(directory, error) from error
        self._sequence = state.last_sequence
        self._newest: _Newest | None = None
        if state.newest:
            head = state.newest[0].head
            self._newest = _Newest(Entry(head.sequence, state.newest[1]), head.place)
        self.recovery = Recovery(
            clean=state.clean,
            accounts=state.accounts,
            positions=state.positions,
            last_sequence=state.last_sequence,
            waiting_points=self._store.waiting_points,
            damaged_points=state.damaged_points,
            torn_bytes=state.torn_bytes,
        )
        with contextlib.suppress(OSError):  # a disk that refuses shows at the first commit
            for path in state.useless:
                self._filesystem.unlink(path)
            self._dead_letters.remove_unless(self._is_settled)
            self._store.drop_settled(0, self._store.end)
            self._store.save()
            self._store.sync_slot()

    # -- the pipeline's side

    def append(
        self, batch: EncodedBatch, *, accounts: Mapping[str, int], positions: Mapping[str, int]
    ) -> int:
        """Add a batch to the open commit; its sequence number.

        `accounts` and `positions`: all of them, as of the end of this batch.
        """
        with self._lock:
            self._sequence += 1
            item = Item(self._sequence, batch, dict(accounts), dict(positions), self._clock.monotonic_s())
            self._memory.append(item)
            if self._refusal:
                self._memory.evict(self._limits.memory_bytes)
                self._notify()
            return item.sequence

    def commit_due(self) -> bool:
        """Whether it is time for `commit`."""
        with self._lock:
            oldest = self._memory.oldest
            if oldest is None:
                return False
            now_s = self._clock.monotonic_s()
            if self._refusal:
                return now_s >= self._retry_at_s
            return (
                self._memory.payload_bytes >= self._limits.commit_bytes
                or now_s - oldest.appended_s >= self._limits.commit_s
            )

    def commit(self) -> None:
        """Put what was appended on disk, with one write and one sync.

        If the disk refuses, the spool is volatile afterwards; nothing is raised.
        """
        with self._commit_lock:
            while (error := self._commit_once()) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                with self._lock:
                    if not self._store.evict_oldest():
                        break
            with self._lock:
                if error:
                    self._be_volatile(error)

    def _commit_once(self) -> OSError | None:
        with self._lock:
            if self._closed or not self._memory:
                return None
            if self._refusal and self._clock.monotonic_s() < self._retry_at_s:
                return None
            commit = self._store.prepare(list(self._memory))
            try:
                self._store.make_room(len(commit.data))
            except OSError as error:
                self._store.discard(commit)
                return error
            self._writing = commit
        failure: OSError | None = None
        try:
            self._store.write(commit)
        except OSError as error:
            failure = error
        with self._lock:
            self._writing = None
            if failure:
                self._store.discard(commit)
            else:
                self._publish(commit)
            for flight in [f for f in self._in_flight.values() if f.acknowledged]:
                self.acknowledge(flight.entry.sequence)
        return failure

    def _publish(self, commit: Commit) -> None:
        self._store.publish(commit)
        self._memory.stored(commit.items)
        for item, place in zip(commit.items, commit.places, strict=True):
            if item.in_flight:
                self._in_flight[item.sequence].place = place
        self._newest = _Newest(Entry(item.sequence, item.batch), place)
        self._refusal = ""
        self._retry_s = self._limits.retry_s
        self._notify()

    def _be_volatile(self, error: OSError) -> None:
        self._retry_at_s = self._clock.monotonic_s() + self._retry_s
        self._retry_s = min(2 * self._retry_s, self._limits.retry_max_s)
        self._refusal = error.strerror or str(error)
        self._memory.evict(self._limits.memory_bytes)
        self._notify()

    # -- the sink's side

    def wait(self, timeout_s: float) -> bool:
        """Wait until batches arrive that were not there at the last call; False if none did in time."""
        with self._lock:
            if not self._arrived:
                self._arrival.wait(timeout_s)
            arrived, self._arrived = self._arrived, False
            return arrived

    def wake(self) -> None:
        """Let `wait` return now."""
        with self._lock:
            self._notify()

    def next_live(self) -> Entry | None:
        """The newest batch, unless it is ordered, settled or in flight."""
        with self._lock:
            item = self._memory.newest if self._refusal else None
            if item:
                return (
                    None
                    if item.batch.ordered or item.in_flight
                    else self._take(Entry(item.sequence, item.batch))
                )
            newest = self._newest
            if newest is None or newest.entry.batch.ordered or newest.entry.sequence in self._in_flight:
                return None
            if self._store.settled.covers(newest.place, newest.place + 1) or self._is_past(
                newest.entry, newest.place
            ):
                return None
            return self._take(newest.entry, newest.place)

    def next_backlog(self) -> Entry | None:
        """The oldest batch but the newest; an ordered one only while no other ordered one is in flight."""
        with self._lock:
            ordered_flies = any(flight.entry.batch.ordered for flight in self._in_flight.values())
            return self._next_on_disk(ordered_flies) or self._next_in_memory(ordered_flies)

    def _next_on_disk(self, ordered_flies: bool) -> Entry | None:
        ends = {flight.place: flight.end for flight in self._in_flight.values() if flight.place is not None}
        if self._newest and not self._newest.entry.batch.ordered and not (self._refusal and self._memory):
            ends[self._newest.place] = self._newest.place + self._newest.entry.batch.points
        place = 0
        while (place := self._store.settled.next_open(place)) < self._store.end:
            if place in ends:
                place = ends[place]
                continue
            try:
                stored = self._store.find(place)
            except OSError:
                return None  # out of descriptors or memory: later
            if stored is None:
                return None
            place = stored.head.place
            entry = Entry(stored.head.sequence, stored.batch)
            if place in ends:
                continue
            if (ordered_flies and stored.batch.ordered) or self._is_past(entry, place):
                place = stored.head.end
                continue
            return self._take(entry, place)
        return None

    def _next_in_memory(self, ordered_flies: bool) -> Entry | None:
        if not self._refusal:
            return None
        newest = self._memory.newest
        for item in self._memory:
            ordered = item.batch.ordered
            if not item.in_flight and not (ordered and ordered_flies) and (item is not newest or ordered):
                return self._take(Entry(item.sequence, item.batch))
        return None

    def _take(self, entry: Entry, place: int | None = None) -> Entry:
        self._in_flight[entry.sequence] = _InFlight(entry, place)
        item = self._memory.get(entry.sequence)
        if item:
            item.in_flight = True
        return entry

    def _is_past(self, entry: Entry, place: int) -> bool:
        """Whether its stamps count from a boot that is over; then it is a dead letter now."""
        batch = entry.batch
        if batch.time_base is TimeBase.UNIX or batch.boot_id == self._clock.boot_id():
            return False
        self._take(entry, place)
        self.refuse(entry.sequence, gzip.decompress(batch.payload), reason=NO_TIME, words="")
        self.acknowledge(entry.sequence)
        return True

    def refuse(self, sequence: int, lines: bytes, *, reason: str, words: str) -> None:
        """Make these lines of a batch in flight dead letters; the rest of it awaits `acknowledge`.

        `words`: the server's. A disk that refuses loses the lines, but not the count.
        """
        points = lines.count(b"\n") + (not lines.endswith(b"\n"))
        with self._lock:
            flight = self._in_flight[sequence]
            batch = flight.entry.batch
            letter = Letter(
                sequence=sequence,
                place=self._store.end if flight.place is None else flight.place,
                from_memory=flight.place is None,
                reason=reason,
                words=words,
                points=points,
                first_ns=batch.first_ns,
                last_ns=batch.last_ns,
                boot_id=batch.boot_id,
                ordered=batch.ordered,
                stored_ns=self._clock.unix_ns(),
            )
            flight.dead += points
            with contextlib.suppress(OSError):
                self._dead_letters.add(letter, lines)

    def acknowledge(self, sequence: int) -> None:
        """The server has it, or what is not refused of it. KeyError unless it is in flight."""
        with self._lock:
            flight = self._in_flight[sequence]
            if flight.place is not None:
                settled = self._store.settle(flight.place, flight.end, "acknowledged", dead=flight.dead)
                if settled < flight.dead:  # it was evicted meanwhile, and counted as that
                    self._drop_letters(sequence)
            elif self._writing and any(item.sequence == sequence for item in self._writing.items):
                flight.acknowledged = True  # settled as soon as it is known where it is
                return
            else:
                item = self._memory.get(sequence)
                if item:
                    self._memory.settle(item, "acknowledged", dead=flight.dead)
            del self._in_flight[sequence]

    def release(self, sequence: int) -> None:
        """It was not sent: put it back. KeyError unless it is in flight."""
        with self._lock:
            flight = self._in_flight.pop(sequence)
            if flight.dead:
                self._drop_letters(sequence)
            item = self._memory.get(sequence)
            if item:
                item.in_flight = False

    def _drop_letters(self, sequence: int) -> None:
        with contextlib.suppress(OSError):
            self._dead_letters.remove_of(sequence)

    def _is_settled(self, letter: Letter) -> bool:
        if letter.from_memory:
            return letter.place < self._store.end
        return self._store.settled.covers(letter.place, letter.place + 1)

    def _notify(self) -> None:
        self._arrived = True
        self._arrival.notify_all()

    # -- what there is to know

    def counters(self) -> dict[str, int]:
        """What became of the points that do not wait any more, since the spool was made."""
        with self._lock:
            total = Tally()
            for tally in (self._store.settled.tally(), self._store.from_memory, self._memory.tally()):
                total.add(tally)
            return {
                "points/acknowledged": total.acknowledged,
                "points/evicted": total.evicted,
                "points/damaged": total.damaged,
                "points/dead": total.dead,
            }

    def gauges(self) -> Gauges:
        """How the spool is now."""
        with self._lock:
            store = self._store
            return Gauges(
                waiting_disk_points=store.waiting_points,
                waiting_memory_points=self._memory.points,
                oldest_age_s=store.oldest_age_s(),
                disk_bytes=store.size_bytes + self._dead_letters.size_bytes,
                cap_bytes=store.cap_bytes,
                memory_bytes=self._memory.size_bytes,
                segments=len(store.segments),
                records=store.written.records,
                payload_bytes=store.written.payload_bytes,
                bytes_written=store.bytes_written,
                syncs=store.syncs,
                volatile=self._refusal,
            )

    def close(self) -> None:
        """Commit and mark the spool as orderly stopped."""
        self.commit()
        with self._commit_lock, self._lock:
            if self._closed:
                return
            self._closed = True
            with contextlib.suppress(OSError):  # then the next start finds it not clean
                self._store.save(clean=not self._memory)
                self._store.sync_slot()
            self._store.close()
            self._filesystem.close(self._lock_file)
            self._notify()


def lock_directory(filesystem: FileSystem, directory: Path) -> int:
    """Make the directory if it is missing, and have it for this process alone."""
    try:
        filesystem.make_directory(directory)
        return filesystem.lock(directory / LOCK_NAME)
    except BlockingIOError as error:
        raise StorageError(
            "another process uses this spool", where=str(directory), hint="stop it, or give another directory"
        ) from error
    except OSError as error:
        raise unusable(directory, error) from error


def unusable(directory: Path, error: OSError) -> StorageError:
    """The one error that opening a spool gives."""
    return StorageError(
        f"the spool cannot be used: {error.strerror}", where=str(directory), hint="check path, owner and disk"
    )
