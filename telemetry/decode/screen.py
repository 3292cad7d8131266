"""What `decode` says on stderr: warnings, and on a terminal one line of progress that is written over.

Promises: nothing of the progress where stderr is no terminal, or where the output goes to the terminal too;
any thread may say something.
"""

import os
import sys
import threading
from collections.abc import Sequence
from typing import TextIO

from telemetry.clock import Clock
from telemetry.decode.progress import Meter, Progress, progress_text
from telemetry.errors import one_line

SHOWN_EVERY_S = 0.2
_CLEAR = "\r\033[K"


class Screen:
    """stderr, or another stream."""

    def __init__(self, clock: Clock, *, output_is_terminal: bool, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._lock = threading.Lock()
        self._meter = Meter()
        self._next_s = clock.monotonic_s() + SHOWN_EVERY_S
        self._is_dirty = False
        self.is_terminal = self._stream.isatty()
        self._shows_progress = self.is_terminal and not output_is_terminal

    def show(self, progress: Progress, notes: Sequence[str] = ()) -> None:
        """It is so far; written a few times a second."""
        now_s = self._clock.monotonic_s()
        if not self._shows_progress or now_s < self._next_s:
            return
        self._next_s = now_s + SHOWN_EVERY_S
        self._meter.observe(progress, now_s)
        with self._lock:
            self._stream.write(
                _CLEAR + progress_text(progress, self._meter.rates, self._columns() - 1, notes)
            )
            self._stream.flush()
            self._is_dirty = True

    def say(self, line: str) -> None:
        """One line that stays."""
        with self._lock:
            self._stream.write(f"{_CLEAR if self._is_dirty else ''}{one_line(line)}\n")
            self._stream.flush()
            self._is_dirty = False

    def warn(self, warnings: Sequence[str]) -> None:
        """One line for each."""
        for warning in warnings:
            self.say(f"warning: {warning}")

    def clear(self) -> None:
        """Take the progress away."""
        with self._lock:
            if self._is_dirty:
                self._stream.write(_CLEAR)
                self._stream.flush()
            self._is_dirty = False

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or 80
        except OSError:
            return 80
