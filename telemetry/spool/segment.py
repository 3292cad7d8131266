"""Segment files: records one after the other, and how to find them whatever else the file holds.

A segment is named by two numbers:
- the place of its first record, so that a listing of the directory shows how many points each segment holds;
- an attempt, since a file that failed a sync is left alone and its records go into a new one.

A record counts only if it fits between its segment's name and the next one's. What a failed or torn commit
left does not fit, since the next segment begins where the last good commit ended.
"""

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from telemetry.spool.batch import EncodedBatch
from telemetry.spool.filesystem import FileSystem
from telemetry.spool.record import FIXED_BYTES, MAGIC, RecordHead, accounts_bytes, decode_head

_NAME = re.compile(r"(\d{15})\.(\d{1,9})\.segment")
_PROBE_BYTES = FIXED_BYTES + 444  # the head and, nearly always, the accounts in one read
_SEARCH_BYTES = 1 << 16
_SECTOR_BYTES = 4096


@dataclass(slots=True)
class Segment:
    """One file, holding the places `place` to `end`."""

    path: Path
    place: int
    attempt: int
    end: int
    size_bytes: int
    newest_s: float  # when it was written last, in monotonic seconds


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """A record whose head, accounts and state are sound."""

    offset: int
    head: RecordHead
    accounts: bytes
    state: bytes | None  # see StateTrail


def segment_path(directory: Path, place: int, attempt: int) -> Path:
    return directory / f"{place:015d}.{attempt}.segment"


def parse_name(name: str) -> tuple[int, int] | None:
    """Return place and attempt; None if it is not the name of a segment."""
    match = _NAME.fullmatch(name)
    return (int(match[1]), int(match[2])) if match else None


def read_records(filesystem: FileSystem, segment: Segment) -> "Iterator[tuple[FoundRecord, SegmentReader]]":
    """Yield its records, each with what reads its batch; none if it cannot be opened."""
    try:
        reader = SegmentReader(filesystem, segment)
    except OSError:
        return
    try:
        while found := reader.next():
            yield found, reader
    finally:
        reader.close()


class SegmentReader:
    """Finds records by place in one segment, remembering where those it has passed begin."""

    def __init__(self, filesystem: FileSystem, segment: Segment) -> None:
        self.segment = segment
        self._filesystem = filesystem
        self._descriptor = filesystem.open_to_read(segment.path)
        self._places = array("Q")
        self._offsets = array("Q")
        self._offset = 0  # where the next record may begin
        self._place = segment.place  # the least place it may have

    def close(self) -> None:
        self._filesystem.close(self._descriptor)

    def find(self, place: int) -> FoundRecord | None:
        """Return the first record at `place` or after it; None if the segment has none."""
        index = bisect_left(self._places, place)
        if index < len(self._places):
            found = self._record_at(self._offsets[index])
            if found and found.head.place == self._places[index]:
                return found
        while found := self.next():
            if found.head.place >= place:
                return found
        return None

    def before(self, place: int) -> FoundRecord | None:
        """Return the last record before `place`; None if the segment has none."""
        while self._place < place and self.next():
            pass
        index = bisect_left(self._places, place) - 1
        return self._record_at(self._offsets[index]) if index >= 0 else None

    def next(self) -> FoundRecord | None:
        """Return the record after those passed so far; None at the end."""
        while self._offset + FIXED_BYTES <= self.segment.size_bytes:
            found = self._record_at(self._offset)
            if found is None:
                self._offset = self._search(self._offset + 1)
                continue
            head = found.head
            if head.place < self._place or head.end > self.segment.end:
                self._offset += 1
                self._offset = self._search(self._offset)
                continue
            self._places.append(head.place)
            self._offsets.append(found.offset)
            self._offset += head.record_bytes
            self._place = head.end
            return found
        return None

    def batch(self, found: FoundRecord) -> EncodedBatch | None:
        """Return the batch; None if its bytes are damaged or cannot be read."""
        try:
            payload = self._filesystem.read_at(
                self._descriptor, found.head.payload_bytes, found.offset + found.head.payload_offset
            )
        except OSError:
            return None
        return found.head.batch(payload)

    def _record_at(self, offset: int) -> FoundRecord | None:
        data = self._read(offset, _PROBE_BYTES)
        count = accounts_bytes(data)
        if count is None:
            return None
        if FIXED_BYTES + count > len(data):
            data = self._read(offset, FIXED_BYTES + count)
        decoded = decode_head(data)
        return FoundRecord(offset, *decoded) if decoded else None

    def _search(self, offset: int) -> int:
        """Return where the next magic is, from `offset` on; the end of the segment without one."""
        while offset < self.segment.size_bytes:
            data = self._read(offset, _SEARCH_BYTES)
            if not data:  # an unreadable sector
                offset += _SECTOR_BYTES - offset % _SECTOR_BYTES
                continue
            at = data.find(MAGIC)
            if at >= 0:
                return offset + at
            offset += max(1, len(data) - len(MAGIC) + 1)
        return self.segment.size_bytes

    def _read(self, offset: int, count: int) -> bytes:
        """Return as much as can be read; a failing medium gives nothing."""
        count = min(count, self.segment.size_bytes - offset)
        try:
            return self._filesystem.read_at(self._descriptor, count, offset)
        except OSError:
            return b""
