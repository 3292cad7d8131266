"""How far a decode is: the place in one file as the place in all of them. Pure, but for the files' sizes."""

import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


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


class Course:
    """The files of one decode: turns the place in one of them into the place in all."""

    def __init__(self, paths: Sequence[Path], unit: str = "frames") -> None:
        self._paths = paths
        self._unit = unit
        self._sizes = [_size_bytes(path) for path in paths]
        is_known = all(size is not None for size in self._sizes)
        self._total_bytes = sum(self.size_bytes(index) for index in range(len(paths))) if is_known else 0

    def size_bytes(self, index: int) -> int:
        """Return the size of one file; 0 where it is unknown."""
        return self._sizes[index] or 0

    def at(self, index: int, bytes_read: int, count: int) -> Progress:
        """Return how far it is. index: of the file; bytes_read: of it; count: over all files."""
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


def _size_bytes(path: Path) -> int | None:
    """Return it; None where it is unknown: stdin, a pipe, a file that is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
