"""The key of an installation, with which it makes digests of vehicle numbers.

Promises: made once, at random, and readable by its owner alone. Without it nobody can try out which of the
possible numbers a digest stands for.
"""

import logging
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

LOG = logging.getLogger("telemetry.charging")

VinKey = Callable[[], bytes]

KEY_NAME = "installation.key"
_BYTES = 32


@cache
def installation_key(directory: Path) -> bytes:
    """Return the key in `directory`; make a missing one. One that cannot be kept is of this process alone."""
    file = directory / KEY_NAME
    try:
        return file.read_bytes() or _made(file)
    except FileNotFoundError:
        return _made(file)
    except OSError as error:
        LOG.warning("%s: digests of vehicle numbers are of this run alone: %s", file, error.strerror)
        return no_key()


def no_key() -> bytes:
    """Return a key that nobody keeps."""
    return os.urandom(_BYTES)


def _made(file: Path) -> bytes:
    key = no_key()
    new = file.with_suffix(".new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(key)
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(file)
    except OSError as error:
        LOG.warning("%s: digests of vehicle numbers are of this run alone: %s", file, error.strerror)
    return key
