"""Lines that will not be sent as they are: refused by the server, or stamped by a boot that is over.

Each refusal is one file: a head of one line of JSON, then the lines. Bytes and files are bounded. The oldest
letter goes first, and stays counted. A letter belongs to a record that is settled. When a crash undid that,
the letters of the record are removed, since it will be sent and refused again.

On its way back a letter is handed over by a command, in a directory from which the spool takes it. So it does
not matter whether the service runs. Before a letter is appended, its name gets the sequence number of its new
record. After a crash that shows whether it had reached the disk. A letter waits there while newer rows wait
that may replace its own, and loses the rows that were replaced meanwhile.
"""

import contextlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import get_type_hints

from telemetry_core.text.lines import restamp

from telemetry.errors import DataError
from telemetry.spool.batch import count_lines, lines_by_row, without_rows
from telemetry.spool.filesystem import FileSystem, read_file, replace_file

DIRECTORY_NAME = "dead"
REQUEUE = "requeue"  # holds the letters that were handed over to be sent again
LOOK_EVERY_S = 5.0  # for letters that were handed over
LETTERS_A_LOOK = 16
NO_TIME = "no_time"  # the reason of batches whose boot ended before the time was known

_NAME = re.compile(r"\d{15}\.\d{4}\.letter")
_CLAIMED = re.compile(r"(\d{15}\.\d{4}\.letter)\.(\d+)")
_MAX_WORDS = 500  # characters of the server's
_HEAD_BYTES = 8192
_EVER_NS = 1 << 63


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


_FIELD_TYPES = get_type_hints(Letter)


class DeadLetters:
    """The letters of one spool. Raises OSError where the disk refuses.

    Files may disappear meanwhile: a command may hand them over to be sent again (see `hand_over`).
    """

    def __init__(self, filesystem: FileSystem, directory: Path, *, max_bytes: int, max_files: int) -> None:
        self._filesystem = filesystem
        self._directory = directory / DIRECTORY_NAME
        self._handed_over = directory / REQUEUE
        self._max_bytes = max_bytes
        self._max_files = max_files
        self._sizes: dict[str, int] = {}
        self._stamps: dict[str, tuple[int, int]] = {}  # the first and the last, also of what was handed over
        for name in letter_names(filesystem, self._directory):
            with contextlib.suppress(FileNotFoundError):
                self._sizes[name] = filesystem.size(self._directory / name)

    @property
    def size_bytes(self) -> int:
        return sum(self._sizes.values())

    def between(self, first_ns: int, last_ns: int) -> list[str]:
        """Return the letters that may hold rows with stamps from `first_ns` to `last_ns`."""
        return sorted(
            name for name, (first, last) in self._stamps.items() if first <= last_ns and last >= first_ns
        )

    def add(self, letter: Letter, lines: bytes) -> str:
        """Keep these lines durably; return the letter's name."""
        part = 0
        while (name := f"{letter.sequence:015d}.{part:04d}.letter") in self._sizes:
            part += 1
        data = encode_letter(letter, lines)
        self._filesystem.make_directory(self._directory)
        replace_file(self._filesystem, self._directory / name, data)
        self._sizes[name] = len(data)
        self._remember(name, letter)
        while len(self._sizes) > 1 and (
            len(self._sizes) > self._max_files or self.size_bytes > self._max_bytes
        ):
            self._remove(min(self._sizes))
        return name

    def remove_of(self, sequence: int) -> None:
        """Remove all letters of a record."""
        for name in sorted(self._sizes):
            if name.startswith(f"{sequence:015d}."):
                self._remove(name)

    def check(self, holds: Callable[[Letter], bool]) -> None:
        """Remove the letters that do not hold; those that cannot be read stay for an operator to look at."""
        for name in sorted(self._sizes):
            letter = read_head(self._filesystem, self._directory / name)
            if letter and not holds(letter):
                self._remove(name)
            elif letter:
                self._remember(name, letter)
        for name in letter_names(self._filesystem, self._handed_over):
            letter = read_head(self._filesystem, self._handed_over / name)
            if letter:
                self._remember(name, letter)

    def _remember(self, name: str, letter: Letter) -> None:
        # Stamps that count from a boot become others when the letter is handed over.
        self._stamps[name] = (-_EVER_NS, _EVER_NS) if letter.boot_id else (letter.first_ns, letter.last_ns)

    def drop_replaced(self, names: Iterable[str], sequence: int, lines: bytes) -> None:
        """Take out, durably, rows of these letters that `lines` of the record `sequence` have replaced."""
        rows = lines_by_row(lines)
        for name in names:
            for directory in (self._directory, self._handed_over):
                read = read_letter(self._filesystem, directory / name)
                if read is None or read[0].sequence >= sequence:
                    continue
                left = without_rows(read[1], rows)
                if not left:
                    self._filesystem.unlink(directory / name)
                    self._filesystem.sync_directory(directory)
                    self.forget(name)
                elif left != read[1]:
                    replace_file(self._filesystem, directory / name, encode_letter(read[0], left))

    def forget(self, name: str) -> None:
        """Forget a letter whose file is gone, or is about to be sent again."""
        self._sizes.pop(name, None)
        self._stamps.pop(name, None)

    def _remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._filesystem.unlink(self._directory / name)
        self.forget(name)


def letter_names(filesystem: FileSystem, directory: Path) -> list[str]:
    """Return the letters in a directory, oldest record first."""
    try:
        names = filesystem.names(directory)
    except FileNotFoundError:  # there has not been one yet
        return []
    return sorted(name for name in names if _NAME.fullmatch(name))


def encode_letter(letter: Letter, lines: bytes) -> bytes:
    """Return the file of a letter; `points` is counted from the lines."""
    head = asdict(letter) | {"words": letter.words[:_MAX_WORDS], "points": count_lines(lines)}
    return json.dumps(head).encode() + b"\n" + lines


def read_letter(filesystem: FileSystem, path: Path) -> tuple[Letter, bytes] | None:
    """Return a letter and its lines; None if the file is gone, or cannot be read as a letter."""
    try:
        data = read_file(filesystem, path)
    except OSError:
        return None
    letter = _decode_head(data)
    return (letter, data[data.index(b"\n") + 1 :]) if letter else None


def read_head(filesystem: FileSystem, path: Path) -> Letter | None:
    """Return a letter without its lines."""
    try:
        return _decode_head(read_file(filesystem, path, _HEAD_BYTES))
    except OSError:
        return None


def _decode_head(data: bytes) -> Letter | None:
    head, newline, _ = data.partition(b"\n")
    if not newline:
        return None
    try:
        fields = json.loads(head)
        letter = Letter(**fields)
    except (ValueError, TypeError):
        return None
    return letter if all(type(value) is _FIELD_TYPES[name] for name, value in fields.items()) else None


class Requeue:
    """The spool's side. Raises OSError where the disk refuses."""

    def __init__(self, filesystem: FileSystem, directory: Path, *, last_sequence: int) -> None:
        """Begin after `last_sequence`, the last record's on disk."""
        self._filesystem = filesystem
        self._directory = directory / REQUEUE
        self._claimed: dict[int, Path] = {}
        self._look_at_s = 0.0
        self.found: list[str] = []  # names of letters that were handed over
        self.has_more = False  # than were looked at
        with contextlib.suppress(OSError):  # there is no such directory, or the disk refuses
            for name in filesystem.names(self._directory):
                claimed = _CLAIMED.fullmatch(name)
                if claimed and int(claimed[2]) <= last_sequence:
                    filesystem.unlink(self._directory / name)
                elif claimed:
                    filesystem.rename(self._directory / name, self._directory / claimed[1])

    def look(self, now_s: float) -> None:
        """Look, now and then, whether a command has handed letters over: the first of them are `found`."""
        if now_s < self._look_at_s:
            return
        self._look_at_s = now_s + LOOK_EVERY_S
        with contextlib.suppress(OSError):  # out of descriptors, or a disk that refuses: later
            waiting = letter_names(self._filesystem, self._directory)
            self.found, self.has_more = waiting[:LETTERS_A_LOOK], len(waiting) > LETTERS_A_LOOK
            if self.has_more:
                self._look_at_s = now_s

    def read(self, name: str) -> tuple[Letter, bytes] | None:
        """Return a letter and its lines; None if it cannot be read as one."""
        return read_letter(self._filesystem, self._directory / name)

    def claim(self, name: str, sequence: int) -> None:
        """Name the letter by the sequence number with which it will be appended."""
        dead = self._directory.with_name(DIRECTORY_NAME)
        with contextlib.suppress(FileNotFoundError):  # a command that was killed may have left it there too
            self._filesystem.unlink(dead / name)
        self._filesystem.sync_directory(dead)  # its removal must not be undone
        claimed = self._directory / f"{name}.{sequence}"
        self._filesystem.rename(self._directory / name, claimed)
        try:
            self._filesystem.sync_directory(self._directory)
        except OSError:  # another batch will have this number: the next start would take it for the letter's
            self._filesystem.rename(claimed, self._directory / name)
            raise
        self._claimed[sequence] = claimed

    def claimed(self) -> list[int]:
        """Return the sequence numbers of letters that were appended."""
        return list(self._claimed)

    def done(self, sequence: int) -> None:
        """Remove a letter that is on disk or settled."""
        path = self._claimed.pop(sequence)
        with contextlib.suppress(OSError):  # then the next start removes it
            self._filesystem.unlink(path)


def hand_over(filesystem: FileSystem, directory: Path, name: str, *, boot_time_ns: int | None) -> int:
    """Hand a dead letter over to the spool in `directory`; return its points.

    boot_time_ns: when the boot began from which its stamps count, ns since 1970. Raises DataError if that is
    needed and not given, or if the letter cannot be read.
    """
    source = directory / DIRECTORY_NAME / name
    target = directory / REQUEUE / name
    read = read_letter(filesystem, source)
    if read is None:
        raise DataError("cannot be read as a dead letter", where=str(source))
    letter, lines = read
    filesystem.make_directory(target.parent)
    if not letter.boot_id:
        filesystem.rename(source, target)
        filesystem.sync_directory(target.parent)
        return letter.points
    if boot_time_ns is None:
        raise DataError(
            "its stamps count from a boot that is over", where=name, hint="give --boot-time, when it began"
        )
    first_ns, last_ns = letter.first_ns + boot_time_ns, letter.last_ns + boot_time_ns
    stamped = replace(letter, first_ns=first_ns, last_ns=last_ns, boot_id="")
    try:
        restamped = restamp(lines, boot_time_ns)
    except ValueError as error:
        raise DataError(f"cannot be stamped: {error}", where=name) from error
    replace_file(filesystem, target, encode_letter(stamped, restamped))
    filesystem.unlink(source)
    return letter.points
