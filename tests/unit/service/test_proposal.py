"""`check --log --for` proposes the finest bounds that meet a budget, as a table to be copied."""

import json
import random
import tomllib
from pathlib import Path
from typing import Any

import pytest

from telemetry.config import load_config
from telemetry.model.finding import Finding, Grade
from telemetry.service.check import check
from telemetry.service.proposal import Bounds, Seen, finest
from tests.support.command import command
from tests.support.composition_cases import POWER_DBC, Case, config

BUS = """[send]
messages = false
every_s = 60
"""
MAPPED = """[[map]]
signal = "Pack.Volts"
to = "battery.voltage_v"
[[map]]
signal = "Pack.Amperes"
to = "battery.current_a"
"""
FIELDS = {
    "volts": Seen(0.1, 40.0),
    "amps": Seen(0.5, 300.0),
    "cells": Seen(0.001, 0.4),
    "temps": Seen(0.5, 2.0),
}
HEARTBEATS = {"volts": 60, "amps": 60, "cells": 5760, "temps": 60}
NOISE = {"volts": 360_000, "amps": 360_000, "cells": 180_000, "temps": 20_000}


def cost(bounds: Bounds) -> tuple[float, dict[str, int]]:
    """Return what a model of a log costs: noise at the finest bound, less by the square of wider ones."""
    kept = {
        name: HEARTBEATS[name] + round(NOISE[name] * (one.finest / bounds[name]) ** 2)
        for name, one in FIELDS.items()
    }
    return 5.0 * sum(kept.values()), kept


@pytest.mark.parametrize("most", [29_800, 31_000, 40_000, 100_000, 1_000_000, 4_000_000, 10_000_000])
@pytest.mark.parametrize("wider", [1, 64])
def test_no_bound_can_be_halved_within_the_budget_but_one_as_fine_as_the_log(most: int, wider: int) -> None:
    start = {name: wider * one.finest for name, one in FIELDS.items()}
    bounds, link_bytes_h = finest(start, FIELDS, most, cost)
    assert bounds is not None
    assert cost(bounds)[0] == link_bytes_h <= most
    for name, one in FIELDS.items():
        assert bounds[name] >= one.finest
        assert bounds[name] < 2 * one.finest or cost(bounds | {name: bounds[name] / 2})[0] > most


def test_a_bound_is_a_large_part_of_what_a_field_spans_only_where_others_do_not_suffice() -> None:
    start = {name: one.finest for name, one in FIELDS.items()}
    bounds, _ = finest(start, FIELDS, 5 * (5940 + 24_000), cost)  # 20,000 of which are temperatures
    assert bounds is not None
    assert bounds["temps"] == 0.5
    assert all(bounds[name] <= FIELDS[name].span / 8 for name in ("volts", "amps", "cells"))
    bounds, _ = finest(start, FIELDS, 29_710, cost)
    assert bounds is not None
    assert bounds["temps"] > 2.0 / 8


def test_a_budget_below_what_the_widest_bounds_leave_has_none_and_their_cost_is_returned() -> None:
    assert finest(dict.fromkeys(FIELDS, 1.0), FIELDS, 29_600, cost) == (None, 5.0 * 5940)


def frame_of(volts: float, amps: float) -> str:
    raw = round(volts * 10).to_bytes(2, "little") + round(amps * 10).to_bytes(2, "little", signed=True)
    return f"100#{raw.hex()}"


def case_of(rest: str) -> Case:
    drawn = random.Random(3)
    frames = (
        frame_of(400 + n / 100 + drawn.gauss(0, 0.2), 50 + (n // 100) % 7 - 3 + drawn.gauss(0, 0.3))
        for n in range(3000)
    )
    return Case(POWER_DBC, tuple(frames), rest=rest + MAPPED)


def proposed(folder: Path, rest: str, budget_bytes: float) -> tuple[Finding, Finding]:
    """Return what is said of the budget, and of the link."""
    case = case_of(rest)
    log = case.write(folder)
    found = list(check(load_config(config(folder, "can", case), {}), log=log, budget_bytes=budget_bytes))
    (asked,) = (one for one in found if one.text.startswith("for "))
    (link,) = (one for one in found if one.rate and "link_mb_a_day" in one.rate)
    return asked, link


def figures(finding: Finding) -> dict[str, Any]:
    assert finding.rate is not None
    return dict(finding.rate)


@pytest.mark.parametrize(
    ("reduce", "kept"),
    [
        ("", {}),
        (
            "[reduce]\nevery_s = 0.5\nring_mb = 4\nmeasurements = { event = 3 }\nflags = { battery = 60 }\n",
            {"ring_mb": 4.0, "measurements": {"event": 3.0}, "flags": {"battery": 60.0}},
        ),
        (
            '[reduce]\nlongest_s = 30\n[reduce.bounds]\n"battery.charged_*" = 0\n"*.voltage_v" = 0.05\n',
            {"longest_s": 30.0, "shape": "hold"},
        ),
    ],
)
def test_the_table_that_is_printed_costs_what_is_said_of_it(
    tmp_path: Path, reduce: str, kept: dict[str, Any]
) -> None:
    asked, _ = proposed(tmp_path, BUS + reduce, 120_000)
    said = figures(asked)
    assert said["stands_bytes_h"] > 120_000 >= said["link_bytes_h"] > 80_000
    assert "every_s" not in said["reduce"]
    assert said["reduce"] == said["reduce"] | kept
    assert tomllib.loads(asked.block) == {"reduce": said["reduce"]}
    again, link = proposed(tmp_path, f"{BUS}{asked.block}\n", 120_000)
    assert figures(link)["link_mb_a_day"] * 1e6 / 24 == pytest.approx(said["link_bytes_h"], rel=1e-9)
    assert again.text == (
        f"for 120 kB/h: it takes {said['link_bytes_h'] / 1e3:.1f} kB an hour as it stands, which meets it"
    )
    assert again.block == ""


def test_globs_that_are_configured_stay_in_their_order_and_one_of_0_as_it_is(tmp_path: Path) -> None:
    bounds = '"battery.power_w" = 9\n"*_ah" = 0\n"*.voltage_v" = 0.1\n'
    asked, _ = proposed(tmp_path, f'{BUS}[reduce]\nshape = "hold"\n[reduce.bounds]\n{bounds}', 90_000)
    table = figures(asked)["reduce"]
    assert list(table["bounds"])[:4] == ["battery.power_w", "*_ah", "*.voltage_v", "battery.current_a"]
    assert (table["shape"], table["bounds"]["*_ah"]) == ("hold", 0)
    assert "battery.voltage_v" not in table["bounds"]


def test_bounds_that_meet_the_budget_with_room_may_be_finer_but_not_than_the_log(tmp_path: Path) -> None:
    rest = f'{BUS}[reduce.bounds]\n"*.voltage_v" = 25.6\n"*_a" = 25.6\n"*" = 1000\n'
    asked, _ = proposed(tmp_path, rest, 10_000_000)
    said = figures(asked)
    assert said["stands_bytes_h"] < said["link_bytes_h"] <= 10_000_000
    assert said["reduce"]["bounds"]["*.voltage_v"] == said["reduce"]["bounds"]["*_a"] == 0.1


def test_without_bounds_a_budget_that_is_met_needs_none(tmp_path: Path) -> None:
    asked, _ = proposed(tmp_path, BUS, 50_000_000)
    assert asked.level is Grade.FACT
    assert asked.text.endswith(" an hour as it stands, which meets it")
    assert (asked.block, figures(asked)["reduce"]) == ("", None)


def test_a_budget_that_heartbeats_exceed_is_a_warning_with_what_is_left(tmp_path: Path) -> None:
    asked, _ = proposed(tmp_path, BUS, 1000)
    left = figures(asked)["link_bytes_h"] / 1e3
    assert asked.level is Grade.WARNING
    assert f"and {left:.1f} kB with the widest bounds: none meet it (a longer [send] every_s" in asked.text


def test_the_command_prints_the_table_alone_between_empty_lines_and_as_json_by_its_keys(
    tmp_path: Path,
) -> None:
    case = case_of(BUS)
    log = case.write(tmp_path)
    words = ("check", config(tmp_path, "can", case), "--log", log, "--for", "60kB/h")
    _, table, _ = command(*words).stdout.split("\n\n")
    found = json.loads(command(*words, "--json").stdout)["findings"]
    (asked,) = (one["rate"] for one in found if one["text"].startswith("for "))
    assert tomllib.loads(table)["reduce"] == asked["reduce"]
    assert asked["reduce"]["shape"] == "line"
