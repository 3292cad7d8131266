"""docs/python.md: its examples show what happens, and it names all that is public."""

import doctest
from pathlib import Path

import pytest

import telemetry

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "python.md"


def test_the_examples_show_what_happens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    flags = doctest.NORMALIZE_WHITESPACE
    found = doctest.testfile(str(PAGE), module_relative=False, optionflags=flags, encoding="utf-8")
    assert found.attempted > 20
    assert found.failed == 0


def test_the_page_names_everything_public() -> None:
    page = PAGE.read_text("utf-8")
    assert [name for name in telemetry.__all__ if name not in page and name != "__version__"] == []
