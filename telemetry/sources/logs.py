"""Log files of CAN traffic as frames: candump, ASC, BLF and TRC, plain or gzipped.

Promises: a log larger than memory streams; a damaged place is counted and skipped, and the first one is
remembered for a warning; a file that ends too early is read until there. candump goes through the compiled
reader, the others through `message_logs`. The name's ending tells the format: `.asc`, `.blf`, `.trc`, any
other candump; `.gz` behind it: gzipped.
"""

import errno
import gzip
import io
import os
import stat
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from telemetry_core.frames import FrameBatch
from telemetry_core.logs import CandumpReader

from telemetry.errors import DataError, InputMissingError
from telemetry.sources.message_logs import LATEST_NS, MessageReader, open_format

STDIN = Path("-")


class FrameReader(Protocol):
    """One format's reader."""

    @property
    def frames_read(self) -> int: ...

    @property
    def damaged(self) -> int:
        """Places that were skipped: lines, or objects of a binary log."""
        ...

    @property
    def first_damage(self) -> str:
        """Where the first of them is."""
        ...

    @property
    def at_end(self) -> bool:
        """Whether there is nothing more to read."""
        ...

    @property
    def next_ns(self) -> int:
        """Stamp of the frame that was not due at the last `read`."""
        ...

    def read(self, batch: FrameBatch, limit: int = -1, until_ns: int = LATEST_NS) -> int:
        """Add frames behind what `batch` holds; how many.

        limit: at most so many (-1: any number); until_ns: stop before a frame with a later stamp. Damaged
        places count together with the frame behind them.
        """
        ...


class Log:
    """An open log: frames in their order, and what was wrong with it."""

    def __init__(self, path: Path, channel_of: Callable[[str], int]) -> None:
        """channel_of: gives each channel's name its number, once. Raises InputMissingError, DataError."""
        self.path = path
        self._file = _open(path)
        try:
            self._content = _Content(_Inflated(self._file) if path.suffix.lower() == ".gz" else self._file)
            self._reader = self._reader_of(channel_of)
        except BaseException:
            self._file.close()
            raise

    @property
    def frames_read(self) -> int:
        """Frames so far."""
        return self._reader.frames_read

    @property
    def damaged(self) -> int:
        """Damaged places so far."""
        return self._reader.damaged

    @property
    def bytes_read(self) -> int:
        """Bytes of the file so far, compressed ones where it is compressed; 0 where that is unknown."""
        return self._file.tell() if self._file.seekable() else 0

    @property
    def total_bytes(self) -> int:
        """Size of the file; 0 where that is unknown."""
        return os.fstat(self._file.fileno()).st_size if self._file.seekable() else 0

    @property
    def at_end(self) -> bool:
        """Whether there is nothing more to read."""
        return self._reader.at_end

    @property
    def next_ns(self) -> int:
        """Stamp of the frame that was not due at the last `read`."""
        return self._reader.next_ns

    def read(self, batch: FrameBatch, limit: int = -1, until_ns: int = LATEST_NS) -> int:
        """See `FrameReader.read`. Raises DataError when the file is unreadable before the first frame."""
        got = self._reader.read(batch, limit, until_ns)
        if self.at_end and self._content.problem and not self.frames_read:
            raise DataError(self._content.problem, where=str(self.path))
        return got

    def warnings(self) -> list[str]:
        """What was wrong with the log, for people; one line each."""
        lines = []
        if self.damaged:
            more = f", and {self.damaged - 1} more" if self.damaged > 1 else ""
            lines.append(f"{self.path}:{self._reader.first_damage}: no frame, skipped{more}")
        if self._content.problem:
            lines.append(f"{self.path}: ends early: {self._content.problem}")
        return lines

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _reader_of(self, channel_of: Callable[[str], int]) -> FrameReader:
        suffixes = [suffix.lower() for suffix in self.path.suffixes if suffix.lower() != ".gz"]
        log_format = open_format(suffixes[-1] if suffixes else "", self._content, str(self.path))
        if log_format is None:
            return _Candump(CandumpReader(self._content, channel_of))
        return MessageReader(log_format, channel_of)


class _Candump:
    """The compiled reader, with the names of FrameReader."""

    def __init__(self, reader: CandumpReader) -> None:
        self._reader = reader
        self.read = reader.read

    @property
    def frames_read(self) -> int:
        return self._reader.frames_read

    @property
    def damaged(self) -> int:
        return self._reader.damaged_lines

    @property
    def first_damage(self) -> str:
        return str(self._reader.first_damaged_line)

    @property
    def at_end(self) -> bool:
        return self._reader.at_end

    @property
    def next_ns(self) -> int:
        return self._reader.next_ns


class _Stream(Protocol):
    def readinto(self, buffer: memoryview, /) -> int | None: ...


class _Content(io.RawIOBase):
    """The bytes of a log as long as they can be had; then its end, and `problem` says why."""

    def __init__(self, stream: "_Stream") -> None:
        self._stream = stream
        self.problem = ""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # the stub has any buffer
        try:
            return self._stream.readinto(buffer) or 0
        except (OSError, EOFError, zlib.error) as error:
            self.problem = " ".join(str(error).split())
            return 0


def require_log(path: Path) -> None:
    """Raise InputMissingError now, and not when the logs before this one have been read."""
    if path == STDIN:
        return
    try:
        is_directory = stat.S_ISDIR(path.stat().st_mode)
    except OSError as error:
        raise InputMissingError(error.strerror or str(error), where=str(path)) from error
    if is_directory:
        raise InputMissingError(os.strerror(errno.EISDIR), where=str(path))


def _open(path: Path) -> io.FileIO:
    try:
        if path == STDIN:
            return io.FileIO(sys.stdin.fileno(), closefd=False)
        return io.FileIO(path)
    except OSError as error:
        raise InputMissingError(error.strerror or str(error), where=str(path)) from error


class _Inflated:
    """A gzipped file's content; what comes before a damaged place is given first."""

    def __init__(self, file: io.FileIO) -> None:
        self._gzip = gzip.GzipFile(fileobj=io.BufferedReader(file), mode="rb")

    def readinto(self, buffer: memoryview, /) -> int:
        piece = self._gzip.read1(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)
