"""The curves of the past minutes in a real Chromium."""

import re

import pytest
from playwright.sync_api import Browser, expect

from telemetry.live.state import LiveSnapshot
from tests.support.browser import WAIT_MS, opened
from tests.support.web import WebRig
from tests.unit.web.test_history import battery

pytestmark = pytest.mark.xdist_group("chromium")  # started once
expect.set_options(timeout=WAIT_MS)


def watch(rig: WebRig, seconds: int) -> None:
    """Let the site see a pack whose voltage falls by 1 V a second to 381 V."""
    now_s = rig.clock.monotonic_s()
    for second in range(seconds, 0, -1):
        then_s = now_s - second
        rig.snapshot = LiveSnapshot(then_s, 0, (battery({"voltage_v": 380.0 + second}, then_s, "main"),))
        rig.server.site.published(is_listened_to=False)


def test_a_page_that_is_opened_now_has_the_past_minutes_as_curves(rig: WebRig, browser: Browser) -> None:
    watch(rig, 90)
    with opened(browser, rig.url) as watched:
        curve = watched.page.locator("#packs .curve").first
        expect(curve.locator(".times")).to_contain_text("2 min ago")
        expect(curve.locator(".tick.top")).to_contain_text("47")
        path = curve.locator("path").get_attribute("d") or ""
        assert path.count("L") > 80
        curve.locator(".plot").hover()
        expect(curve.locator("figcaption")).to_contain_text("ago")
        assert watched.errors == []


def test_landmarks_have_names_and_curves_are_read_by_keys(rig: WebRig, browser: Browser) -> None:
    watch(rig, 90)
    with opened(browser, rig.url) as watched:
        page = watched.page
        names = (
            "What is wrong",
            "Battery packs",
            "Chargers",
            "Sources",
            "Accounts",
            "Service",
            "Newest events",
        )
        for name in names:
            expect(page.get_by_role("region", name=name, exact=True)).to_be_visible()
        expect(page.get_by_role("main")).to_be_visible()
        expect(page.get_by_role("banner")).to_be_visible()
        curve = page.get_by_role("slider", name="Voltage over the past minutes")
        curve.focus()
        page.keyboard.press("Home")
        expect(curve).to_have_attribute("aria-valuetext", re.compile(r"(V|not known) 2 min ago$"))
        for _ in range(45):
            page.keyboard.press("ArrowRight")
        expect(curve).to_have_attribute("aria-valuetext", re.compile(r"^4\d\d\.\d V \d\d s ago$"))
        expect(page.locator(".curve figcaption b").first).to_contain_text("ago")
        page.keyboard.press("Escape")
        expect(curve).to_have_attribute("aria-valuenow", "60")


def test_on_a_phone_the_state_comes_before_the_past(rig: WebRig, browser: Browser) -> None:
    watch(rig, 90)
    order = "element => [...element.children].map(child => child.className)"
    with opened(browser, rig.url, width=390) as watched:
        card = watched.page.locator("#packs article")
        expect(card.locator(".tile").first).to_be_visible()
        assert card.evaluate(order)[-2:] == ["map", "past"]
        expect(card.locator(".curve").first).to_be_hidden()
        card.get_by_text("The past ten minutes").click()
        expect(card.locator(".curve").first).to_be_visible()
    with opened(browser, rig.url) as watched:
        card = watched.page.locator("#packs article")
        expect(card.locator(".curve").first).to_be_visible()
        assert card.evaluate(order)[-3:] == ["past", "map", "map"]
