"""Lines of a serial capture into files, one after the other, or to stdout.

Promises:

- A line is in one file, whole, as soon as it was written: a kill costs nothing.
- No file is written over.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from telemetry.capture.file_names import FileNames
from telemetry.errors import StorageError, writing


class LineRecorder:
    """`files` are those that were begun; `lines` counts what is in all of them."""

    lost_lines = 0  # as of a `LineStore`: it raises instead

    def __init__(
        self,
        file: Path | None,
        monotonic_s: Callable[[], float],
        *,
        rotate_bytes: int = 0,
        rotate_s: float = 0.0,
    ) -> None:
        """Open the first file. file: None: stdout. rotate_bytes, rotate_s: when the next begins; 0: never.

        Raises UsageError for a file that exists, StorageError where it cannot be written.
        """
        self.files: list[Path] = []
        self.lines = 0
        self._monotonic_s = monotonic_s
        self._rotate_bytes = rotate_bytes
        self._rotate_s = rotate_s
        self._names = None if file is None else FileNames(file, numbered=bool(rotate_bytes or rotate_s))
        self._size = 0
        self._began_s = 0.0  # with its first line
        self._descriptor = -1
        self._open()

    def write(self, line: bytes) -> None:
        """Write a whole line. Raises StorageError."""
        if self._names is None:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
            self.lines += 1
            return
        now_s = self._monotonic_s()
        if self._size and self._is_over(len(line), now_s):
            self.close()
            self._open()
        if not self._size:
            self._began_s = now_s
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            self.close()
            hint = f"{self.lines} lines were recorded in {len(self.files)} files"
            raise StorageError(
                f"cannot be written: {error.strerror}", where=str(self.files[-1]), hint=hint
            ) from error
        self._size += len(line)
        self.lines += 1

    def close(self) -> None:
        """Give the file back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def discard(self) -> None:
        """Take the file away that has no line."""
        self.close()
        if self.files and not self._size:
            self.files.pop().unlink(missing_ok=True)

    def _is_over(self, more_bytes: int, now_s: float) -> bool:
        is_full = 0 < self._rotate_bytes < self._size + more_bytes
        return is_full or 0.0 < self._rotate_s <= now_s - self._began_s

    def _open(self) -> None:
        if self._names is None:
            return
        file = self._names.next()
        with writing(file):
            self._descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        self.files.append(file)
        self._size = 0
