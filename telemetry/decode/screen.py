"""What `decode` says on stderr: warnings, and on a terminal a line of progress, which rich draws.

Promises: no progress where stderr is not a terminal, or where the output goes to the terminal too. What is
unknown (the size of stdin) is left out, never guessed. Rates are those of the last ten seconds; one without
news for so long is left out, and the time left with it. Any thread may say something. A process that is
killed leaves the cursor visible. rich is imported when progress is first shown: many decodes end before.
"""

import sys
import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Self, TextIO

from telemetry.clock import Clock
from telemetry.decode.output import Progress
from telemetry.errors import one_line

if TYPE_CHECKING:
    import rich.progress

FIRST_AFTER_S = 1.0
SHOWN_EVERY_S = 0.2
RATE_OVER_S = 10.0
BAR_COLUMNS = 20


class Screen:
    """stderr, or another stream. A context manager: however it ends, no progress stays."""

    def __init__(self, clock: Clock, *, output_is_terminal: bool, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._lock = threading.Lock()
        self._line: rich.progress.Progress | None = None
        self._next_s = clock.monotonic_s() + FIRST_AFTER_S
        self.is_terminal = self._stream.isatty()
        self._shows_progress = self.is_terminal and not output_is_terminal

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def show(self, progress: Progress, notes: Sequence[str] = ()) -> None:
        """Show how far it is, a few times a second. notes: what else there is to say, last."""
        now_s = self._clock.monotonic_s()
        if not self._shows_progress or now_s < self._next_s:
            return
        self._next_s = now_s + SHOWN_EVERY_S
        with self._lock:
            if self._line is None:
                self._line = _line_of_progress(self._stream, self._clock)
            in_bytes, in_counts = self._line.tasks
            self._line.update(in_bytes.id, total=progress.total_bytes or None, completed=progress.bytes_read)
            self._line.update(in_counts.id, completed=progress.count)
            words = "  ".join((*_words(progress, in_bytes, in_counts), *map(one_line, notes)))
            self._line.update(in_bytes.id, description=words)
            self._line.refresh()

    def say(self, line: str) -> None:
        """Write a line that stays."""
        with self._lock:
            if self._line is not None:
                self._line.console.out(one_line(line), highlight=False)
            else:
                self._stream.write(f"{one_line(line)}\n")
                self._stream.flush()

    def warn(self, warnings: Sequence[str]) -> None:
        """Write a line for each."""
        for warning in warnings:
            self.say(f"warning: {warning}")

    def clear(self) -> None:
        """Take the progress away."""
        with self._lock:
            if self._line is not None:
                self._line.stop()
            self._line = None


def _line_of_progress(stream: TextIO, clock: Clock) -> "rich.progress.Progress":
    """Return one task in bytes, which is shown, and one that counts."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Line

    line = Line(
        BarColumn(BAR_COLUMNS),  # less where the words need the room
        TextColumn("{task.description}", markup=False),
        console=Console(file=stream),
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
        transient=True,
        speed_estimate_period=RATE_OVER_S,
        get_time=clock.monotonic_s,
    )
    for is_shown in (True, False):
        line.add_task("", total=None, visible=is_shown)
    line.start()
    line.console.show_cursor(True)
    return line


def _words(
    progress: Progress, in_bytes: "rich.progress.Task", in_counts: "rich.progress.Task"
) -> Iterator[str]:
    name = progress.path.name or str(progress.path)
    yield one_line(f"{name} ({progress.number} of {progress.files})" if progress.files > 1 else name)
    yield f"{in_bytes.percentage:.0f}%" if progress.total_bytes else f"{progress.count:,} {progress.unit}"
    if in_bytes.speed:
        yield f"{in_bytes.speed / 1e6:.1f} MB/s"
    if in_counts.speed:
        yield f"{in_counts.speed:,.0f} {progress.unit}/s"
    if in_bytes.time_remaining:
        yield f"{timedelta(seconds=in_bytes.time_remaining)} left"
