"""Files for readers that want a path: in memory where the system has such a place, and gone at the end."""

import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")
_folder = tempfile.TemporaryDirectory(prefix="fuzz-", dir=_MEMORY if _MEMORY.is_dir() else None)


def scratch_file(name: str, data: bytes) -> Path:
    """Return a file of that name with `data` in it."""
    file = Path(_folder.name) / name
    file.write_bytes(data)
    return file
