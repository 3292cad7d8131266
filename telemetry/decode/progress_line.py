"""One line of progress on a terminal, drawn by rich: how much is done, how fast, how long it still takes.

Promises: what is unknown (the size of stdin) is left out, never guessed. Rates are those of the last ten
seconds; one without news for so long is left out, and the time left with it. A process that is killed leaves
the cursor visible.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import TextIO

import rich.progress
from rich.console import Console

from telemetry.clock import Clock
from telemetry.decode.progress import Progress
from telemetry.errors import one_line

RATE_OVER_S = 10.0
BAR_COLUMNS = 20


class ProgressLine:
    """Stands below what is said meanwhile, until it is removed."""

    def __init__(self, stream: TextIO, clock: Clock) -> None:
        self._console = Console(file=stream)
        self._rich = rich.progress.Progress(
            rich.progress.BarColumn(BAR_COLUMNS),  # less where the words need the room
            rich.progress.TextColumn("{task.description}", markup=False),
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            transient=True,
            speed_estimate_period=RATE_OVER_S,
            get_time=clock.monotonic_s,
        )
        self._bytes = self._rich.add_task("", total=None)
        self._count = self._rich.add_task("", total=None, visible=False)
        self._rich.start()
        self._console.show_cursor(True)

    def show(self, progress: Progress, notes: Sequence[str]) -> None:
        """Draw it; notes: what else there is to say, last."""
        name = progress.path.name or str(progress.path)
        which = f"{name} ({progress.number} of {progress.files})" if progress.files > 1 else name
        total = progress.total_bytes or None
        self._rich.update(self._bytes, total=total, completed=progress.bytes_read)
        self._rich.update(self._count, completed=progress.count)
        words = "  ".join(one_line(each) for each in (which, *self._words(progress), *notes) if each)
        self._rich.update(self._bytes, description=words)
        self._rich.refresh()

    def say(self, line: str) -> None:
        """One line above it, which stays."""
        self._console.out(line, highlight=False)

    def remove(self) -> None:
        """Leave nothing of it on the terminal."""
        self._rich.stop()

    def _words(self, progress: Progress) -> list[str]:
        read, counted = self._rich.tasks
        words = [f"{progress.count:,} {progress.unit}" if read.total is None else f"{read.percentage:.0f}%"]
        if read.speed:
            words.append(f"{read.speed / 1e6:.1f} MB/s")
        if counted.speed:
            words.append(f"{counted.speed:,.0f} {progress.unit}/s")
        if read.time_remaining:
            words.append(f"{timedelta(seconds=read.time_remaining)} left")
        return words
