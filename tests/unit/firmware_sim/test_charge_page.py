"""docs/simulator-dc-charge.md: its tables and its example are those of the code."""

import re
from dataclasses import fields
from pathlib import Path

from firmware_sim.charge import ChargeTruth
from firmware_sim.charge_scenario import charge_scenario_names, load_charge_scenario
from firmware_sim.faults.charge_kinds import CHARGE_FAULT_KINDS, VARIANTS, Since
from telemetry.settings.table import TomlTable
from tests.support.page_tables import rows
from tests.unit.firmware_sim.test_charge_scenario import EXAMPLES

PAGE = (Path(__file__).parents[3] / "docs" / "simulator-dc-charge.md").read_text("utf-8")
_NAME = re.compile(r"`([^`]+)`")


def test_every_scenario_stands_there_with_its_ending() -> None:
    expected = []
    for name in charge_scenario_names():
        scenario = load_charge_scenario(name, TomlTable.load)
        ends = scenario.ends
        words = [scenario.about, ends.phase, ends.outcome, ends.side or "", ends.reason or ""]
        expected.append([f"`{name}`", *words, str(ends.attempts)])
    assert rows(PAGE, "scenario") == expected


def test_every_variant_stands_there() -> None:
    assert [name for names, _ in rows(PAGE, "variant") for name in _NAME.findall(names)] == list(VARIANTS)


def test_every_kind_of_fault_stands_there_with_its_keys() -> None:
    table = {_NAME.findall(kind)[0]: set(_NAME.findall(keys)) for kind, keys, _ in rows(PAGE, "`do`")}
    assert tuple(table) == CHARGE_FAULT_KINDS
    for kind, keys in table.items():
        names = {field.name for field in fields(EXAMPLES[kind][1])} - {"window"}
        renamed = {"side": "on", "reasons": "reason"}
        assert keys == {renamed.get(name, name) for name in names}, kind


def test_every_key_of_a_report_stands_there() -> None:
    documented = [name for names, _ in rows(PAGE, "key") for name in _NAME.findall(names)]
    assert sorted(documented) == sorted(field.name for field in fields(ChargeTruth))


def test_the_example_is_a_valid_scenario(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(about = .*?)```", PAGE, re.DOTALL)
    file = tmp_path / "mine.toml"
    file.write_text(example, "utf-8")
    scenario = load_charge_scenario(file, TomlTable.load)
    assert scenario.faults[0].since is Since.CHARGING
    assert scenario.ends.attempts == 2
