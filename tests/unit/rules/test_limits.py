"""`[[limit]]` is resolved against the data model and what is mapped, or refused in one line."""

from dataclasses import replace

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
from tests.support.configuration import settings_of
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
    ("keys", "words"),
    [
        ({"field": "battery.soc"}, 'field: battery has no field "soc" (did you mean "soc_pct"?)'),
        ({"field": "soc_pct"}, 'field: "soc_pct" is not a measurement.field'),
        ({"field": "batery.soc_pct"}, 'field: no field of "batery" can be watched (did you mean'),
        ({"field": "gateway.cpu_s"}, 'field: no field of "gateway" can be watched'),
        ({"field": "battery.charging"}, "field: battery.charging is not a number"),
        ({"field": "cells.x1"}, 'field: cells has no field "x1" (v* (every cell)'),
        ({"field": "cells.v4"}, "field: nothing fills cells.v4"),
        (
            {"field": "battery.soh_pct"},
            'field: nothing fills battery.soh_pct (did you mean "battery.soc_pct"?)',
        ),
        ({"pack": "front"}, "field: nothing fills battery.soc_pct of pack front"),
        ({"charger": "left"}, "charger: battery has no tag charger"),
        ({"code": "soc_loww"}, 'code: no event is called "soc_loww" (did you mean "soc_low"'),
        ({"code": "source_lost"}, "code: source_lost is reported by the service itself"),
    ],
)
def test_a_limit_that_could_never_be_crossed_is_refused_in_one_line(keys: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        alarms_of(replace(SOC, **keys))  # type: ignore[arg-type]  # each is a text
    assert str(caught.value).startswith(f"limit[0].{words}")


def test_a_limit_without_any_map_says_what_is_missing() -> None:
    with pytest.raises(ConfigError, match=r"nothing fills battery.soc_pct \(add \[\[map\]\] entries\)"):
        list(limit_alarms([SOC], None))


def test_a_limit_is_read_with_all_its_keys() -> None:
    keys = {"hysteresis": 2, "for_s": 30, "level": "critical", "pack": "main"}
    found = settings_of(Limit, field="battery.soc_pct", code="soc_low", below=10, **keys)
    assert replace(found, where=SOC.where) == replace(
        SOC, hysteresis=2.0, for_s=30.0, level="critical", pack="main"
    )


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "above: is missing"),
        ({"above": 1, "below": 0}, "below: stands beside above"),
        ({"above": 1, "code": None}, "code: is missing"),
        ({"above": "1"}, "above: must be a number"),
        ({"above": float("nan")}, "above: must be a finite number"),
        ({"above": 1, "hysteresis": -1}, "hysteresis: must be 0 or more, not -1$"),
        ({"above": 1, "for_s": 1e9}, "for_s: must be from 0 to 86400, not 1000000000$"),
        ({"above": 1, "level": "bad"}, "level: must be one of"),
        ({"above": 1, "for": 1}, "for: unknown key"),
    ],
)
def test_a_limit_that_makes_no_sense_is_one_line_with_its_key(keys: dict[str, object], words: str) -> None:
    given = {"field": "x.y", "code": "limit", **keys}
    with pytest.raises(ConfigError, match=f"^gateway.toml: {words}"):
        settings_of(Limit, **{name: value for name, value in given.items() if value is not None})


def test_a_pack_that_two_buses_fill_has_one_alarm() -> None:
    car = plan({"can0": {"Pack": {"SoC": Signal()}}, "can1": {"Other": {"SoC": Signal()}}})
    entries = [MapEntry("Pack.SoC", "battery.soc_pct"), MapEntry("Other.SoC", "battery.soc_pct")]
    assert len(list(limit_alarms([SOC], resolve(entries, car)))) == 1
