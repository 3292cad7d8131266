"""What the demonstration shows while it runs: notes, and lines that are rewritten in a terminal."""

import shutil
from collections.abc import Sequence
from typing import TextIO

_PLAIN_EVERY_S = 5.0
_BAR = 24


class Display:
    """Writes to a terminal, or plainly to anything else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._shown = 0  # lines that the next ones replace
        self._next_plain_s = 0.0

    def note(self, text: str) -> None:
        """Write a line that stays."""
        self._stream.write(f"{self._cleared()}{text}\n")
        self._stream.flush()

    def live(self, lines: Sequence[str], elapsed_s: float) -> None:
        """Write lines that the next ones replace; elsewhere one line every few seconds."""
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(self._cleared() + "\n".join(line[:width] for line in lines))
            self._stream.flush()
            self._shown = len(lines)
        elif elapsed_s >= self._next_plain_s:
            self._next_plain_s = elapsed_s + _PLAIN_EVERY_S
            self.note("; ".join(" ".join(line.split()) for line in lines))

    def begin(self) -> None:
        """Count seconds from 0 again."""
        self._next_plain_s = 0.0

    def _cleared(self) -> str:
        """Return what takes the present lines away: to the first of them, and all that is below."""
        shown, self._shown = self._shown, 0
        return "\r" + "\x1b[A" * (shown - 1) + "\x1b[J" if shown else ""


def bar(share: float) -> str:
    """Return `[######......]`."""
    filled = round(_BAR * min(max(share, 0.0), 1.0))
    return f"[{'#' * filled}{'.' * (_BAR - filled)}]"
