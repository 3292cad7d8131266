"""What `nev-telemetry decode` puts out: the pieces that its decoders give, and how far each of them is."""

import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from telemetry_core.text.lines import LineBuffer


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a command. Bytes are those of all files, compressed ones where they are compressed.

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


@dataclass(frozen=True, slots=True)
class OutputPiece:
    """A piece of the output, whole lines; and of line protocol, what one must know to store it.

    frames: how many are done at its end, over all files; counts: what it adds to the accounts, empty unless
    they were asked for; warnings: of a file that has ended with it; is_end: nothing comes after it, though it
    may have `counts`; overlaps: a point of it may be one of an earlier piece, too.
    """

    text: bytes
    lines: int
    first_ns: int
    last_ns: int
    frames: int
    counts: Mapping[str, int]
    progress: Progress
    warnings: Sequence[str] = ()
    is_end: bool = False
    overlaps: bool = False

    @classmethod
    def of(
        cls,
        lines: LineBuffer,
        progress: Progress,
        counts: Mapping[str, int],
        warnings: Sequence[str] = (),
        frames: int = 0,
        is_end: bool = False,
    ) -> Self:
        """Return what is in `lines`, which are empty afterwards."""
        bounds = (lines.lines, lines.first_ns, lines.last_ns)
        overlaps = lines.overlaps
        return cls(lines.take(), *bounds, frames, counts, progress, warnings, is_end, overlaps)


class OutputPieces(Protocol):
    """The output, piece by piece."""

    def __iter__(self) -> Iterator[OutputPiece]: ...

    def stop(self) -> None:
        """End it where it is; from any thread."""
        ...


class FileDecoder(Protocol):
    """Decodes files one after the other, as if they were one."""

    @property
    def header(self) -> bytes:
        """Return what comes before the first row."""
        ...

    def pieces(self, paths: Sequence[Path]) -> AbstractContextManager[OutputPieces]:
        """Return what is in the files, without the header. Iterating raises InputMissingError, DataError.

        One of several files that cannot be read is a warning, all of them an error; see `raise_unread`.
        A file that is opened comes as a piece without text, so that the first one says: the first is there.
        """
        ...

    def warnings(self) -> list[str]:
        """Return what was left out and why, for people; one line each. At the end."""
        ...

    def raise_unread(self) -> None:
        """Raise DataError where one of several files could not be read: what a command ends with."""
        ...

    def summary(self) -> str:
        """Return one line: what was read and what became of it."""
        ...
