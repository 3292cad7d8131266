"""What the README shows is what happens."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from telemetry.config import load_config
from tests.support.getting_started import DOCUMENTED_SERVER, ROOT, blocks, follow

README = "../README.md"
TEXT = (ROOT / "README.md").read_text("utf-8")
TIMEOUT_S = 120.0


def test_a_reader_takes_it_in_at_one_sitting() -> None:
    assert len(TEXT.splitlines()) <= 160


def test_its_two_commands_are_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in ("demo", "test"):
        assert f"\nmake {target} " in TEXT
        assert f"\n{target}: " in makefile


def test_its_environment_is_not_made_where_a_clone_in_the_home_folder_is() -> None:
    made = re.findall(r"^python3 -m venv (\S+)", TEXT, re.MULTILINE)
    assert made
    assert "~/nev-telemetry" not in made


def test_its_commands_print_what_it_shows_and_its_configuration_is_one(tmp_path: Path) -> None:
    follow(README, tmp_path, DOCUMENTED_SERVER, TIMEOUT_S)
    (tmp_path / "ev.dbc").touch()
    config = load_config(tmp_path / "gateway.toml")
    assert (config.vehicle, [source.name for source in config.sources]) == ("van-7", ["can0"])


def test_its_notebook_shows_what_it_says_in_a_folder_beside_the_clone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the clone Python would take its `telemetry`, which the installed core need not fit."""
    pytest.importorskip("pandas")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "nev-telemetry").symlink_to(ROOT)
    monkeypatch.chdir(tmp_path / "notebooks")
    cell, shown = next(pair for pair in pairwise(blocks(README)) if pair[0].language == "python")
    *statements, last = cell.text.splitlines()
    names: dict[str, object] = {}
    exec("\n".join(statements), names)  # noqa: S102 - the project's own page
    assert str(eval(last, names)).split() == shown.text.split()  # noqa: S307 - as above
