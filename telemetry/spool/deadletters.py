"""Lines that will not be sent as they are: refused by the server, or stamped by a boot that is over.

One file a refusal: a head of one line of JSON, then the lines. Bounded by bytes and files; the oldest goes
first, and stays counted. A letter belongs to a record that is settled: when a crash took back that a record
was settled, its letters are removed, since it will be sent and refused again.
"""

import contextlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from telemetry.spool.filesystem import FileSystem, append_all

DIRECTORY_NAME = "dead"
NO_TIME = "no_time"  # the reason of batches whose boot ended before the time was known

_NAME = re.compile(r"\d{15}\.\d{4}\.letter")
_MAX_WORDS = 500  # characters of the server's
_HEAD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Letter:
    """The head of one dead letter."""

    sequence: int  # of the record that its lines were in
    place: int  # of that record; if it never had one, of the next record then
    from_memory: bool  # it never had one
    reason: str
    words: str  # the server's
    points: int
    first_ns: int  # stamps of the record
    last_ns: int
    boot_id: str  # empty: stamps count from 1970
    ordered: bool
    stored_ns: int


class DeadLetters:
    """The letters of one spool. OSError where the disk refuses."""

    def __init__(self, filesystem: FileSystem, directory: Path, *, max_bytes: int, max_files: int) -> None:
        self._filesystem = filesystem
        self._directory = directory / DIRECTORY_NAME
        self._max_bytes = max_bytes
        self._max_files = max_files
        self._sizes: dict[str, int] = {}
        filesystem.make_directory(self._directory)
        for name in sorted(filesystem.names(self._directory)):
            if _NAME.fullmatch(name):
                self._sizes[name] = filesystem.size(self._directory / name)

    def __len__(self) -> int:
        return len(self._sizes)

    @property
    def size_bytes(self) -> int:
        """Of all letters."""
        return sum(self._sizes.values())

    @property
    def names(self) -> list[str]:
        """The files, oldest record first."""
        return sorted(self._sizes)

    def add(self, letter: Letter, lines: bytes) -> str:
        """Keep these lines; its name. Durable when it returns."""
        head = json.dumps(asdict(letter) | {"words": letter.words[:_MAX_WORDS]}, ensure_ascii=True).encode()
        data = head + b"\n" + lines
        part = 0
        while (name := f"{letter.sequence:015d}.{part:04d}.letter") in self._sizes:
            part += 1
        path = self._directory / name
        descriptor = self._filesystem.create(path)
        try:
            append_all(self._filesystem, descriptor, data)
            self._filesystem.sync(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                self._filesystem.unlink(path)
            raise
        finally:
            self._filesystem.close(descriptor)
        self._filesystem.sync_directory(self._directory)
        self._sizes[name] = len(data)
        while len(self) > 1 and (len(self) > self._max_files or self.size_bytes > self._max_bytes):
            self.remove(self.names[0])
        return name

    def read(self, name: str) -> tuple[Letter, bytes] | None:
        """A letter and its lines; None if it cannot be read as one."""
        try:
            data = self._read(name, self._sizes[name])
        except (OSError, KeyError):
            return None
        letter = _head(data)
        return (letter, data[data.index(b"\n") + 1 :]) if letter else None

    def remove(self, name: str) -> None:
        """Remove a letter."""
        self._filesystem.unlink(self._directory / name)
        del self._sizes[name]

    def remove_of(self, sequence: int) -> None:
        """Remove all letters of a record."""
        for name in self.names:
            if name.startswith(f"{sequence:015d}."):
                self.remove(name)

    def remove_unless(self, holds: Callable[[Letter], bool]) -> None:
        """Remove the letters that do not hold; those that cannot be read stay, for somebody to look at."""
        for name in self.names:
            try:
                letter = _head(self._read(name, _HEAD_BYTES))
            except OSError:
                continue
            if letter and not holds(letter):
                self.remove(name)

    def _read(self, name: str, count: int) -> bytes:
        descriptor = self._filesystem.open_to_read(self._directory / name)
        try:
            return self._filesystem.read_at(descriptor, count, 0)
        finally:
            self._filesystem.close(descriptor)


def _head(data: bytes) -> Letter | None:
    head, newline, _ = data.partition(b"\n")
    if not newline:
        return None
    try:
        return Letter(**json.loads(head))
    except (ValueError, TypeError):
        return None
