"""Files for readers that want a path: in memory where the system has such a place, and gone at the end.

Each process has a folder of its own in that of the process that imported this.
"""

import os
import tempfile
from functools import cache
from pathlib import Path

_MEMORY = Path("/dev/shm")
_folder = tempfile.TemporaryDirectory(prefix="fuzz-", dir=_MEMORY if _MEMORY.is_dir() else None)


def scratch_file(name: str, data: bytes) -> Path:
    """Return a file of that name with `data` in it."""
    file = _folder_of(os.getpid()) / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(data)
    return file


@cache
def _folder_of(process: int) -> Path:
    folder = Path(_folder.name) / str(process)
    folder.mkdir()
    return folder
