"""The time axis of a picture, and the marks of a curve with few values, by its SVG."""

import re
import xml.etree.ElementTree as ET
from decimal import Decimal
from pathlib import Path

import pytest

from telemetry.__main__ import main

pytest.importorskip("matplotlib")

DBC = 'VERSION ""\nBU_: X\nBO_ 1 Pack: 1 X\n SG_ Volt : 0|8@1+ (1,0) [0|0] "V" X\n'


def picture(
    tmp_path: Path, stamps_s: list[float], *, first: str = "1700000000.000000", axis: str = "relative"
) -> ET.Element:
    (tmp_path / "pack.dbc").write_text(DBC)
    lines = [
        f"({Decimal(first) + Decimal(at_s):.6f}) can0 001#{n % 7:02X}\n" for n, at_s in enumerate(stamps_s)
    ]
    (tmp_path / "pack.log").write_text("".join(lines))
    file = tmp_path / "x.svg"
    words = [str(tmp_path / "pack.log"), "Volt", "--dbc", str(tmp_path / "pack.dbc"), "-o", str(file)]
    assert main(["plot", *words, "--time", axis]) == 0
    return ET.parse(file).getroot()  # noqa: S314 - our own


def texts(root: ET.Element) -> list[str]:
    return ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize(
    ("length_s", "unit", "longest"),
    [
        (50.0, "s", 50.0),
        (299.0, "s", 299.0),
        (300.0, "min", 5.0),
        (10_799.0, "min", 180.0),
        (10_800.0, "h", 3.0),
        (180_000.0, "h", 50.0),
    ],
)
def test_a_long_log_counts_in_minutes_or_hours(
    tmp_path: Path, length_s: float, unit: str, longest: float
) -> None:
    drawn = texts(picture(tmp_path, [0.0, length_s / 2, length_s]))
    assert f"time since the first frame  ({unit})" in drawn
    ticks = [float(text) for text in drawn if re.fullmatch(r"\d+(\.\d+)?", text)]
    assert 0.7 * longest <= max(ticks) <= 1.1 * longest


@pytest.mark.parametrize(
    ("first", "label"),
    [
        ("999999999.999999", "time since the first frame  (s)"),
        ("1000000000.000000", "Sunday, 9 September 2001  (UTC)"),
    ],
)
def test_stamps_before_a_thousand_million_seconds_count_from_the_loggers_start(
    tmp_path: Path, first: str, label: str
) -> None:
    assert label in texts(picture(tmp_path, [0.0, 1.0], first=first, axis="utc"))


@pytest.mark.parametrize(("count", "is_marked"), [(60, True), (61, False)])
def test_each_value_of_a_curve_is_marked_up_to_sixty_of_them(
    tmp_path: Path, count: int, is_marked: bool
) -> None:
    root = picture(tmp_path, [float(number) for number in range(count)])
    uses = sum(1 for _ in root.iter("{http://www.w3.org/2000/svg}use"))  # of ticks too, which are few
    assert (uses >= 60) is is_marked
