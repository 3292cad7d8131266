"""Recordings of several that cannot be read: each costs itself alone, and one that is alone is an error."""

from collections.abc import Sequence
from pathlib import Path

from telemetry.errors import DataError, InputMissingError, MissingPackageError, TelemetryError
from telemetry.logs.archives import with_members

UNREADABLE = (DataError, InputMissingError, MissingPackageError)  # what a recording's reader raises for it


class Unread:
    """Those that could not be read so far. paths: all of them, with the logs of each archive in its place."""

    def __init__(self, paths: Sequence[Path], *, is_strict: bool = False) -> None:
        """Expect these. is_strict: the first error ends it, as where there is one recording alone."""
        self.paths = with_members(paths)
        self._is_strict = is_strict or len(self.paths) == 1
        self._errors: list[TelemetryError] = []

    def note(self, error: TelemetryError) -> str:
        """Return the line that names a recording and why it is left out. Raises `error` where it ends all."""
        if self._is_strict:
            raise error
        self._errors.append(error)
        return str(error)

    @property
    def are_all(self) -> bool:
        """Return whether nothing could be read."""
        return bool(self._errors) and len(self._errors) == len(self.paths)

    def error(self) -> DataError | None:
        """Return what a command ends with, after its result; None where all were read."""
        if not self._errors:
            return None
        count, of = len(self._errors), len(self.paths)
        none = f"none of {of} recordings could be read"
        some = f"{count} of {of} recordings could not be read; all else was"
        return DataError(none if self.are_all else some, hint="the warnings say which, and why")

    def raise_any(self) -> None:
        """Raise that error, if there is one."""
        if error := self.error():
            raise error
