"""Reads a spool without changing anything, whether or not a service uses it.

While a service uses it, the view may be a moment old. Segments may disappear while they are read: they were
settled.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from telemetry.clock import Clock
from telemetry.errors import InputMissingError
from telemetry.spool.batch import EncodedBatch
from telemetry.spool.deadletters import DIRECTORY_NAME as DEAD
from telemetry.spool.deadletters import REQUEUE, Letter, letter_names, read_letter
from telemetry.spool.filesystem import FileSystem
from telemetry.spool.recovery import read_state
from telemetry.spool.segment import parse_name, read_records
from telemetry.spool.settled import KINDS, Settled, total_of
from telemetry.spool.slots import is_cursor, latest_cursor, read_slot


@dataclass(frozen=True, slots=True)
class SegmentSummary:
    """What one segment holds."""

    name: str
    size_bytes: int
    place: int
    end: int
    waiting_points: int
    age_s: float  # since it was written last


@dataclass(frozen=True, slots=True)
class NamedLetter:
    """A dead letter and where it lies."""

    name: str
    letter: Letter
    handed_over: bool  # to be sent again


@dataclass(frozen=True, slots=True)
class SpoolFinding:
    """Something in a segment that is not as it should be."""

    name: str
    what: str
    points: int  # that it is about
    costs: bool  # points that had not been settled


class SpoolView:
    """One spool, as the sink sees it that used it last.

    Raises InputMissingError if `directory` does not hold one.
    """

    def __init__(self, filesystem: FileSystem, directory: Path, clock: Clock) -> None:
        self._filesystem = filesystem
        self._directory = directory
        self._now_s = clock.monotonic_s()
        try:
            names = filesystem.names(directory)
            self._cursor = latest_cursor(filesystem, directory)
            self._state = read_state(filesystem, directory, clock, self._cursor)
        except OSError as error:
            is_closed = isinstance(error, PermissionError)
            raise InputMissingError(
                f"cannot be read: {error.strerror}",
                where=str(directory),
                hint="as the service's user, or by sudo" if is_closed else "give the spool's directory",
            ) from error
        if not any(is_cursor(name) or parse_name(name) for name in names):
            raise InputMissingError("holds no spool", where=str(directory), hint="give the spool's directory")

    @property
    def waiting_points(self) -> int:
        """Return how many points are on disk and not settled."""
        return self._state.end - self._state.settled.points

    @property
    def accounts(self) -> dict[str, int]:
        """Return all counters of the last record, and what became of the points that no longer wait."""
        tally = total_of(self._state.settled.tally(), self._state.from_memory)
        return {**self._state.accounts, **{f"points/{kind}": getattr(tally, kind) for kind in KINDS}}

    @property
    def state(self) -> Mapping[str, bytes]:
        """Return what the last record says its writer must know again after a restart."""
        return self._state.state

    @property
    def last_sequence(self) -> int:
        """Return the number of the last record."""
        return self._state.last_sequence

    def segments(self) -> Iterator[SegmentSummary]:
        """Yield the segments, oldest first."""
        settled = self._state.settled
        for segment in self._state.segments:
            waiting = settled.open_points(segment.place, segment.end)
            age_s = self._now_s - segment.newest_s
            yield SegmentSummary(
                segment.path.name, segment.size_bytes, segment.place, segment.end, waiting, age_s
            )

    def letters(self) -> Iterator[NamedLetter]:
        """Yield the dead letters, those first that were handed over."""
        for folder in (REQUEUE, DEAD):
            for name in letter_names(self._filesystem, self._directory / folder):
                read = read_letter(self._filesystem, self._directory / folder / name)
                if read:
                    yield NamedLetter(name, read[0], folder == REQUEUE)

    def letter_lines(self, named: NamedLetter) -> bytes:
        """Return the lines of a dead letter; empty if it was removed meanwhile."""
        folder = REQUEUE if named.handed_over else DEAD
        read = read_letter(self._filesystem, self._directory / folder / named.name)
        return read[1] if read else b""

    def waiting(self) -> Iterator[EncodedBatch]:
        """Yield what waits, oldest first. Damaged records are passed over."""
        for segment in self._state.segments:
            if self._state.settled.covers(segment.place, segment.end):
                continue
            for found, reader in read_records(self._filesystem, segment):
                batch = reader.batch(found)
                if batch and not self._state.settled.covers(found.head.place, found.head.end):
                    yield batch

    def verify(self) -> Iterator[SpoolFinding]:
        """Read every byte, and report what is not sound."""
        slot = read_slot(self._filesystem, self._directory, self._cursor)
        settled = Settled(slot.stretches if slot else [])
        if slot is None:
            yield SpoolFinding(
                self._cursor, "says nothing: what was acknowledged is sent again", 0, costs=False
            )
        first = self._state.segments[0].place if self._state.segments else self._state.end
        useless = ", ".join(path.name for path in self._state.useless)
        useless = f"; no whole record is in {useless}" if useless else ""
        if lost := settled.open_points(0, first):
            yield SpoolFinding(str(self._directory), f"segments are missing{useless}", lost, costs=True)
        for segment in self._state.segments:
            name = segment.path.name
            place, size_bytes, end_bytes = segment.place, segment.size_bytes, 0
            for found, reader in read_records(self._filesystem, segment):
                end_bytes = found.offset + found.head.record_bytes
                if lost := settled.open_points(place, found.head.place):
                    yield SpoolFinding(name, "records are missing", lost, costs=True)
                if reader.batch(found) is None:
                    lost = settled.open_points(found.head.place, found.head.end)
                    what = "a record is damaged"
                    if size_bytes < end_bytes:
                        what = f"is cut short: {size_bytes:,} bytes are there, of {end_bytes:,} at least"
                    yield SpoolFinding(name, what, found.head.points, costs=lost > 0)
                place = found.head.end
            if lost := settled.open_points(place, segment.end):
                what = "records are missing at its end" if end_bytes else "no record can be read"
                if 0 < end_bytes < size_bytes:
                    what += f", {size_bytes - end_bytes:,} bytes of them are there"
                what += useless if segment.end == self._state.end else ""
                yield SpoolFinding(name, what, lost, costs=True)
        if self._state.torn_bytes:
            yield SpoolFinding(
                self._state.segments[-1].path.name,
                f"{self._state.torn_bytes} bytes of a commit that was never accepted",
                0,
                costs=False,
            )
