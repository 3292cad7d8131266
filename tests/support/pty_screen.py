"""A command in a pseudo-terminal: what stands on its screen, and whether the terminal is left as it was.

Understands as much of a terminal as rich's full screen uses: every frame begins at the upper left corner.
"""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from typing import Any, Self

DEADLINE_S = 60.0
_HOME = "\x1b[H"
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>78]")
ENTER_SCREEN, LEAVE_SCREEN, SHOW_CURSOR = "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h"


class PtyScreen:
    """`nev-telemetry ARGUMENTS` in a terminal of the given size."""

    def __init__(
        self, arguments: list[str], environment: Mapping[str, str], *, columns: int = 80, lines: int = 24
    ) -> None:
        self._master, self._slave = pty.openpty()
        self.resize(columns, lines)
        self.modes_before = self._modes()
        self.output = ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "telemetry", *arguments],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env={**os.environ, **environment},
            start_new_session=True,
            preexec_fn=self._take_terminal,
        )

    @staticmethod
    def _take_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def _modes(self) -> list[Any]:
        return termios.tcgetattr(self._slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._master)
        os.close(self._slave)

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def send(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    @property
    def screen(self) -> list[str]:
        """The lines of the last frame that was drawn whole."""
        frames = self.output.split(_HOME)
        whole = frames[-2] if len(frames) > 2 else frames[-1]
        return [line.rstrip() for line in _ESCAPE.sub("", whole).replace("\r", "").split("\n")]

    def wait_for(self, is_there: Callable[[list[str]], bool], what: str) -> list[str]:
        """Wait until `is_there` holds of the screen, and return it."""
        deadline_s = time.monotonic() + DEADLINE_S
        while not is_there(self.screen):
            assert time.monotonic() < deadline_s, f"{what} has not come: {self.screen}"
            self._read(0.1)
        return self.screen

    def wait(self) -> int:
        """Wait until it has ended, and return the exit code."""
        deadline_s = time.monotonic() + DEADLINE_S
        while self._process.poll() is None:
            assert time.monotonic() < deadline_s, f"still running: {self.screen}"
            self._read(0.1)
        self._read(0.1)
        assert self._process.returncode is not None
        return self._process.returncode

    @property
    def is_restored(self) -> bool:
        """Whether the terminal is as it was: the normal screen, the cursor, the modes of its line."""
        left = self.output.rfind(LEAVE_SCREEN) > self.output.rfind(ENTER_SCREEN)
        return left and SHOW_CURSOR in self.output and self._modes() == self.modes_before

    def _read(self, timeout_s: float) -> None:
        while select.select([self._master], [], [], timeout_s)[0]:
            with contextlib.suppress(OSError):  # EIO: the command has ended
                self.output += os.read(self._master, 65536).decode("utf-8", "replace")
            timeout_s = 0.0
