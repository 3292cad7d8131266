"""A mistake in bounds, budgets, triggers or the black box is one line of `check`, with place and remedy."""

import re
from pathlib import Path

import pytest

from tests.support.command import refused
from tests.support.configuration import GATEWAY
from tests.support.recording import VEHICLE_DBC

SOURCE = f"""{GATEWAY}[[can]]
name = "can0"
databases = ["{VEHICLE_DBC}"]
[[map]]
signal = "BMS_PackPower.PackVoltage"
to = "battery.voltage_v"
[[map]]
signal = "BMS_CellVoltages.Cell{{n}}Voltage"
to = "cells.v{{n}}"
"""
FIRST = 1 + SOURCE.count("\n")  # the line of what is wrong
STATE = "BMS_PackPower.State"
OWN = (
    "is of a measurement with an interval of its own"
    " (take cells out of reduce.measurements, or name other fields)"
)
ALL = '[reduce.bounds]\n"*" = 1\n'


@pytest.mark.parametrize(
    ("tables", "line", "words"),
    [
        (
            '[reduce.bounds]\n"*voltagee_v" = 0.1',
            2,
            'reduce.bounds.*voltagee_v: there is no such field (did you mean "*voltage_v"?)',
        ),
        (
            "[reduce.bounds]\nvoltage_v = 0.1",
            2,
            'reduce.bounds.voltage_v: there is no such field (did you mean "*.voltage_v"?)',
        ),
        (
            '[reduce.bounds]\n"battery.voltage_v" = -0.1',
            2,
            "reduce.bounds.battery.voltage_v: must be 0 or more, not -0.1",
        ),
        (
            '[reduce.bounds]\n"battery.voltage_v" = nan',
            2,
            "reduce.bounds.battery.voltage_v: must be a finite number, not nan",
        ),
        (
            '[reduce.bounds]\n"battery.charging" = 1',
            2,
            "reduce.bounds.battery.charging: battery.charging is a flag or a text (it passes at each change)",
        ),
        (
            f'[reduce.bounds]\n"{STATE}" = 1',
            2,
            f"reduce.bounds.{STATE}: {STATE} is a flag or a text (it passes at each change)",
        ),
        ('[reduce]\nshape = "line"', 2, "reduce.shape: does nothing without bounds (add [reduce.bounds])"),
        (
            "[reduce]\nlongest_s = 9",
            2,
            "reduce.longest_s: does nothing without bounds (add [reduce.bounds])",
        ),
        (
            '[reduce]\nmeasurements = { cells = 10 }\n[reduce.bounds]\n"cells.v*" = 1',
            4,
            f"reduce.bounds.cells.v*: cells.v001 {OWN}",
        ),
        (
            f"[reduce]\nevery_s = 90\nlongest_s = 80\n{ALL}",
            3,
            "reduce.longest_s: is 80, and every_s is 90 (it may not be less)",
        ),
        (
            f"[reduce]\nevery_s = 90\n{ALL}",
            1,
            "reduce.longest_s: is 60 where it is not given, and every_s is 90 (it may not be less)",
        ),
        ("[reduce]\nbounds = [1]", 2, "reduce.bounds: must be a table [reduce.bounds], not a list"),
        (
            "[uplink]\nbytes_per_hour = 2000",
            2,
            "uplink.bytes_per_hour: does nothing without bounds (add [reduce.bounds])",
        ),
        (
            '[[trigger]]\non = ["cell_overvoltages"]',
            2,
            'trigger[0].on: no event is called "cell_overvoltages" (did you mean "cell_overvoltage"?)',
        ),
        (
            '[[trigger]]\non = ["trigger"]',
            2,
            "trigger[0].on: the event of a trigger sets off no other one (name what sets off that one)",
        ),
        ("[[trigger]]", 1, "trigger[0].on: is missing (one of on, signal and field)"),
        (
            '[[trigger]]\nfield = "battery.voltage_v"\nchanges_by = 3',
            1,
            "trigger[0].within_s: is missing (the time of changes_by)",
        ),
        (
            '[[trigger]]\nfield = "battery.voltage_v"\nabove = 3\nwithin_s = 3',
            4,
            "trigger[0].within_s: is for changes_by alone (leave it out)",
        ),
        (
            '[[trigger]]\nfield = "BMS_PackPower.PackCurrent"\nabove = 3',
            2,
            'trigger[0].field: BMS_PackPower is a message (signal = "BMS_PackPower.PackCurrent")',
        ),
        (
            '[[trigger]]\nsignal = "battery.voltage_v"\nabove = 3',
            2,
            'trigger[0].signal: battery is of the data model (field = "battery.voltage_v")',
        ),
        (
            '[[trigger]]\non = ["limit"]\nonly = ["batery"]',
            3,
            "trigger[0].only: no measurement fits 'batery' (did you mean \"battery\"?)",
        ),
        (
            '[[trigger]]\non = ["limit"]\nblack_box = true',
            3,
            "trigger[0].black_box: there is no black box (give [black_box] a directory)",
        ),
        ("[black_box]", 1, "black_box.directory: is missing (a folder of its own)"),
        ("[black_box]\nminutes = 5", 1, "black_box.directory: is missing (a folder of its own)"),
        (
            '[black_box]\ndirectory = "spool"',
            2,
            "black_box.directory: is the spool's folder (give it one of its own)",
        ),
        (
            '[send]\nonly = ["battery"]',
            2,
            "send.only: no message fits 'battery' (the data model is always sent)",
        ),
        ("[send]\nevery_s = 600", 2, "send.every_s: must be from 1 to 300, not 600"),
    ],
)
def test_a_mistake_is_one_line_with_its_place_and_what_to_do(
    tmp_path: Path, tables: str, line: int, words: str
) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(f"{SOURCE}{tables}\n")
    expected = f"nev-telemetry: {file}:{FIRST + line - 1}: {words}\n"
    assert refused(78, "check", file) == expected


def test_a_budget_below_what_is_always_sent_is_refused_with_the_sum_and_its_parts(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(f"{SOURCE}[uplink]\nbytes_per_hour = 2000\n{ALL}")
    line = refused(78, "check", file)
    place = f"{file}:{FIRST + 1}: uplink.bytes_per_hour"
    said = re.fullmatch(
        rf"nev-telemetry: {place}: is less than the ([0-9,]+) bytes an hour that are always sent "
        r"\((.*)\) \(at least ([0-9]+)\)\n",
        line,
    )
    assert said is not None
    parts = [int(part.replace(",", "")) for part in re.findall(r" ([0-9,]+)(?:, |$)", said[2])]
    assert len(parts) == 5
    assert sum(parts) == int(said[1].replace(",", "")) == int(said[3])


@pytest.mark.parametrize("budget", ["250", "0kB/h", "0.0MB/h", "250KB/h", "1e3kB/h", "nan", ""])
def test_what_is_not_a_budget_is_refused_with_how_one_is_written(budget: str) -> None:
    line = refused(64, "check", "gateway.toml", "--log", "drive.log", f"--for={budget}")
    assert f"argument --for: {budget!r} is not a budget: write it as 250kB/h" in line


def test_bounds_for_a_budget_need_a_log() -> None:
    line = refused(64, "check", "gateway.toml", "--for", "0.25MB/h")
    assert line == "nev-telemetry: --for needs a log to measure on (add --log LOG)\n"
