"""What decode says on stderr."""

import io
import os
import pty
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from telemetry.decode.progress import Progress
from telemetry.decode.screen import Screen
from tests.support.clock import FakeClock

HALF = Progress(Path("drive.log"), 1, 1, 50, 100, 1000)


@pytest.fixture
def terminal() -> Iterator[tuple[int, TextIO]]:
    """The end that shows, and the end that is written to."""
    shows, written = pty.openpty()
    tty.setraw(written)
    with os.fdopen(written, "w") as stream:
        yield shows, stream
    os.close(shows)


def shown(descriptor: int) -> str:
    return os.read(descriptor, 4096).decode()


def test_progress_is_written_over_and_words_stay(terminal: tuple[int, TextIO]) -> None:
    shows, stream = terminal
    clock = FakeClock()
    screen = Screen(clock, output_is_terminal=False, stream=stream)
    screen.show(HALF)  # too early
    clock.advance(0.3)
    screen.show(HALF, ["7 points wait"])
    assert shown(shows) == "\r\033[Kdrive.log  50%  7 points wait"
    screen.show(HALF)
    screen.warn(["a bad\nline"])
    assert shown(shows) == "\r\033[Kwarning: a bad line\n"
    screen.clear()
    screen.say("done")
    assert shown(shows) == "done\n"


def test_no_progress_stands_among_rows_on_the_same_terminal(terminal: tuple[int, TextIO]) -> None:
    shows, stream = terminal
    clock = FakeClock()
    screen = Screen(clock, output_is_terminal=True, stream=stream)
    clock.advance(1.0)
    screen.show(HALF)
    screen.say("done")
    assert shown(shows) == "done\n"


def test_where_there_is_no_terminal_there_are_words_alone() -> None:
    clock, stream = FakeClock(), io.StringIO()
    screen = Screen(clock, output_is_terminal=False, stream=stream)
    clock.advance(1.0)
    screen.show(HALF)
    screen.clear()
    screen.warn(["one", "two"])
    assert stream.getvalue() == "warning: one\nwarning: two\n"
