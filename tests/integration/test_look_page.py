"""The page of a look in a browser, from its file: what it shows is what the log holds."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from telemetry.look.page import page
from telemetry.look.seen import Finding, Place
from tests.support.browser import WAIT_MS, opened
from tests.support.look_page import look_of, looked_id

pytestmark = pytest.mark.xdist_group("chromium")  # started once
expect.set_options(timeout=WAIT_MS)
HOSTILE = "<img src=x onerror=alert(1)></script>"
# 40 frames: a counter of four bits, and 400.0 V that rise by 0.1 V a frame.
DRIVE = tuple(bytes([number % 16, *(4000 + number).to_bytes(2, "big"), 0x55]) for number in range(40))


@pytest.fixture
def url(tmp_path: Path) -> str:
    voltage = Finding("voltage", Place(1, 2, bit_count=16), 400.0, 403.9, "steady", 0.1)
    counter = Finding("counter", Place(0, shift=0, bit_count=4), 0, 15, "counts by 1, 4 bits")
    look = look_of(
        looked_id(0x123, DRIVE, known="Pack", findings=(counter, voltage)),
        looked_id(0x7E8, (b"\x10\x14VIN", b"\x21HQ22"), channel=HOSTILE),
        looked_id(0x80000456, (bytes(8),) * 5, known=HOSTILE),
    )
    file = tmp_path / "look.html"
    file.write_text(page(look, "drive.log"))
    return file.as_uri()


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
def test_ids_unfold_into_the_values_of_the_frame_under_the_cursor(
    url: str, browser: Browser, width: int, scheme: str
) -> None:
    with opened(browser, url, width=width, color_scheme="dark" if scheme == "dark" else "light") as watched:
        shown = watched.page
        expect(shown.locator("#count")).to_have_text("3 of 3 ids")
        shown.keyboard.press("j")
        shown.keyboard.press("Enter")
        inside = shown.locator("details[open] .inside")
        voltage = inside.locator("figure", has_text="steady").locator(".value")
        expect(voltage).to_have_text("400 V")
        inside.focus()
        for _ in range(17):
            shown.keyboard.press("ArrowRight")
        expect(voltage).to_have_text("401.7 V")
        expect(inside.locator(".bits tbody tr").nth(0).locator(".hex")).to_have_text("01")
        expect(inside.locator("pre .now")).to_contain_text("0.170 s")
        bits = inside.locator(".bits tbody tr").nth(0).locator(".bit")
        assert "".join(bits.all_text_contents()) == "00000001"
        levels = [(cell.get_attribute("class") or "").split()[1] for cell in bits.all()]
        assert levels == ["l0"] * 4 + ["l4", "l6", "l7", "l8"]  # flips in 1 of 8, 4, 2 frames and in each one
        expect(inside.locator(".explore code")).to_contain_text("SG_ Name : 15|16@0+ (0.1,0) [400|403.9]")
        assert watched.overflow_px() == 0
        assert (watched.errors, watched.hosts) == ([], {""})


def test_ids_are_searched_filtered_and_ordered(url: str, browser: Browser) -> None:
    with opened(browser, url) as watched:
        shown = watched.page
        ids = shown.locator("summary .id")
        for text, found in (
            ("pack", ["123"]),
            ("HQ22", ["7E8"]),
            ("14 56 49", ["7E8"]),
            ("<img", ["7E8", "00000456"]),
        ):
            shown.locator("#search").fill(text)
            expect(ids).to_have_text(found)
        is_open = "node => [...node.children].map((one) => one.open)"
        shown.locator("#search").press("Enter")
        assert shown.locator("#ids").evaluate(is_open) == [False, False]
        shown.locator("#search").fill("pack")
        shown.locator("#search").press("Enter")
        assert shown.locator("#ids").evaluate(is_open) == [True]
        shown.locator("#search").fill("")
        shown.locator("#known").select_option("no")
        expect(ids).to_have_text(["7E8"])
        shown.locator("#known").select_option("")
        shown.locator("#order").select_option("frames")
        expect(ids).to_have_text(["123", "00000456", "7E8"])
        shown.locator("#moving").check()
        expect(ids).to_have_text(["123", "7E8"])
        shown.locator("#kind").select_option("counter")
        expect(ids).to_have_text(["123"])
        assert watched.errors == []
