"""The demonstration's own processes: `python -m telemetry …`, started, watched and ended by their id.

Promises:
- A child ends when this process does, however that ends (PR_SET_PDEATHSIG, through setpriv).
- Ctrl-C in the terminal reaches this process alone, which then ends its children in order.
"""

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Self

from telemetry.demo.server import end_process, ends_with_parent
from telemetry.errors import UnavailableError

_URGENT = -15  # niceness


class Child:
    """One running command of ours. Its output goes into a log file."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.name = name
        self._process = process
        self._log = log

    @classmethod
    def start(cls, name: str, folder: Path, *arguments: str) -> Self:
        """Start `nev-telemetry ARGUMENTS`; its log lies in `folder`."""
        log = folder / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*ends_with_parent("TERM"), sys.executable, "-m", "telemetry", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        return cls(name, process, log)

    def hurry(self) -> None:
        """Let it run before other processes, where that is allowed (to root): for one whose pace matters."""
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, _URGENT)

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    @property
    def last_words(self) -> str:
        """The last line of its output."""
        lines = self._log.read_text("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else "it said nothing"

    def finish(self) -> None:
        """Return when it has ended. Raises UnavailableError if that is with an error."""
        self._process.wait()
        self.check()

    def check(self) -> None:
        """Raise UnavailableError if it has ended with an error."""
        if not self.running and self._process.returncode != 0:
            raise UnavailableError(
                f"ended with {self._process.returncode}: {self.last_words}", where=self.name
            )

    def stop(self, grace_s: float = 10.0) -> None:
        """SIGTERM, and SIGKILL after `grace_s`; returns when it has ended."""
        end_process(self._process, grace_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
