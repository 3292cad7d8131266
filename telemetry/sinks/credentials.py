"""Secrets: how they are held, and from which files they may be read.

Promises:
- A `Secret` shows its value to `reveal()` alone, never in a text, a traceback or a pickle.
- The file of a secret is refused when anyone but its owner may read it.
- It is refused when the way to it goes through a symbolic link that another user could redirect.
- What systemd hands over (LoadCredential) replaces the file of the same name.
"""

import hmac
import os
import stat
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from telemetry.errors import ConfigError

_MAX_FILE_BYTES = 16 * 1024
_MAX_LINKS = 40  # as the kernel's own limit
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_ACL = "system.posix_acl_access"
_ACL_USER_OBJ, _ACL_USER, _ACL_MASK = 0x01, 0x02, 0x10  # linux/posix_acl.h


class Secret:
    """A token or password that prints as ***."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value itself: for the header it goes into, and nothing else."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not to be written anywhere")


def handed_over(path: Path, environment: Mapping[str, str]) -> Path:
    """Return the service manager's copy of `path`, if it gives one of that name; otherwise `path`.

    systemd.exec(5), LoadCredential: files in $CREDENTIALS_DIRECTORY, readable for the service alone. So a
    configuration may name a file of root's. Commands read it from root's shell; the service cannot.
    """
    directory = environment.get("CREDENTIALS_DIRECTORY")
    copy = Path(directory, path.name) if directory else None
    return copy if copy is not None and copy.exists() else path


def read_secret(path: Path) -> Secret:
    """Return the one line of the file. Raises ConfigError if it cannot be read, or others could read it."""
    descriptor = _open(path)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError("is not a regular file", where=str(path))
        if _others_may_read(descriptor, status):
            raise ConfigError(
                f"others may read it (mode {stat.S_IMODE(status.st_mode):04o})",
                where=str(path),
                hint=f"chmod 600 {path}",
            )
        _check_owner(status, path)
        content = os.read(descriptor, _MAX_FILE_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > _MAX_FILE_BYTES:
        raise ConfigError(f"is larger than {_MAX_FILE_BYTES} bytes", where=str(path))
    try:
        value = content.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise ConfigError("is not UTF-8", where=str(path)) from None  # the error's text holds the content
    if not value or "\n" in value:
        raise ConfigError("must hold one line, the secret", where=str(path))
    return Secret(value)


def _others_may_read(descriptor: int, status: os.stat_result) -> bool:
    """Return whether they may by the mode, or by an access control list, whose mask the group's bits are."""
    try:
        entries = list(struct.iter_unpack("<HHI", os.getxattr(descriptor, _ACL)[4:]))
    except OSError:
        return bool(status.st_mode & _OTHERS)
    ours = {_ACL_USER_OBJ, _ACL_MASK}
    return any(
        permissions and tag not in ours and (tag, id) != (_ACL_USER, os.geteuid())
        for tag, permissions, id in entries
    )


def _open(path: Path) -> int:
    real = _resolve(path)
    try:
        # Without O_NONBLOCK a FIFO would block for ever.
        return os.open(real, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path)) from error


def _resolve(path: Path) -> Path:
    """Return `path` without symbolic links; each of them must be such that nobody else can change it."""
    left = list(reversed(Path(os.path.abspath(path)).parts[1:]))  # noqa: PTH100  resolve() would follow links
    real = Path("/")
    links = 0
    try:
        while left:
            name = left.pop()
            if name == "..":
                real = real.parent
                continue
            status = (real / name).lstat()
            if not stat.S_ISLNK(status.st_mode):
                real /= name
                continue
            links += 1
            if links > _MAX_LINKS:
                raise ConfigError("too many symbolic links", where=str(path))
            _check_owner(status, real / name)
            _check_link_holder(real, path)
            target = (real / name).readlink()
            if target.is_absolute():
                real = Path("/")
            left.extend(reversed([part for part in target.parts if part != "/"]))
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path)) from error
    return real


def _check_link_holder(folder: Path, path: Path) -> None:
    """Refuse a folder in which others could replace a link, unless the sticky bit forbids it."""
    status = folder.stat()
    _check_owner(status, folder)
    if status.st_mode & _OTHERS_WRITE and not status.st_mode & stat.S_ISVTX:
        raise ConfigError(
            f"is reached through a symbolic link in {folder}, which others may write to", where=str(path)
        )


def _check_owner(status: os.stat_result, path: Path) -> None:
    if status.st_uid not in (0, os.geteuid()):
        raise ConfigError("belongs to another user", where=str(path))
