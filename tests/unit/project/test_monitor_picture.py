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


def test_the_picture_of_the_monitor_is_drawn_of_a_simulated_charge_and_no_clock_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor_picture, "SECONDS", 3)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("drawn.svg", "again.svg"):
        assert monitor_picture.draw(tmp_path / name, tmp_path) == 0
    assert (tmp_path / "drawn.svg").read_bytes() == (tmp_path / "again.svg").read_bytes()
    assert "18:00:03 info" in words(tmp_path / "drawn.svg")  # the log's end, in simulated time
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
