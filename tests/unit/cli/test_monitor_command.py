"""`nev-telemetry monitor` where nothing is drawn: one look at a log, and what cannot be looked at."""

import io
import json
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from telemetry.__main__ import main
from telemetry.cli import monitor
from tests.support.command import command, printed, refused

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


def look(*words: str) -> Any:
    return json.loads(printed("monitor", "--log", DRIVE_LOG, "--dbc", DRIVE_DBC, *words, "--json"))


def test_one_look_at_a_log_has_its_frames_and_what_its_messages_say() -> None:
    live = look()
    (source,) = live["sources"]
    assert source["read"] == FRAMES
    assert "PackState" in {each["message"] for each in live["messages"]}


def test_one_look_at_a_log_of_an_archive_has_its_frames(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "drives.zip", "w") as archive:
        archive.write(DRIVE_LOG, "drive.log")
    words = ("--log", f"{tmp_path}/drives.zip:drive.log", "--dbc", DRIVE_DBC)
    assert json.loads(printed("monitor", *words, "--json"))["sources"][0]["read"] == FRAMES


def test_a_look_is_text_too() -> None:
    out = printed("monitor", "--log", DRIVE_LOG, "--dbc", DRIVE_DBC, "--once")
    assert "PackState" in out
    assert "accounts" in out


def test_where_output_is_no_terminal_one_look_is_taken() -> None:
    assert printed("monitor", "--log", DRIVE_LOG, "--dbc", DRIVE_DBC).count("accounts") == 1


def test_a_look_as_a_picture_is_a_file_and_nothing_is_printed(tmp_path: Path) -> None:
    picture = tmp_path / "look.svg"
    assert printed("monitor", "--log", DRIVE_LOG, "--dbc", DRIVE_DBC, "--svg", picture) == ""
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
        (["--log", str(DRIVE_LOG), "--address", ""], 64, "stand with --serial alone"),
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
        (["--can", "can0", "--bitrate", "500000", "--data-bitrate", "1"], 78, "data_bitrate: must be from"),
        (["drive.log", "--dbc", "ev.dbc"], 64, "look at a log by --log FILE"),
        (["--log", "gone.log"], 66, "gone.log: "),
        (["gone.toml"], 78, "gone.toml: "),
    ],
)
def test_what_cannot_be_looked_at_is_one_line(words: list[str], code: int, fault: str) -> None:
    assert fault in refused(code, "monitor", *words)


def test_a_log_whose_only_line_is_damaged_is_no_success(tmp_path: Path) -> None:
    log = tmp_path / "damaged.log"
    log.write_text("no frame\n")
    shown = command("monitor", "--log", log, "--once")
    assert shown.returncode == 65
    assert "lost 1 (damaged)" in shown.stdout
    assert "damaged.log: holds no frames" in shown.stderr


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
