"""The manual pages that tools/pages/manual.py makes."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from telemetry.__main__ import COMMANDS, build_parser
from tools.pages import manual


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return dict(manual.pages())


def test_each_command_has_a_page_and_the_overview_names_it(pages: dict[str, str]) -> None:
    assert set(pages) == {"nev-telemetry.1"} | {f"nev-telemetry-{name}.1" for name in COMMANDS}
    overview = pages["nev-telemetry.1"].replace("\\-", "-")
    assert all(f".B {name}\n{summary}" in overview for name, summary in COMMANDS.items())


def test_a_page_has_each_option_that_help_prints(
    pages: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")  # so that no option is broken at a hyphen
    for name in COMMANDS:
        with pytest.raises(SystemExit):
            build_parser([name]).parse_args([name, "--help"])
        options = set(re.findall(r"(?<![\w-])--[a-z0-9-]+", capsys.readouterr().out)) - {"--help"}
        page = pages[f"nev-telemetry-{name}.1"].replace("\\-", "-")
        assert options <= set(re.findall(r"--[a-z0-9-]+", page)), name


def test_a_page_is_named_as_man_looks_for_it(pages: dict[str, str]) -> None:
    """The name before the dash is what `man -k` finds."""
    for name in COMMANDS:
        lines = pages[f"nev-telemetry-{name}.1"].replace("\\-", "-").splitlines()
        assert lines[0].startswith(f".TH NEV-TELEMETRY-{name.upper()} ")
        assert lines[2].startswith(f"nev-telemetry-{name} - ")


def test_groff_finds_nothing_wrong_with_a_page(pages: dict[str, str], tmp_path: Path) -> None:
    if shutil.which("groff") is None:
        pytest.skip("no groff: apt-get install groff-base")
    for name, text in pages.items():
        (tmp_path / name).write_text(text, "utf-8")
        # But for words that are too long to adjust their line, such as python-can's list of interfaces.
        options = ["-k", "-man", "-Tutf8", "-ww", "-W", "break", "-z"]
        command: list[str | Path] = ["groff", *options, tmp_path / name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), name
