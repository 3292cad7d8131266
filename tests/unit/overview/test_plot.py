"""The time axis of a picture, and the marks of a curve with few values, by its SVG."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from telemetry.__main__ import main

pytest.importorskip("matplotlib")

DBC = 'VERSION ""\nBU_: X\nBO_ 1 Pack: 1 X\n SG_ Volt : 0|8@1+ (1,0) [0|0] "V" X\n'


def picture(tmp_path: Path, stamps_s: list[float]) -> ET.Element:
    (tmp_path / "pack.dbc").write_text(DBC)
    lines = [f"({1_700_000_000 + at_s:.6f}) can0 001#{n % 7:02X}\n" for n, at_s in enumerate(stamps_s)]
    (tmp_path / "pack.log").write_text("".join(lines))
    file = tmp_path / "x.svg"
    words = [str(tmp_path / "pack.log"), "Volt", "--dbc", str(tmp_path / "pack.dbc"), "-o", str(file)]
    assert main(["plot", *words, "--time", "relative"]) == 0
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
