"""What a spool directory holds, whatever bytes are in it. The names, the slot and the last segment are read.

Relies on names: a segment is named by the place where the last good commit before it ended. The records of
one commit say so.

A record that is not sound is either damaged or torn:
- If the slot, a newer segment or a newer commit shows that its place had been accepted, it is damaged, and
  counted.
- Otherwise it belongs to a commit that was torn and never accepted. It is cut off, and a source that can
  resume reads it again.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from telemetry.clock import Clock
from telemetry.spool.batch import EncodedBatch
from telemetry.spool.filesystem import FileSystem
from telemetry.spool.record import RecordHead
from telemetry.spool.segment import FoundRecord, Segment, SegmentReader, parse_name, read_records
from telemetry.spool.settled import KINDS, Settled, Stretch, Tally
from telemetry.spool.slots import FILE_NAME, Slot, read_cursors
from telemetry.spool.trails import AccountsTrail, after

_ENDLESS = 1 << 63
OWN_PREFIX = "spool/"  # of the counters that the spool itself puts into a record's accounts
UNKNOWN_MADE = "points/made/unknown"  # points whose record's accounts were damaged


@dataclass(slots=True)
class FoundSpool:
    """A spool as it was found."""

    segments: list[Segment] = field(default_factory=list)
    useless: list[Path] = field(default_factory=list)  # files without one record that counts
    settled: Settled = field(default_factory=Settled)
    from_memory: Tally = field(default_factory=Tally)  # settled without ever having had a place
    accounts: dict[str, int] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)
    state: Mapping[str, bytes] = field(default_factory=dict)
    last_sequence: int = 0
    end: int = 0  # the place of the next record
    newest: tuple[FoundRecord, EncodedBatch] | None = None
    tail: list[RecordHead] = field(default_factory=list)  # of the last segment
    last_ns: dict[str, int] = field(default_factory=dict)  # of the last segment, by boot id
    clean: bool = True
    damaged_points: int = 0  # found damaged now
    torn_bytes: int = 0  # of a commit that was never accepted
    cursor: str = FILE_NAME  # the file that says what the sink has settled
    generation: int = 0  # the highest of all slots
    others: dict[str, Slot] = field(default_factory=dict)  # of other sinks, by the names of their cursors

    def newest_ns(self, adopted: Iterable[EncodedBatch], clock: Clock) -> int | None:
        """Return the latest stamp since 1970, of `adopted` batches too; None: nothing is stored.

        What counts from a boot that is over will not be sent as it is, and does not count.
        """
        shifts_ns = {"": 0, clock.boot_id(): clock.unix_ns() - clock.boot_ns()}
        stamps = [*self.last_ns.items(), *((batch.boot_id, batch.last_ns) for batch in adopted)]
        return max((ns + shifts_ns[boot_id] for boot_id, ns in stamps if boot_id in shifts_ns), default=None)


def own_counters(base: Tally, from_memory: Tally) -> dict[str, int]:
    """Return what the spool adds to the accounts of a record; `base` is for when the slot is lost."""
    counters = {}
    for kind in KINDS:
        counters[f"{OWN_PREFIX}{kind}"] = getattr(base, kind)
        counters[f"{OWN_PREFIX}memory/{kind}"] = getattr(from_memory, kind)
    return counters


def read_state(filesystem: FileSystem, directory: Path, clock: Clock, cursor: str = FILE_NAME) -> FoundSpool:
    """Read a directory without changing anything. Raises OSError only if it cannot be listed.

    cursor: the file that says what the sink has settled. What is common to all sinks comes from any of them.
    """
    state = FoundSpool(cursor=cursor)
    cursors = read_cursors(filesystem, directory)
    slot = cursors.pop(cursor, None)
    slots = [each for each in (slot, *cursors.values()) if each]
    state.others = {name: each or Slot() for name, each in cursors.items()}
    _list_segments(state, filesystem, directory, clock)
    fresh = not slots and not state.segments
    tail = _read_tail(state, filesystem, max((each.end for each in slots), default=0))
    state.generation = max((each.generation for each in slots), default=0)
    state.last_sequence = max([state.last_sequence, *(each.last_sequence for each in slots)])
    is_clean = bool(slots) and all(each.clean and each.end == state.end for each in slots)
    state.clean = fresh or is_clean
    state.tail = [found.head for found in tail.records]
    own = _read_accounts(state, filesystem, tail.records)
    for kind in KINDS:
        setattr(state.from_memory, kind, own.get(f"memory/{kind}", 0))

    first = state.segments[0].place if state.segments else state.end
    if slot:
        state.settled = Settled(slot.stretches)
        state.settled.clip(state.end)
    elif first:
        state.settled = Settled([Stretch(0, first, _spread(own, first))])
    for start, end in [(0, first), *tail.holes]:
        state.damaged_points += state.settled.settle(start, end, "damaged")
    _count_twice(state)
    return state


def _count_twice(state: FoundSpool) -> None:
    """Account for requeued points that wait twice without a slot: as the original ones, and as requeued."""
    settled = state.settled.tally()
    for kind in KINDS:
        missing = -getattr(settled, kind) - getattr(state.from_memory, kind)
        if missing > 0:
            setattr(state.from_memory, kind, getattr(state.from_memory, kind) + missing)
            state.accounts[UNKNOWN_MADE] = state.accounts.get(UNKNOWN_MADE, 0) + missing


def _list_segments(state: FoundSpool, filesystem: FileSystem, directory: Path, clock: Clock) -> None:
    unix_ns, monotonic_s = clock.unix_ns(), clock.monotonic_s()
    for name in filesystem.names(directory):
        parsed = parse_name(name)
        if parsed is None:
            continue
        path = directory / name
        try:
            size = filesystem.size(path)
            age_s = max(0.0, (unix_ns - filesystem.modified_ns(path)) / 1e9)
        except OSError:
            continue  # removed meanwhile
        state.segments.append(Segment(path, *parsed, _ENDLESS, size, monotonic_s - age_s))
    state.segments.sort(key=lambda segment: (segment.place, segment.attempt))
    kept = []
    for index, segment in enumerate(state.segments):
        if index + 1 < len(state.segments):
            segment.end = state.segments[index + 1].place
        if segment.end == segment.place:  # a later attempt holds its records
            state.useless.append(segment.path)
        else:
            kept.append(segment)
    state.segments = kept


@dataclass(slots=True)
class _Tail:
    """The last segment that holds anything."""

    records: list[FoundRecord] = field(default_factory=list)  # whose heads are sound
    holes: list[tuple[int, int]] = field(default_factory=list)  # accepted places without a sound record


def _read_tail(state: FoundSpool, filesystem: FileSystem, accepted: int) -> _Tail:
    """Find where the spool ends; set aside the useless segments after that."""
    while state.segments:
        segment = state.segments[-1]
        accepted = max(accepted, segment.place)
        reader = _open(filesystem, segment)
        if reader:
            try:
                tail = _read_last(state, segment, reader, accepted)
            finally:
                reader.close()
            if tail:
                return tail
        state.useless.append(segment.path)
        state.segments.pop()
    state.end = accepted
    return _Tail(holes=[(0, accepted)])


def _read_last(state: FoundSpool, segment: Segment, reader: SegmentReader, accepted: int) -> _Tail | None:
    found: list[FoundRecord] = []
    sound: list[bool] = []
    while record := reader.next():
        found.append(record)
        sound.append(reader.batch(record) is not None)
    keep = _accepted_records(segment, found, sound, accepted)
    del found[keep:]
    if not any(sound[:keep]):
        return None
    tail = _Tail(records=found)
    place = segment.place
    for record, is_sound in zip(found, sound, strict=False):
        if is_sound:
            tail.holes.append((place, record.head.place))
            place = record.head.end
            newest = record
            last_ns = state.last_ns.get(record.head.boot_id, record.head.last_ns)
            state.last_ns[record.head.boot_id] = max(last_ns, record.head.last_ns)
    batch = reader.batch(newest)
    state.newest = (newest, batch) if batch else None
    state.last_sequence = found[-1].head.sequence
    state.end = segment.end = max(accepted, found[-1].head.end)
    if found[-1].head.end == state.end:  # otherwise what follows is the rest of a record that was accepted
        state.torn_bytes = max(0, segment.size_bytes - found[-1].offset - found[-1].head.record_bytes)
    tail.holes.append((place, state.end))
    return tail


def _accepted_records(segment: Segment, found: list[FoundRecord], sound: list[bool], accepted: int) -> int:
    """Return how many of the records count: all but those of a torn last commit from the tear on."""
    if not found:
        return 0
    commit_offset = found[-1].offset - found[-1].head.commit_bytes
    offset = commit_offset
    for index, (record, is_sound) in enumerate(zip(found, sound, strict=True)):
        if record.offset < commit_offset:
            continue
        if record.offset != offset or not is_sound:
            end = found[index - 1].head.end if index else segment.place
            return index if end >= accepted else len(found)
        offset += record.head.record_bytes
    return len(found)


def _read_accounts(state: FoundSpool, filesystem: FileSystem, tail: list[FoundRecord]) -> dict[str, int]:
    """Follow the accounts and the state to the end; return the spool's own counters."""
    trail = AccountsTrail()
    unknown = 0
    place: int | None = None  # None: no whole accounts yet
    for found in _accounts_chain(state, filesystem, tail):
        head = found.head
        with contextlib.suppress(ValueError):  # as for accounts
            state.state = after(state.state, found.state)
        if not head.whole and place is None:
            continue
        try:
            if head.whole:
                trail.read_whole(found.accounts)
                place, unknown = head.place, 0
            is_read = head.whole or trail.read_changes(found.accounts)
        except ValueError:  # written so, for the check holds; a spool opens all the same
            is_read = False
        unknown += head.place - (place or 0)
        if not is_read:
            unknown += head.points
        place = head.end
    unknown += state.end - (place or 0)
    own = {}
    for name, value in trail.accounts.items():
        if name.startswith(OWN_PREFIX):
            own[name.removeprefix(OWN_PREFIX)] = value
        else:
            state.accounts[name] = value
    if unknown:
        state.accounts[UNKNOWN_MADE] = state.accounts.get(UNKNOWN_MADE, 0) + unknown
    state.positions.update(trail.positions)
    return own


def _accounts_chain(
    state: FoundSpool, filesystem: FileSystem, tail: list[FoundRecord]
) -> Iterator[FoundRecord]:
    """Yield what leads to the present accounts: the last segment, unless its first record is damaged."""
    first = len(state.segments) - 1
    earlier: list[list[FoundRecord]] = []
    records = tail
    while first > 0 and not (records and records[0].head.whole):
        first -= 1
        records = [found for found, _ in read_records(filesystem, state.segments[first])]
        earlier.append(records)
    for records in reversed(earlier):
        yield from records
    yield from tail


def _open(filesystem: FileSystem, segment: Segment) -> SegmentReader | None:
    try:
        return SegmentReader(filesystem, segment)
    except OSError:
        return None


def _spread(own: dict[str, int], points: int) -> Tally:
    """Return what became of points that are no longer on disk, by the records' own counters alone."""
    known = {kind: own.get(kind, 0) for kind in KINDS}
    excess = sum(known.values()) - points
    for kind in KINDS:  # acknowledged ones first: they may be on disk still, and are sent again
        surplus = min(max(excess, 0), known[kind])
        known[kind] -= surplus
        excess -= surplus
    if excess < 0:
        known["damaged"] -= excess
    return Tally(**known)
