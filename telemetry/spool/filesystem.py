"""The few file operations of which the spool is built, so that tests can give it a disk that lies.

The spool relies on this and nothing more: what `sync` or `sync_directory` confirmed is on the medium.
Whatever was written, created, renamed or unlinked without that may be there after a power cut or not, whole
or in parts, in any order. All operations raise OSError.
"""

import fcntl
import os
from pathlib import Path

from telemetry.ownership import create_in, make_private_directory, open_trusted, opened_folder

_DIRECTORY_MODE = 0o700


class FileSystem:
    """The operating system's. An open file is a descriptor (an integer)."""

    def make_directory(self, path: Path) -> None:
        """Make it, with its parents, if it is missing; durably, and only its owner may enter it."""
        missing = []
        while not path.is_dir():
            missing.append(path)
            path = path.parent
        for directory in reversed(missing):
            make_private_directory(directory)
            self.sync_directory(directory.parent)

    def is_private(self, path: Path) -> bool:
        """Return whether only its owner may enter this directory."""
        return not path.stat().st_mode & 0o077

    def make_private(self, path: Path) -> None:
        """Let only its owner enter this directory."""
        with opened_folder(path) as folder:
            os.fchmod(folder, _DIRECTORY_MODE)

    def names(self, directory: Path) -> list[str]:
        """Return what is in it, in no order."""
        with opened_folder(directory) as folder:
            return os.listdir(folder)  # noqa: PTH208  pathlib has no such call for a descriptor

    def size(self, path: Path) -> int:
        """Return how many bytes it has."""
        return path.lstat().st_size

    def modified_ns(self, path: Path) -> int:
        """Return the wall time of the last write, ns since 1970."""
        return path.lstat().st_mtime_ns

    def create(self, path: Path) -> int:
        """Open a new file for appending. Raises FileExistsError."""
        with opened_folder(path.parent) as folder:
            return create_in(folder, path.name, os.O_WRONLY | os.O_APPEND)

    def open_to_read(self, path: Path) -> int:
        """Open for `read_at`."""
        return _open(path, os.O_RDONLY)

    def open_to_update(self, path: Path) -> int:
        """Open an existing file for `read_at` and `write_at`."""
        return _open(path, os.O_RDWR)

    def is_at(self, descriptor: int, path: Path) -> bool:
        """Return whether this name still leads to the file."""
        try:
            return os.path.samestat(os.fstat(descriptor), os.lstat(path))
        except FileNotFoundError:
            return False

    def close(self, descriptor: int) -> None:
        """Close."""
        os.close(descriptor)

    def read_at(self, descriptor: int, count: int, offset: int) -> bytes:
        """Return up to `count` bytes; fewer only at the end of the file."""
        return os.pread(descriptor, count, offset)

    def append(self, descriptor: int, data: bytes | memoryview) -> int:
        """Write at the end; may write less than all: how many bytes it was."""
        return os.write(descriptor, data)

    def write_at(self, descriptor: int, data: bytes, offset: int) -> int:
        """Write in place; may write less than all."""
        return os.pwrite(descriptor, data, offset)

    def sync(self, descriptor: int) -> None:
        """Put data and size on the medium (fdatasync)."""
        os.fdatasync(descriptor)

    def sync_directory(self, path: Path) -> None:
        """Put its names on the medium."""
        with opened_folder(path) as folder:
            os.fsync(folder)

    def rename(self, source: Path, target: Path) -> None:
        """Replace `target`, atomically."""
        with opened_folder(source.parent) as old, opened_folder(target.parent) as new:
            os.rename(source.name, target.name, src_dir_fd=old, dst_dir_fd=new)

    def unlink(self, path: Path) -> None:
        """Remove a name; the file goes with its last descriptor."""
        with opened_folder(path.parent) as folder:
            os.unlink(path.name, dir_fd=folder)

    def free_bytes(self, path: Path) -> int:
        """Return how much an unprivileged process may still write."""
        figures = os.statvfs(path)
        return figures.f_bavail * figures.f_frsize

    def lock(self, path: Path) -> int:
        """Lock this directory for this process alone; BlockingIOError if another has it."""
        descriptor = open_trusted(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor


def _open(path: Path, flags: int) -> int:
    """Open without waiting: a FIFO in a file's place gives an error at the first read."""
    with opened_folder(path.parent) as folder:
        return os.open(path.name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)


def append_all(filesystem: FileSystem, descriptor: int, data: bytes | bytearray) -> None:
    """Append the whole of `data`, however many writes it takes."""
    rest = memoryview(data)
    while rest:
        written = filesystem.append(descriptor, rest)
        if written <= 0:
            raise OSError(28, "a write that wrote nothing")
        rest = rest[written:]


def read_file(filesystem: FileSystem, path: Path, limit_bytes: int = 1 << 30) -> bytes:
    """Return what is in it, up to `limit_bytes`."""
    descriptor = filesystem.open_to_read(path)
    try:
        return filesystem.read_at(descriptor, min(limit_bytes, filesystem.size(path)), 0)
    finally:
        filesystem.close(descriptor)


def replace_file(filesystem: FileSystem, path: Path, data: bytes) -> None:
    """Put a whole file in place, so that either the old or the new one is there whatever happens."""
    draft = path.with_name(path.name + ".new")
    try:
        descriptor = filesystem.create(draft)
    except FileExistsError:  # a crash left it
        filesystem.unlink(draft)
        descriptor = filesystem.create(draft)
    try:
        append_all(filesystem, descriptor, data)
        filesystem.sync(descriptor)
    finally:
        filesystem.close(descriptor)
    filesystem.rename(draft, path)
    filesystem.sync_directory(path.parent)
