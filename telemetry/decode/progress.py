"""How far a decode is, in one line of text: percent, rates, time left. Pure; the time is passed in.

Promises: what is unknown (the size of stdin) is left out, never guessed; rates are those of the last ten
seconds, so that the time left follows a server that becomes slow.
"""

import stat
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RATE_OVER_S = 10.0
LEAST_S = 1.0  # before a rate means anything


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is. Bytes are those of all files, compressed ones where they are compressed.

    number: of the file, from 1; total_bytes: 0 where it is unknown; unit: what is counted.
    """

    path: Path
    number: int
    files: int
    bytes_read: int
    total_bytes: int
    count: int
    unit: str = "frames"


@dataclass(frozen=True, slots=True)
class Rates:
    """Per second."""

    bytes_per_s: float
    count_per_s: float


class Course:
    """The files of one decode: turns the place in one of them into the place in all."""

    def __init__(self, paths: Sequence[Path], unit: str = "frames") -> None:
        self._paths = paths
        self._unit = unit
        self._sizes = [_size_bytes(path) for path in paths]
        is_known = all(size is not None for size in self._sizes)
        self._total_bytes = sum(self.size_bytes(index) for index in range(len(paths))) if is_known else 0

    def size_bytes(self, index: int) -> int:
        """Of one file; 0 where it is unknown."""
        return self._sizes[index] or 0

    def at(self, index: int, bytes_read: int, count: int) -> Progress:
        """index: of the file; bytes_read: of it; count: over all files."""
        before = sum(self.size_bytes(earlier) for earlier in range(index))
        return Progress(
            self._paths[index],
            index + 1,
            len(self._paths),
            before + bytes_read,
            self._total_bytes,
            count,
            self._unit,
        )


class Meter:
    """Remembers the last seconds of progress, for the rates."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, Progress]] = deque()

    def observe(self, progress: Progress, now_s: float) -> None:
        """It is so far now; now_s: monotonic."""
        self._seen.append((now_s, progress))
        while len(self._seen) > 2 and now_s - self._seen[1][0] >= RATE_OVER_S:
            self._seen.popleft()

    @property
    def rates(self) -> Rates | None:
        """None until they mean something."""
        if len(self._seen) < 2:
            return None
        (first_s, first), (last_s, last) = self._seen[0], self._seen[-1]
        elapsed_s = last_s - first_s
        if elapsed_s < LEAST_S:
            return None
        return Rates((last.bytes_read - first.bytes_read) / elapsed_s, (last.count - first.count) / elapsed_s)


def progress_text(progress: Progress, rates: Rates | None, columns: int, notes: Sequence[str] = ()) -> str:
    """One line of at most `columns` characters; notes: what else there is to say, last."""
    name = progress.path.name or str(progress.path)
    which = f"{name} ({progress.number} of {progress.files})" if progress.files > 1 else name
    parts = [which]
    if progress.total_bytes:
        # a log that grows while it is read is never more than read
        parts.append(f"{min(progress.bytes_read / progress.total_bytes, 1.0):.0%}")
    else:
        parts.append(f"{progress.count:,} {progress.unit}")
    if rates is not None:
        if progress.bytes_read:
            parts.append(f"{rates.bytes_per_s / 1e6:.1f} MB/s")
        parts.append(f"{rates.count_per_s:,.0f} {progress.unit}/s")
        left_bytes = progress.total_bytes - progress.bytes_read
        if left_bytes > 0 and rates.bytes_per_s > 0:
            parts.append(f"{duration_text(left_bytes / rates.bytes_per_s)} left")
    line = "  ".join(part for part in (*parts, *notes) if part)
    return line if len(line) <= columns else line[: max(columns - 1, 0)] + "…"[: max(columns, 0)]


def duration_text(seconds: float) -> str:
    """`0:07`, `12:34`, `3:04:05`."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def _size_bytes(path: Path) -> int | None:
    """None where it is unknown: stdin, a pipe, a file that is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
