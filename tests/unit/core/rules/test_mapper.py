"""What the mapper makes of the rows of messages, one promise a test. Cells are in test_mapper_cells."""

import math
from dataclasses import replace

import pytest
from telemetry_core.rows.batch import Row, SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rules.mapper import Mapper

from telemetry.rules.map_entry import MapEntry
from tests.support.mapper_bench import CELLS, CURRENT, SECOND, START, VOLTAGE, Bench


def test_a_mapped_frame_makes_a_sparse_row_at_its_own_stamp() -> None:
    (row,) = Bench(VOLTAGE).put("Volts", 1.5, Voltage=4005)
    assert row == Row(START + 3 * SECOND // 2, 0, "battery", 1, 0, 0x123, {"voltage_v": 400.5})


def test_a_row_stands_right_after_the_row_it_is_made_of() -> None:
    bench = Bench(VOLTAGE)
    samples, out = SampleBatch(bench.schema), SampleBatch(bench.schema)
    for number in range(3):
        samples.append(4, START + number, {"X": number})
        samples.append(0, START + number, {"Voltage": number})
    samples.append(4, START + 3, {"X": 3})
    bench.mapper.map(samples, out)
    assert [row.measurement for row in out] == ["Other", "Volts", "battery"] * 3 + ["Other"]


def test_nothing_is_made_of_a_frame_that_is_not_what_it_ought_to_be() -> None:
    bench = Bench(VOLTAGE, CURRENT, CELLS, reporting={"Volts": "Ready", "Cells": "Fan"})
    assert bench.put("Volts", 0, Voltage=4000, Ready=False) == []
    assert bench.fields("Amps", 0.1, Current=100) == {"current_a": 10, "charging": True, "discharging": False}
    assert bench.fields("Volts", 0.2, Voltage=10, Ready=True) == {"voltage_v": 1.0, "power_w": 10.0}
    assert bench.fields("Volts", 0.3, Voltage=20) == {"voltage_v": 2.0, "power_w": 20.0}


def test_what_stands_in_out_already_stays() -> None:
    bench = Bench(VOLTAGE)
    samples, out = SampleBatch(bench.schema), SampleBatch(bench.schema)
    samples.append(0, START, {"Voltage": 1})
    bench.mapper.map(samples, out)
    bench.mapper.map(samples, out)
    assert len(out) == 4


def test_values_print_as_short_as_in_the_database() -> None:
    bench = Bench(VOLTAGE, MapEntry("Amps.Current", "battery.soc_pct", scale=0.01))
    assert bench.fields("Volts", 0, Voltage=3) == {"voltage_v": 0.3}  # and not 0.30000000000000004
    assert bench.fields("Amps", 0, Current=7) == {"soc_pct": 0.007}


def test_numbers_become_flags_when_they_are_not_zero() -> None:
    bench = Bench(
        MapEntry("Amps.Float", "battery.balancing"), MapEntry("Volts.Ready", "battery.charge_enabled")
    )
    assert bench.fields("Amps", 0, Float=0.25) == {"balancing": True}
    assert bench.fields("Amps", 0, Float=0.0) == {"balancing": False}
    assert bench.fields("Volts", 0, Ready=True) == {"charge_enabled": True}


def test_a_flag_is_turned_round_by_scale_and_offset() -> None:
    bench = Bench(MapEntry("Volts.Ready", "battery.charge_enabled", scale=-1, offset=1))
    assert bench.fields("Volts", 0, Ready=True) == {"charge_enabled": False}
    assert bench.fields("Volts", 0, Ready=False) == {"charge_enabled": True}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_left_out_and_a_row_without_fields_is_not_made(value: float) -> None:
    bench = Bench(MapEntry("Amps.Float", "battery.voltage_v"), MapEntry("Amps.Float", "battery.balancing"))
    assert bench.put("Amps", 0, Float=value) == []
    assert bench.mapper.made() == {"battery": 0}


def test_a_field_that_is_not_there_is_not_mapped() -> None:
    bench = Bench(VOLTAGE, MapEntry("Volts.Ready", "battery.balancing"))
    assert bench.fields("Volts", 0, Voltage=10) == {"voltage_v": 1.0}
    assert bench.put("Volts", 0) == []


def test_an_absent_value_fills_no_field_and_nothing_is_derived_from_it() -> None:
    bench = Bench(replace(VOLTAGE, absent=(-1, 0)), replace(CURRENT, absent=(-32768,)))
    assert bench.put("Volts", 0, Voltage=-1) == []
    assert bench.put("Amps", 0.1, Current=-32768) == []
    assert bench.fields("Amps", 0.2, Current=100)["current_a"] == 10.0
    assert bench.fields("Volts", 0.3, Voltage=0) == {}
    assert bench.fields("Volts", 0.4, Voltage=4000) == {"voltage_v": 400.0, "power_w": 4000.0}


def test_an_absent_value_is_its_entrys_own() -> None:
    bench = Bench(replace(VOLTAGE, absent=(7,)), replace(VOLTAGE, pack="rear"))
    (row,) = bench.put("Volts", 0, Voltage=7)
    assert row.raw == {"voltage_v": 0.7}


def test_an_absent_flag_or_word_is_left_out() -> None:
    bench = Bench(
        MapEntry("Volts.Ready", "battery.balancing", absent=(1,)),
        MapEntry("Cells.Fan", "charger.phase", values={0: "off", 1: "bulk"}, absent=(1,)),
    )
    assert bench.put("Volts", 0, Ready=True) == []
    assert bench.fields("Volts", 0, Ready=False) == {"balancing": False}
    assert bench.put("Cells", 0, Page=9, Fan=1) == []
    assert bench.fields("Cells", 0, Page=9, Fan=0) == {"phase": 0}


def test_entries_of_one_message_for_different_packs_make_a_row_each() -> None:
    bench = Bench(VOLTAGE, MapEntry("Volts.Ready", "battery.balancing", pack="rear"))
    rows = bench.put("Volts", 0, Voltage=10, Ready=True)
    assert [(row.tags, row.raw) for row in rows] == [(1, {"voltage_v": 1.0}), (2, {"balancing": True})]


def test_power_comes_with_the_newer_of_its_inputs() -> None:
    bench = Bench(VOLTAGE, CURRENT)
    assert "power_w" not in bench.fields("Volts", 0, Voltage=3701)
    assert bench.fields("Amps", 1, Current=-33)["power_w"] == -1221.33
    assert bench.fields("Volts", 1.5, Voltage=3700) == {"voltage_v": 370.0, "power_w": -1221.0}


@pytest.mark.parametrize(("age_s", "has_power"), [(2.0, True), (2.000000001, False)])
def test_power_wants_inputs_no_older_than_two_seconds(age_s: float, has_power: bool) -> None:
    bench = Bench(VOLTAGE, CURRENT)
    bench.put("Volts", 0, Voltage=3700)
    assert ("power_w" in bench.fields("Amps", age_s, Current=10)) == has_power


def test_when_time_steps_back_power_waits_for_both_inputs() -> None:
    bench = Bench(VOLTAGE, CURRENT)
    bench.put("Volts", 100, Voltage=3700)
    assert "power_w" not in bench.fields("Amps", 99.5, Current=10)
    assert "power_w" in bench.fields("Volts", 99.6, Voltage=3700)


def test_stamps_at_the_ends_of_time_are_no_danger() -> None:
    bench = Bench(VOLTAGE, CURRENT, CELLS)
    samples, out = SampleBatch(bench.schema), SampleBatch(bench.schema)
    for time_ns in (2**63 - 1, -(2**63), 0, 2**63 - 1):
        samples.append(0, time_ns, {"Voltage": 3700})
        samples.append(1, time_ns, {"Current": 10})
        samples.append(2, time_ns, {"Page": 0, "Cell1": 3700})
    bench.mapper.map(samples, out)
    assert sum("power_w" in row.raw for row in out) == 4


def test_power_that_is_mapped_is_not_derived() -> None:
    bench = Bench(VOLTAGE, CURRENT, MapEntry("Amps.Float", "battery.power_w"))
    bench.put("Volts", 0, Voltage=3700)
    assert bench.fields("Amps", 0, Current=10, Float=5.0)["power_w"] == 5.0
    assert "power_w" not in bench.fields("Amps", 0, Current=10)


def test_a_power_past_all_numbers_is_left_out() -> None:
    bench = Bench(MapEntry("Amps.Float", "battery.voltage_v"), MapEntry("Volts.Voltage", "battery.current_a"))
    bench.put("Amps", 0, Float=1e308)
    assert bench.fields("Volts", 0, Voltage=1000)["current_a"] == 100.0
    assert "power_w" not in bench.fields("Volts", 0, Voltage=1000)


def test_a_power_of_nothing_has_no_sign() -> None:
    bench = Bench(VOLTAGE, CURRENT)
    bench.put("Volts", 0, Voltage=0)
    assert str(bench.fields("Amps", 0, Current=-10)["power_w"]) == "0.0"


def test_each_channel_has_its_own_inputs() -> None:
    bench = Bench(VOLTAGE, CURRENT)
    bench.bind(1, first_tags=7)
    bench.put("Volts", 0, channel=0, Voltage=3700)
    (row,) = bench.put("Amps", 0, channel=1, Current=10)
    assert (row.tags, row.channel) == (7, 1)
    assert "power_w" not in row.raw


def test_chargers_and_meters_have_power_but_no_flow() -> None:
    bench = Bench(
        MapEntry("Charger.Volts", "charger.voltage_v"),
        MapEntry("Charger.Amps", "charger.current_a"),
        MapEntry("Charger.Amps", "meter.current_a", charger="left"),
    )
    bench.bind(2, bus=1)
    rows = bench.put("Charger", 0, channel=2, Volts=4000, Amps=20)
    assert [(row.measurement, row.raw) for row in rows] == [
        ("charger", {"voltage_v": 400.0, "current_a": 2.0, "power_w": 800.0}),
        ("meter", {"current_a": 2.0}),
    ]


@pytest.mark.parametrize(
    ("current", "charging", "discharging"),
    [(6, True, False), (5, False, False), (0, False, False), (-5, False, False), (-6, False, True)],
)
def test_current_flows_when_it_is_over_the_threshold(current: int, charging: bool, discharging: bool) -> None:
    fields = Bench(CURRENT).fields("Amps", 0, Current=current)
    assert (fields["charging"], fields["discharging"]) == (charging, discharging)


def test_the_threshold_can_be_set() -> None:
    assert Bench(CURRENT, threshold_a=20).fields("Amps", 0, Current=150)["charging"] is False


def test_a_mapped_charging_flag_is_not_derived() -> None:
    bench = Bench(CURRENT, MapEntry("Volts.Ready", "battery.charging"))
    assert bench.fields("Amps", 0, Current=100) == {"current_a": 10.0, "discharging": False}


def test_a_channel_without_a_database_is_passed_on_untouched() -> None:
    bench = Bench(VOLTAGE)
    assert bench.put("Volts", 0, channel=5, Voltage=1) == []
    bench.mapper.bind(5, -1, [])
    assert bench.put("Volts", 0, channel=5, Voltage=1) == []


def test_binding_again_forgets_the_channel() -> None:
    bench = Bench(VOLTAGE, CURRENT)
    bench.put("Volts", 0, Voltage=3700)
    bench.bind(0)
    assert "power_w" not in bench.fields("Amps", 0, Current=10)


def test_an_empty_map_passes_everything_on() -> None:
    assert Bench().put("Volts", 0, Voltage=1) == []


def test_a_binding_that_makes_no_sense_is_refused() -> None:
    mapper = Bench(VOLTAGE).mapper
    with pytest.raises(ValueError, match="bus 2 is not one of 2"):
        mapper.bind(0, 2, [1])
    with pytest.raises(ValueError, match="2 indexes for 1 tag sets"):
        mapper.bind(0, 0, [1, 2])
    with pytest.raises(IndexError):
        mapper.bind(65536, 0, [1])
    with pytest.raises(OverflowError):
        mapper.bind(0, 0, [65536])


def test_batches_of_another_schema_are_refused() -> None:
    bench = Bench(VOLTAGE)
    good, other = SampleBatch(bench.schema), SampleBatch(Schema(bench.plan.records))
    for samples, out in ((good, other), (other, good)):
        with pytest.raises(ValueError, match="not of the mapper's schema"):
            bench.mapper.map(samples, out)
    with pytest.raises(ValueError, match="into itself"):
        bench.mapper.map(good, good)


def test_a_map_of_another_schema_is_refused() -> None:
    bench = Bench(VOLTAGE)
    with pytest.raises(ValueError, match="the schema is not that of the plan and the map"):
        Mapper(Schema(bench.plan.records), bench.spec)
