"""What the demonstration shows while it runs: notes, and one line that is rewritten in a terminal."""

import shutil
from typing import TextIO

_PLAIN_EVERY_S = 5.0
_BAR = 24


class Screen:
    """Writes to a terminal, or plainly to anything else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._live = False
        self._next_plain_s = 0.0

    def note(self, text: str) -> None:
        """A line that stays."""
        self._clear()
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def live(self, text: str, elapsed_s: float) -> None:
        """A line that the next one replaces; where nothing can be replaced, one every few seconds."""
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(f"\r\x1b[K{text[:width]}")
            self._stream.flush()
            self._live = True
        elif elapsed_s >= self._next_plain_s:
            self._next_plain_s = elapsed_s + _PLAIN_EVERY_S
            self.note(text)

    def _clear(self) -> None:
        if self._live:
            self._stream.write("\r\x1b[K")
            self._live = False


def bar(share: float) -> str:
    """`[######......]`"""
    filled = round(_BAR * min(max(share, 0.0), 1.0))
    return f"[{'#' * filled}{'.' * (_BAR - filled)}]"
