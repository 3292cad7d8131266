"""Log files of CAN traffic as frames: candump, ASC, BLF and TRC, plain or gzipped.

Promises: a log larger than memory streams; a damaged place is counted and skipped, and the first one is
remembered for a warning; a file that ends too early is read until there. candump goes through the compiled
reader, the others through `message_logs`. The name's ending tells the format: `.asc`, `.blf`, `.trc`, any
other candump; `.gz` behind it: gzipped.
"""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from telemetry_core.frames import FrameBatch
from telemetry_core.logs import CandumpReader

from telemetry.errors import DataError
from telemetry.sources.content import Content
from telemetry.sources.message_logs import LATEST_NS, MessageReader, open_format


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
        self._content = Content(path)
        try:
            self._reader = self._reader_of(channel_of)
        except BaseException:
            self._content.close()
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
        return self._content.bytes_read

    @property
    def total_bytes(self) -> int:
        """Size of the file; 0 where that is unknown."""
        return self._content.total_bytes

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
        self._content.close()

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
