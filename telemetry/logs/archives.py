"""Archives of recordings, zip and tar: each member is a log, `drive.zip:can0.log`.

Promises:

- Members come in the order of their names. Folders, links and hidden files are left out.
- A member is read where it is. A compressed tar is unpacked into the temporary folder, as one file without a
  name. Each process keeps the archive it read last: of two that take turns each is unpacked at each turn. No
  name of a member is ever used to write.
- Threads and forks read members of one archive at once: none moves another's place.
- Memory is bounded. A zip whose members overlap is refused: no more comes out than its size can hold.
"""

import functools
import io
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import IO

from telemetry.errors import DataError, TelemetryError, printable
from telemetry.logs.content import STDIN, Content, unpacked

MOST_MEMBERS = 4096
MOST_READ_BYTES = 1024 * 1024  # of a tar at once: no header is longer
_ZIP = (b"PK\3\4", b"PK\5\6")
_TAR, _TAR_AT = b"ustar", slice(257, 262)
_BEGINNING_BYTES = 512
_OFFICE = "[Content_Types].xml"
_DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, RuntimeError, ValueError),
)


class Member(io.RawIOBase):
    """The bytes of a member. `problem`: why they end early, "" where they do not."""

    def __init__(self, archive: "Archive", size_bytes: int, read: Callable[[int, int], bytes]) -> None:
        """read: gives bytes from a place on, at most so many."""
        self._archive = archive
        self._size_bytes = size_bytes
        self._read = read
        self._at = 0
        self.problem = ""

    def fileno(self) -> int:
        return self._archive.file.fileno()

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # the stub has any buffer
        left = self._size_bytes - self._at
        if left <= 0 or self.problem:
            return 0
        try:  # the last byte by itself: with it comes a wrong checksum, which costs all that is read at once
            piece = self._read(self._at, min(len(buffer), max(left - 1, 1)))
        except _DAMAGE as error:
            piece, self.problem = b"", f"its archive is damaged: {error}"
        if not piece:
            self.problem = self.problem or "its archive ends too early"
        self._at += len(piece)
        buffer[: len(piece)] = piece
        return len(piece)


class Archive:
    """An open archive. members: by the path that names each."""

    file: IO[bytes]

    def __init__(self, path: Path) -> None:
        """Raise DataError, and what `unpacked` raises."""
        found: dict[str, zipfile.ZipInfo | tarfile.TarInfo]
        with ExitStack() as closing:
            content = closing.enter_context(Content(path))
            try:
                if content.beginning(_BEGINNING_BYTES).startswith(_ZIP):
                    self.file = _OwnPlace(path)
                    self._zip = zipfile.ZipFile(self.file)
                    found = dict(islice(_of_zip(self._zip, path.stat().st_size), MOST_MEMBERS + 1))
                else:
                    copy = closing.enter_context(unpacked(content, path)) if content.is_compressed else path
                    self.file = _BoundedReads(copy)
                    tar = tarfile.TarFile(fileobj=self.file)
                    found = dict(islice(_of_tar(tar), MOST_MEMBERS + 1))
            except _DAMAGE as error:
                raise DataError(f"is an archive that cannot be read: {error}", where=str(path)) from error
        if len(found) > MOST_MEMBERS:
            raise DataError(f"holds more than {MOST_MEMBERS:,} files", where=str(path), hint="unpack it")
        names = sorted(filter(is_shown, found))
        self.members = {Path(f"{path}:{printable(name)}"): found[name] for name in names}

    def __del__(self) -> None:
        if hasattr(self, "file"):
            self.file.close()

    def open(self, path: Path) -> Member:
        """Return the bytes of a member. Raises DataError where that is encrypted, or unknown."""
        member = self.members[path]
        if isinstance(member, tarfile.TarInfo):
            start = member.offset_data
            return Member(
                self, member.size, lambda at, count: os.pread(self.file.fileno(), count, start + at)
            )
        try:
            stream = self._zip.open(member)
        except _DAMAGE as error:
            raise DataError(f"cannot be unpacked: {error}", where=str(path)) from error
        return Member(self, member.file_size, lambda _, count: stream.read(count))


class _OwnPlace(io.FileIO):
    # Forks have one descriptor, and with it one place, in common: each keeps its own.
    _at = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        if whence == os.SEEK_CUR:
            offset, whence = self._at + offset, os.SEEK_SET
        self._at = super().seek(offset, whence)
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, count: int | None = -1, /) -> bytes:
        left = max(os.fstat(self.fileno()).st_size - self._at, 0)  # a directory of a zip may claim any size
        piece = os.pread(self.fileno(), left if count is None or count < 0 else min(count, left), self._at)
        self._at += len(piece)
        return piece


class _BoundedReads(_OwnPlace):
    # A header of a tar may claim any size, and tarfile reads it whole.
    def read(self, count: int | None = -1, /) -> bytes:
        if count is None or not 0 <= count <= MOST_READ_BYTES:
            raise tarfile.ReadError("a header that is too long")
        return super().read(count)


def with_members(paths: Sequence[Path]) -> list[Path]:
    """Return these with the members of each archive in its place. One that cannot be read stays as it is."""
    found: list[Path] = []
    for path in paths:
        try:
            found += (_is_archive_at(path) and _archive(path).members) or [path]
        except TelemetryError:
            found.append(path)
    return found


def is_archive(beginning: bytes) -> bool:
    """Return whether a file that begins with these bytes is one."""
    return beginning.startswith(_ZIP) or beginning[_TAR_AT] == _TAR


def not_a_log(path: Path) -> TelemetryError:
    """Return the error of an archive where one log is wanted."""
    if path == STDIN:
        return DataError("is an archive, which no pipe can be", where=str(path), hint="give the file")
    try:
        first = next(iter(_archive(path).members), None)
    except TelemetryError as error:
        return error
    hint = f"name one, like {first}" if first else "it holds none"
    return DataError("is an archive, and no log", where=str(path), hint=hint)


def file_of(path: Path) -> Path:
    """Return the file that `path` is read from: the archive of `ARCHIVE:MEMBER`, otherwise itself."""
    text = "" if os.path.lexists(path) else str(path)
    for archive in (Path(text[:at]) for at, letter in enumerate(text) if letter == ":"):
        try:
            if _is_archive_at(archive) and path in _archive(archive).members:
                return archive
        except TelemetryError:  # reading it says why it cannot be read
            return archive
        except OSError:  # it cannot be looked at: opening `path` says so
            break
    return path


def open_member(path: Path) -> Member | None:
    """Return the bytes of `ARCHIVE:MEMBER`; None where there is no such thing. Raises DataError."""
    archive = file_of(path)
    return None if archive == path else _archive(archive).open(path)


def _is_archive_at(path: Path) -> bool:
    if path == STDIN or not path.is_file():
        return False
    with Content(path) as content:
        return is_archive(content.beginning(_BEGINNING_BYTES))


def _archive(path: Path) -> Archive:
    status = path.stat()
    return _opened(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=1)
def _opened(path: Path, _size_bytes: int, _changed_ns: int) -> Archive:
    return Archive(path)


def _of_zip(source: zipfile.ZipFile, file_bytes: int) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    members = source.infolist()
    if sum(member.compress_size for member in members) > file_bytes:
        raise zipfile.BadZipFile("its members overlap")
    for member in members:
        if member.filename == _OFFICE:
            raise zipfile.BadZipFile("it is a document of Office")
        if member.filename and not member.filename.endswith("/"):
            yield member.filename, member


def _of_tar(source: tarfile.TarFile) -> Iterator[tuple[str, tarfile.TarInfo]]:
    has_any = False
    try:
        for member in source:
            if member.isreg() and not member.issparse():
                has_any = True
                yield member.name, member
    except tarfile.ReadError:  # cut off: the last one may be shorter than it should
        if not has_any:
            raise


def is_shown(name: str) -> bool:
    """Return whether neither a file nor a folder that it lies in is hidden."""
    return not any(part.startswith((".", "__MACOSX")) for part in Path(name).parts if part != "..")
