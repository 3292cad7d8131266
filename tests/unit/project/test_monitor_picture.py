"""docs/monitor.svg: that it can be drawn again, and shows what the screen shows now."""

import html
import re
from pathlib import Path

import pytest

from tools.pages import monitor_picture

PICTURE = Path(__file__).parents[3] / "docs" / "monitor.svg"


def words(picture: Path) -> str:
    texts = re.findall(r">([^<]+)</text>", picture.read_text())
    return " ".join(html.unescape(" ".join(texts)).replace("\xa0", " ").split())


def test_the_picture_of_the_monitor_is_drawn_of_a_simulated_charge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor_picture, "SECONDS", "3")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert monitor_picture.draw(tmp_path / "drawn.svg", tmp_path) == 0
    headings = (
        "pack traction · can",
        "charger main · can",
        "sources",
        "events",
        "accounts",
        "charge in",
        "energy in",
    )
    for picture in (tmp_path / "drawn.svg", PICTURE):
        shown = words(picture)
        assert [heading for heading in headings if heading not in shown] == []
