"""The folder of a black box: segments of what came, and captures that hold some of them back.

A segment (`0000000042.segment`) is ten seconds of what came: records of a length (four bytes) and a gzip
member, one a second. A member holds parts in their order: a line of JSON, and as many bytes as it says. All
frames of one source in a record are packed one after the other. A capture (`ID.capture`) is a line of JSON:
its first segment, and its last one, null while it goes on.

Promises:
- What is torn or damaged costs itself: every whole record is read, and the rest is reported.
- A capture has its segments until it is dropped, also where others have them too.

Relies on the writer replacing captures as a whole.
"""

import json
import struct
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.packed import unpack

from telemetry.errors import DataError, InputMissingError, StorageError, UsageError
from telemetry.spool.compress import decompress
from telemetry.spool.filesystem import FileSystem, replace_file

SEGMENT, CAPTURE = ".segment", ".capture"
LENGTH = struct.Struct("<I")
MOST_RECORD_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class Part:
    """Content of one source: frames of a bus, or lines of a serial port's capture.

    offset_ns: wall time less time since boot, where wall time was not known. count: of frames; None: they are
    lines. batch: the frames, once they are read.
    """

    source: str
    content: bytes
    offset_ns: int | None = None
    boot_id: str = ""
    count: int | None = None
    batch: FrameBatch | None = None

    def packed(self) -> bytes:
        """Return it as bytes of a record."""
        head: dict[str, Any] = {"source": self.source, "bytes": len(self.content)}
        if self.count is not None:
            head["frames"] = self.count
        if self.offset_ns is not None:
            head |= {"offset_ns": self.offset_ns, "boot_id": self.boot_id}
        return json.dumps(head).encode() + b"\n" + self.content


@dataclass(frozen=True, slots=True)
class Capture:
    """A frozen one. last: None while it goes on."""

    id: str
    first: int
    last: int | None

    def has(self, number: int) -> bool:
        """Return whether this segment is its own."""
        return self.first <= number and (self.last is None or number <= self.last)


@dataclass(slots=True)
class Box:
    """The folder of a black box. `damage` says what was torn, once it has been read."""

    directory: Path
    filesystem: FileSystem = field(default_factory=FileSystem)
    damage: list[str] = field(default_factory=list)

    def lock(self) -> int:
        """Make the folder and lock it for this process. Return the descriptor. Raises StorageError."""
        try:
            self.filesystem.make_directory(self.directory)
            return self.filesystem.lock(self.directory)
        except BlockingIOError as error:
            hint = "give each its own [black_box] directory"
            raise StorageError(
                "another service has this black box", where=str(self.directory), hint=hint
            ) from error
        except OSError as error:
            raise unusable(self.directory, error) from error

    def segments(self) -> dict[int, int]:
        """Return numbers of segments in their order, and how many bytes each has."""
        found = {}
        for name in self._names(SEGMENT):
            with suppress(OSError, ValueError):
                found[int(name)] = self.filesystem.size(self.path(int(name)))
        return dict(sorted(found.items()))

    def captures(self) -> list[Capture]:
        """Return those that are frozen, the oldest first."""
        found = []
        for name in self._names(CAPTURE):
            with suppress(OSError, ValueError, LookupError, TypeError):
                said: Mapping[str, Any] = json.loads((self.directory / f"{name}{CAPTURE}").read_bytes())
                found.append(
                    Capture(name, int(said["first"]), None if said["last"] is None else int(said["last"]))
                )
        return sorted(found, key=lambda one: (one.first, one.id))

    def frozen(self) -> list[tuple[Capture, int]]:
        """Return the same, and how many bytes of segments each holds; others may have them too."""
        sizes = self.segments()
        return [
            (one, sum(size for number, size in sizes.items() if one.has(number))) for one in self.captures()
        ]

    def capture(self, name: str) -> Capture:
        """Return the one of this id. Raises UsageError."""
        captures = self.captures()
        for one in captures:
            if one.id == name:
                return one
        hint = f"there are {', '.join(one.id for one in captures)}" if captures else "none is frozen"
        raise UsageError(f"has no capture {name!r}", where=str(self.directory), hint=hint)

    def save(self, capture: Capture) -> None:
        """Write the file of a capture. Raises OSError."""
        content = json.dumps({"first": capture.first, "last": capture.last}).encode()
        replace_file(self.filesystem, self.directory / f"{capture.id}{CAPTURE}", content)

    def drop(self, capture: Capture) -> None:
        """Let go of a capture; what nobody else holds back goes with the next segment of the service."""
        self.filesystem.unlink(self.directory / f"{capture.id}{CAPTURE}")

    def path(self, number: int) -> Path:
        """Return the file of a segment."""
        return self.directory / f"{number:010d}{SEGMENT}"

    def parts(self, capture: Capture) -> Iterator[Part]:
        """Yield what a capture holds, in its order; `damage` has what cannot be read."""
        for number in self.segments():
            if capture.has(number):
                yield from chain(*self.records(number))

    def records(self, number: int) -> Iterator[list[Part]]:
        """Yield the records of a segment, as parts; `damage` has what cannot be read."""
        path, at = self.path(number), 0
        try:
            content = path.read_bytes()
        except OSError as error:
            self.damage.append(f"{path.name}: {error.strerror}")
            return
        while at < len(content):
            end = at + LENGTH.size
            size = LENGTH.unpack_from(content, at)[0] if end <= len(content) else 0
            if not 0 < size <= len(content) - end:
                self.damage.append(f"{path.name}: torn after {at} of {len(content)} bytes")
                return
            try:
                yield [*_with_frames([*parts_of(decompress(content[end : end + size], MOST_RECORD_BYTES))])]
            except (DataError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError) as error:
                self.damage.append(f"{path.name}: damaged at byte {at}: {error}")
            at = end + size

    def _names(self, suffix: str) -> list[str]:
        try:
            names = self.filesystem.names(self.directory)
        except FileNotFoundError as error:
            raise InputMissingError("there is no black box", where=str(self.directory)) from error
        return [name.removesuffix(suffix) for name in names if name.endswith(suffix)]


def parts_of(record: bytes) -> Iterator[Part]:
    """Yield what a record holds. Raises ValueError, LookupError or TypeError where it is damaged."""
    at = 0
    while at < len(record):
        end = record.index(b"\n", at) + 1
        head = json.loads(record[at:end])
        at, offset, count = end + int(head["bytes"]), head.get("offset_ns"), head.get("frames")
        if not end <= at <= len(record):
            raise ValueError("a part has more bytes than there are, or less than none")
        yield Part(
            str(head["source"]),
            record[end:at],
            None if offset is None else int(offset),
            str(head.get("boot_id", "")),
            None if count is None else int(count),
        )


def _with_frames(record: Sequence[Part]) -> Iterator[Part]:
    """Yield the same, with frames. Raises ValueError where they are damaged."""
    packed: defaultdict[str, bytes] = defaultdict(bytes)
    for part in record:
        packed[part.source] += part.content if part.count is not None else b""
    batches = {source: unpack(content) for source, content in packed.items()}
    done: Counter[str] = Counter()
    for part in record:
        if part.count is None:
            yield part
            continue
        begin = done[part.source]
        done[part.source] += part.count
        if not begin <= done[part.source] <= len(batches[part.source]):
            raise ValueError("a part has other frames than it says")
        yield replace(part, batch=batches[part.source].part(begin, done[part.source]))


def unusable(directory: Path, error: OSError) -> StorageError:
    """Return the error of a folder that cannot be used."""
    what = f"the black box cannot be used: {error.strerror}"
    return StorageError(what, where=str(directory), hint="check path, owner and disk")
