"""Draws the monitor's views on a terminal, prints them or makes a picture of them; takes the terminal's keys.

Promises: the terminal is afterwards as it was, however it ends. A size that changes is followed. There is no
colour where output is not a terminal or NO_COLOR is set. Relies on a terminal that can be drawn on.
"""

import io
import os
import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.padding import Padding

from telemetry.monitor.layout import View

_OF_ASCII = ("dumb", "linux")  # terminals that lack the letters of bars
_KEYS = {
    b"\x1b[A": "up",
    b"\x1b[B": "down",
    b"\x1b[5~": "page up",
    b"\x1b[6~": "page down",
    b"\x1b": "escape",
}
_LETTERS = {"\r": "enter", "\n": "enter", "\x7f": "backspace", "\b": "backspace", "\x1b": ""}
_MAX_KEY_BYTES = 64

# rich's own picture of a terminal asks a foreign host for its font.
_SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {terminal_width} {terminal_height}">
<style>text {{ font-family: monospace; font-size: {char_height}px; white-space: pre; }} {styles}</style>
<rect width="100%" height="100%" fill="#101418"/>
{backgrounds}{matrix}
</svg>
"""


class Output(Console):
    """Standard output, which rich gives the colours, the width and the letters that it can show."""

    @property
    def encoding(self) -> str:
        """Return that of the stream, or ASCII on a terminal that shows no more."""
        return "ascii" if os.environ.get("TERM") in _OF_ASCII else super().encoding


class Terminal:
    """Standard input and output as a screen."""

    def __init__(self) -> None:
        self._console = Output()
        self._live = Live(console=self._console, screen=True, auto_refresh=False)
        self._typed = ""  # letters that came together with one that was taken

    @contextmanager
    def opened(self) -> Iterator["Terminal"]:
        """Take the terminal, and give it back as it was."""
        with _keys_at_once(), self._live:
            yield self

    @property
    def size(self) -> tuple[int, int]:
        """Return columns and lines, now."""
        return self._console.size.width, self._console.size.height

    def draw(self, view: View) -> None:
        """Show this and nothing else."""
        self._live.update(view, refresh=True)

    def key(self, timeout_s: float) -> str:
        """Return a letter, or `up`, `down`, `page up`, `page down`, `enter`, `escape`, `backspace`.

        Empty if no key was hit; `end` when input ends.
        """
        if not self._typed and not select.select([sys.stdin], [], [], timeout_s)[0]:
            return ""
        if not self._typed:
            hit = os.read(sys.stdin.fileno(), _MAX_KEY_BYTES)
            if not hit:
                return "end"  # the terminal has gone
            if hit in _KEYS:
                return _KEYS[hit]
            self._typed = hit.decode("utf-8", "replace")
        letter, self._typed = self._typed[0], self._typed[1:]
        return _LETTERS.get(letter, letter)


def write_picture(view: View, width: int, file: Path) -> None:
    console = Console(
        file=io.StringIO(), record=True, width=width + 2, force_terminal=True, color_system="truecolor"
    )
    console.print(Padding(view, 1))
    file.write_text(console.export_svg(title="", code_format=_SVG), encoding="utf-8")


@contextmanager
def _keys_at_once() -> Iterator[None]:
    """Let keys come one by one, without an echo."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
