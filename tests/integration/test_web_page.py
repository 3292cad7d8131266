"""The page in a real Chromium: values change live, a restart is survived, it fits every screen."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, expect

from telemetry.live.state import LiveSnapshot
from tests.support.browser import WAIT_MS, chromium, opened
from tests.support.web import WebRig
from tests.support.web_gateway import pack_power, web_gateway
from tests.unit.web.test_history import battery

pytestmark = pytest.mark.xdist_group("chromium")  # started once
expect.set_options(timeout=WAIT_MS)
VOLTAGE = "#packs [data-field=voltage_v] dd"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def rig() -> Iterator[WebRig]:
    """A server that shows a vehicle with a silent charger and a lost port."""
    with WebRig() as made:
        yield made


def test_values_change_live_and_a_restart_of_the_service_is_survived(
    tmp_path: Path, browser: Browser
) -> None:
    with web_gateway(tmp_path) as service, opened(browser, service.url) as watched:
        page = watched.page
        expect(page.locator("#no-packs")).to_be_visible()
        for voltage_v in (98.76, 91.5):
            service.listener.send([pack_power(voltage_v)])
            expect(page.locator(VOLTAGE)).to_have_text(f"{voltage_v:.2f} V")
        expect(page.locator("#connection")).to_have_text("live")
        expect(page.locator("#sources")).to_contain_text("receiving")
        assert watched.errors == []
        service.gateway.terminate()
        service.listener.hang_up()
        expect(page.locator("#notice")).to_contain_text("Connection to the service lost at")
        expect(page.locator("#connection")).to_have_text("connection lost")
        expect(page.locator(VOLTAGE)).to_have_text("91.50 V")
        expect(page.locator(VOLTAGE)).to_have_class("is-stale")
        service.start()
        expect(page.locator("#connection")).to_have_text("live")
        expect(page.locator("#notice")).to_be_hidden()
        expect(page.locator(VOLTAGE)).to_have_count(0)
        service.listener.send([pack_power(77.7)])
        expect(page.locator(VOLTAGE)).to_have_text("77.70 V")
        assert watched.hosts == {urlsplit(service.url).netloc}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1440])
def test_it_fits_the_screen_says_nothing_wrong_and_asks_nobody_else(
    rig: WebRig, browser: Browser, width: int, scheme: Literal["light", "dark"]
) -> None:
    source = rig.status["live"]["sources"][1]
    source["state"] = "waiting for /dev/serial/by-id/usb-FTDI_FT232R_A50285BI-if00-port0: " + "x" * 90
    rig.status["live"]["state"]["sink"] = "401 " + "unauthorized" * 20
    rig.status["live"]["events"][0]["text"] = "https://example.org/" + "a" * 200
    with opened(browser, rig.url, width=width, color_scheme=scheme) as watched:
        expect(watched.page.locator(VOLTAGE)).to_have_text("383.16 V")
        assert watched.overflow_px() == 0
        assert watched.errors == []
        assert watched.hosts == {urlsplit(rig.url).netloc}


def test_everything_that_the_service_reports_is_on_the_page(rig: WebRig, browser: Browser) -> None:
    with opened(browser, rig.url) as watched:
        page = watched.page
        expect(page.locator("h1")).to_have_text("van 7")
        expect(page.locator("#packs .figures")).to_contain_text("78.2")
        expect(page.locator("#packs")).to_contain_text("protection word")
        expect(page.locator("#packs .flags")).to_contain_text("charge off")
        expect(page.locator("#packs .flags")).not_to_contain_text("↓ charging")
        expect(page.locator("#chargers")).to_contain_text("bulk")
        expect(page.locator("#sources")).to_contain_text("1,940")
        expect(page.locator("#sources")).to_contain_text("3: error frame 3")
        expect(page.locator("#account-points")).to_contain_text("24,000,514")
        expect(page.locator("#balance")).to_contain_text("every point made is accounted for")
        expect(page.locator("#service")).to_contain_text("API v2, last answer 204")
        expect(page.locator("#events")).to_contain_text("source lost")


def width_px(locator: Locator) -> float:
    box = locator.bounding_box()
    assert box
    return box["width"]


def test_meters_and_what_serial_devices_say_of_themselves_are_on_the_page(
    rig: WebRig, browser: Browser
) -> None:
    live = rig.status["live"]
    live["meters"] = [
        {"charger": "roof", "source": "ttyUSB1", "age_s": 1.0, "values": {"current_a": 5.0}, "stale": []}
    ]
    live["sources"][1]["device"] = "product 0xA389, serial number HQ1"
    with opened(browser, rig.url) as watched:
        expect(watched.page.locator("#meters h2")).to_have_text("Meter roof")
        expect(watched.page.locator("#meters [data-field=current_a] dd")).to_have_text("+5.00 A")
        expect(watched.page.locator("#sources")).to_contain_text("product 0xA389, serial number HQ1")
        row = watched.page.locator("#sources tr").filter(has_text="0xA389")
        assert width_px(row.locator(".device")) == pytest.approx(width_px(row), abs=1.0)
        assert watched.errors == []


def test_points_that_are_missing_are_reported(rig: WebRig, browser: Browser) -> None:
    rig.status["live"]["accounts"] = {**rig.status["live"]["accounts"], "points/made/cells": 7}
    with opened(browser, rig.url) as watched:
        expect(watched.page.locator("#balance")).to_have_text("⚠ 7 points are not accounted for")


def test_what_is_stale_says_so_in_words_and_what_is_fresh_does_not(rig: WebRig, browser: Browser) -> None:
    with opened(browser, rig.url) as watched:
        page = watched.page
        old = "element => getComputedStyle(element, '::after').content"
        assert page.locator("#packs [data-field=soh_pct] dd").evaluate(old) == '"old"'
        assert page.locator(VOLTAGE).evaluate(old) == "none"
        expect(page.locator("#chargers .age")).to_have_text("no data for 35 s")
        for value in page.locator("#chargers dd").all():
            expect(value).to_have_class("is-stale")


def test_a_pipeline_that_hangs_is_reported(rig: WebRig, browser: Browser) -> None:
    with opened(browser, rig.url) as watched:
        expect(watched.page.locator("#connection")).to_have_text("live")
        rig.status["live"]["gauges"] = {**rig.status["live"]["gauges"], "status_age_s": 31.0}
        expect(watched.page.locator("#connection")).to_have_text("held up")
        expect(watched.page.locator("#notice")).to_contain_text("has told nothing new since")


def test_each_cell_shows_number_and_value_to_pointer_finger_and_keys(rig: WebRig, browser: Browser) -> None:
    with opened(browser, rig.url) as watched:
        page = watched.page
        tiles, told = page.locator("#packs .tiles").first.locator(".tile"), page.locator("#packs .told").first
        expect(tiles).to_have_count(96)
        expect(tiles.nth(40)).to_have_text("41\N{EN DASH}")
        tiles.nth(13).hover()
        expect(told).to_have_text("Cell 14: 3.971 V, 10 mV above the median")
        tiles.nth(40).click()
        expect(told).to_have_text("Cell 41: not known")
        page.keyboard.press("ArrowRight")
        expect(told).to_contain_text("Cell 42: ")
        lowest = page.locator("#packs .tile[data-end=lowest]").first
        expect(lowest).to_contain_text("3.950")
        lowest.hover()
        expect(told).to_contain_text("mV below the median, the lowest")


def test_a_page_that_is_opened_now_has_the_past_minutes_as_curves(rig: WebRig, browser: Browser) -> None:
    now_s = rig.clock.monotonic_s()
    for second in range(90, 0, -1):
        then_s = now_s - second
        rig.snapshot = LiveSnapshot(then_s, 0, (battery({"voltage_v": 380.0 + second}, then_s, "main"),))
        rig.server.site.published(is_listened_to=False)
    with opened(browser, rig.url) as watched:
        curve = watched.page.locator("#packs .curve").first
        expect(curve.locator(".times")).to_contain_text("2 min ago")
        expect(curve.locator(".tick.top")).to_contain_text("47")
        path = curve.locator("path").get_attribute("d") or ""
        assert path.count("L") > 80
        curve.locator(".plot").hover()
        expect(curve.locator("figcaption")).to_contain_text("ago")
        assert watched.errors == []


def test_where_no_stream_is_left_values_are_asked_for_one_by_one(rig: WebRig, browser: Browser) -> None:
    with opened(browser, rig.url) as watched:
        expect(watched.page.locator(VOLTAGE)).to_have_text("383.16 V")
        watched.page.route("**/events", lambda route: route.fulfill(status=503))
        watched.page.reload()
        expect(watched.page.locator(VOLTAGE)).to_have_text("383.16 V")
        rig.status["live"]["packs"][0]["battery"]["voltage_v"] = 300.0
        expect(watched.page.locator(VOLTAGE)).to_have_text("300.00 V")
        expect(watched.page.locator("#connection")).to_have_text("live")


def test_names_from_a_bus_are_text_and_never_markup(rig: WebRig, browser: Browser) -> None:
    evil = "<img src=x onerror=document.title='gone'>"
    live = rig.status["live"]
    live["vehicle"] = live["packs"][0]["pack"] = live["sources"][0]["source"] = evil
    live["events"][0]["text"] = live["state"]["sink"] = evil
    live["packs"][0]["battery"][evil] = evil
    with opened(browser, rig.url) as watched:
        expect(watched.page.locator("h1")).to_have_text(evil)
        expect(watched.page.locator("#events")).to_contain_text(evil)
        assert watched.page.locator("img").count() == 0
        assert watched.errors == []
