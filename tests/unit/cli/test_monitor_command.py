"""`nev-telemetry monitor` where nothing is drawn: one look at a log, and what cannot be looked at."""

import io
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from telemetry.__main__ import main
from telemetry.cli import monitor

DRIVE_LOG = Path(__file__).parents[2] / "data" / "drive.log"
DRIVE_DBC = Path(__file__).parents[2] / "data" / "drive.dbc"
FRAMES = 16  # in the log, with the line that is no frame


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def look(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main(["monitor", "--log", str(DRIVE_LOG), "--dbc", str(DRIVE_DBC), *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_one_look_at_a_log_has_its_frames_and_what_its_messages_say(
    capsys: pytest.CaptureFixture[str],
) -> None:
    live = look(capsys)
    (source,) = live["sources"]
    assert source["read"] == FRAMES
    assert "PackState" in {each["message"] for each in live["messages"]}


def test_a_look_is_text_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["monitor", "--log", str(DRIVE_LOG), "--dbc", str(DRIVE_DBC), "--once"]) == 0
    out = capsys.readouterr().out
    assert "PackState" in out
    assert "accounts" in out


def test_where_output_is_no_terminal_one_look_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["monitor", "--log", str(DRIVE_LOG), "--dbc", str(DRIVE_DBC)]) == 0
    assert capsys.readouterr().out.count("accounts") == 1


def test_a_look_as_a_picture_is_a_file_and_nothing_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "look.svg"
    assert main(["monitor", "--log", str(DRIVE_LOG), "--dbc", str(DRIVE_DBC), "--svg", str(picture)]) == 0
    assert capsys.readouterr().out == ""
    assert picture.read_text("utf-8").startswith("<svg")
    assert "PackState" in picture.read_text("utf-8")


def test_an_interrupt_during_one_look_ends_the_program_and_none_of_it_is_a_success(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("telemetry.cli.monitor.look_once", interrupted)
    assert main(["monitor", "--log", str(DRIVE_LOG), "--once"]) == 128 + signal.SIGINT


@pytest.mark.parametrize(
    ("words", "code", "fault"),
    [
        ([], 64, "nothing to look at (CONFIG of a running service, --can, -i and -c, --serial or --log)"),
        (["--serial", "/dev/ttyUSB0"], 64, "--serial needs --protocol ("),
        (["--log", str(DRIVE_LOG), "--address", "1"], 64, "stand with --serial alone"),
        (["--log", str(DRIVE_LOG), "--registers", "x"], 64, "stand with --serial alone"),
        (["--can", "can0", "--data-bitrate", "2000000"], 64, "--data-bitrate stands without --bitrate"),
        (["a.toml", "--can", "can0"], 64, "CONFIG is of a running service, and stands alone"),
        (["a.toml", "--serial", "/dev/ttyUSB0"], 64, "CONFIG is of a running service, and stands alone"),
        (["a.toml", "--log", str(DRIVE_LOG)], 64, "CONFIG is of a running service, and stands alone"),
        (["a.toml", "--dbc", str(DRIVE_DBC)], 64, "CONFIG is of a running service, and stands alone"),
        (["a.toml", "-i", "virtual"], 64, "CONFIG is of a running service, and stands alone"),
        (["-i", "virtual", "-c", "x", "--can", "can0"], 64, "-i and -c name a bus"),
        (["-i", "virtual", "-c", "x", "--log", str(DRIVE_LOG)], 64, "-i and -c name a bus"),
        (["-i", "virtual", "-c", "x", "--serial", "/dev/ttyUSB0"], 64, "-i and -c name a bus"),
        (["--log", "gone.log"], 66, "gone.log: "),
        (["gone.toml"], 78, "gone.toml: "),
    ],
)
def test_what_cannot_be_looked_at_is_one_line(
    words: list[str], code: int, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["monitor", *words]) == code
    errors = capsys.readouterr().err
    assert fault in errors
    assert errors.count("\n") == 1


def test_a_log_without_frames_is_no_success_and_makes_no_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, picture = tmp_path / "empty.log", tmp_path / "look.svg"
    log.touch()
    assert main(["monitor", "--log", str(log), "--svg", str(picture)]) == 65
    assert "holds no frames" in capsys.readouterr().err
    assert not picture.exists()
    assert main(["monitor", "--log", str(log), "--json"]) == 65
    assert json.loads(capsys.readouterr().out)["sources"][0]["read"] == 0


def test_a_log_whose_only_line_is_damaged_is_no_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "damaged.log"
    log.write_text("no frame\n")
    assert main(["monitor", "--log", str(log), "--once"]) == 65
    shown = capsys.readouterr()
    assert "lost 1 (damaged)" in shown.out
    assert "damaged.log: holds no frames" in shown.err


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("words", "term", "how"),
    [
        ([], "xterm", "drawn"),
        ([], "dumb", "printed again and again"),
        (["--once"], "xterm", "once"),
        (["--json"], "xterm", "once"),
        (["--svg", "x.svg"], "xterm", "once"),
    ],
)
def test_on_a_terminal_it_is_drawn_unless_one_look_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, words: list[str], term: str, how: str
) -> None:
    ways: list[str] = []
    for name, way in (
        ("_draw", "drawn"),
        ("_print_again_and_again", "printed again and again"),
        ("_once", "once"),
    ):
        monkeypatch.setattr(monitor, name, lambda *_, way=way: ways.append(way))
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr("sys.stdin", Tty())
    monkeypatch.setattr("sys.stdout", Tty())
    assert main(["monitor", "--log", str(DRIVE_LOG), *words]) == 0
    assert ways == [how]
