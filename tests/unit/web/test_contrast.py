"""Small text of the page is readable in both schemes: WCAG's 4.5:1, computed from the style sheet."""

import re
from collections.abc import Iterator
from importlib import resources

import pytest

CSS = "".join(
    (resources.files("telemetry") / name).read_text("utf-8") for name in ("pages.css", "web/page/style.css")
)
TILES = resources.files("telemetry.web").joinpath("page", "tiles.js").read_text("utf-8")
LEAST = 4.5
STEPS = 20  # of a tile's share of its hue

Colour = tuple[float, float, float]  # sRGB, 0 to 1


def variables(block: str) -> dict[str, Colour]:
    return {
        name: (int(digits[:2], 16) / 255, int(digits[2:4], 16) / 255, int(digits[4:], 16) / 255)
        for name, digits in re.findall(r"--(\w+): #([0-9a-f]{6});", block)
    }


LIGHT = variables("".join(re.findall(r"^:root \{(.*?)^\}", CSS, re.MULTILINE | re.DOTALL)))
DARK = LIGHT | variables("".join(re.findall(r"^  :root \{(.*?)^  \}", CSS, re.MULTILINE | re.DOTALL)))
SCHEMES = pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])


def linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def encoded(part: float) -> float:
    part = min(max(part, 0.0), 1.0)
    return part * 12.92 if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055


def contrast(one: Colour, other: Colour) -> float:
    """Return the contrast of WCAG 2.2: of the relative luminances."""
    weights = (0.2126, 0.7152, 0.0722)
    high, low = sorted(
        (sum(w * linear(part) for w, part in zip(weights, each, strict=True)) for each in (one, other)),
        reverse=True,
    )
    return (high + 0.05) / (low + 0.05)


def oklab(colour: Colour) -> Colour:
    red, green, blue = map(linear, colour)
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    middle = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def from_oklab(lab: Colour) -> Colour:
    light, a, b = lab
    long = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (light - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        encoded(4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short),
        encoded(-1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short),
        encoded(-0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short),
    )


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """Return so much of `one`, and the rest of `other`."""
    red, green, blue = (share * x + (1 - share) * y for x, y in zip(one, other, strict=True))
    return red, green, blue


def tile_grounds(scheme: dict[str, Colour]) -> Iterator[Colour]:
    strongest = re.search(r"STRONGEST_PCT = (\d+)", TILES)
    assert strongest is not None
    for hue in ("low", "high"):
        for step in range(STEPS + 1):
            share = int(strongest[1]) / 100 * step / STEPS
            yield from_oklab(mixed(oklab(scheme[hue]), oklab(scheme["sunk"]), share))


def colour_of(rule: str, scheme: dict[str, Colour]) -> Colour:
    """Return the colour that a rule gives its text."""
    found = re.search(rf"^{re.escape(rule)} {{.*?[; {{]color: var\(--(\w+)\);", CSS, re.MULTILINE)
    assert found is not None, rule
    return scheme[found[1]]


def test_the_arithmetic_is_that_of_wcag_and_oklab() -> None:
    assert contrast((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)) == pytest.approx(21.0)
    grey = 0x77 / 255
    assert contrast((grey, grey, grey), (1.0, 1.0, 1.0)) == pytest.approx(4.48, abs=0.005)
    assert oklab((1.0, 0.0, 0.0)) == pytest.approx((0.628, 0.225, 0.126), abs=0.001)
    assert from_oklab(oklab((0.2, 0.5, 0.8))) == pytest.approx((0.2, 0.5, 0.8), abs=1e-4)


@SCHEMES
@pytest.mark.parametrize("ground", ["ground", "surface", "sunk"])
@pytest.mark.parametrize("name", ["text", "faint", "good", "warning", "bad", "accent"])
def test_every_colour_of_text_is_readable_on_every_ground(
    scheme: dict[str, Colour], name: str, ground: str
) -> None:
    assert contrast(scheme[name], scheme[ground]) >= LEAST


@SCHEMES
def test_number_and_value_are_readable_on_a_tile_of_any_colour(scheme: dict[str, Colour]) -> None:
    for ground in tile_grounds(scheme):
        assert contrast(colour_of(".tile .number", scheme), ground) >= LEAST


def test_no_text_is_made_paler_than_its_colour() -> None:
    assert "color: color-mix" not in CSS.replace("background: color-mix", "")
    assert [found for found in re.findall(r"opacity: ([0-9.]+)", CSS) if float(found) < 1.0] == []
