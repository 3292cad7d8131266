"""A child process that does not outlive its test."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import AnyStr


@contextmanager
def killed_at_the_end(process: "subprocess.Popen[AnyStr]") -> "Iterator[subprocess.Popen[AnyStr]]":
    """The process. Whether the test fails or not: killed if it still runs, waited for, its pipes closed."""
    with process:
        try:
            yield process
        finally:
            process.kill()
