"""The bytes of a recording: a file or stdin, compressed or not.

Promises:

- All that can be read is read. Where a file is damaged or ends too early its content ends, and `problem` says
  why.
- What comes before a damaged place comes first. Where the content goes on after one, `gap` says so.
- Of a pipe, or anything else that is not a file, `arrival_ns` is when the newest bytes came. `more_soon`
  waits for more of them, but not for longer than what was read may wait to be decoded.

How it begins says how it is compressed, and otherwise the name's ending: `.gz`, `.zst`, `.xz`, `.bz2`.
"""

import errno
import hashlib
import io
import os
import select
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, time_ns
from typing import NamedTuple, Self

from telemetry.errors import InputMissingError, StorageError
from telemetry.logs.inflate import inflated
from telemetry.logs.pieces import DamagedError, Members, OtherFormatError

STDIN = Path("-")
UNPACKED_PIECE_BYTES = 1024 * 1024
LONGEST_WAIT_S = 0.1  # of frames from a pipe, for more of them


class Digest(NamedTuple):
    """The bytes of a file as they lie on the disk."""

    size_bytes: int
    sha256: str


def file_digest(file: Path) -> Digest:
    """Return what a file is, which is read for it; nothing of a pipe, and of what cannot be read."""
    try:
        if not file.is_file():
            return Digest(0, "")
        with file.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            return Digest(stream.tell(), sha256)
    except OSError:
        return Digest(0, "")


class HashedFile(io.FileIO):
    """A file that is hashed as it is read, which is in order."""

    _hash: "hashlib._Hash | None" = None

    def start_hash(self) -> None:
        """Hash what was read already, mostly its header, and from now on what is read."""
        self._hash = hashlib.sha256()
        for at in range(0, self.tell(), UNPACKED_PIECE_BYTES):
            self._hash.update(os.pread(self.fileno(), min(UNPACKED_PIECE_BYTES, self.tell() - at), at))

    def digest(self) -> Digest | None:
        """Return the hash of the whole file. What its reader has left is read now."""
        if self._hash is None:
            return None
        rest = bytearray(UNPACKED_PIECE_BYTES)
        while self.readinto(memoryview(rest)):
            pass
        return Digest(self.tell(), self._hash.hexdigest())

    def readinto(self, buffer: memoryview, /) -> int | None:  # type: ignore[override]  # the stub has any buffer
        count = super().readinto(buffer)
        if self._hash is not None and count:
            self._hash.update(memoryview(buffer)[:count])
        return count


class Content(io.RawIOBase):
    """The bytes of one recording, in order."""

    def __init__(self, path: Path) -> None:
        """Raise InputMissingError when it cannot be opened, MissingPackageError without a package for it."""
        self.problem = ""
        # It is not compressed as its name says, or nothing of it can be read though it was not cut off.
        self.is_refused = False
        self.arrival_ns = 0  # 0: a file, whose bytes came at some other time
        self._file = _open(path)
        self.is_live = not stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)
        self._waiting_since_s: float | None = None
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLIN)
        self._ahead = b""  # peeked at, not yet read
        self._has_given = False
        try:
            self._stream = inflated(path, self._file)
        except OSError as error:
            self._file.close()
            raise InputMissingError(error.strerror or str(error), where=str(path)) from error
        except BaseException:
            self._file.close()
            raise

    @property
    def gap(self) -> str:
        """Return where bytes are missing between those that were given, for people; "" if nowhere."""
        if not self._stream.gaps:
            return ""
        more = self._stream.gaps - 1
        return self._stream.first_gap + (f", and {more} more" if more else "")

    @property
    def is_compressed(self) -> bool:
        """Return whether the file is, or is in an archive."""
        return isinstance(self._stream, Members) or not isinstance(self._file, io.FileIO)

    @property
    def bytes_read(self) -> int:
        """Return bytes of the file so far, compressed ones if it is compressed; 0 where that is unknown."""
        return self._file.tell() if self._file.seekable() else 0

    @property
    def total_bytes(self) -> int:
        """Return size of the file; 0 where that is unknown."""
        return os.fstat(self._file.fileno()).st_size if self._file.seekable() else 0

    def start_hash(self) -> None:
        """Hash the bytes of the file as they are read. Of a pipe, and of a member of an archive: nothing."""
        if isinstance(self._file, HashedFile) and not self.is_live:
            self._file.start_hash()

    def digest(self) -> Digest | None:
        """Return what the file is; None where it was not hashed. Nothing is read after that."""
        return self._file.digest() if isinstance(self._file, HashedFile) else None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # the stub has any buffer
        """See io.RawIOBase; never raises for what the file holds."""
        if self._ahead:
            count = min(len(buffer), len(self._ahead))
            buffer[:count] = self._ahead[:count]
            self._ahead = self._ahead[count:]
            return count
        try:
            count = self._stream.readinto(buffer)
            if self.is_live:
                self.arrival_ns = time_ns()
            self._has_given |= count > 0
            if not count and (problem := getattr(self._file, "problem", "")):  # of a member of an archive
                self.problem, self.is_refused = problem, not self._has_given
            return count
        except OSError as error:
            self.problem, self.is_refused = str(error), True
        except DamagedError as error:
            self.problem = str(error)
            is_of_no_use = not (self._has_given or error.is_cut_off)
            self.is_refused = is_of_no_use or isinstance(error, OtherFormatError)
        return 0

    def more_soon(self) -> bool:
        """Return whether more bytes come before what was read has waited for LONGEST_WAIT_S.

        Of a file, always.
        """
        if not self.is_live or self._ahead:
            return True
        now_s = monotonic()
        if self._waiting_since_s is None:
            self._waiting_since_s = now_s
        left_s = self._waiting_since_s + LONGEST_WAIT_S - now_s
        if left_s > 0 and self._poll.poll(1000 * left_s):
            return True
        self._waiting_since_s = None
        return False

    def beginning(self, most: int, is_enough: Callable[[bytes], bool] = lambda _: False) -> bytes:
        """Return the first bytes, up to `most` of them, or as many as are enough; they are read again later.

        To be asked before anything is read.
        """
        start = bytearray()
        piece = bytearray(most)
        while len(start) < most and not is_enough(bytes(start)):
            got = self.readinto(memoryview(piece)[: most - len(start)])
            if not got:
                break
            start += piece[:got]
        self._ahead = bytes(start) + self._ahead
        return bytes(start)

    def close(self) -> None:
        """Give the file back."""
        self._file.close()
        super().close()


class RecordedFile:
    """An open recording of any format; a context manager."""

    def __init__(self, path: Path) -> None:
        """Raise what `Content` raises."""
        self.path = path
        self._content = Content(path)
        self._closing = ExitStack()
        self._closing.callback(self._content.close)

    @property
    def bytes_read(self) -> int:
        """Return bytes of the file so far, compressed ones if it is compressed; 0 where that is unknown."""
        return self._content.bytes_read

    def start_hash(self) -> None:
        """See `Content.start_hash`."""
        self._content.start_hash()

    def digest(self) -> Digest | None:
        """See `Content.digest`."""
        return self._content.digest()

    def close(self) -> None:
        """Give the file back."""
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _skipped(self, damaged: int, first: str, what: str) -> Iterator[str]:
        """Yield a warning of so many places that are no `what`, of which the first is named."""
        if damaged:
            more = f", and {damaged - 1} more" if damaged > 1 else ""
            yield f"{self.path}:{first}: no {what}, skipped{more}"

    def _missing(self, problem: str) -> Iterator[str]:
        """Yield a warning of what is missing inside, and one of a problem with which it ends, if any."""
        if self._content.gap:
            yield f"{self.path}: damaged: {self._content.gap}"
        if problem:
            yield f"{self.path}: ends early: {problem}"


@contextmanager
def unpacked(content: Content, path: Path) -> Iterator[Path]:
    """Yield all of the content of the file `path` as a file in the temporary folder, gone at the end.

    Raises StorageError, also where it is more than half of what is free there: a small file may unpack to
    anything, and other programs need room too.
    """
    try:
        file = tempfile.NamedTemporaryFile(suffix=".mf4")  # noqa: SIM115  it is closed below
    except OSError as error:
        raise cannot_copy(path, error, "unpacked") from error
    with file:
        try:
            room_bytes = shutil.disk_usage(file.name).free // 2
            shutil.copyfileobj(_Bounded(content, path, room_bytes), file, UNPACKED_PIECE_BYTES)
            file.flush()
        except OSError as error:
            raise cannot_copy(path, error, "unpacked") from error
        yield Path(file.name)


class _Bounded:
    """Passes on a limited number of bytes of a content. Raises StorageError for more."""

    def __init__(self, content: Content, path: Path, most_bytes: int) -> None:
        self._content = content
        self._path = path
        self._most_bytes = most_bytes
        self._left_bytes = most_bytes

    def read(self, count: int = -1, /) -> bytes:
        piece = self._content.read(count) or b""
        self._left_bytes -= len(piece)
        if self._left_bytes < 0:
            mib = self._most_bytes >> 20
            raise StorageError(
                f"unpacks to more than {mib:,} MiB, half of what is free in {tempfile.gettempdir()}",
                where=str(self._path),
                hint="make room there, set TMPDIR to another folder, or unpack it yourself",
            )
        return piece


def cannot_copy(path: Path, error: OSError, done: str = "copied") -> StorageError:
    """Return the error that the temporary folder takes no copy of the file `path`."""
    folder = tempfile.tempdir or "a temporary folder"  # none was found that can be written
    return StorageError(
        f"cannot be {done} into {folder}: {error.strerror}",
        where=str(path),
        hint="make room there, or set TMPDIR to another folder",
    )


def require_file(path: Path) -> None:
    """Raise InputMissingError now, and not when the recordings before this one have been read."""
    if path == STDIN:
        return
    try:
        is_directory = stat.S_ISDIR(path.stat().st_mode)
    except OSError as error:
        if _member(path):
            return
        raise InputMissingError(error.strerror or str(error), where=str(path)) from error
    if is_directory:
        raise InputMissingError(os.strerror(errno.EISDIR), where=str(path))


def named(paths: Sequence[Path]) -> str:
    """Return the recordings of one error as its line names them: the first, and how many more."""
    return str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"


def _member(path: Path) -> io.RawIOBase | None:
    from telemetry.logs.archives import open_member  # which reads archives by `Content`

    return open_member(path)


def _open(path: Path) -> io.RawIOBase:
    try:
        if path == STDIN:
            return io.FileIO(sys.stdin.fileno(), closefd=False)
        return HashedFile(path)
    except OSError as error:
        if member := _member(path):
            return member
        raise InputMissingError(error.strerror or str(error), where=str(path)) from error
