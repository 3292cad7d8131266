"""The recordings that are read, each once: one of several that cannot be read costs itself alone."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from telemetry.errors import DataError, InputMissingError, MissingPackageError, TelemetryError
from telemetry.logs.archives import with_members

UNREADABLE = (DataError, InputMissingError, MissingPackageError)  # what a recording's reader raises for it


class Unread:
    """The recordings that could not be read so far.

    paths: all of them once, with the logs of each archive in its place; repeated: a warning for each that is
    named again; errors: why the others were not read.
    """

    def __init__(self, paths: Sequence[Path], *, is_strict: bool = False) -> None:
        """Expect these. is_strict: the first error ends it, as where there is one recording alone."""
        self.repeated: list[str] = []
        once: dict[str, Path] = {}
        for path in with_members(paths):
            if (place := _place(path)) in once:
                self.repeated.append(f"{path}: is named twice, and read once")
            else:
                once[place] = path
        self.paths = [*once.values()]
        self._are_apart = False
        self._is_strict = is_strict or len(self.paths) == 1
        self.errors: list[TelemetryError] = []

    @classmethod
    def apart(cls, paths: Sequence[Path]) -> Self:
        """Expect these, also where it is one: none of their errors ends anything."""
        made = cls(paths)
        made._is_strict, made._are_apart = False, True
        return made

    def note(self, error: TelemetryError) -> str:
        """Return the line that names a recording and why it is left out. Raises `error` where it ends all."""
        if self._is_strict:
            raise error
        self.errors.append(error)
        return str(error)

    @property
    def lines(self) -> list[str]:
        """Return the lines that were returned for recordings so far."""
        return [*map(str, self.errors)]

    @property
    def are_all(self) -> bool:
        """Return whether nothing could be read."""
        return bool(self.errors) and len(self.errors) == len(self.paths) and not self._are_apart

    def error(self) -> DataError | None:
        """Return what a command ends with, after its result; None where all were read."""
        if not self.errors:
            return None
        count, of = len(self.errors), len(self.paths)
        none = f"none of {of} recordings could be read"
        some = f"{count} of {of} recordings could not be read; all else was"
        return DataError(none if self.are_all else some, hint="the warnings say which, and why")

    def raise_any(self) -> None:
        """Raise that error, if there is one."""
        if error := self.error():
            raise error


def _place(path: Path) -> str:
    """Return the one name of a recording, whatever links lead to it, or to its archive."""
    text = str(path)
    if "\0" in text:  # its reader says so
        return text
    archive, colon, member = ("", "", "") if path.exists() else text.rpartition(":")
    return f"{os.path.realpath(archive)}:{member}" if colon else os.path.realpath(path)
