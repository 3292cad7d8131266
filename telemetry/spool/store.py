"""The part of the spool that is on disk: segments, what is settled of them, and the slot that says so.

A commit is prepared, room is made for it, then it is written and published. If the disk refuses (OSError) it
is discarded. One thread uses this at a time, with one exception: `write` touches only the file being written,
so it may run while another thread uses the rest.
"""

import contextlib
import errno
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from telemetry.clock import Clock
from telemetry.spool.batch import EncodedBatch
from telemetry.spool.filesystem import FileSystem, append_all
from telemetry.spool.limits import SpoolLimits
from telemetry.spool.memory import Item
from telemetry.spool.record import RecordHead, encode_head
from telemetry.spool.recovery import FoundSpool, own_counters
from telemetry.spool.segment import Segment, SegmentReader, segment_path
from telemetry.spool.settled import Settled, Tally
from telemetry.spool.slots import ISLANDS, Slot, SlotFile
from telemetry.spool.trails import AccountsTrail, StateTrail


@dataclass(slots=True)
class Commit:
    """Records about to be written, with one sync."""

    items: list[Item]
    places: list[int]
    parts: list[bytes]  # heads and payloads, one after the other: payloads are large, and are not copied
    size_bytes: int  # of all parts
    end: int
    from_memory: Tally
    segment: Segment  # that they go to
    is_new: bool


class Store:
    """Places `0` to `end`; `settled` says what became of them at one sink.

    What another sink has not settled keeps its segment, until it is evicted.
    """

    def __init__(
        self, filesystem: FileSystem, directory: Path, *, clock: Clock, limits: SpoolLimits, state: FoundSpool
    ) -> None:
        self._filesystem = filesystem
        self._directory = directory
        self._clock = clock
        self._limits = limits
        self._trail = AccountsTrail()
        self._state_trail = StateTrail()
        self._descriptor: int | None = None  # of the last segment, while records may be added to it
        self._reader: SegmentReader | None = None
        self._oldest: RecordHead | None = None  # of the records that wait, when it was looked for last
        self._last_commit = state.end  # its place
        self._ordered_end = state.end  # of the last ordered record; not known of those that were found
        self._cursor = state.cursor
        self._slots = SlotFile(filesystem, directory, state.generation, state.cursor)
        self._others = []
        for name, slot in state.others.items():
            settled = Settled(slot.stretches)
            settled.clip(state.end)
            self._others.append((settled, SlotFile(filesystem, directory, slot.generation, name)))
        self.segments = state.segments
        self.settled = state.settled
        self.from_memory = state.from_memory
        self.end = state.end
        self.last_sequence = state.last_sequence
        self.records = self.payload_bytes = 0  # written since the spool was opened, as the next two
        self._segment_bytes = self._segment_syncs = 0
        self.cap_bytes = limits.cap(self._free_bytes(), self.size_bytes)

    @property
    def size_bytes(self) -> int:
        return sum(segment.size_bytes for segment in self.segments)

    @property
    def waiting_points(self) -> int:
        """Return how many points are on disk and not settled."""
        return self.end - self.settled.points

    def ordered_waits(self) -> bool:
        """Return whether an ordered record may not be settled yet."""
        return self.settled.next_open(0) < self._ordered_end

    @property
    def bytes_written(self) -> int:
        """Return the bytes of segments and slots that were written since the spool was opened."""
        return self._segment_bytes + sum(slots.bytes_written for _, slots in self._cursors())

    @property
    def syncs(self) -> int:
        """Return how often segments and slots were synced since the spool was opened."""
        return self._segment_syncs + sum(slots.syncs for _, slots in self._cursors())

    def notice_vanished(self) -> None:
        """Settle as damaged the records of files that were removed, if the last file is one of them.

        So records are added to a file that has a name, or to a new one. OSError if the directory is gone.
        """
        if self._descriptor is not None and self._filesystem.is_at(self._descriptor, self.segments[-1].path):
            return
        names = set(self._filesystem.names(self._directory))
        for segment in [segment for segment in self.segments if segment.path.name not in names]:
            if segment is self.segments[-1]:
                self.seal()
            if self._reader and self._reader.segment is segment:
                self._close_reader()
            self.segments.remove(segment)
            self.settled.settle(segment.place, segment.end, "damaged")
        if self._cursor not in names:
            self._slots.close()  # the next write makes it again

    def prepare(self, items: Iterable[Item]) -> Commit:
        """Return the records of these items, and where they will go."""
        items = list(items)
        payload_bytes = sum(len(item.batch.payload) for item in items)
        last = self.segments[-1] if self.segments else None
        segment_bytes = self._limits.segment_size(self.cap_bytes)
        is_new = (
            self._descriptor is None
            or last is None
            or (last.size_bytes > 0 and last.size_bytes + payload_bytes > segment_bytes)
        )
        if is_new:
            self.seal()
        place = self.end
        sequence_places = []
        parts: list[bytes] = []
        size_bytes = 0
        from_memory = Tally()
        from_memory.add(self.from_memory)
        for item in items:
            from_memory.add(item.carried)
            accounts = {**item.accounts, **own_counters(self.settled.base(), from_memory)}
            whole = is_new and not parts
            block = None if whole else self._trail.changes(accounts, item.positions)
            if block is None:
                block, whole = self._trail.whole(accounts, item.positions), True
            head = encode_head(
                item.batch,
                block,
                whole=whole,
                sequence=item.sequence,
                place=place,
                stored_ns=self._clock.unix_ns(),
                commit_bytes=size_bytes,
                state=self._state_trail.block(item.state, whole=whole),
            )
            parts += (head, item.batch.payload)
            size_bytes += len(head) + len(item.batch.payload)
            sequence_places.append(place)
            place += item.batch.points
        segment = self._new_segment() if is_new or last is None else last
        return Commit(items, sequence_places, parts, size_bytes, place, from_memory, segment, is_new)

    def write(self, commit: Commit) -> None:
        """Put the records on the medium. When it fails the file is suspect: `discard`."""
        if commit.is_new:
            self._descriptor = self._filesystem.create(commit.segment.path)
        if self._descriptor is None:
            raise OSError(errno.EIO, "the segment was given up")
        for part in commit.parts:
            append_all(self._filesystem, self._descriptor, part)
        self._segment_syncs += 1
        self._filesystem.sync(self._descriptor)
        if commit.is_new:
            self._segment_syncs += 1
            self._filesystem.sync_directory(self._directory)

    def publish(self, commit: Commit) -> None:
        """Make the records count from now on."""
        if commit.is_new:
            self.segments.append(commit.segment)
        segment = commit.segment
        segment.size_bytes += commit.size_bytes
        segment.end = commit.end
        segment.newest_s = self._clock.monotonic_s()
        self._last_commit = self.end
        self.end = commit.end
        for item, place in zip(commit.items, commit.places, strict=True):
            if item.batch.ordered:
                self._ordered_end = place + item.batch.points
        self.last_sequence = commit.items[-1].sequence
        self.from_memory = commit.from_memory
        self._segment_bytes += commit.size_bytes
        self.records += len(commit.items)
        self.payload_bytes += sum(len(item.batch.payload) for item in commit.items)
        with contextlib.suppress(OSError):  # it only distinguishes damage at the very end from a torn commit
            self.save()

    def discard(self, commit: Commit) -> None:
        """Drop the records. The next segment's name cuts off what of them is in the file."""
        self.seal()
        if commit.is_new:
            with contextlib.suppress(OSError):  # it may not exist; if it stays, the next attempt outranks it
                self._filesystem.unlink(commit.segment.path)

    def seal(self) -> None:
        """Add no more records to the last segment."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            with contextlib.suppress(OSError):  # nothing is pending: what counts was synced
                self._filesystem.close(descriptor)

    def make_room(self, need_bytes: int, *, beside_bytes: int) -> None:
        """Evict until `need_bytes` fit under the cap, the age and into the free space.

        beside_bytes: what else counts towards the cap.
        """
        limits = self._limits
        self.drop_settled(0, self.end)
        # A disk that was full when the spool was opened may have room since.
        self.cap_bytes = max(self.cap_bytes, limits.cap(self._free_bytes(), self.size_bytes))
        if limits.max_age_s is not None:
            oldest_s = self._clock.monotonic_s() - limits.max_age_s
            while self.segments and self.segments[0].newest_s < oldest_s and self.evict_oldest():
                pass
        while self.size_bytes + beside_bytes + need_bytes > self.cap_bytes and self.evict_oldest():
            pass
        while self._free_bytes() - need_bytes < limits.keep_free_bytes:
            if not self.evict_oldest():
                raise OSError(errno.ENOSPC, "too little of the disk is free")

    def has_room(self, *, beside_bytes: int) -> bool:
        """Return whether as much again as waits would fit, under the cap and into the free space."""
        if not self.waiting_points:
            return True
        size_bytes = self.size_bytes
        if size_bytes >= self.cap_bytes - beside_bytes - size_bytes:
            return False
        try:
            return size_bytes < self._free_bytes() - self._limits.keep_free_bytes
        except OSError:  # the next commit shows it, and deals with it
            return True

    def evict_oldest(self) -> bool:
        """Give up the oldest segment; return False if that makes no room.

        The last one is kept: it holds the accounts.
        """
        if len(self.segments) < 2:
            return False
        segment = self.segments[0]
        for settled, _ in self._cursors():
            settled.settle(segment.place, segment.end, "evicted")
        try:
            self._unlink(segment)
        except OSError:
            return False
        return True

    def oldest_age_s(self) -> float:
        """Return how long ago the oldest record that waits was stored; 0 if none does."""
        place = self.settled.next_open(0)
        if place >= self.end:
            return 0.0
        if place >= self._last_commit:
            return self._clock.monotonic_s() - self.segments[-1].newest_s
        if self._oldest is None or self._oldest.end <= place or self._oldest.place > place:
            self._oldest = self._head_from(place)
        stored_ns = self._oldest.stored_ns if self._oldest else self._clock.unix_ns()
        return max(0.0, (self._clock.unix_ns() - stored_ns) / 1e9)

    def settle(self, start: int, end: int, kind: str, *, dead: int = 0) -> int:
        """Settle these places (see Settled), and unlink the segments that are settled by that."""
        points = self.settled.settle(start, end, kind, dead=dead)
        self.drop_settled(start, end)
        with contextlib.suppress(OSError):  # what the slot lags by is sent again
            self.save()
        return points

    def drop_settled(self, start: int, end: int) -> None:
        """Unlink each segment with some of these places, if it is settled as a whole."""
        for segment in self.segments[:-1]:  # the last one holds the accounts
            if (
                segment.place < end
                and segment.end > start
                and all(settled.covers(segment.place, segment.end) for settled, _ in self._cursors())
                and all(settled.pin(segment.place, segment.end, ISLANDS) for settled, _ in self._cursors())
            ):
                with contextlib.suppress(OSError):  # it is tried again with the next commit
                    self._unlink(segment)

    def find(self, place: int) -> tuple[RecordHead, EncodedBatch] | None:
        """Return the first sound record at `place` or after it; None without one.

        Accepted places before it that hold nothing sound are settled as damaged.
        """
        while place < self.end:
            segment = next((s for s in self.segments if s.end > place), None)
            if segment is None or segment.place > place:
                lost = segment.place if segment else self.end
                self.settle(place, lost, "damaged")
                place = self.settled.next_open(lost)
                continue
            reader = self._reader_of(segment)
            found = reader.find(place) if reader else None
            if found is None or found.head.place > place:
                lost = found.head.place if found else segment.end
                self.settle(place, lost, "damaged")
                place = self.settled.next_open(lost)
                continue
            batch = reader.batch(found) if reader else None
            if batch:
                return found.head, batch
            self.settle(place, found.head.end, "damaged")
            place = self.settled.next_open(found.head.end)
        return None

    def head_before(self, end: int) -> RecordHead | None:
        """Return the head of the sound record that ends at place `end`; None without one. Raises OSError."""
        segment = next((s for s in self.segments if s.place < end <= s.end), None)
        reader = self._reader_of(segment) if segment else None
        found = reader.before(end) if reader else None
        return found.head if found and found.head.end == end else None

    def _head_from(self, place: int) -> RecordHead | None:
        """Return the head of the first record at `place` or after it, in the segment that should have it."""
        segment = next((s for s in self.segments if s.place <= place < s.end), None)
        try:
            reader = self._reader_of(segment) if segment else None
        except OSError:
            return None
        found = reader.find(place) if reader else None
        return found.head if found else None

    def is_settled_anywhere(self, place: int) -> bool:
        """Return whether any sink has settled the record at `place`."""
        return any(settled.covers(place, place + 1) for settled, _ in self._cursors())

    def save(self) -> None:
        """Write the sink's slot, unsynced."""
        self._write_slot(self.settled, self._slots)

    def sync_slot(self) -> None:
        """Put the sink's slot on the medium."""
        self._slots.sync()

    def save_all(self, *, clean: bool = False) -> None:
        """Put the slots of all sinks on the medium, the own one first. Raises OSError once all were tried."""
        failures = []
        for settled, slots in reversed(self._cursors()):
            try:
                self._write_slot(settled, slots, clean=clean)
                slots.sync()
            except OSError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def _write_slot(self, settled: Settled, slots: SlotFile, *, clean: bool = False) -> None:
        kept = settled.kept(ISLANDS)
        slots.write(Slot(slots.next_generation, self.last_sequence, self.end, clean, kept))

    def _cursors(self) -> list[tuple[Settled, SlotFile]]:
        """Return what each sink has settled, and where that is kept: the spool's own sink last."""
        return [*self._others, (self.settled, self._slots)]

    def close(self) -> None:
        self.seal()
        self._close_reader()
        for _, slots in self._cursors():
            slots.close()

    def _unlink(self, segment: Segment) -> None:
        """Remove a settled segment; first the slot says durably that it is settled, if the disk lets it."""
        with contextlib.suppress(OSError):
            self.save_all()
        if self._reader and self._reader.segment is segment:
            self._close_reader()
        with contextlib.suppress(FileNotFoundError):
            self._filesystem.unlink(segment.path)
        self.segments.remove(segment)

    def _new_segment(self) -> Segment:
        last = self.segments[-1] if self.segments else None
        attempt = last.attempt + 1 if last and last.place == self.end else 0
        with contextlib.suppress(OSError):  # then `create` fails too
            taken = set(self._filesystem.names(self._directory))
            while segment_path(self._directory, self.end, attempt).name in taken:
                attempt += 1
        path = segment_path(self._directory, self.end, attempt)
        return Segment(path, self.end, attempt, self.end, 0, self._clock.monotonic_s())

    def _reader_of(self, segment: Segment) -> SegmentReader | None:
        if self._reader is None or self._reader.segment is not segment:
            self._close_reader()
            try:
                self._reader = SegmentReader(self._filesystem, segment)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.EIO, errno.ELOOP):
                    return None
                raise
        return self._reader

    def _close_reader(self) -> None:
        if self._reader:
            self._reader.close()
            self._reader = None

    def _free_bytes(self) -> int:
        return self._filesystem.free_bytes(self._directory)
