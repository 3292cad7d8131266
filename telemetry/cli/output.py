"""Where a command writes its result: over no recording or database, and not before there is a result."""

import io
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from telemetry.databases.files import ENDINGS
from telemetry.errors import StorageError, TelemetryError, UsageError
from telemetry.logs.archives import file_of
from telemetry.logs.captures import parse_line
from telemetry.logs.content import Content
from telemetry.logs.formats import FIRST_LINE_BYTES, first_content_line, recognised

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


@contextmanager
def writing_to(file: Path | None, read: Sequence[Path]) -> Iterator[BinaryIO]:
    """Open the file, or stdout for None; what the file held stays until the first write or the end.

    A new file in which nothing was written when an error came is removed.
    Raises UsageError as `refuse_to_overwrite`, StorageError where it cannot be written.
    """
    if file is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    refuse_to_overwrite(file, read)
    try:
        with _leaving_nothing_empty(file), _Replacing(file) as raw, io.BufferedWriter(raw) as stream:
            yield stream
            raw.replace()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StorageError(f"cannot be written: {error.strerror}", where=str(file)) from error


def refuse_to_overwrite(file: Path, read: Sequence[Path]) -> None:
    """Raise UsageError for a file of `read`, or the archive of one, and for any recording or database."""
    if any(_are_one_file(file, file_of(other)) for other in read):
        raise UsageError("is a file that is to be read", where=str(file), hint="give another --output")
    if what := _kept(file):
        hint = "give another --output, or remove it first"
        raise UsageError(f"is {what}, and is not written over", where=str(file), hint=hint)


def _kept(file: Path) -> str:
    """Return what nothing is written over, for people: a recording by how it begins, or a database."""
    if not os.path.isfile(file):  # noqa: PTH113 - False also for a name that is too long: opening it says so
        return ""
    if file.suffix.lower() in ENDINGS and file.stat().st_size:
        return "a database"
    try:
        with Content(file) as content:
            beginning = content.beginning(FIRST_LINE_BYTES)
    except TelemetryError:  # it cannot be read, or its compression not be undone
        return ""
    is_recording = recognised(beginning) or parse_line(first_content_line(beginning).encode())
    return "a recording" if is_recording else ""


@contextmanager
def _leaving_nothing_empty(file: Path) -> Iterator[None]:
    is_new = not os.path.lexists(file)
    try:
        yield
    except BaseException:
        if is_new and file.is_file() and file.stat().st_size == 0:
            file.unlink()
        raise


class _Replacing(io.FileIO):
    """A file opened for writing, with its earlier content until `replace` or the first write."""

    def __init__(self, file: Path) -> None:
        super().__init__(file, "w", opener=_open_untouched)
        self._is_old = stat.S_ISREG(os.fstat(self.fileno()).st_mode)  # pipes and devices hold nothing

    def replace(self) -> None:
        if self._is_old:
            self._is_old = False
            self.truncate(0)

    def write(self, data: "ReadableBuffer", /) -> int:
        self.replace()
        return super().write(data)


def _open_untouched(path: str, flags: int) -> int:
    return os.open(path, flags & ~os.O_TRUNC, 0o666)


def _are_one_file(file: Path, other: Path) -> bool:
    try:
        return file.samefile(other)
    except OSError:  # one is missing or cannot be looked at: opening it says so
        return False
