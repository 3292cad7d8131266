"""The spool's directory: locked for one process, and closed to other users."""

import contextlib
from pathlib import Path

from telemetry.errors import StorageError
from telemetry.spool.deadletters import DIRECTORY_NAME as DEAD
from telemetry.spool.deadletters import REQUEUE
from telemetry.spool.filesystem import FileSystem
from telemetry.spool.segment import parse_name
from telemetry.spool.slots import is_cursor

_OUR_NAMES = {DEAD, REQUEUE, "plans", "boot-time.json", "status.sock", "status.sock.new"}


def is_ours(name: str) -> bool:
    """Return whether a file or folder of this name belongs to a spool."""
    return name in _OUR_NAMES or is_cursor(name) or parse_name(name) is not None


def lock_directory(filesystem: FileSystem, directory: Path) -> int:
    """Make the directory if it is missing, and lock it for this process; return the lock's descriptor."""
    try:
        filesystem.make_directory(directory)
        with contextlib.suppress(OSError):  # not ours, or read-only
            filesystem.sync_directory(directory.parent)
        if not filesystem.is_private(directory):
            refuse_shared(filesystem, directory)
            filesystem.make_private(directory)
        return filesystem.lock(directory)
    except BlockingIOError as error:
        raise StorageError(
            "another process uses this spool", where=str(directory), hint="stop it, or give another directory"
        ) from error
    except OSError as error:
        raise unusable(directory, error) from error


def refuse_shared(filesystem: FileSystem, directory: Path) -> None:
    """Raise StorageError if others may enter a directory that holds things that are not the spool's."""
    if filesystem.is_private(directory):
        return
    strange = [name for name in filesystem.names(directory) if not is_ours(name)]
    if strange:
        raise StorageError(
            f"others may enter this directory, and {min(strange)} in it is not the spool's",
            where=str(directory),
            hint="chmod 700 it, or give a directory of its own",
        )


def unusable(directory: Path, error: OSError) -> StorageError:
    """Return the one error that opening a spool gives."""
    return StorageError(
        f"the spool cannot be used: {error.strerror}", where=str(directory), hint="check path, owner and disk"
    )
