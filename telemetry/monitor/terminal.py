"""Draws the monitor's lines on a terminal, and takes its keys. All there is of rich is here.

Promises: the terminal is as it was afterwards, however it ends; a size that changes is followed; without
colour (NO_COLOR) nothing is lost, since colour alone means nothing. Relies on a terminal that can be drawn
on.
"""

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
from rich.text import Text

from telemetry.monitor.text import Line, Style

_COLOURS = {
    Style.PLAIN: "",
    Style.HEADING: "bold",
    Style.LABEL: "cyan",
    Style.FAINT: "bright_black",
    Style.STALE: "yellow",
    Style.GOOD: "green",
    Style.WARNING: "yellow",
    Style.BAD: "bold red",
    Style.BAR: "blue",
    Style.LOWEST: "bold magenta",
    Style.HIGHEST: "bold green",
}
_KEYS = {b"\x1b[A": "up", b"\x1b[B": "down", b"\x1b[5~": "page up", b"\x1b[6~": "page down"}
_LETTERS = {b"k": "up", b"j": "down", b"b": "page up", b" ": "page down"}
_MAX_KEY_BYTES = 64

# rich's own picture of a terminal asks a foreign host for its font.
_SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {terminal_width} {terminal_height}">
<style>text {{ font-family: monospace; font-size: {char_height}px; white-space: pre; }} {styles}</style>
<rect width="100%" height="100%" fill="#101418"/>
<g transform="translate(8, 8)">{backgrounds}{matrix}</g>
</svg>
"""


class Terminal:
    """Standard input and output as a screen of lines. A context manager."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=False)
        self._live = Live(console=self._console, screen=True, auto_refresh=False)

    @contextmanager
    def opened(self) -> Iterator["Terminal"]:
        """Takes the terminal, and gives it back as it was."""
        with _keys_at_once(), self._live:
            yield self

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines, now."""
        return self._console.size.width, self._console.size.height

    def draw(self, lines: tuple[Line, ...]) -> None:
        """Show these lines and nothing else."""
        self._live.update(_text(lines), refresh=True)

    def key(self, timeout_s: float) -> str:
        """A letter, or `up`, `down`, `page up`, `page down`; empty if none was hit; `q` when input ends."""
        if not select.select([sys.stdin], [], [], timeout_s)[0]:
            return ""
        hit = os.read(sys.stdin.fileno(), _MAX_KEY_BYTES)
        if not hit:
            return "q"  # the terminal has gone
        return _KEYS.get(hit) or _LETTERS.get(hit[-1:]) or hit[-1:].decode("ascii", "replace")


def write_picture(lines: tuple[Line, ...], width: int, file: Path) -> None:
    """The lines as an SVG file."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(
            file=nowhere, record=True, width=width, force_terminal=True, color_system="truecolor"
        )
        console.print(_text(lines), soft_wrap=True, highlight=False)
        file.write_text(console.export_svg(title="", code_format=_SVG), encoding="utf-8")


def _text(lines: tuple[Line, ...]) -> Text:
    text = Text(no_wrap=True, overflow="crop", end="")
    for number, line in enumerate(lines):
        if number:
            text.append("\n")
        for piece in line:
            text.append(piece.text, _COLOURS[piece.style])
    return text


@contextmanager
def _keys_at_once() -> Iterator[None]:
    """Keys come one by one and are not echoed."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
