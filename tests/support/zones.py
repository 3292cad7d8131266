"""Another zone of the machine for a while."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock


@contextmanager
def in_zone(name: str) -> Iterator[None]:
    """Let local time be that of a zone, as TZ has it (POSIX: `XYZ-8` is eight hours ahead of UTC)."""
    try:
        with mock.patch.dict(os.environ, TZ=name):
            time.tzset()
            yield
    finally:
        time.tzset()
