"""Processes of a demonstration or a test: started, watched and ended by their id.

Promises:

- A child ends when this process does, however that ends (PR_SET_PDEATHSIG, through setpriv of util-linux).
- Ctrl-C in the terminal reaches this process alone, which then ends its children in order.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from telemetry.clock import Clock
from telemetry.errors import UnavailableError

_URGENT = -15  # niceness
_POLL_S = 0.05


class Child:
    """One running command; its output goes into `log`. Use as a context manager, or call `stop`."""

    def __init__(
        self, name: str, command: Sequence[str], log: Path, *, cwd: Path | None = None, at_end: str = "TERM"
    ) -> None:
        """Start it; at_end: the signal that it gets when this process ends."""
        self.name = name
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*ends_with_parent(at_end), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
                cwd=cwd,
            )

    @classmethod
    def start(cls, name: str, folder: Path, *arguments: str) -> Self:
        """Start `nev-telemetry ARGUMENTS`; its log lies in `folder`."""
        return cls(name, [sys.executable, "-m", "telemetry", *arguments], folder / f"{name}.log")

    def hurry(self) -> None:
        """Let it run before other processes, where that is allowed (to root): for one whose pace matters."""
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, self.pid, _URGENT)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        """Return whether the process has not ended."""
        return self._process.poll() is None

    @property
    def last_words(self) -> str:
        """Return the last line of its output."""
        lines = self.log.read_text("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else "it said nothing"

    def finish(self) -> None:
        """Wait until it has ended. Raises UnavailableError if that is with an error."""
        self._process.wait()
        self.check()

    def check(self) -> None:
        """Raise UnavailableError if it has ended with an error."""
        if not self.running and self._process.returncode != 0:
            raise UnavailableError(
                f"ended with {self._process.returncode}: {self.last_words}", where=self.name
            )

    def stop(self, grace_s: float = 10.0) -> None:
        """Send SIGTERM, and SIGKILL after `grace_s`; return when it has ended."""
        if self.running:
            self._process.terminate()
            try:
                self._process.wait(grace_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def ends_with_parent(signal_name: str) -> list[str]:
    """Return what a command begins with to get this signal when its parent ends, however that ends."""
    return ["setpriv", "--pdeathsig", signal_name, "--"] if shutil.which("setpriv") else []


def ticks(clock: Clock, limit_s: float = float("inf")) -> Iterator[float]:
    """Yield the seconds passed, now and then, until `limit_s`."""
    never = threading.Event()
    started_s = clock.monotonic_s()
    while (elapsed_s := clock.monotonic_s() - started_s) < limit_s:
        yield elapsed_s
        clock.wait(never, _POLL_S)
