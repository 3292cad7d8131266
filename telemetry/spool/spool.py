"""The durable queue between the pipeline, which appends, and the sink, which takes out.

Promises:
- Once `commit` has returned, a batch survives anything but the loss of the disk.
- Nothing is dropped without being counted.
- Opening works whatever bytes the directory holds.
- While the disk refuses, the spool is *volatile*, which is an alarm. Batches wait in bounded memory and flow
  to the sink from there. The disk is tried again until it takes what still waits.

Relies on:
- one process, which a lock ensures;
- one thread that appends, one that commits and appends letters, any number that take out.

The lock is not held while a commit is written, so a slow disk does not keep the sink from sending. It is held
for what is rare: removing settled segments, dead letters, letters that are sent again.
"""

import contextlib
import errno
import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from telemetry_core.text.lines import LineBuffer

from telemetry.clock import Clock
from telemetry.ledger import add
from telemetry.spool.batch import EncodedBatch, Entry, count_lines, lines_of, made
from telemetry.spool.compress import compress
from telemetry.spool.deadletters import DeadLetters, Requeue
from telemetry.spool.directory import lock_directory, unusable
from telemetry.spool.figures import Gauges, Recovery
from telemetry.spool.filesystem import FileSystem
from telemetry.spool.in_flight import InFlight
from telemetry.spool.limits import SpoolLimits
from telemetry.spool.memory import Item, Memory
from telemetry.spool.recovery import read_state
from telemetry.spool.settled import KINDS, Tally, total_of
from telemetry.spool.slots import FILE_NAME
from telemetry.spool.store import Store
from telemetry.spool.trails import NO_STATE, check_state, written
from telemetry.spool.turns import Turns
from telemetry.spool.write_through import MOST_BYTES, WriteThrough


class Spool:
    """Batches between the pipeline and the sink, in one directory."""

    def __init__(
        self,
        directory: Path,
        *,
        clock: Clock,
        limits: SpoolLimits | None = None,
        filesystem: FileSystem | None = None,
        keep_in_memory: Callable[[Path], WriteThrough | None] | None = None,
        cursor: str = FILE_NAME,
    ) -> None:
        """Open the spool. Raises StorageError if the directory is unusable, or another process uses it.

        cursor: the name of the file that says what the sink has settled.
        keep_in_memory: returns, for the directory, what keeps batches that are not on disk yet.
        """
        self._limits = limits or SpoolLimits()
        self._clock = clock
        self._filesystem = filesystem or FileSystem()
        self._commit_lock = threading.Lock()
        self._lock = threading.RLock()
        self._arrival = threading.Condition(self._lock)
        self._arrived = False
        self._memory = Memory()
        self._refusal = ""  # why the spool is volatile
        self._retry_at_s = 0.0
        self._retry_s = self._limits.retry_s
        self._closed = False
        self._is_fed = False  # a pipeline has appended to it
        self._lock_file = lock_directory(self._filesystem, directory)
        try:
            state = read_state(self._filesystem, directory, clock, cursor)
            self._store = Store(self._filesystem, directory, clock=clock, limits=self._limits, state=state)
            self._dead_letters = DeadLetters(
                self._filesystem,
                directory,
                max_bytes=self._limits.dead_bytes,
                max_files=self._limits.dead_files,
            )
            self._requeue = Requeue(self._filesystem, directory, last_sequence=state.last_sequence)
        except OSError as error:
            self._filesystem.close(self._lock_file)
            raise unusable(directory, error) from error
        turns = Turns(state.tail[0].place if state.tail else state.end)
        for head in state.tail:
            turns.add(head.sequence, head.place, head)
        self._in_flight = InFlight(self._store, self._memory, self._dead_letters, clock, turns)
        if state.newest:
            found, batch = state.newest
            self._in_flight.set_newest(found.head.sequence, batch, found.head.place)
        self._sequence = state.last_sequence
        self._accounts: Mapping[str, int] = state.accounts  # as appended last
        self._positions: Mapping[str, int] = state.positions
        self._state: Mapping[str, bytes] = state.state
        self._write_through = keep_in_memory(directory) if keep_in_memory else None
        self.keeps = self._write_through is not None
        adopted = self._adopt(clean=state.clean)
        adopted_points = sum(batch.points for batch in adopted)
        self.recovery = Recovery(
            clean=state.clean,
            accounts=dict(self._accounts),
            positions=dict(self._positions),
            state=self._state,
            last_sequence=self._sequence,
            waiting_points=self._store.waiting_points + self._memory.points,
            newest_ns=state.newest_ns(adopted, clock),
            damaged_points=state.damaged_points,
            torn_bytes=state.torn_bytes,
            adopted_points=adopted_points,
        )
        with contextlib.suppress(OSError):  # a disk that refuses shows at the first commit
            for path in state.useless:
                self._filesystem.unlink(path)
            self._dead_letters.check(self._in_flight.is_settled)
            self._store.drop_settled(0, self._store.end)
            self._store.save()
            self._store.sync_slot()
        if adopted_points:
            self.commit()

    def _adopt(self, *, clean: bool) -> list[EncodedBatch]:
        """Append what a process that died has left, and return it.

        It passes over what has a record already, and what does not follow: its accounts would not balance.
        """
        adopted = []
        if self._write_through is not None:
            for left in self._write_through.left():
                points = written(left.accounts) - written(self._accounts)
                expected = left.batch.points if left.batch is not None else 0
                replacing = left.replacing if points != expected else None
                if replacing is not None:
                    points -= replacing.points
                if clean or left.sequence <= self._sequence or points != expected:
                    self._write_through.pass_over(left.sequence)
                    continue
                if replacing is not None:  # it has no record yet: a commit has taken neither
                    self._sequence = max(self._sequence, left.sequence - 2)
                    self._append_replacing(replacing)
                    adopted.append(replacing)
                self._sequence = max(self._sequence, left.sequence - 1)
                self._accounts, self._positions, self._state = left.accounts, left.positions, left.state
                if left.batch is not None:
                    self._append(left.batch, Tally())
                    adopted.append(left.batch)
        return adopted

    def remove_orphans(self) -> None:
        """Remove from memory what spools that no longer exist have left there."""
        if self._write_through is not None:
            self._write_through.remove_orphans()

    # -- the pipeline's side

    def keep(
        self,
        lines: LineBuffer,
        *,
        accounts: Mapping[str, int],
        positions: Mapping[str, int],
        boot_id: str,
        state: Mapping[str, bytes] = NO_STATE,
        replacing: LineBuffer | None = None,
    ) -> bool:
        """Keep the batch that is appended next, as far as it has come, from a death of this process.

        lines: all of it so far. boot_id: empty if stamps count from 1970. The others: as for `append`, which
        follows at once where there are `replacing` lines.
        Returns False if it must be tried again. Costs nothing on disk. For the thread that appends.
        """
        if self._write_through is None:
            return True
        with self._lock:  # a commit in another thread forgets batches
            return self._write_through.keep(
                self._sequence + 1, lines, accounts, positions, boot_id, state, replacing
            )

    def is_behind(self) -> bool:
        """Return whether so much waits for a commit that no more should be appended until it is over."""
        with self._lock:
            if 2 * self._memory.size_bytes > self._limits.memory_limit_bytes:
                return True
            return self._write_through is not None and 2 * self._write_through.size_bytes > MOST_BYTES

    def append(
        self,
        batch: EncodedBatch,
        *,
        accounts: Mapping[str, int],
        positions: Mapping[str, int],
        state: Mapping[str, bytes] = NO_STATE,
        replacing: EncodedBatch | None = None,
    ) -> None:
        """Add a batch to the open commit.

        `accounts` and `positions`: all of them, as of the end of this batch. `state`: what `recovery` of the
        next start has if nothing comes after this batch. ValueError if that is too much for one name.
        `replacing`: rows of the same frames that replace earlier ones. They get a record of their own, before
        the batch's and in the same commit.
        """
        check_state(state)
        with self._lock:
            self._is_fed = True
            if replacing is not None:
                if self._write_through is not None:
                    self._write_through.renumber(self._sequence + 1)
                self._append_replacing(replacing)
            self._accounts, self._positions = dict(accounts), dict(positions)
            self._state = dict(state) if state else NO_STATE
            self._append(batch, Tally())
            if self._write_through is not None:
                self._write_through.appended(self._sequence)

    def _append_replacing(self, batch: EncodedBatch) -> None:
        """Append it, with all else as of the record before: what its frames made beside it comes later."""
        self._accounts = add(self._accounts, made(lines_of(batch)))
        self._append(batch, Tally())

    def _append(self, batch: EncodedBatch, revived: Tally) -> None:
        self._sequence += 1
        item = Item(
            self._sequence,
            batch,
            self._accounts,
            self._positions,
            self._state,
            appended_s=self._clock.monotonic_s(),
            carried=revived,
        )
        self._memory.append(item)
        if self._refusal:
            self._bound_memory()
            self._notify()

    def has_room(self) -> bool:
        """Return whether as much again as waits would find room. Otherwise what can wait should wait."""
        with self._lock:
            if self._refusal:
                return 2 * self._memory.size_bytes < self._limits.memory_limit_bytes
            return self._store.has_room(beside_bytes=self._dead_letters.size_bytes)

    def commit_due(self) -> bool:
        """Return whether it is time for `commit`."""
        with self._lock:
            now_s = self._clock.monotonic_s()
            if not self._closed:
                self._requeue.look(now_s)
            if self._requeue.found and not self._replacements_wait():
                return True
            oldest = self._memory.oldest
            if oldest is None:
                return False
            if self._refusal:
                return now_s >= self._retry_at_s
            return (
                self._memory.payload_bytes >= self._limits.commit_bytes
                or now_s - oldest.appended_s >= self._limits.commit_s
            )

    def commit(self) -> None:
        """Put what was appended on disk, with one sync.

        If the disk refuses, the spool is volatile afterwards. Nothing is raised.
        """
        with self._commit_lock:
            with self._lock, contextlib.suppress(OSError):
                if not self._closed:
                    self._requeue.look(self._clock.monotonic_s())
                    self._append_letters()
            while (error := self._commit_once()) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                with self._lock:
                    if not self._store.evict_oldest():
                        break
            with self._lock:
                if error:
                    self._be_volatile(error)
                for sequence in self._requeue.claimed():
                    if self._memory.get(sequence) is None:
                        self._requeue.done(sequence)

    def _commit_once(self) -> OSError | None:
        with self._lock:
            if self._closed or not self._memory:
                return None
            if self._refusal and self._clock.monotonic_s() < self._retry_at_s:
                return None
            try:
                self._store.notice_vanished()
            except OSError as error:
                return error
            commit = self._store.prepare(self._memory)
            try:
                self._store.make_room(commit.size_bytes, beside_bytes=self._dead_letters.size_bytes)
            except OSError as error:
                self._store.discard(commit)
                return error
            self._in_flight.begin_commit(commit.items)
        failure: OSError | None = None
        try:
            self._store.write(commit)
        except OSError as error:
            failure = error
        with self._lock:
            if failure:
                self._store.discard(commit)
                self._in_flight.end_commit(None)
            else:
                self._store.publish(commit)
                self._memory.stored(commit.items)
                self._in_flight.end_commit(commit)
                if self._write_through is not None:
                    self._write_through.committed(
                        self._store.last_sequence, waiting=[item.sequence for item in self._memory]
                    )
                self._refusal = ""
                self._retry_s = self._limits.retry_s
                self._in_flight.memory_is_open = False
                self._notify()
        return failure

    def _be_volatile(self, error: OSError) -> None:
        self._retry_at_s = self._clock.monotonic_s() + self._retry_s
        self._retry_s = min(2 * self._retry_s, self._limits.retry_max_s)
        self._refusal = error.strerror or str(error)
        self._in_flight.memory_is_open = True
        self._bound_memory()
        self._notify()

    def _bound_memory(self) -> None:
        if not self._in_flight.is_writing:  # what is being written is not to be touched
            self._memory.evict(self._limits.memory_limit_bytes)

    def _append_letters(self) -> None:
        """Append the letters that were found, when no newer rows wait that may replace theirs."""
        if not self._requeue.found or self._replacements_wait():
            return
        letters, self._requeue.found = self._requeue.found, []
        self._store.save()  # their death must be as durable as their return
        self._store.sync_slot()
        for name in letters:
            read = self._requeue.read(name)
            if read is None:
                continue  # it stays for an operator to look at
            letter, lines = read
            self._requeue.claim(name, self._sequence + 1)
            self._dead_letters.forget(name)
            if self._write_through is not None:
                self._write_through.renumber(self._sequence + 1)  # the open batch comes after the letter
            points = count_lines(lines)
            self._append(
                EncodedBatch(
                    payload=compress(lines),
                    points=points,
                    first_ns=letter.first_ns,
                    last_ns=letter.last_ns,
                    ordered=letter.ordered,
                ),
                self._tally().revived(points),
            )

    def _replacements_wait(self) -> bool:
        """Return whether ordered batches wait, whose rows a requeued one must not replace."""
        return self._store.ordered_waits() or any(item.batch.ordered for item in self._memory)

    @property
    def letters_wait(self) -> bool:
        """Return whether dead letters that were handed over are not appended yet, as of the last look."""
        with self._lock:
            return bool(self._requeue.found) or self._requeue.has_more

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

    def urgent_waits(self) -> bool:
        """Return whether a batch waits that should not wait for others to be sent with."""
        with self._lock:
            return self._in_flight.urgent_waits()

    def next_first(self, together: Collection[int] = ()) -> Entry | None:
        """Return the oldest urgent batch, then the oldest of sessions, as soon as it is due.

        together: the batches in flight that go in the same request, before it.
        """
        with self._lock:
            return self._in_flight.next_first(together)

    def next_live(self) -> Entry | None:
        """Return the newest batch, unless it is ordered, settled or in flight."""
        with self._lock:
            return self._in_flight.next_live()

    def next_backlog(self, together: Collection[int] = (), *, newest_first: bool = False) -> Entry | None:
        """Return the oldest batch but the newest. An ordered one waits for all before it of its series.

        together: as of `next_first`; newest_first: the latest instead, as far as none waits for others.
        """
        with self._lock:
            return self._in_flight.next_backlog(together, newest_first=newest_first)

    def restamped(self, sequence: int, shift_ns: int) -> None:
        """Note that a batch in flight counts from boot and is sent with `shift_ns` added to its stamps."""
        with self._lock:
            self._in_flight.restamped(sequence, shift_ns)

    def refuse(self, sequence: int, lines: bytes, *, reason: str, words: str) -> None:
        """Make these lines of a batch in flight dead letters; the rest of it awaits `acknowledge`.

        `lines`: as they were sent; `words`: the server's. KeyError unless it is in flight.
        """
        with self._lock:
            self._in_flight.refuse(sequence, lines, reason=reason, words=words)

    def acknowledge(self, sequence: int) -> None:
        """Settle a batch: the server has it, but for what was refused. KeyError unless it is in flight."""
        with self._lock:
            self._in_flight.acknowledge(sequence)

    def release(self, sequence: int) -> None:
        """Put back a batch that was not sent. KeyError unless it is in flight."""
        with self._lock:
            self._in_flight.release(sequence)

    def _notify(self) -> None:
        self._arrived = True
        self._arrival.notify_all()

    # -- what there is to know

    def counters(self) -> dict[str, int]:
        """Return what became of the points that no longer wait, since the spool was made."""
        with self._lock:
            tally = self._tally()
            return {f"points/{kind}": getattr(tally, kind) for kind in KINDS}

    def snapshot(self) -> tuple[dict[str, int], Gauges]:
        """Return `counters` and `gauges` of one moment: with no point in both, or in neither."""
        with self._lock:
            return self.counters(), self.gauges()

    def _tally(self) -> Tally:
        return total_of(self._store.settled.tally(), self._store.from_memory, self._memory.tally())

    def gauges(self) -> Gauges:
        with self._lock:
            store = self._store
            never_on_disk = total_of(store.from_memory, self._memory.tally())
            return Gauges(
                waiting_disk_points=store.waiting_points,
                waiting_memory_points=self._memory.points,
                oldest_age_s=store.oldest_age_s(),
                disk_bytes=store.size_bytes + self._dead_letters.size_bytes,
                cap_bytes=store.cap_bytes,
                memory_bytes=self._memory.size_bytes,
                segments=len(store.segments),
                records=store.records,
                payload_bytes=store.payload_bytes,
                bytes_written=store.bytes_written,
                syncs=store.syncs,
                never_on_disk_points=max(0, never_on_disk.acknowledged),
                volatile=self._refusal,
            )

    def close(self) -> None:
        """Commit, and mark the spool as orderly stopped.

        A spool that was found unclean gets the mark only if a pipeline has used it: a drain leaves it to the
        pipeline to report what was lost.
        """
        self.commit()
        with self._commit_lock, self._lock:
            if self._closed:
                return
            self._closed = True
            with contextlib.suppress(OSError):  # then the next start finds it not clean
                self._store.save_all(clean=not self._memory and (self._is_fed or self.recovery.clean))
            self._store.close()
            if self._write_through is not None:
                self._write_through.close()
            self._filesystem.close(self._lock_file)
            self._notify()
