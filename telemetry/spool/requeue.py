"""Dead letters on their way back. A command hands them over in a directory, and the spool takes them from
there.

So it does not matter whether the service runs. Before a letter is appended, its name gets the sequence number
of its new record. After a crash that shows whether it had reached the disk. A letter waits here while newer
rows wait that may replace its own, and loses the rows that were replaced meanwhile.
"""

import contextlib
import re
from dataclasses import replace
from pathlib import Path

from telemetry_core.text.lines import restamp

from telemetry.errors import DataError
from telemetry.spool.deadletters import DIRECTORY_NAME as DEAD
from telemetry.spool.deadletters import REQUEUE as DIRECTORY_NAME
from telemetry.spool.deadletters import Letter, encode_letter, letter_names, read_letter
from telemetry.spool.filesystem import FileSystem, replace_file

_CLAIMED = re.compile(r"(\d{15}\.\d{4}\.letter)\.(\d+)")


class Requeue:
    """The spool's side. Raises OSError where the disk refuses."""

    def __init__(self, filesystem: FileSystem, directory: Path, *, last_sequence: int) -> None:
        """Begin after `last_sequence`, the last record's on disk."""
        self._filesystem = filesystem
        self._directory = directory / DIRECTORY_NAME
        self._claimed: dict[int, Path] = {}
        with contextlib.suppress(OSError):  # there is no such directory, or the disk refuses
            for name in filesystem.names(self._directory):
                claimed = _CLAIMED.fullmatch(name)
                if claimed and int(claimed[2]) <= last_sequence:
                    filesystem.unlink(self._directory / name)
                elif claimed:
                    filesystem.rename(self._directory / name, self._directory / claimed[1])

    def waiting(self) -> list[str]:
        """Return the names of letters that were handed over."""
        return letter_names(self._filesystem, self._directory)

    def read(self, name: str) -> tuple[Letter, bytes] | None:
        """Return a letter and its lines; None if it cannot be read as one."""
        return read_letter(self._filesystem, self._directory / name)

    def claim(self, name: str, sequence: int) -> None:
        """Name the letter by the sequence number with which it will be appended."""
        dead = self._directory.with_name(DEAD)
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
    source = directory / DEAD / name
    target = directory / DIRECTORY_NAME / name
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
