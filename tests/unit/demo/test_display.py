"""telemetry/demo/display.py: lines rewritten in a terminal, few elsewhere; what is not known is left out."""

import io
from typing import Any

import pytest

from telemetry.demo.display import Display, bar, live_lines


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminals_lines_are_rewritten_and_cleared_before_a_note() -> None:
    stream = Terminal()
    display = Display(stream)
    display.live(["one", "uno"], 0.0)
    display.live(["two"], 0.1)
    display.note("done")
    assert stream.getvalue() == "one\nuno\r\x1b[A\x1b[Jtwo\r\x1b[Jdone\n"


def test_a_line_never_wraps() -> None:
    stream = Terminal()
    Display(stream).live(["x" * 5000], 0.0)
    assert len(stream.getvalue()) < 1000


def test_elsewhere_a_line_is_written_every_few_seconds() -> None:
    stream = io.StringIO()
    display = Display(stream)
    for tenth in range(120):
        display.live([f"at   {tenth / 10}", "  all well"], tenth / 10)
    assert stream.getvalue().splitlines() == [
        "at 0.0; all well",
        "at 5.0; all well",
        "at 10.0; all well",
    ]


def test_a_second_act_begins_with_a_line() -> None:
    stream = io.StringIO()
    display = Display(stream)
    display.live(["first"], 30.0)
    display.begin()
    display.live(["second"], 0.0)
    assert stream.getvalue().splitlines() == ["first", "second"]


def test_a_bar_fills_up_and_never_over() -> None:
    assert bar(0.0) == "[" + "." * 24 + "]"
    assert bar(0.5) == "[" + "#" * 12 + "." * 12 + "]"
    assert bar(1.7) == "[" + "#" * 24 + "]"


STATUS: dict[str, Any] = {
    "accounts": {"bus/can/read": 1234, "points/made/battery": 2000, "points/made/cells": 345},
    "live": {
        "packs": [
            {
                "pack": "traction",
                "battery": {
                    "soc_pct": 63.24,
                    "voltage_v": 389.69,
                    "current_a": -50.0,
                    "cell_min_v": 4.0145,
                    "cell_max_v": 4.053,
                },
            },
            {"pack": "service", "battery": {"soc_pct": 66.0, "voltage_v": 54.41, "current_a": 4.77}},
        ],
        "chargers": [
            {
                "charger": "main",
                "values": {
                    "phase": "constant current",
                    "current_a": 230.95,
                    "power_w": 90000.0,
                    "energy_wh": 14536.3,
                },
            },
            {"charger": "solar", "values": {"power_w": 294.7, "phase": "bulk"}},
        ],
        "sources": [{"source": "can", "frames_per_s": 218.7}, {"source": "jbd", "frames_per_s": 1.8}],
    },
}


def lines(status: dict[str, Any]) -> list[str]:
    return [" ".join(line.split()) for line in live_lines(status, "[###...]", 60.0)]


def test_all_parts_of_the_vehicle_have_a_line() -> None:
    assert lines(STATUS) == [
        "[###...] 1,234 frames 13,122/s 2,345 points made",
        "battery SOC 63.2 % 389.69 V -50.00 A lowest 4.014 V highest 4.053 V",
        "charger constant current +230.95 A +90,000 W energy 14.54 kWh",
        "service SOC 66.0 % 54.41 V +4.77 A",
        "solar bulk +295 W",
    ]


@pytest.mark.parametrize(
    ("phase", "shown"),
    [("charging", "SOC 20 % charging +239.90 A left 12 min"), ("complete", "SOC 20 % complete")],
)
def test_the_plug_has_a_line_and_what_is_of_before_is_not_shown(phase: str, shown: str) -> None:
    plug: dict[str, Any] = {"values": {"soc_pct": 20.0, "remaining_min": 12}, "stale": [], "error": None}
    charger = {"charger": "dc", "values": {"phase": phase, "current_a": 239.9}, "plug": plug}
    packs = [*STATUS["live"]["packs"], {"pack": "main", "battery": {"soc_pct": 20.0}}]
    found = lines({**STATUS, "live": {"packs": packs, "chargers": [charger]}})
    assert found[1].startswith("battery SOC 63.2 %")  # not the pack at the plug
    assert found[-1] == f"DC plug {shown}"


def test_points_that_are_stored_count_once_there_are_any() -> None:
    accounts = {**STATUS["accounts"], "points/acknowledged": 2300}
    assert "2,300 points stored" in lines({**STATUS, "accounts": accounts})[0]


def test_what_is_not_known_yet_is_left_out() -> None:
    assert lines({"accounts": {}}) == ["[###...] 0 frames 0 points made"]
    live = {"packs": [{"pack": "traction", "battery": {"voltage_v": 389.69}}], "chargers": []}
    assert lines({"accounts": {}, "live": live})[1:] == ["battery 389.69 V"]
