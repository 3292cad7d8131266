"""`[[limit]]` is resolved against the data model and what is mapped, or refused in one line."""

from dataclasses import replace
from pathlib import Path

import pytest
from telemetry_core.decode.spec import PlanSpec
from telemetry_core.rows.spec import DecimalScale, SlotKind
from telemetry_core.rules.watch_spec import LimitTest, RuleSpec

from telemetry.errors import ConfigError
from telemetry.model.event_codes import Level
from telemetry.rules.alarms import Alarm
from telemetry.rules.limits import Limit, limit_alarms
from telemetry.rules.map import resolve
from telemetry.rules.map_entry import MapEntry
from telemetry.settings import declared
from telemetry.settings.document import Where
from telemetry.settings.table import TomlTable
from tests.support.plan_specs import Signal, plan, tenths

MILLIVOLTS = DecimalScale(1, 0, 3)
ENTRIES = [
    MapEntry("Pack.SoC", "battery.soc_pct"),
    MapEntry("Pack.SoC", "battery.soc_pct", pack="rear", bus="can0"),
    MapEntry("Pack.Volts", "battery.voltage_v"),
    MapEntry("Pack.Amps", "battery.current_a"),
    MapEntry("Pack.Ready", "battery.charge_enabled"),
    MapEntry("Cells.C{n}", "cells.v{n}"),
    MapEntry("Cells.T{n}", "cells.t{n}"),
    MapEntry("Charger.Volts", "charger.voltage_v", charger="left"),
]
SOC = Limit("battery.soc_pct", "soc_low", below=10.0)
CELLS = Limit("cells.v*", "cell_overvoltage", above=4.2, hysteresis=0.05, for_s=2.5)


def car() -> PlanSpec:
    cells = {f"C{number}": Signal(MILLIVOLTS) for number in (1, 2, 3)}
    return plan(
        {
            "can0": {
                "Pack": {
                    "SoC": Signal(),
                    "Volts": tenths(),
                    "Amps": tenths(),
                    "Ready": Signal(kind=SlotKind.BOOL, bits=1),
                },
                "Cells": {**cells, "T1": tenths(), "T2": tenths()},
                "Charger": {"Volts": tenths()},
            }
        }
    )


MAPPING = resolve(ENTRIES, car())
FIRST = MAPPING.first_record  # cells, battery, charger


def alarms_of(limit: Limit) -> list[Alarm]:
    return list(limit_alarms([limit], MAPPING))


def refused(limit: Limit) -> str:
    with pytest.raises(ConfigError) as caught:
        alarms_of(limit)
    return str(caught.value)


def test_a_limit_is_on_every_pack_that_has_the_field() -> None:
    alarms = alarms_of(SOC)
    assert [alarm.pack for alarm in alarms] == ["main", "rear"]
    field = [field.name for field in MAPPING.records[1].fields].index("soc_pct")
    assert alarms[1] == Alarm(
        rule=RuleSpec(FIRST + 1, field, LimitTest(10.0, 10.0, is_upper=False), tag_set=1),
        code="soc_low",
        level=Level.WARNING,
        text="battery.soc_pct",
        pack="rear",
        limit="below 10 %",
        unit="%",
    )


def test_a_limit_may_be_on_one_pack() -> None:
    assert [alarm.pack for alarm in alarms_of(replace(SOC, pack="rear"))] == ["rear"]


def test_a_limit_on_all_cells_names_the_cell() -> None:
    (alarm,) = alarms_of(CELLS)
    assert alarm.rule == RuleSpec(
        FIRST, 0, LimitTest(4.2, 4.15, is_upper=True, for_ns=2_500_000_000), field_count=3, tag_set=0
    )
    assert (alarm.text, alarm.limit, alarm.unit) == ("cell {n}", "above 4.2 V", "V")


@pytest.mark.parametrize(
    ("field", "first", "count", "text"),
    [("cells.t*", 3, 2, "sensor {n}"), ("cells.v2", 1, 1, "cell 2"), ("cells.t02", 4, 1, "sensor 2")],
)
def test_cells_and_sensors_are_meant_all_or_one(field: str, first: int, count: int, text: str) -> None:
    (alarm,) = alarms_of(replace(CELLS, field=field))
    assert (alarm.rule.field, alarm.rule.field_count, alarm.text) == (first, count, text)


@pytest.mark.parametrize(
    "field", ["battery.cell_delta_v", "battery.temp_max_c", "battery.power_w", "battery.cell_min_index"]
)
def test_derived_fields_have_limits_too(field: str) -> None:
    assert [alarm.pack for alarm in alarms_of(replace(SOC, field=field))] == ["main"]


def test_a_limit_on_a_charger_has_the_chargers_tag() -> None:
    (alarm,) = alarms_of(Limit("charger.voltage_v", "limit", above=420.0))
    assert (alarm.pack, alarm.charger, alarm.limit) == ("", "left", "above 420 V")


def test_hysteresis_is_taken_in_decimals_on_both_sides() -> None:
    test = alarms_of(replace(SOC, below=0.1, hysteresis=0.2))[0].rule.test
    assert isinstance(test, LimitTest)
    assert test.release == 0.3


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        (
            replace(SOC, field="battery.soc"),
            'limit[0].field: battery has no field "soc" (did you mean "soc_pct"?)',
        ),
        (replace(SOC, field="soc_pct"), 'limit[0].field: "soc_pct" is not a measurement.field'),
        (replace(SOC, field="batery.soc_pct"), 'limit[0].field: no limit can be on "batery" (did you mean'),
        (replace(SOC, field="gateway.cpu_s"), 'limit[0].field: no limit can be on "gateway"'),
        (replace(SOC, field="battery.charging"), "limit[0].field: battery.charging is not a number"),
        (replace(SOC, field="cells.x1"), 'limit[0].field: cells has no field "x1" (v* (every cell)'),
        (replace(SOC, field="cells.v4"), "limit[0].field: nothing fills cells.v4"),
        (
            replace(SOC, field="battery.soh_pct"),
            'limit[0].field: nothing fills battery.soh_pct (did you mean "battery.soc_pct"?)',
        ),
        (
            replace(SOC, pack="front"),
            "limit[0].field: nothing fills battery.soc_pct of pack front",
        ),
        (replace(SOC, charger="left"), "limit[0].charger: battery has no tag charger"),
        (
            replace(SOC, code="soc_loww"),
            'limit[0].code: no event is called "soc_loww" (did you mean "soc_low"',
        ),
        (replace(SOC, code="source_lost"), "limit[0].code: source_lost is reported by the service itself"),
    ],
)
def test_a_limit_that_could_never_be_crossed_is_refused_in_one_line(limit: Limit, message: str) -> None:
    assert refused(limit).startswith(message)


def test_a_limit_without_any_map_says_what_is_missing() -> None:
    with pytest.raises(ConfigError, match=r"nothing fills battery.soc_pct \(add \[\[map\]\] entries\)"):
        list(limit_alarms([SOC], None))


def read(tmp_path: Path, text: str) -> Limit:
    file = tmp_path / "gateway.toml"
    file.write_text(f"[[limit]]\n{text}\n")
    (table,) = TomlTable.load(file).take_tables("limit")
    return declared.read(Limit, table)


def test_a_limit_is_read_with_all_its_keys(tmp_path: Path) -> None:
    text = 'field = "battery.soc_pct"\nbelow = 10\nhysteresis = 2\nfor_s = 30\ncode = "soc_low"\n'
    text += 'level = "critical"\npack = "main"'
    assert replace(read(tmp_path, text), where=Where("")) == Limit(
        "battery.soc_pct",
        "soc_low",
        below=10.0,
        hysteresis=2.0,
        for_s=30.0,
        level="critical",
        pack="main",
        where=Where(""),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('field = "x.y"\ncode = "limit"', r"limit\[0\].above: is missing"),
        ('field = "x.y"\ncode = "limit"\nabove = 1\nbelow = 0', r"limit\[0\].below: stands beside above"),
        ('field = "x.y"\nabove = 1', r"limit\[0\].code: is missing"),
        ('field = "x.y"\ncode = "limit"\nabove = "1"', r"limit\[0\].above: must be a number"),
        ('field = "x.y"\ncode = "limit"\nabove = nan', r"limit\[0\].above: must be a finite number"),
        (
            'field = "x.y"\ncode = "limit"\nabove = 1\nhysteresis = -1',
            r"limit\[0\].hysteresis: must be 0 or more, not -1$",
        ),
        (
            'field = "x.y"\ncode = "limit"\nabove = 1\nfor_s = 1e9',
            r"limit\[0\].for_s: must be from 0 to 86400, not 1000000000$",
        ),
        ('field = "x.y"\ncode = "limit"\nabove = 1\nlevel = "bad"', r"limit\[0\].level: must be one of"),
        ('field = "x.y"\ncode = "limit"\nabove = 1\nfor = 1', r"limit\[0\].for: unknown key"),
    ],
)
def test_a_limit_that_makes_no_sense_is_one_line_with_the_keys_path(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, text)


def test_a_pack_that_two_buses_fill_has_one_alarm() -> None:
    car = plan({"can0": {"Pack": {"SoC": Signal()}}, "can1": {"Other": {"SoC": Signal()}}})
    entries = [MapEntry("Pack.SoC", "battery.soc_pct"), MapEntry("Other.SoC", "battery.soc_pct")]
    assert len(list(limit_alarms([SOC], resolve(entries, car)))) == 1
