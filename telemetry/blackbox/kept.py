"""Parts of a black box that are not on disk yet, in a file system in memory: a kill leaves them.

Relies on the holder of the box's lock as the only one who writes them. Where no such file system is there, or
it is full, nothing is kept.
"""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from telemetry.ownership import create_in, opened_folder, read_own_file
from telemetry.spool.write_through import folders_in_memory

MOST_BYTES = 16_000_000


class Kept:
    """Two files that take turns."""

    def __init__(self, box: Path) -> None:
        digest = hashlib.sha256(bytes(box.resolve())).hexdigest()[:16]
        self._names = [f"nev-telemetry.{digest}.{turn}.parts" for turn in (0, 1)]
        self._folders = folders_in_memory()[:1]
        self._refuses = not self._folders
        self._descriptor = -1
        self._turn = 0

    def append(self, packed: bytes) -> None:
        """Add a part to the file whose turn it is. Once one is not taken, none is."""
        if self._refuses:
            return
        try:
            if self._descriptor < 0:
                with opened_folder(self._folders[0]) as folder:
                    self._descriptor = create_in(folder, self._names[self._turn], os.O_WRONLY)
            self._refuses = os.write(self._descriptor, packed) != len(packed)
        except OSError:
            self._refuses = True

    def next(self) -> Callable[[], None]:
        """Let the other file have its turn; return what removes this one, once its parts are on disk."""
        turn, descriptor, self._descriptor = self._turn, self._descriptor, -1
        if descriptor < 0:
            return lambda: None
        os.close(descriptor)
        self._turn = 1 - turn
        return lambda: self._remove(turn)

    def left(self) -> list[bytes]:
        """Return the files that a run has left, the older one first."""
        found = []
        for path in self._folders:
            for name in self._names:
                with suppress(OSError), opened_folder(path) as folder:
                    at_ns = os.stat(name, dir_fd=folder).st_mtime_ns
                    found.append((at_ns, read_own_file(folder, name, MOST_BYTES)))
        return [content for _, content in sorted(found)]

    def remove(self) -> None:
        """Remove both."""
        self._remove(0)
        self._remove(1)

    def _remove(self, turn: int) -> None:
        for path in self._folders:
            with suppress(OSError), opened_folder(path) as folder:
                os.unlink(self._names[turn], dir_fd=folder)
