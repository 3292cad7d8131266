"""A child process that does not outlive its test."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import AnyStr


@contextmanager
def killed_at_the_end(process: "subprocess.Popen[AnyStr]") -> "Iterator[subprocess.Popen[AnyStr]]":
    """Yield the process; pass or fail, kill it if it still runs, wait for it and close its pipes."""
    with process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def started(*arguments: str) -> "Iterator[subprocess.Popen[str]]":
    """`nev-telemetry` with these arguments, without input, from wherever it is started."""
    command = subprocess.Popen(
        [sys.executable, "-m", "telemetry", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with killed_at_the_end(command):
        yield command
