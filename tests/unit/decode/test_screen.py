"""What decode says on stderr, on a terminal and elsewhere, and how far it is in all files."""

import io
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from telemetry.decode.output import Course, Progress
from telemetry.decode.screen import Screen
from tests.support.clock import FakeClock

MB = 1_000_000
HALF = Progress(Path("drive.log"), 1, 1, 50 * MB, 100 * MB, 1000)
_LINE_CLEARED = "\r\033[2K"
_CONTROLS = re.compile(r"\033\[[0-9;?]*[A-Za-z]|[━╸╺]+")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Rig:
    """A screen on a terminal, in injected time."""

    def __init__(self, *, output_is_terminal: bool = False) -> None:
        self._terminal = Terminal()
        self.clock = FakeClock()
        self.screen = Screen(self.clock, output_is_terminal=output_is_terminal, stream=self._terminal)

    def drawn(self, progress: Progress, notes: Sequence[str] = ()) -> str:
        """Show the progress another second later, and return the words of its line."""
        self.clock.advance(1.0)
        self.screen.show(progress, notes)
        *_, last = self.written().split(_LINE_CLEARED)
        return " ".join(_CONTROLS.sub("", last).split())

    def written(self) -> str:
        """Return what was written since the last time, as it is."""
        written = self._terminal.getvalue()
        self._terminal.seek(0)
        self._terminal.truncate()
        return written


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    use_terminal(monkeypatch)
    return Rig()


def use_terminal(monkeypatch: pytest.MonkeyPatch, columns: int = 120) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_a_line_says_which_file_how_much_how_fast_and_how_long(rig: Rig) -> None:
    for second in range(20):
        at = Progress(Path("logs/drive.log"), 2, 3, (second + 1) * MB, 100 * MB, second * 25_000)
        words = rig.drawn(at, ["7 points wait"])
    assert words == "drive.log (2 of 3) 20% 1.0 MB/s 25,000 frames/s 0:01:20 left 7 points wait"


def test_what_is_unknown_is_left_out(rig: Rig) -> None:
    assert rig.drawn(Progress(Path("-"), 1, 1, 0, 0, 1234)) == "- 1,234 frames"
    assert rig.drawn(Progress(Path("-"), 1, 1, 0, 0, 1244, "messages")) == "- 1,244 messages 10 messages/s"


def test_rates_are_those_of_the_last_seconds(rig: Rig) -> None:
    for second in range(30):  # 10 MB/s for 15 s, then 1 MB/s
        megabytes = 10 * min(second, 15) + max(second - 15, 0)
        words = rig.drawn(Progress(Path("a"), 1, 1, megabytes * MB, 1000 * MB, megabytes))
    assert words == "a 16% 1.0 MB/s 1 frames/s 0:13:56 left"


def test_a_server_that_takes_nothing_gives_no_time_left(rig: Rig) -> None:
    rig.drawn(Progress(Path("a"), 1, 1, 10 * MB, 100 * MB, 1))
    assert "left" in rig.drawn(Progress(Path("a"), 1, 1, 50 * MB, 100 * MB, 2))
    for _ in range(12):
        words = rig.drawn(Progress(Path("a"), 1, 1, 50 * MB, 100 * MB, 2), ["7 points wait"])
    assert words == "a 50% 7 points wait"


def test_a_log_that_grows_meanwhile_is_never_more_than_read(rig: Rig) -> None:
    assert rig.drawn(Progress(Path("a"), 1, 1, 120, 100, 1)) == "a 100%"


def test_progress_is_drawn_again_and_words_stay_above_it(rig: Rig) -> None:
    rig.screen.show(HALF)  # too early
    rig.screen.say("hello")
    assert rig.written() == "hello\n"
    assert rig.drawn(HALF) == "drive.log 50%"
    rig.screen.show(HALF)  # too early again
    rig.screen.warn(["a bad\nline [bold]:car:"])
    said, line = _CONTROLS.sub("", rig.written()).split("\n")
    assert said.strip("\r") == "warning: a bad line [bold]:car:"
    assert line.split() == ["drive.log", "50%"]
    rig.screen.clear()
    rig.screen.say("done")
    assert rig.written().endswith(f"{_LINE_CLEARED[:1]}\033[1A\033[2Kdone\n")


@pytest.mark.parametrize("columns", [1, 2, 10, 30, 80])
def test_a_line_is_never_wider_than_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    use_terminal(monkeypatch, columns)
    rig = Rig()
    rig.clock.advance(1.0)
    rig.screen.show(Progress(Path("drive.log"), 2, 3, 45 * MB, 100 * MB, 1_200_000), ["7 points wait"])
    *_, last = rig.written().split(_LINE_CLEARED)
    assert len(re.sub(r"\033\[[0-9;?]*[A-Za-z]", "", last)) <= columns
    assert "\n" not in last


def test_a_file_name_cannot_steer_the_terminal(rig: Rig) -> None:
    assert rig.drawn(Progress(Path("\033[2J[red]\n.log"), 1, 1, 50, 100, 1)) == "?[2J[red] .log 50%"


def test_an_error_takes_the_progress_away_and_the_cursor_is_always_there(rig: Rig) -> None:
    rig.clock.advance(1.0)
    rig.screen.show(HALF)
    shown = rig.written()
    with pytest.raises(KeyError), rig.screen:
        raise KeyError
    assert shown.rfind("\033[?25h") > shown.rfind("\033[?25l")
    assert rig.written().endswith("\033[1A\033[2K")


def test_no_progress_stands_among_rows_on_the_same_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    use_terminal(monkeypatch)
    rig = Rig(output_is_terminal=True)
    rig.clock.advance(2.0)
    rig.screen.show(HALF)
    rig.screen.say("done")
    assert rig.written() == "done\n"


def test_where_there_is_no_terminal_there_are_words_alone() -> None:
    clock, stream = FakeClock(), io.StringIO()
    screen = Screen(clock, output_is_terminal=False, stream=stream)
    clock.advance(2.0)
    screen.show(HALF)
    screen.clear()
    screen.warn(["one", "two"])
    assert stream.getvalue() == "warning: one\nwarning: two\n"


def test_a_place_in_one_file_is_a_place_in_all(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a", "b", "empty")]
    for path, size in zip(paths, (100, 50, 0), strict=True):
        path.write_bytes(bytes(size))
    place = Course(paths).at(1, 20, 7)
    assert (place.number, place.files, place.bytes_read, place.total_bytes) == (2, 3, 120, 150)


def test_where_one_size_is_unknown_the_total_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(100))
    place = Course([path, Path("-")]).at(1, 0, 0)
    assert (place.bytes_read, place.total_bytes) == (100, 0)
