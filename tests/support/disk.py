"""A disk in memory that may fail, lie and lose power, for the spool to be driven over.

It keeps two states: what the running system sees, and what the medium holds. `sync` and `sync_directory`
carry one over to the other; a power cut keeps of the rest whatever `random` says, in any order and in pieces.
A sync that fails drops what it should have written, and the next one says that all is well, as Linux does.
"""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from telemetry.spool.filesystem import FileSystem

BLOCK_BYTES = 512


class PowerCutError(BaseException):
    """Raised out of an operation: nothing after it happens. Not an Exception, so that nothing handles it."""


@dataclass(slots=True, eq=False)
class File:
    """Contents: as seen, as on the medium, and the writes (offset, data) that lie between."""

    seen: bytearray = field(default_factory=bytearray)
    medium: bytearray = field(default_factory=bytearray)
    dirty: list[tuple[int, bytes]] = field(default_factory=list)
    modified_ns: int = 0


@dataclass(frozen=True, slots=True)
class _Renaming:
    """A change of names not yet on the medium: `file` is at `path` now, None: nothing is."""

    path: Path
    file: File | None
    gone: Path | None = None  # where it was before


class SimulatedDisk(FileSystem):
    """`capacity_bytes` None: never full. It has each operation of its own."""

    def __init__(self, *, capacity_bytes: int | None = None, now_ns: Callable[[], int] = lambda: 0) -> None:
        self.capacity_bytes = capacity_bytes
        self.read_only = False
        self.fault: Callable[[str, Path], int | None] = _no_fault  # gives an errno, or None
        self.unreadable: tuple[Path, int, int] | None = (
            None  # a file and the offsets from … to of bad sectors
        )
        self.operations = 0
        self.cut_at: int | None = None  # operation at which the power goes
        self.bytes_read = 0
        self.bytes_written = 0
        self._now_ns = now_ns
        self._names: dict[Path, File] = {}
        self._medium_names: dict[Path, File] = {}
        self._renamings: list[_Renaming] = []
        self._directories: set[Path] = set()
        self._open: dict[int, tuple[Path, File]] = {}
        self._locks: dict[int, Path] = {}
        self._next_descriptor = 3

    # -- what a test does to it

    def files(self) -> dict[Path, bytes]:
        """Return all files as seen."""
        return {path: bytes(file.seen) for path, file in self._names.items()}

    @property
    def open_files(self) -> list[Path]:
        """The file of each open descriptor."""
        return sorted(path for path, _ in self._open.values())

    def kill(self) -> None:
        """Kill the process: descriptors and locks are gone, the system goes on."""
        self._open.clear()
        self._locks.clear()

    def cut_power(self, random: Random) -> None:
        """Kill the machine: the medium has what was synced, and of the rest what got there by chance."""
        self.kill()
        for change in self._renamings:
            if random.random() < 0.5:
                _apply(self._medium_names, change)
        for file in dict.fromkeys([*self._names.values(), *self._medium_names.values()]):
            for offset, data in file.dirty:
                _write_some(file.medium, offset, data, random)
            file.dirty.clear()
            file.seen = bytearray(file.medium)
        self._names = dict(self._medium_names)
        self._renamings.clear()
        self.cut_at = None

    def flip(self, path: Path, offset: int, mask: int = 1) -> None:
        """Change a byte, as seen and on the medium."""
        file = self._names[path]
        file.seen[offset] ^= mask
        if offset < len(file.medium):
            file.medium[offset] ^= mask

    def remove(self, path: Path) -> None:
        """Lose a file altogether."""
        file = self._names.pop(path)
        self._medium_names = {p: f for p, f in self._medium_names.items() if f is not file}
        self._renamings = [r for r in self._renamings if r.file is not file]

    # -- FileSystem

    def make_directory(self, path: Path) -> None:
        self._step("make_directory", path)
        self._directories.add(path)

    def is_private(self, path: Path) -> bool:
        return path in self._directories

    def make_private(self, path: Path) -> None:
        raise AssertionError(f"{path} is private from the beginning")

    def names(self, directory: Path) -> list[str]:
        self._step("names", directory)
        return [path.name for path in self._names if path.parent == directory]

    def size(self, path: Path) -> int:
        self._step("size", path)
        return len(self._file(path).seen)

    def modified_ns(self, path: Path) -> int:
        self._step("modified_ns", path)
        return self._file(path).modified_ns

    def create(self, path: Path) -> int:
        self._step("create", path, writes=True)
        if path in self._names:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        if path.parent not in self._directories:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        file = File(modified_ns=self._now_ns())
        self._change(_Renaming(path, file))
        return self._descriptor(path, file)

    def open_to_read(self, path: Path) -> int:
        self._step("open_to_read", path)
        return self._descriptor(path, self._file(path))

    def open_to_update(self, path: Path) -> int:
        self._step("open_to_update", path, writes=True)
        return self._descriptor(path, self._file(path))

    def is_at(self, descriptor: int, path: Path) -> bool:
        self._step("is_at", path)
        return self._names.get(path) is self._open[descriptor][1]

    def close(self, descriptor: int) -> None:
        self._locks.pop(descriptor, None)
        self._open.pop(descriptor)

    def read_at(self, descriptor: int, count: int, offset: int) -> bytes:
        path, file = self._open[descriptor]
        self._step("read_at", path)
        if self.unreadable and path == self.unreadable[0]:
            _, start, end = self.unreadable
            if offset < end and offset + count > start:
                raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        data = bytes(file.seen[offset : offset + count])
        self.bytes_read += len(data)
        return data

    def append(self, descriptor: int, data: bytes | memoryview) -> int:
        path, file = self._open[descriptor]
        return self._write("append", path, file, len(file.seen), bytes(data))

    def write_at(self, descriptor: int, data: bytes, offset: int) -> int:
        path, file = self._open[descriptor]
        return self._write("write_at", path, file, offset, data)

    def sync(self, descriptor: int) -> None:
        path, file = self._open[descriptor]
        try:
            self._step("sync", path, writes=True)
        except OSError:
            file.dirty.clear()  # never written, and marked clean: the next sync will succeed
            raise
        for offset, data in file.dirty:
            _write(file.medium, offset, data)
        file.dirty.clear()

    def sync_directory(self, path: Path) -> None:
        self._step("sync_directory", path, writes=True)
        for change in self._renamings:
            if change.path.parent == path:
                _apply(self._medium_names, change)
        self._renamings = [change for change in self._renamings if change.path.parent != path]

    def rename(self, source: Path, target: Path) -> None:
        self._step("rename", source, writes=True)
        self._change(_Renaming(target, self._file(source), gone=source))

    def unlink(self, path: Path) -> None:
        self._step("unlink", path, writes=True)
        self._file(path)
        self._change(_Renaming(path, None))

    def free_bytes(self, path: Path) -> int:
        self._step("free_bytes", path)
        return 1 << 40 if self.capacity_bytes is None else max(0, self.capacity_bytes - self._used_bytes())

    def lock(self, path: Path) -> int:
        self._step("lock", path)
        if path in self._locks.values():
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), str(path))
        descriptor = self._descriptor(path, File())
        self._locks[descriptor] = path
        return descriptor

    # -- inside

    def _step(self, operation: str, path: Path, *, writes: bool = False) -> None:
        self.operations += 1
        if self.operations == self.cut_at:
            raise PowerCutError
        number = self.fault(operation, path)
        if number is None and writes and self.read_only:
            number = errno.EROFS
        if number is not None:
            raise OSError(number, os.strerror(number), str(path))

    def _write(self, operation: str, path: Path, file: File, offset: int, data: bytes) -> int:
        grows = max(0, offset + len(data) - len(file.seen))
        try:
            self._step(operation, path, writes=True)
        except PowerCutError:
            self._put(file, offset, data)  # it may or may not have got anywhere: the cut decides
            raise
        if self.capacity_bytes is not None and grows > (room := self.free_bytes(path)):
            data = data[: len(data) - grows + room]
            if not data:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        self._put(file, offset, data)
        return len(data)

    def _put(self, file: File, offset: int, data: bytes) -> None:
        _write(file.seen, offset, data)
        file.dirty.append((offset, data))
        file.modified_ns = self._now_ns()
        self.bytes_written += len(data)

    def _file(self, path: Path) -> File:
        try:
            return self._names[path]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from None

    def _descriptor(self, path: Path, file: File) -> int:
        self._next_descriptor += 1
        self._open[self._next_descriptor] = (path, file)
        return self._next_descriptor

    def _change(self, change: _Renaming) -> None:
        _apply(self._names, change)
        self._renamings.append(change)

    def _used_bytes(self) -> int:
        return sum(len(file.seen) for file in set(self._names.values()))


def _no_fault(operation: str, path: Path) -> None:
    return None


def _apply(names: dict[Path, File], change: _Renaming) -> None:
    if change.gone:
        names.pop(change.gone, None)
    if change.file is None:
        names.pop(change.path, None)
    else:
        names[change.path] = change.file


def _write(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _write_some(content: bytearray, offset: int, data: bytes, random: Random) -> None:
    """Write all of it, nothing, the first part, or some blocks with zeros or old bytes between."""
    how = random.randrange(4)
    if how == 0:
        _write(content, offset, data)
    elif how == 1:
        _write(content, offset, data[: random.randrange(len(data) + 1)])
    elif how == 2:
        for start in range(0, len(data), BLOCK_BYTES):
            if random.random() < 0.5:
                _write(content, offset + start, data[start : start + BLOCK_BYTES])
