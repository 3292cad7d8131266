"""telemetry/demo/live_lines.py: what is known is shown, what is not is left out."""

from typing import Any

from telemetry.demo.live_lines import live_lines

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


def test_the_plug_has_a_line_and_its_pack_is_not_taken_for_the_vehicles() -> None:
    live = {
        "packs": [
            *STATUS["live"]["packs"],
            {"pack": "main", "battery": {"soc_pct": 20.0}},
        ],
        "chargers": [
            {
                "charger": "dc",
                "values": {"phase": "charging", "current_a": 239.9},
                "plug": {"values": {"soc_pct": 20.0, "remaining_min": 12}, "stale": [], "error": None},
            }
        ],
    }
    shown = live_lines({**STATUS, "live": live}, "head", 60.0)
    assert any("battery" in line and "63.24 %" in line for line in shown)
    assert [line for line in shown if "DC plug" in line] == [
        "  DC plug   20.00 %  charging        239.9 A  12 min left"
    ]


def test_a_plug_that_has_charged_shows_no_current_of_before() -> None:
    values = {"phase": "complete", "current_a": 172.4}
    plug: dict[str, Any] = {"values": {"soc_pct": 80.0, "remaining_min": 0}, "stale": [], "error": None}
    live = {"packs": [], "chargers": [{"charger": "dc", "values": values, "plug": plug}]}
    shown = live_lines({**STATUS, "live": live}, "head", 60.0)
    assert [line.split() for line in shown if "DC plug" in line] == [["DC", "plug", "80.00", "%", "complete"]]


def test_all_parts_of_the_vehicle_have_a_line() -> None:
    lines = [" ".join(line.split()) for line in live_lines(STATUS, "[###...]", 60.0)]
    assert lines == [
        "[###...] 1,234 frames 13,122/s 2,345 points made",
        "battery 63.24 % 389.7 V -50.0 A -19.5 kW cells 4.014 to 4.053 V",
        "charger constant current 230.9 A 90.0 kW 14.54 kWh",
        "service 66 % 54.41 V +4.77 A sun 295 W bulk",
    ]


def test_points_that_are_stored_count_once_there_are_any() -> None:
    accounts = {**STATUS["accounts"], "points/acknowledged": 2300}
    assert "2,300 points stored" in live_lines({**STATUS, "accounts": accounts}, "", 60.0)[0]


def test_a_gateway_that_knows_nothing_yet_has_one_line() -> None:
    assert live_lines({"accounts": {}}, "[...]", 60.0) == ["[...]  0 frames  0 points made"]


def test_values_that_are_not_known_are_left_out() -> None:
    live = {"packs": [{"pack": "traction", "battery": {"voltage_v": 389.69}}], "chargers": []}
    lines = live_lines({"accounts": {}, "live": live}, "", 1.0)
    assert lines[1].split() == ["battery", "389.7", "V"]
