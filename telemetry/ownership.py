"""Whose the files are that this program makes, and which of those that it finds it may trust.

A service runs as a user of its own (`DynamicUser=` of the unit). Besides that user only root may enter its
folders, so commands on them run as root. Promises:

- What root makes there belongs to the owner of the folder: otherwise the service could not use it.
- What others make is theirs, as always.
- Nothing follows a symbolic link that another user has made, so that a folder's owner cannot lead root out of
  it.
- Trusted files (`own_folder`, `read_own_file`) are read and written only where nobody else can change them.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

_OTHERS_MAY_WRITE = 0o022
_MAX_LINKS = 40
_FOLDER = os.O_RDONLY | os.O_DIRECTORY


def cache_folder() -> Path:
    """Return where this user keeps what can be made again: `$XDG_CACHE_HOME/nev-telemetry`."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "nev-telemetry"


def open_trusted(path: Path, flags: int, mode: int = 0o600, *, links: int = _MAX_LINKS) -> int:
    """Open `path`. If it is a symbolic link, this user or root must have made it. Raises OSError."""
    try:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENOTDIR) or not path.is_symlink() or not links:
            raise
    link = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)  # no other link can take its place now
    try:
        if os.fstat(link).st_uid not in (0, os.geteuid()):
            raise PermissionError(errno.EPERM, "a symbolic link of another user", str(path))
        target = path.parent / os.readlink("", dir_fd=link)
    finally:
        os.close(link)
    return open_trusted(target, flags, mode, links=links - 1)


@contextlib.contextmanager
def opened_folder(path: Path) -> Iterator[int]:
    """Return the descriptor of a folder, without following a link of another user. Raises OSError."""
    descriptor = open_trusted(path, _FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def own_folder(path: Path) -> Iterator[int]:
    """Return the descriptor of a folder that is this user's and that nobody else may write to.

    Raises OSError; PermissionError if it is another user's, or others may write to it.
    """
    with opened_folder(path) as descriptor:
        _check_own(os.fstat(descriptor), path)
        yield descriptor


def read_own_file(folder: int, name: str, limit_bytes: int, *, owner: int | None = None) -> bytes:
    """Read a file in an opened folder: a regular one of this user's that nobody else may write to.

    `owner` is another user who may have made it. Raises OSError.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, dir_fd=folder), "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit_bytes:
            raise OSError(errno.EINVAL, "no file of ours", name)
        _check_own(status, Path(name), owner)
        return stream.read(limit_bytes)


def replace_in(folder: int, name: str, content: bytes) -> None:
    """Write a file into an opened folder: a reader sees the old or the new file, whole. Raises OSError."""
    draft = f"{name}.{os.getpid()}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(draft, dir_fd=folder)  # a crash left it
    try:
        with os.fdopen(create_in(folder, draft), "wb") as stream:
            stream.write(content)
        os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(draft, dir_fd=folder)
        raise


def create_in(folder: int, name: str, flags: int = os.O_WRONLY) -> int:
    """Create a file in an opened folder, for its owner alone.

    Raises FileExistsError for a file or link there.
    """
    flags |= os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o600, dir_fd=folder)
    try:
        _give_to_owner_of(folder, descriptor)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def make_private_directory(path: Path) -> None:
    """Make one directory, if it is missing, that only the owner of the folder above it may enter."""
    with opened_folder(path.parent) as folder:
        try:
            os.mkdir(path.name, 0o700, dir_fd=folder)
        except FileExistsError:
            return
        if os.geteuid() != 0:
            return
        descriptor = os.open(path.name, _FOLDER | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            _give_to_owner_of(folder, descriptor)
        finally:
            os.close(descriptor)


def make_own_directories(path: Path) -> None:
    """Make a directory and its parents where they are missing, but nothing in a folder of another user.

    Raises OSError; PermissionError if the existing folder belongs to another user than root.
    """
    missing = []
    while not os.path.lexists(path):
        missing.append(path)
        path = path.parent
    with opened_folder(path) as folder:
        if missing and os.fstat(folder).st_uid not in (0, os.geteuid()):
            raise PermissionError(errno.EPERM, "a folder of another user", str(path))
    for directory in reversed(missing):
        with contextlib.suppress(FileExistsError):  # another process was faster
            directory.mkdir(mode=0o700)


def _check_own(status: os.stat_result, path: Path, owner: int | None = None) -> None:
    if status.st_uid not in (os.geteuid(), owner):
        raise PermissionError(errno.EPERM, "another user's", str(path))
    if status.st_mode & _OTHERS_MAY_WRITE:
        raise PermissionError(errno.EPERM, "others may write to it", str(path))


def _give_to_owner_of(folder: int, descriptor: int) -> None:
    """Give what root has just made in `folder`, and has open, to the folder's owner."""
    if os.geteuid() == 0:
        owner = os.fstat(folder)
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
