"""What the README shows is what happens."""

from pathlib import Path

from telemetry.config import load_config
from tests.support.getting_started import DOCUMENTED_SERVER, ROOT, follow

README = "../README.md"
TEXT = (ROOT / "README.md").read_text("utf-8")
TIMEOUT_S = 120.0


def test_a_reader_takes_it_in_at_one_sitting() -> None:
    assert len(TEXT.splitlines()) <= 150


def test_its_two_commands_are_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in ("demo", "test"):
        assert f"\nmake {target} " in TEXT
        assert f"\n{target}: " in makefile


def test_its_commands_print_what_it_shows_and_its_configuration_is_one(tmp_path: Path) -> None:
    follow(README, tmp_path, DOCUMENTED_SERVER, TIMEOUT_S)
    (tmp_path / "ev.dbc").touch()
    config = load_config(tmp_path / "gateway.toml")
    assert (config.vehicle, [source.name for source in config.sources]) == ("van-7", ["can0"])
