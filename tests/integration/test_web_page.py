"""The page in a real Chromium: values change live, a restart is survived, it fits every screen."""

import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Request, expect

from tests.support.browser import WAIT_MS, opened
from tests.support.web import WebRig
from tests.support.web_gateway import WebGateway, pack_power, web_gateway

pytestmark = pytest.mark.xdist_group("chromium")  # started once
expect.set_options(timeout=WAIT_MS)
VOLTAGE = "#packs [data-field=voltage_v] dd"


def show_signals(service: WebGateway, page: Page) -> None:
    """Send a frame again and again: the service collects messages only from when the page has asked."""
    for _ in range(100):
        service.listener.send([pack_power(60.25)])
        try:
            expect(page.locator("#signals")).to_contain_text("BMS_PackPower", timeout=500)
        except AssertionError:
            continue
        return
    expect(page.locator("#signals")).to_contain_text("BMS_PackPower")


def test_values_change_live_and_a_restart_of_the_service_is_survived(
    tmp_path: Path, browser: Browser
) -> None:
    with web_gateway(tmp_path) as service, opened(browser, service.url) as watched:
        page = watched.page
        expect(page.locator("#no-packs")).to_be_visible()
        page.get_by_role("searchbox", name="Filter").focus()  # a card in use stays open
        show_signals(service, page)
        volts = page.locator("#signals tr", has_text="PackVoltage")
        expect(volts).to_contain_text("60.25")
        expect(volts.locator(".unit")).to_have_text("V")
        page.get_by_role("searchbox", name="Filter").fill("power PackV")
        expect(page.locator("#signals-count")).to_contain_text("1 of ")
        expect(page.locator("#signals")).not_to_contain_text("PackCurrent")
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
        expect(page.locator("#packs")).to_contain_text("Protection word")
        expect(page.locator("#packs .flags li")).to_have_text(["discharging", "⚠ charge off"])
        expect(page.locator("#chargers")).to_contain_text("bulk")
        expect(page.locator("#sources")).to_contain_text("1,940")
        expect(page.locator("#sources")).to_contain_text("3: error frame 3")
        expect(page.locator("#account-points")).to_contain_text("24,000,514")
        expect(page.locator("#balance")).to_contain_text("every point made is accounted for")
        expect(page.locator("#service")).to_contain_text("API v2, last answer 204")
        expect(page.locator("#events")).to_contain_text("source lost")


@pytest.mark.parametrize("width", [360, 1440])
def test_a_value_with_a_bound_says_what_the_server_has_of_it_and_captures_are_named(
    rig: WebRig, browser: Browser, width: int
) -> None:
    live = rig.status["live"]
    live["packs"][0]["kept"] = {
        "voltage_v": {"age_s": 12.3, "bound": 0.1},
        "power_w": {"age_s": 42.0, "bound": 200.0},
        "cells_v": {"age_s": 31.0, "bound": 0.005},
    }
    live["captures"] = [
        {"id": "20261130T193000Z-1", "goes_on": True, "raw_bytes": 1_234_567},
        {"id": "20261130T190000Z-1", "goes_on": False, "raw_bytes": 0},
    ]
    live["gauges"]["bound_factor"] = 4
    live["accounts"]["triggers/over_per_hour"] = 2
    live["events"][0]["capture"] = "20261130T193000Z-1"
    with opened(browser, rig.url, width=width) as watched:
        page = watched.page
        expect(page.locator("#packs [data-field=voltage_v] .kept")).to_have_text("±0.1, kept 12 s ago")
        expect(page.locator("#packs [data-field=power_w] .kept")).to_have_text("±0.2, kept 42 s ago")
        expect(page.locator("#packs .kept")).to_have_count(2)
        expect(page.locator("#packs .map h3").first).to_contain_text("each ±0.005, kept 31 s ago")
        expect(page.locator("#service")).to_contain_text(
            "20261130T193000Z-1 goes on, 1.2 MB of raw frames; 20261130T190000Z-1; 2 were over per_hour"
        )
        expect(page.locator("#service")).to_contain_text("multiplied by 4")
        expect(page.locator("#events")).to_contain_text("capture 20261130T193000Z-1")
        assert watched.overflow_px() == 0
        assert watched.errors == []


def test_a_plug_has_its_phase_state_of_charge_power_and_time_left_and_its_last_error(
    rig: WebRig, browser: Browser
) -> None:
    (charger,) = rig.status["live"]["chargers"]
    charger["values"] |= {"power_w": 43_210.0, "phase": "charging"}
    charger |= {"stale": [], "age_s": 0.5}
    charger["plug"] = {
        "values": {"soc_pct": 43.0, "remaining_min": 12},
        "stale": ["remaining_min"],
        "error": {"time_ns": 1_700_000_000_000_000_000, "text": "<b>no CCS</b> for 1.0 s"},
    }
    with opened(browser, rig.url, width=360) as watched:
        figures = watched.page.locator("#chargers .figures dd")
        expect(figures).to_have_text(["charging", "43 %", "+43.2 kW", "12 min"])
        expect(figures.nth(3)).to_have_class("is-stale")
        expect(figures.nth(1)).not_to_have_class("is-stale")
        expect(watched.page.locator("#chargers .facts")).to_contain_text("28.10 V")
        error = watched.page.locator("#chargers .plug-error")
        expect(error).to_have_text("Last error, 14 Nov 22:13: <b>no CCS</b> for 1.0 s")
        assert watched.overflow_px() == 0
        assert watched.errors == []
        charger["plug"]["error"] = None
        expect(error).to_be_hidden()


def test_what_is_wrong_stands_in_one_line_at_the_top_and_nothing_is_green_then(
    rig: WebRig, browser: Browser
) -> None:
    live = rig.status["live"]
    alarm = {"level": 2, "code": "cell_overvoltage", "text": "alarm cell overvoltage, pack main"}
    live["troubles"] = [alarm, *live["troubles"]]
    mark = "element => getComputedStyle(element).backgroundColor"
    with opened(browser, rig.url) as watched:
        page = watched.page
        line = page.locator("#trouble-line")
        expect(line).to_contain_text("2 troubles: ✖ alarm cell overvoltage, pack main · ⚠ ttyUSB0")
        drawn = [line.locator(f".drawn.{name}").text_content() for name in ("critical", "warning")]
        assert drawn == ["✖", "⚠"], "no font needs to have them"
        line_px = float(line.evaluate("line => parseFloat(getComputedStyle(line).lineHeight)"))
        assert line.evaluate("line => line.getBoundingClientRect().height") < 1.5 * line_px
        expect(page).to_have_title(re.compile("^⚠ van 7 "))
        alarmed = page.locator("#connection .mark").evaluate(mark)
        line.click()
        expect(page.locator("#trouble-list li")).to_have_text(
            [
                "✖ critical: alarm cell overvoltage, pack main",
                "⚠ warning: ttyUSB0: waiting for /dev/ttyUSB0: no such device",
            ]
        )
        announced = page.locator("#trouble-announcement")
        held_up = {"level": 2, "code": "", "text": "the pipeline has not got on for 16 s"}
        live["troubles"] = [held_up]
        expect(announced).to_have_text("the pipeline has not got on for 16 s")
        live["troubles"] = [held_up | {"text": "the pipeline has not got on for 17 s"}]
        expect(line).to_contain_text("17 s")
        expect(announced).to_have_text("the pipeline has not got on for 16 s")
        expect(page.locator("#state[aria-live]")).to_have_count(0)
        live["troubles"] = []
        expect(page.locator("#all-well")).to_contain_text("Nothing is wrong: 2 sources work")
        expect(line).to_be_hidden()
        assert page.locator("#connection .mark").evaluate(mark) != alarmed


def test_messages_are_asked_for_only_while_somebody_looks_at_them(rig: WebRig, browser: Browser) -> None:
    with opened(browser, rig.url) as watched:
        page = watched.page
        expect(page.locator(VOLTAGE)).to_have_text("383.16 V")
        assert rig.messages_asked == 0
        page.get_by_role("heading", name="Signals").click()
        expect(page.locator("#signals-note")).to_have_text("No message that is known has come yet.")
        assert rig.messages_asked > 0


def test_a_card_that_opened_itself_closes_when_there_is_something_else_to_see(
    rig: WebRig, browser: Browser
) -> None:
    live = rig.status["live"]
    mapped = {kind: live[kind] for kind in ("packs", "chargers", "meters")}
    live.update({kind: [] for kind in mapped})
    with opened(browser, rig.url) as watched:
        expect(watched.page.locator("#no-packs")).to_be_visible()
        live.update(mapped)
        expect(watched.page.locator(VOLTAGE)).to_have_text("383.16 V")
        expect(watched.page.locator("#signals[open]")).to_have_count(0)


def test_a_question_for_messages_waits_for_the_answer_to_the_one_before(
    rig: WebRig, browser: Browser
) -> None:
    """Over a lost network none is answered, and a browser has six connections."""
    unanswered: set[Request] = set()
    together: list[int] = []

    def asked(request: Request) -> None:
        if request.url.endswith("/api/messages"):
            unanswered.add(request)
            together.append(len(unanswered))

    with opened(browser, rig.url) as watched:
        page = watched.page
        page.clock.install()
        page.route("**/api/messages", lambda _: None)
        page.on("request", asked)
        page.on("requestfailed", lambda request: unanswered.discard(request))
        page.reload()
        expect(page.locator(VOLTAGE)).to_have_text("383.16 V")
        page.get_by_role("heading", name="Signals").click()
        page.clock.run_for(5000)
        page.evaluate("fetch('/api/live')")  # every request before it is known now
        assert set(together) == {1}


def test_on_a_phone_a_name_ends_its_line_between_its_words_and_numbers_keep_their_column(
    rig: WebRig, browser: Browser
) -> None:
    names = ["CellUndervoltageProtection_threshold.release_value", "DischargeOvercurrent", "Gear", "v_16"]
    values = [3.142, "a text that is much longer than the others are, and wraps", True, -40]
    message = {
        "source": "can0",
        "sender": "",
        "message": "BMS_CellVoltagesAndTemperatures_OfTheFrontModule",
        "age_s": 0.1,
        "rate_per_s": 10.0,
        "signals": dict(zip(names, values, strict=True)),
        "units": {names[0]: "V"},
        "ages_s": {},
    }
    places = """rows => rows.map(row => {
        const lines = [];
        const texts = document.createTreeWalker(row.querySelector("th"), NodeFilter.SHOW_TEXT);
        while (texts.nextNode()) {
            const range = document.createRange();
            range.selectNodeContents(texts.currentNode);
            lines.push(range.getClientRects().length);
        }
        const [name, value] = row.children;
        return [name.textContent, Math.max(...lines), value.getBoundingClientRect().right];
    })"""
    with opened(browser, rig.url, width=390) as watched:
        page = watched.page
        answer = {"messages": [message], "messages_left_out": 0}
        page.route("**/api/messages", lambda route: route.fulfill(json=answer))
        page.get_by_role("heading", name="Signals").click()
        rows = page.locator("#signal-rows tr:not(.message)")
        expect(rows).to_have_count(4)
        shown, lines_a_word, right_px = zip(*rows.evaluate_all(places), strict=True)
        assert list(shown) == names
        assert set(lines_a_word) == {1}
        assert max(right_px) - min(right_px) < 1
        heights = rows.locator("th").evaluate_all("cells => cells.map(cell => cell.offsetHeight)")
        assert heights[0] > heights[2]  # it is too long for one line
        assert watched.overflow_px() == 0
        assert page.locator(".signals-frame").evaluate("frame => frame.scrollWidth - frame.clientWidth") == 0
        assert watched.errors == []


@pytest.mark.parametrize("width", [390, 1280, 1440])
def test_a_phase_of_two_words_stays_within_its_figure(rig: WebRig, browser: Browser, width: int) -> None:
    (charger,) = rig.status["live"]["chargers"]
    charger["values"] |= {"phase": "constant current"}
    charger["plug"] = {"values": {"soc_pct": 43.0}, "stale": [], "error": None}
    with opened(browser, rig.url, width=width) as watched:
        phase = watched.page.locator("#chargers [data-field=phase]")
        expect(phase).to_contain_text("constant current")
        assert phase.evaluate("figure => figure.scrollWidth - figure.clientWidth") <= 0
        assert phase.locator(".reading").evaluate(
            "text => text.getBoundingClientRect().right"
            " <= text.closest('[data-field]').getBoundingClientRect().right"
        )


def test_a_source_that_is_no_longer_configured_is_named_so_and_is_no_trouble(
    rig: WebRig, browser: Browser
) -> None:
    rig.status["live"]["sources"][1]["state"] = ""
    rig.status["live"]["troubles"] = []
    with opened(browser, rig.url) as watched:
        expect(watched.page.locator("#all-well")).to_contain_text("Nothing is wrong: 1 source works")
        expect(watched.page.locator("#sources tr").nth(1).locator("td").first).to_have_text(
            "no longer configured"
        )


def test_energy_says_since_when_it_counts(rig: WebRig, browser: Browser) -> None:
    (pack,) = rig.status["live"]["packs"]
    pack["battery"] |= {"charged_wh": 1234.5, "discharged_wh": 20.0}
    pack["counted"] = {"fields": ["charged_wh"], "since_ns": 1_700_000_000_000_000_000}
    with opened(browser, rig.url) as watched:
        card = watched.page.locator("#packs")
        expect(card.locator("[data-field=charged_wh]")).to_contain_text("1.23 kWhsince 14 Nov ")
        expect(card.locator("[data-field=discharged_wh] .since")).to_have_count(0)


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
            expect(value).to_contain_class("is-stale")


def test_a_pipeline_that_hangs_is_reported(rig: WebRig, browser: Browser) -> None:
    with opened(browser, rig.url) as watched:
        expect(watched.page.locator("#connection")).to_have_text("live")
        rig.status["live"]["gauges"] = {**rig.status["live"]["gauges"], "status_age_s": 31.0}
        expect(watched.page.locator("#connection")).to_have_text("held up")
        expect(watched.page.locator("#notice")).to_contain_text("has sent nothing new since")


def test_each_cell_shows_number_and_value_to_pointer_finger_and_keys(rig: WebRig, browser: Browser) -> None:
    with opened(browser, rig.url) as watched:
        page = watched.page
        tiles = page.locator("#packs .tiles").first.locator(".tile")
        readout = page.locator("#packs .readout").first
        expect(tiles).to_have_count(96)
        expect(tiles.nth(40)).to_have_text("41\N{EN DASH}")
        tiles.nth(13).hover()
        expect(readout).to_have_text("Cell 14: 3.971 V, 10 mV above the median")
        tiles.nth(40).click()
        expect(readout).to_have_text("Cell 41: not known")
        page.keyboard.press("ArrowRight")
        expect(readout).to_contain_text("Cell 42: ")
        lowest = page.locator("#packs .tile[data-end=lowest]").first
        expect(lowest).to_contain_text("3.950")
        lowest.hover()
        expect(readout).to_contain_text("mV below the median, the lowest")


def test_an_end_that_many_sensors_share_is_not_marked(rig: WebRig, browser: Browser) -> None:
    rig.status["live"]["packs"][0]["temps_c"] = [14.0, 14.5, 14.0, 14.0, 15.0]
    with opened(browser, rig.url) as watched:
        sensors = watched.page.locator("#packs .tiles").nth(1)
        expect(sensors.locator(".tile[data-end=highest]")).to_contain_text("15.0")
        expect(sensors.locator(".tile[data-end=lowest]")).to_have_count(0)


def test_the_spread_of_cells_is_rounded_as_the_one_that_is_stored(rig: WebRig, browser: Browser) -> None:
    pack = rig.status["live"]["packs"][0]
    pack["cells_v"] = [4.001, 4.0245, 4.01]
    pack["battery"]["cell_delta_v"] = 0.0235
    with opened(browser, rig.url) as watched:
        expect(watched.page.locator("#packs [data-field=cell_delta_v] dd").first).to_contain_text("24 mV")
        expect(watched.page.locator("#packs .map-head").first).to_contain_text("spread 24 mV")


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
