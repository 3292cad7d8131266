"""Where a dataset is: a folder, or an object store that pyarrow knows (`s3://`, `gs://`, `abfs://`).

Promises:
- A file comes whole or not at all: by rename in a folder, by the put of a whole file in an object store.
- What is not finished lies in a folder of its own for each partition. Whoever holds the partition empties it.
- A partition is held by one process of this machine, and by none that is dead.

Relies on names of files that say what they were made of: two machines that make one partition in an object
store, where nothing can be held, write the same.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from telemetry.errors import StorageError, one_line
from telemetry.tables.packages import require

Where = str | os.PathLike[str]


def open_store(where: Where) -> "Store":
    """Open a dataset that may not be there yet. Raises StorageError, MissingPackageError without pyarrow."""
    return Store(os.fspath(where))


class Store:
    """Files by their names in the dataset."""

    def __init__(self, where: str) -> None:
        self._fs: Any = require("pyarrow.fs", "a dataset")
        self.where = where.rstrip("/") or "/"
        self.is_folder = "://" not in where
        with self._using(""):
            if self.is_folder:
                self.where = os.path.abspath(self.where)  # noqa: PTH100 - links stay what they are
                self._system, self._root = self._fs.LocalFileSystem(), self.where
            else:
                self._system, self._root = self._fs.FileSystem.from_uri(self.where)
        work = f"nev-telemetry-{os.getuid()}-{sha256(self.where.encode()).hexdigest()[:16]}"
        self.work = Path(self.where, "_work") if self.is_folder else Path(tempfile.gettempdir(), work)

    def place(self, name: str) -> str:
        """Return the path or the address of a file."""
        return f"{self.where}/{name}" if name else self.where

    def make_folder(self) -> None:
        """Make its folder, if it is one. Raises StorageError."""
        if self.is_folder:
            with self._using(""):
                Path(self.where).mkdir(parents=True, exist_ok=True)

    def read(self, name: str, most_bytes: int) -> bytes | None:
        """Return so much of a file at most; None where it is not there. Raises StorageError."""
        with self._using(name):
            try:
                with self._system.open_input_stream(self._path(name)) as stream:
                    content: bytes = stream.read(most_bytes)
                    return content
            except FileNotFoundError:
                return None

    def are_there(self, sizes: Mapping[str, int]) -> bool:
        """Return whether these files are there, with these sizes in bytes. Raises StorageError."""
        with self._using(""):
            found = self._system.get_file_info([self._path(name) for name in sizes])
        return [info.size for info in found] == [*sizes.values()]

    def names(self, folder: str, ending: str) -> list[str]:
        """Return the names of all files in a folder, in depth, that end so. Raises StorageError."""
        with self._using(folder):
            selector = self._fs.FileSelector(self._path(folder), allow_not_found=True, recursive=True)
            found = [info.path for info in self._system.get_file_info(selector) if info.is_file]
        prefix = self._path("") + "/"
        return sorted(path.removeprefix(prefix) for path in found if path.endswith(ending))

    def put(self, part: Path, name: str) -> None:
        """Give a finished file its name, in place of an earlier one. Raises StorageError."""
        with self._using(name):
            if self.is_folder:
                file = Path(self._path(name))
                file.parent.mkdir(parents=True, exist_ok=True)
                _to_disk(part)
                part.replace(file)
            else:
                try:
                    self._upload(part, name)
                except FileNotFoundError:  # of a store that has folders
                    self._system.create_dir(self._path(name).rpartition("/")[0], recursive=True)
                    self._upload(part, name)
                part.unlink()

    def _upload(self, part: Path, name: str) -> None:
        local = self._fs.LocalFileSystem()
        self._fs.copy_files(
            str(part), self._path(name), source_filesystem=local, destination_filesystem=self._system
        )

    def remove(self, name: str) -> None:
        """Remove a file, if it is there, and folders that it leaves empty. Raises StorageError."""
        with self._using(name), contextlib.suppress(FileNotFoundError):
            self._system.delete_file(self._path(name))
        for folder in Path(self._path(name)).parents if self.is_folder else ():
            if str(folder) == self._root or not _is_removed(folder):
                return

    @contextlib.contextmanager
    def held(self, partition: str) -> Iterator[Path]:
        """Hold a partition, and yield a folder for its parts. Raises StorageError.

        Another process that holds it is waited for.
        """
        with self._using(partition):
            lock = self.work / f"{partition}.lock"
            descriptor = _locked(lock)
        parts = self.work / f"{partition}.parts"
        try:
            with self._using(partition):
                shutil.rmtree(parts, ignore_errors=True)  # what stays there is an error of mkdir
                parts.mkdir()
            yield parts
        finally:
            shutil.rmtree(parts, ignore_errors=True)  # what stays goes with the next holder, or `sweep`
            with contextlib.suppress(OSError):
                lock.unlink()
            os.close(descriptor)
            _is_removed(self.work)

    def sweep(self) -> None:
        """Remove what dead processes have left of partitions that nobody makes any more."""
        for parts in self.work.glob("*.parts"):
            with contextlib.suppress(OSError, StorageError), self.held(parts.stem):
                pass

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    @contextlib.contextmanager
    def _using(self, name: str) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, NotImplementedError) as error:  # pyarrow's are of these
            words = getattr(error, "strerror", None) or one_line(str(error))
            raise StorageError(words, where=self.place(name)) from error


def _locked(lock: Path) -> int:
    """Return the descriptor of a file that this process alone has locked."""
    while True:
        lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:  # the last holder has removed the folder meanwhile
            continue
        with contextlib.ExitStack() as closing:
            closing.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Whoever held it may have removed it: then the next one is to be locked.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), lock.stat()):
                    closing.pop_all()
                    return descriptor


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True
