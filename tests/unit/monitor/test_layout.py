"""The monitor's screens as text: what a user sees at two sizes, and what is never shown."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.monitor.layout import Page, plain_lines, screen, trouble
from telemetry.monitor.text import ASCII, UNICODE, Glyphs, text, width_of
from tests.support.live import example

DATA = Path(__file__).parents[2] / "data"


@pytest.mark.parametrize(
    ("file", "width", "height", "glyphs"),
    [
        ("monitor-80x24.txt", 80, 24, UNICODE),
        ("monitor-120x40.txt", 120, 40, UNICODE),
        ("monitor-ascii-80x24.txt", 80, 24, ASCII),
    ],
)
def test_a_screen_looks_as_recorded(file: str, width: int, height: int, glyphs: Glyphs) -> None:
    shown = screen(example(), width, height, glyphs)
    assert [text(line) for line in shown.lines] == (DATA / file).read_text("utf-8").splitlines()


@given(st.integers(1, 150), st.integers(1, 60), st.sampled_from((UNICODE, ASCII)), st.integers(-5, 99))
def test_nothing_is_wider_or_higher_than_the_terminal(
    width: int, height: int, glyphs: Glyphs, first: int
) -> None:
    shown = screen(example(), width, height, glyphs, first=first)
    assert all(width_of(line) <= width for line in shown.lines)
    assert len(shown.lines) <= max(height, 2)
    assert 0 <= shown.first <= shown.last_first


def test_scrolled_to_the_end_the_last_line_is_there() -> None:
    everything = [text(line) for line in screen(example(), 80, 999, ASCII).lines]
    shown = screen(example(), 80, 10, ASCII, first=999)
    assert shown.first == shown.last_first
    assert text(shown.lines[-1]) == everything[-1]


def test_stale_values_stand_in_brackets_whatever_the_terminal() -> None:
    words = "\n".join(plain_lines(example(), 80, ASCII))
    assert "SOH [96.0 %]" in words
    assert "SOC 78.2 %" in words
    assert "[28.10 V]  [+12.00 A]  phase [bulk]" in words
    assert "no data for 35 s" in words


def test_cells_that_are_stale_are_neither_lowest_nor_highest() -> None:
    live = example()
    live["packs"][0]["stale"] += ["cells_v", "temps_c", "cell_min_v"]
    words = "\n".join(plain_lines(live, 80, UNICODE))
    assert "no cell has come lately" in words
    assert "▼" not in words
    assert "[14.0] [14.5] [-] [17.5]" in words
    assert "lowest [3.950 V #1]" in words


@pytest.mark.parametrize("name", ["temp_min_c", "temp_max_c"])
def test_both_temperatures_stand_in_brackets_when_one_of_them_is_stale(name: str) -> None:
    live = example()
    live["packs"][0]["stale"].append(name)
    assert "[14.0 .. 17.5 C]" in "\n".join(plain_lines(live, 80, ASCII))


def test_a_small_pack_has_its_voltages_below_its_bars() -> None:
    live = example()
    live["packs"][0]["cells_v"] = [3.301, 3.305, 3.31, 3.29]
    lines = [line.split() for line in plain_lines(live, 80, ASCII)]
    assert ["3.301", "3.305", "3.310", "3.290"] in lines
    assert ["^3", "v4"] in lines


def test_a_service_that_hangs_is_told_of() -> None:
    live = example()
    live["gauges"]["status_age_s"] = 61.0
    assert "the service hangs since 61 s" in text(screen(live, 80, 24, ASCII).lines[0])


def test_without_a_map_the_messages_are_on_the_first_page() -> None:
    live: dict[str, Any] = {**example(), "packs": [], "chargers": []}
    live["messages"] = [
        {
            "message": "Pack",
            "source": "can0",
            "sender": "",
            "age_s": 0.1,
            "rate_per_s": 10.0,
            "signals": {"Voltage": 360.25, "Counter": 7, "Old": 1},
            "stale": ["Old"],
        }
    ]
    words = list(plain_lines(live, 80, ASCII))
    assert any(line.startswith("Pack | can0 ---") and line.endswith("10.0/s  0.1 s") for line in words)
    assert " Voltage 360.25  Counter 7       Old [1]" in words
    on_their_page = list(plain_lines(live, 80, ASCII, page=Page.MESSAGES))
    assert on_their_page[1:] == words[words.index(on_their_page[1]) :]


def test_messages_of_two_j1939_senders_are_told_apart() -> None:
    live: dict[str, Any] = {**example(), "packs": [], "chargers": []}
    message = {
        "message": "Pack",
        "source": "can0",
        "age_s": 0.1,
        "rate_per_s": 1.0,
        "signals": {},
        "stale": [],
    }
    live["messages"] = [{**message, "sender": sender} for sender in ("01", "F3")]
    words = list(plain_lines(live, 80, ASCII))
    assert [line.partition(" -")[0] for line in words if line.startswith("Pack")] == [
        "Pack | can0 | sa 01",
        "Pack | can0 | sa F3",
    ]


def test_a_meter_and_what_a_device_says_of_itself_are_shown() -> None:
    live: dict[str, Any] = {**example(), "packs": [], "chargers": []}
    live["meters"] = [
        {"charger": "roof", "source": "ttyUSB1", "age_s": 1.0, "values": {"current_a": 5.0}, "stale": []}
    ]
    live["sources"][1]["device"] = "product 0xA389, firmware 0416"
    words = list(plain_lines(live, 80, ASCII))
    assert words[words.index(" +5.00 A") - 1].startswith("meter roof | ttyUSB1 ---")
    assert any("product 0xA389, firmware 0416" in line for line in words)


def test_text_from_outside_cannot_steer_the_terminal() -> None:
    live = example()
    live["events"][0]["text"] = "\x1b[2J\x07 gone \x9b1m"
    live["sources"][0]["source"] = "\x1b]0;x\x07"
    live["packs"][0]["pack"] = "电池\u202e"
    for line in screen(live, 80, 60, UNICODE).lines:
        assert text(line).isprintable()
        assert width_of(line) <= 80


def test_without_a_service_no_value_is_shown_and_the_reason_is() -> None:
    lines = [text(line) for line in trouble("spool/status.sock: no service answers", 60, ASCII).lines]
    assert lines[1:] == [" spool/status.sock: no service answers"]
