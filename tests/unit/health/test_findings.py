"""What `check` says of `[[health]]`: what will be had, what will not, and why."""

from pathlib import Path

import pytest

from telemetry.model.finding import Grade
from telemetry.service.check import check
from tests.support.configuration import GATEWAY, load
from tests.support.recording import VEHICLE_DBC

CAN = f'{GATEWAY}[[can]]\nname = "can0"\ndatabases = ["{VEHICLE_DBC}"]\n'
SIGNALS = {
    "current_a": ("BMS_PackPower.PackCurrent", "battery.current_a"),
    "voltage_v": ("BMS_PackPower.PackVoltage", "battery.voltage_v"),
    "soc_pct": ("BMS_PackState.StateOfCharge", "battery.soc_pct"),
    "cells": ("BMS_CellVoltages.Cell{n}Voltage", "cells.v{n}"),
}
CELLS = "resistance of 96 cells, charge of 96 cells, drift of 96 cells"


def maps(names: str) -> str:
    pairs = (SIGNALS[name] for name in names.split())
    return "".join(f'[[map]]\nsignal = "{signal}"\nto = "{to}"\n' for signal, to in pairs)


def said(folder: Path, text: str) -> list[tuple[Grade, str]]:
    found = [(one.level, one.text) for one in check(load(folder, text)) if one.text.startswith("health: ")]
    return [(level, words.removeprefix("health: pack main: ")) for level, words in found]


@pytest.mark.parametrize(
    ("names", "keys", "had", "lacks"),
    [
        (
            "current_a voltage_v soc_pct cells",
            "rated_ah = 149",
            f"use by the day, capacity, state of health, resistance, {CELLS}",
            [],
        ),
        (
            "current_a soc_pct",
            "rated_ah = 149",
            "use by the day, capacity, state of health",
            [
                (Grade.FACT, "no resistance: nothing fills voltage_v"),
                (Grade.FACT, "no resistance of cells, charge of cells, drift of cells: nothing fills cells"),
            ],
        ),
        (
            "current_a voltage_v cells",
            "rated_ah = 149",
            f"use by the day, resistance, {CELLS}",
            [(Grade.WARNING, "no capacity, state of health: nothing fills soc_pct")],
        ),
        (
            "current_a voltage_v soc_pct cells",
            'chemistry = "lfp"',
            "use by the day, capacity, resistance, resistance of 96 cells, drift of 96 cells",
            [
                (Grade.FACT, "no state of health: without rated_ah, until GB/T 27930 reports it"),
                (Grade.FACT, "no charge of 96 cells: LFP's voltage does not tell it"),
            ],
        ),
    ],
)
def test_each_pack_has_a_line_of_what_is_had_and_one_for_each_reason(
    tmp_path: Path, names: str, keys: str, had: str, lacks: list[tuple[Grade, str]]
) -> None:
    assert said(tmp_path, f"{CAN}{maps(names)}[[health]]\n{keys}\n") == [(Grade.FACT, had), *lacks]


def test_without_a_current_nothing_is_had_and_without_health_nothing_is_said(tmp_path: Path) -> None:
    ((level, words),) = said(tmp_path, f"{CAN}{maps('voltage_v soc_pct cells')}[[health]]\n")
    assert (level, words.endswith(": nothing fills current_a")) == (Grade.WARNING, True)
    assert words.startswith(
        "no use by the day, capacity, state of health, resistance, resistance of 96 cells"
    )
    assert said(tmp_path, CAN + maps("current_a soc_pct")) == []


@pytest.mark.parametrize(("poll_every_s", "is_slow"), [(1.0, False), (5.0, True)])
def test_a_device_that_is_asked_each_five_seconds_tells_no_resistance(
    tmp_path: Path, poll_every_s: float, is_slow: bool
) -> None:
    device = (
        f'[[serial]]\nname = "bms"\nport = "/dev/ttyUSB9"\nprotocol = "jbd"\npoll_every_s = {poll_every_s}\n'
    )
    found = [words for _, words in said(tmp_path, f"{GATEWAY}{device}[[health]]\nrated_ah = 100\n")]
    slow = [words for words in found if words.endswith("readings are more than 1.1 s apart")]
    assert len(slow) == is_slow
    assert any("capacity" in words for words in found[:1])
