"""The picture of a session: it is drawn, whatever the session holds, and always the same."""

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from matplotlib.image import imread

from telemetry.charging.report.picture import draw
from telemetry.charging.session import Session
from telemetry.errors import StorageError
from tests.support.charging_sessions import START_NS, cut, good, reconnected


def size(file: Path) -> tuple[int, int]:
    """Width and height of a PNG, by its header."""
    head = file.read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


def test_a_session_is_drawn_twice_alike_and_higher_with_a_second_attempt(tmp_path: Path) -> None:
    for name, session in (("one", good()), ("two", good()), ("more", reconnected()), ("cut", cut())):
        draw(session, tmp_path / f"{name}.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    width, height = size(tmp_path / "one.png")
    assert width == 1200
    assert size(tmp_path / "more.png") == (1200, height + 30)
    assert size(tmp_path / "cut.png") == (1200, height)
    assert (tmp_path / "cut.png").read_bytes() != (tmp_path / "one.png").read_bytes()


def test_a_session_without_curve_and_phases_is_its_title(tmp_path: Path) -> None:
    bare = Session(START_NS, None, "", "main", "main", open=True, duration_s=0.0)
    draw(bare, tmp_path / "bare.png")
    assert size(tmp_path / "bare.png")[0] == 1200


def test_texts_from_a_bus_are_drawn_as_they_are_and_without_a_warning(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    draw(replace(good(), vehicle="$x^2$ 电动车 \x1b[2J", station="\\frac{1}"), tmp_path / "nasty.png")
    assert size(tmp_path / "nasty.png")[0] == 1200
    assert capfd.readouterr() == ("", "")


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        draw(good(), tmp_path / "gone" / "charge.png")


def test_the_title_the_facts_and_the_ending_stand_above_the_charts(tmp_path: Path) -> None:
    draw(good(), tmp_path / "charge.png")
    pixels = imread(tmp_path / "charge.png")[..., :3]
    for from_top_in in (0.3, 0.57, 0.82):
        row = round(from_top_in * 100)  # at 100 dots an inch
        assert (pixels[row - 8 : row + 8] < 0.6).any(axis=-1).sum() > 100
    assert (pixels[:10] > 0.9).all()  # the margin
