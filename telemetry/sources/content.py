"""The bytes of a recording: a file or stdin, gzipped or not.

Promises: what can be read is read: where a file is damaged or ends too early its content just ends, and
`problem` says why; what comes before a damaged place is given first. The name's ending `.gz` tells that it is
gzipped.
"""

import errno
import gzip
import io
import os
import stat
import sys
import zlib
from pathlib import Path
from typing import Protocol

from telemetry.errors import InputMissingError

STDIN = Path("-")


class _Stream(Protocol):
    def readinto(self, buffer: memoryview, /) -> int | None: ...


class Content(io.RawIOBase):
    """The bytes of one recording, in order. Raises InputMissingError when it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self.problem = ""
        self._file = _open(path)
        self._stream: _Stream = _Inflated(self._file) if path.suffix.lower() == ".gz" else self._file

    @property
    def bytes_read(self) -> int:
        """Bytes of the file so far, compressed ones where it is compressed; 0 where that is unknown."""
        return self._file.tell() if self._file.seekable() else 0

    @property
    def total_bytes(self) -> int:
        """Size of the file; 0 where that is unknown."""
        return os.fstat(self._file.fileno()).st_size if self._file.seekable() else 0

    def readable(self) -> bool:
        """See io.RawIOBase."""
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # the stub has any buffer
        """See io.RawIOBase; never raises for what the file holds."""
        try:
            return self._stream.readinto(buffer) or 0
        except (OSError, EOFError, zlib.error) as error:
            self.problem = " ".join(str(error).split())
            return 0

    def close(self) -> None:
        """Give the file back."""
        self._file.close()
        super().close()


def require_file(path: Path) -> None:
    """Raise InputMissingError now, and not when the recordings before this one have been read."""
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
    """A gzipped file's content."""

    def __init__(self, file: io.FileIO) -> None:
        self._gzip = gzip.GzipFile(fileobj=io.BufferedReader(file), mode="rb")

    def readinto(self, buffer: memoryview, /) -> int:
        piece = self._gzip.read1(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)
