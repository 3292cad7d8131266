"""`blackbox`: what it prints of captures, and what it refuses."""

import re
from pathlib import Path

import pytest

from telemetry.__main__ import main
from telemetry.blackbox.store import Box, Capture
from telemetry.errors import UsageError

TEXT = 'vehicle = "van"\n[influx]\nurl = "http://127.0.0.1:9"\ndatabase = "d"\n[spool]\ndirectory = "spool"\n'


def configured(folder: Path, box: str) -> str:
    file = folder / "gateway.toml"
    file.write_text(f'{TEXT}{box}\n[[can]]\nname = "can0"\ninterface = "can0"\n')
    return str(file)


def test_captures_are_listed_and_dropped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(tmp_path, f'[black_box]\ndirectory = "{tmp_path}/box"')
    box = Box(tmp_path / "box")
    box.filesystem.make_directory(box.directory)
    box.save(Capture("late", 2, None))
    box.save(Capture("early", 1, 1))
    box.path(1).write_bytes(bytes(1_500_000))
    assert main(["blackbox", "list", config]) == 0
    assert capsys.readouterr().out == "early  1.5 MB\nlate  0.0 MB  goes on\n"
    assert main(["blackbox", "drop", config, "early"]) == 0
    assert main(["blackbox", "get", config, "early", "-o", str(tmp_path / "out.log")]) == UsageError.exit_code
    assert "has no capture 'early' (there are late)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("box", "code", "words"),
    [
        ("", 78, "there is no [black_box] (give it a directory)"),
        ("[black_box]\nminutes = 5", 78, "black_box.directory: is missing"),
        ('[[trigger]]\non = ["limit"]\nblack_box = true', 78, "trigger[0].black_box: there is no black box"),
        ('[black_box]\ndirectory = "spool"', 78, "black_box.directory: is the spool's folder"),
        ('[black_box]\ndirectory = "nowhere"', 66, "nowhere: there is no black box"),
    ],
)
def test_what_cannot_be_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], box: str, code: int, words: str
) -> None:
    assert main(["blackbox", "list", configured(tmp_path, box)]) == code
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_pages_write_the_command_as_it_is() -> None:
    root = Path(__file__).parents[3]
    pages = [root / "CHANGELOG.md", *(root / "docs").glob("*.md")]
    named = [
        word
        for page in pages
        for word in re.findall(r"nev-telemetry blackbox (\S+)", page.read_text("utf-8"))
    ]
    assert len(named) >= 3
    assert set(named) <= {"list", "get", "drop"}
