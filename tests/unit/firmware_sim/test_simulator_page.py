"""docs/simulator.md: its tables are those of the code."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from firmware_sim.faults.kinds import FAULT_KINDS
from firmware_sim.scenario import load_scenario, scenario_names
from firmware_sim.simulation import COLUMNS
from telemetry.__main__ import main
from telemetry.settings.table import TomlTable
from tests.support.page_tables import rows
from tests.unit.firmware_sim.test_scenario import EXAMPLES

PAGE = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text("utf-8")
_NAME = re.compile(r"`([^`]+)`")


def test_every_scenario_of_the_package_stands_there() -> None:
    assert [_NAME.findall(name) for name, _ in rows(PAGE, "scenario")] == [
        [name] for name in scenario_names()
    ]


def test_every_kind_of_fault_stands_there_with_its_keys() -> None:
    table = {_NAME.findall(kind)[0]: set(_NAME.findall(keys)) for kind, keys, _ in rows(PAGE, "`do`")}
    assert tuple(table) == FAULT_KINDS
    for kind, keys in table.items():
        _, fault = EXAMPLES[kind]
        assert keys == {field.name for field in fields(fault)} - {"window", "cooling_only"}, kind


def test_the_example_is_a_valid_scenario(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(about = .*?)```", PAGE, re.DOTALL)
    file = tmp_path / "mine.toml"
    file.write_text(example, "utf-8")
    scenario = load_scenario(file, TomlTable.load)
    assert (len(scenario.phases), len(scenario.faults)) == (3, 1)


@pytest.mark.parametrize("where", ["--output", "--serial-link"])
def test_every_key_of_a_report_stands_there(tmp_path: Path, where: str) -> None:
    report = tmp_path / "report.json"
    common = ["sim", "drive", "--duration", "2", "--time-scale", "1000", "--report", str(report)]
    assert main([*common, where, str(tmp_path / "out")]) == 0
    documented = {name for names, _ in rows(PAGE, "key") for name in _NAME.findall(names)}
    live = {
        name for names, text in rows(PAGE, "key") if "not of a log" in text for name in _NAME.findall(names)
    }
    expected = documented - live if where == "--output" else documented
    assert json.loads(report.read_text("utf-8")).keys() == expected


def test_every_column_of_the_truth_stands_there_in_order() -> None:
    (paragraph,) = re.findall(r"`--truth FILE` writes CSV.*?:\n(.*?)\.\n", PAGE, re.DOTALL)
    assert tuple(_NAME.findall(paragraph)) == COLUMNS
