"""Real file systems for a test: small, read-only, or on a device that loses its power.

They are mounted in a mount namespace of the test process's own: nothing of them is seen outside, and nothing
is left when it dies.
"""

import contextlib
import ctypes
import functools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

_CLONE_NEWNS = 0x00020000  # sched.h


@functools.cache
def _leave_mount_namespace() -> str:
    """Why that cannot be; empty: it is done."""
    if os.geteuid() != 0:
        return "mounting needs root"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) or not _run("mount", "--make-rprivate", "/"):
        return "mounting is not allowed here"
    return ""


def _run(*command: str | Path) -> bool:
    return subprocess.run([str(word) for word in command], check=False, capture_output=True).returncode == 0


@contextlib.contextmanager
def mounted(directory: Path, *options: str | Path) -> Iterator[Path]:
    """`mount *options directory`, for a while. Skips the test where that is not possible."""
    if reason := _leave_mount_namespace():
        pytest.skip(reason)
    directory.mkdir(exist_ok=True)
    if not _run("mount", *options, directory):
        pytest.skip(f"mount {' '.join(map(str, options))} is not possible here")
    try:
        yield directory
    finally:
        _run("umount", "--lazy", directory)


def tmpfs(directory: Path, size_bytes: int) -> contextlib.AbstractContextManager[Path]:
    """Mount a file system in memory, of that size."""
    return mounted(directory, "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs")


def remount(directory: Path, option: str) -> None:
    """Make it `ro` or `rw`."""
    assert _run("mount", "-o", f"remount,{option}", directory)


def make_ext4(image: Path, size_bytes: int) -> None:
    """Make an ext4 file system in a file."""
    with image.open("wb") as stream:
        stream.truncate(size_bytes)
    assert _run("mkfs.ext4", "-q", image)


def ext4(directory: Path, image: Path) -> contextlib.AbstractContextManager[Path]:
    """Mount the file system in `image`."""
    return mounted(directory, "-o", "loop", image)
