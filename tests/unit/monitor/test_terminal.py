"""The monitor's terminal, on a pseudo-terminal: keys, what is drawn, and that it is afterwards as it was."""

import contextlib
import io
import os
import termios
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from telemetry.monitor.layout import view
from telemetry.monitor.terminal import Output, Terminal
from tests.support.live import example


class FarEnd:
    """Where a user types and looks: all that is drawn is taken at once, as a terminal does."""

    def __init__(self) -> None:
        self.descriptor, self.near = os.openpty()
        self.stdout: io.TextIOWrapper | None = None
        self._seen = b""
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        with contextlib.suppress(OSError):  # the near end is closed
            while data := os.read(self.descriptor, 1 << 16):
                with self._changed:
                    self._seen += data
                    self._changed.notify_all()

    def type(self, keys: bytes) -> None:
        os.write(self.descriptor, keys)

    def sees(self, words: bytes) -> bool:
        """Wait for these words."""
        with self._changed:
            return self._changed.wait_for(lambda: words in self._seen, 20.0)

    def close(self) -> None:
        self._thread.join()
        os.close(self.descriptor)


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch) -> Iterator[FarEnd]:
    """Yield the far end of a terminal that is stdin; stdout is for a test to put there."""
    far = FarEnd()
    with closing(far):
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setenv("LINES", "24")
        with (
            os.fdopen(far.near, "r", closefd=True) as stdin,
            io.TextIOWrapper(io.FileIO(far.near, "w", closefd=False), write_through=True) as stdout,
            monkeypatch.context() as patched,
        ):
            patched.setattr("sys.stdin", stdin)
            far.stdout = stdout
            yield far


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        (b"q", ["q"]),
        (b"\x1b[A", ["up"]),
        (b"\x1b[B", ["down"]),
        (b"\x1b[5~", ["page up"]),
        (b"\x1b[6~", ["page down"]),
        (b"\x1b", ["escape"]),
        (b"\n", ["enter"]),
        (b"\x7f", ["backspace"]),
        (b"/e1", ["/", "e", "1"]),
        ("ü".encode(), ["ü"]),
        (b"\x1bx", ["", "x"]),
    ],
)
def test_keys_are_letters_and_names(user: FarEnd, typed: bytes, keys: list[str]) -> None:
    with Terminal().opened() as terminal:
        user.type(typed)
        assert [terminal.key(20.0) for _ in keys] == keys
        assert terminal.key(0.0) == ""


def test_the_terminal_is_afterwards_as_it_was_whatever_happens(user: FarEnd) -> None:
    before = termios.tcgetattr(user.near)
    during = before

    def interrupted() -> None:
        nonlocal during
        with Terminal().opened():
            during = termios.tcgetattr(user.near)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not during[3] & (termios.ICANON | termios.ECHO)  # keys come one by one and are not echoed
    assert termios.tcgetattr(user.near) == before


def test_what_is_drawn_is_on_the_terminal_which_has_its_size(
    user: FarEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", user.stdout)  # here: pytest has its own between a fixture and a test
    with Terminal().opened() as terminal:
        assert terminal.size == (80, 24)
        terminal.draw(view(example(), 80, 24))
        assert user.sees(b"van 7")


@pytest.mark.parametrize(("term", "encoding"), [("dumb", "ascii"), ("linux", "ascii"), ("xterm", "utf-8")])
def test_a_terminal_without_the_letters_of_bars_gets_ascii(
    monkeypatch: pytest.MonkeyPatch, term: str, encoding: str
) -> None:
    monkeypatch.setenv("TERM", term)
    assert Output(file=io.TextIOWrapper(io.BytesIO(), encoding="utf-8")).encoding == encoding
