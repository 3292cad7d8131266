"""What `decode` says on stderr: warnings, and on a terminal a line of progress.

Promises: no progress where stderr is not a terminal, or where the output goes to the terminal too. Any thread
may say something. rich is imported when progress is first shown: most decodes end before that.
"""

import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self, TextIO

from telemetry.clock import Clock
from telemetry.decode.progress import Progress
from telemetry.errors import one_line

if TYPE_CHECKING:
    from telemetry.decode.progress_line import ProgressLine

FIRST_AFTER_S = 1.0
SHOWN_EVERY_S = 0.2


class Screen:
    """stderr, or another stream. A context manager: however it ends, no progress stays."""

    def __init__(self, clock: Clock, *, output_is_terminal: bool, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._lock = threading.Lock()
        self._line: ProgressLine | None = None
        self._next_s = clock.monotonic_s() + FIRST_AFTER_S
        self.is_terminal = self._stream.isatty()
        self._shows_progress = self.is_terminal and not output_is_terminal

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def show(self, progress: Progress, notes: Sequence[str] = ()) -> None:
        """It is so far; drawn a few times a second."""
        now_s = self._clock.monotonic_s()
        if not self._shows_progress or now_s < self._next_s:
            return
        self._next_s = now_s + SHOWN_EVERY_S
        with self._lock:
            if self._line is None:
                from telemetry.decode.progress_line import ProgressLine

                self._line = ProgressLine(self._stream, self._clock)
            self._line.show(progress, notes)

    def say(self, line: str) -> None:
        """One line that stays."""
        with self._lock:
            if self._line is not None:
                self._line.say(one_line(line))
            else:
                self._stream.write(f"{one_line(line)}\n")
                self._stream.flush()

    def warn(self, warnings: Sequence[str]) -> None:
        """One line for each."""
        for warning in warnings:
            self.say(f"warning: {warning}")

    def clear(self) -> None:
        """Take the progress away."""
        with self._lock:
            if self._line is not None:
                self._line.remove()
            self._line = None
