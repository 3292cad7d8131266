"""What the mapper makes of the rows of messages, one promise a test."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import pytest
from telemetry_core.map_spec import MapSpec, MessageMap
from telemetry_core.mapper import Mapper
from telemetry_core.samples import Row, SampleBatch
from telemetry_core.schema import Schema
from telemetry_core.spec import DecimalScale, PlanSpec, SlotKind

from telemetry.map_entry import MapEntry
from telemetry.mapping import resolve
from tests.support.plan_specs import Signal, plan, tenths

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
MILLIVOLTS = DecimalScale(1, 0, 3)

VOLTAGE = MapEntry("Volts.Voltage", "battery.voltage_v")
CURRENT = MapEntry("Amps.Current", "battery.current_a")
CELLS = MapEntry("Cells.Cell{n}", "cells.v{n}")
NOTHING: Mapping[str, str] = MappingProxyType({})
TEMPERATURES = MapEntry("Temps.T{n}", "cells.t{n}")


def car() -> PlanSpec:
    cells = {f"Cell{n}": Signal(MILLIVOLTS, pages=[(n - 1) // 2]) for n in range(1, 7)}
    return plan(
        {
            "can0": {
                "Volts": {"Voltage": tenths(), "Ready": Signal(kind=SlotKind.BOOL, bits=1, signed=False)},
                "Amps": {"Current": tenths(), "Float": Signal(kind=SlotKind.FLOAT)},
                "Cells": {"Page": Signal(bits=8, signed=False, kind=SlotKind.UINT), **cells, "Fan": Signal()},
                "Temps": {"T1": tenths(), "T2": tenths()},
                "Other": {"X": Signal()},
            },
            "can1": {"Charger": {"Volts": tenths(), "Amps": tenths()}},
        }
    )


class Bench:
    """A mapper with channel 0 on bus can0, fed row by row."""

    def __init__(
        self, *entries: MapEntry, threshold_a: float = 0.5, telling: Mapping[str, str] = NOTHING
    ) -> None:
        """telling: by message, the signal that says whether the frame is what it ought to be."""
        self.plan = car()
        self.spec: MapSpec = resolve(entries, self.plan, threshold_a=threshold_a)
        if telling:
            messages = [self._telling(message, telling) for message in self.spec.buses[0].messages]
            first = replace(self.spec.buses[0], messages=tuple(messages))
            self.spec = replace(self.spec, buses=(first, *self.spec.buses[1:]))
        self.schema = Schema(self.plan.records + self.spec.records)
        self.mapper = Mapper(self.schema, self.spec)
        self.bind(0)

    def _telling(self, message: MessageMap, telling: Mapping[str, str]) -> MessageMap:
        record = self.plan.records[message.record]
        if record.measurement not in telling:
            return message
        fields = [field.name for field in record.fields]
        return replace(message, protection=fields.index(telling[record.measurement]))

    def bind(self, channel: int, bus: int = 0, first_tags: int = 1) -> None:
        count = len(self.spec.tag_sets)
        self.mapper.bind(channel, bus, range(first_tags, first_tags + count))

    def put(self, message: str, seconds: float, channel: int = 0, **raw: float | bool) -> list[Row]:
        """The rows made of one row."""
        records = [record.measurement for record in self.plan.records]
        samples, out = SampleBatch(self.schema), SampleBatch(self.schema)
        time_ns = START + round(seconds * SECOND)
        samples.append(records.index(message), time_ns, raw, tags=99, channel=channel, id=0x123, nudge_ns=5)
        self.mapper.map(samples, out)
        first, *made = out
        assert repr(first) == repr(next(iter(samples)))  # as text: NaN is not equal to itself
        return made

    def fields(self, message: str, seconds: float, channel: int = 0, **raw: float | bool) -> dict[str, float]:
        """The fields of all rows made of one row."""
        return {
            name: value
            for row in self.put(message, seconds, channel, **raw)
            for name, value in row.raw.items()
        }

    def pages(self, pages: Sequence[int], seconds: float = 0.0, cells: Sequence[int] = (0,) * 6) -> list[Row]:
        """The rows made of some pages with the voltages `cells` in mV, 10 ms apart."""
        made = []
        for number, page in enumerate(pages):
            raw = {f"Cell{2 * page + 1}": cells[2 * page], f"Cell{2 * page + 2}": cells[2 * page + 1]}
            made += self.put("Cells", seconds + number / 100, Page=page, **raw)
        return made


def test_a_mapped_frame_makes_a_sparse_row_at_its_own_stamp() -> None:
    (row,) = Bench(VOLTAGE).put("Volts", 1.5, Voltage=4005)
    assert row == Row(START + 3 * SECOND // 2, 0, "battery", 1, 0, 0x123, {"voltage_v": 400.5})


def test_a_row_stands_right_behind_the_row_it_is_made_of() -> None:
    bench = Bench(VOLTAGE)
    samples, out = SampleBatch(bench.schema), SampleBatch(bench.schema)
    for number in range(3):
        samples.append(4, START + number, {"X": number})
        samples.append(0, START + number, {"Voltage": number})
    samples.append(4, START + 3, {"X": 3})
    bench.mapper.map(samples, out)
    assert [row.measurement for row in out] == ["Other", "Volts", "battery"] * 3 + ["Other"]


def test_nothing_is_made_of_a_frame_that_is_not_what_it_ought_to_be() -> None:
    bench = Bench(VOLTAGE, CURRENT, CELLS, telling={"Volts": "Ready", "Cells": "Fan"})
    assert bench.put("Volts", 0, Voltage=4000, Ready=False) == []
    assert bench.fields("Amps", 0.1, Current=100) == {"current_a": 10, "charging": True, "discharging": False}
    assert bench.fields("Volts", 0.2, Voltage=10, Ready=True) == {"voltage_v": 1.0, "power_w": 10.0}
    assert bench.fields("Volts", 0.3, Voltage=20) == {"voltage_v": 2.0, "power_w": 20.0}


def test_a_page_of_a_frame_that_is_not_what_it_ought_to_be_is_missing() -> None:
    bench = Bench(CELLS, telling={"Cells": "Fan"})
    assert bench.pages([0, 1]) == []
    assert bench.put("Cells", 0.1, Page=2, Cell5=9999, Cell6=9999, Fan=0) == []
    assert len(bench.put("Cells", 0.2, Page=2, Cell5=3000, Cell6=3000, Fan=1)) == 2


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


def test_an_absent_sensor_is_a_gap_and_no_extreme() -> None:
    bench = Bench(replace(TEMPERATURES, absent=(511,)))
    cells, battery = bench.put("Temps", 0, T1=511, T2=-30)
    assert cells.raw == {"t002": -3.0}
    assert battery.raw == {"temp_min_c": -3.0, "temp_max_c": -3.0}
    assert bench.put("Temps", 1, T1=511, T2=511) == []


def test_a_page_with_an_absent_cell_is_seen_and_the_cell_is_a_gap() -> None:
    bench = Bench(replace(CELLS, absent=(4095,)))
    cells, battery = bench.pages([0, 1, 2], 0, [3700, 4095, 3702, 4095, 3701, 0])
    assert cells.raw == {"v001": 3.7, "v003": 3.702, "v005": 3.701}
    assert (battery.raw["cell_max_v"], battery.raw["cell_max_index"]) == (3.702, 3.0)


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


def test_cells_make_one_point_when_all_pages_are_in_stamped_by_the_last() -> None:
    bench = Bench(CELLS)
    voltages = [3701, 3702, 3700, 3705, 3704, 3703]
    assert bench.pages([0, 1], 0, voltages) == []
    cells, battery = bench.pages([2], 1, voltages)
    assert cells.raw == {f"v00{n}": voltages[n - 1] / 1000 for n in range(1, 7)}
    assert battery.raw == {
        "cell_min_v": 3.7,
        "cell_max_v": 3.705,
        "cell_delta_v": 0.005,
        "cell_min_index": 3.0,
        "cell_max_index": 4.0,
    }
    assert cells.time_ns == battery.time_ns == START + SECOND
    assert bench.mapper.made() == {"cells": 1, "battery": 1}


def test_pages_may_begin_anywhere() -> None:
    bench = Bench(CELLS)
    assert len(bench.pages([1, 2, 0], 0, [3700] * 6)) == 2
    assert bench.mapper.incomplete_cycles == 0


def test_a_page_that_comes_again_begins_a_new_cycle_and_the_old_one_is_counted() -> None:
    bench = Bench(CELLS)
    assert bench.pages([0, 1, 0], 0, [3600] * 6) == []
    assert bench.mapper.incomplete_cycles == 1
    cells, _ = bench.pages([1, 2], 1, [3700] * 6)
    assert sorted(cells.raw.values()) == [3.6, 3.6, 3.7, 3.7, 3.7, 3.7]


def test_a_cycle_that_stood_still_is_given_up() -> None:
    bench = Bench(CELLS)
    bench.pages([0, 1], 0, [3600] * 6)
    assert bench.pages([2], 11, [3700] * 6) == []
    assert bench.mapper.incomplete_cycles == 1


def test_a_cycle_that_time_stepped_back_in_is_given_up() -> None:
    bench = Bench(CELLS)
    bench.pages([0, 1], 3600, [3600] * 6)
    assert bench.pages([2], 0, [3700] * 6) == []
    assert bench.mapper.incomplete_cycles == 1


def test_zeros_past_the_last_fitted_cell_are_absent() -> None:
    cells, battery = Bench(CELLS).pages([0, 1, 2], 0, [3700, 3701, 0, 3702, 0, 0])
    assert cells.raw == {"v001": 3.7, "v002": 3.701, "v003": 0.0, "v004": 3.702}
    assert (battery.raw["cell_min_v"], battery.raw["cell_min_index"]) == (0.0, 3.0)


def test_a_fitted_cell_that_falls_to_zero_is_told() -> None:
    bench = Bench(CELLS)
    bench.pages([0, 1, 2], 0, [3700] * 6)
    cells, battery = bench.pages([0, 1, 2], 1, [3700] * 5 + [0])
    assert cells.raw["v006"] == 0.0
    assert battery.raw["cell_min_index"] == 6.0


def test_a_pack_that_tells_only_zeros_makes_no_point() -> None:
    assert Bench(CELLS).pages([0, 1, 2]) == []


def test_a_page_without_values_counts_as_seen() -> None:
    bench = Bench(CELLS)
    bench.pages([0, 1], 0, [3700] * 6)
    cells, _ = bench.put("Cells", 1, Page=2)
    assert sorted(cells.raw) == ["v001", "v002", "v003", "v004"]


def test_a_page_number_that_no_signal_has_is_no_page() -> None:
    bench = Bench(CELLS)
    bench.pages([0, 1], 0, [3700] * 6)
    assert bench.put("Cells", 1, Page=9) == []
    assert len(bench.pages([2], 1, [3700] * 6)) == 2


def test_a_signal_on_every_page_does_not_end_the_cycle() -> None:
    bench = Bench(CELLS, MapEntry("Cells.Fan", "cells.t1"))
    for page in range(2):
        assert bench.put("Cells", page, Page=page, Fan=20 + page) == []
    cells, battery = bench.put("Cells", 2, Page=2, Fan=22)
    assert cells.raw == {"t001": 22.0}
    assert battery.raw == {"temp_min_c": 22.0, "temp_max_c": 22.0}
    assert bench.mapper.incomplete_cycles == 0


def test_temperatures_at_another_rate_leave_the_cells_alone() -> None:
    bench = Bench(CELLS, TEMPERATURES)
    bench.pages([0, 1], 0, [3700] * 6)
    temperatures, battery = bench.put("Temps", 0.5, T1=251, T2=-30)
    assert temperatures.raw == {"t001": 25.1, "t002": -3.0}
    assert battery.raw == {"temp_min_c": -3.0, "temp_max_c": 25.1}
    bench.put("Temps", 0.6, T1=0, T2=0)
    cells, _ = bench.pages([2], 0.7, [3700] * 6)
    assert len(cells.raw) == 6
    assert bench.mapper.incomplete_cycles == 0


def test_a_temperature_of_zero_is_a_temperature() -> None:
    cells, _ = Bench(TEMPERATURES).put("Temps", 0, T1=0, T2=0)
    assert cells.raw == {"t001": 0.0, "t002": 0.0}


def test_packs_that_share_a_message_keep_their_extremes_apart() -> None:
    front = [MapEntry(f"Cells.Cell{n}", f"cells.v{n}", pack="front") for n in (1, 2)]
    rear = [MapEntry(f"Cells.Cell{n}", f"cells.v{n - 2}", pack="rear") for n in (3, 4)]
    bench = Bench(*front, *rear)
    assert [(row.measurement, row.tags) for row in bench.pages([0], 0, [3700] * 6)] == [
        ("cells", 1),
        ("battery", 1),
    ]
    assert [(row.measurement, row.tags) for row in bench.pages([1], 1, [3700] * 6)] == [
        ("cells", 2),
        ("battery", 2),
    ]


def test_cells_of_several_messages_are_one_reading() -> None:
    bench = Bench(MapEntry("Volts.Voltage", "cells.v1"), MapEntry("Amps.Current", "cells.v2"))
    assert bench.put("Volts", 0, Voltage=33) == []
    cells, battery = bench.put("Amps", 0.1, Current=35)
    assert cells.raw == {"v001": 3.3, "v002": 3.5}
    assert battery.raw["cell_delta_v"] == 0.2
    bench.put("Volts", 1, Voltage=33)
    bench.put("Volts", 2, Voltage=33)
    assert bench.mapper.incomplete_cycles == 1


def test_extremes_that_are_mapped_are_not_derived() -> None:
    bench = Bench(CELLS, MapEntry("Amps.Current", "battery.cell_min_v"))
    _, battery = bench.pages([0, 1, 2], 0, [3700] * 6)
    assert sorted(battery.raw) == ["cell_delta_v", "cell_max_index", "cell_max_v", "cell_min_index"]


def test_extremes_go_into_the_row_that_their_frame_makes_anyway() -> None:
    bench = Bench(TEMPERATURES, MapEntry("Temps.T1", "battery.temp_ambient_c"))
    rows = bench.put("Temps", 0, T1=200, T2=210)
    assert [row.measurement for row in rows] == ["cells", "battery"]
    assert rows[1].raw == {"temp_ambient_c": 20.0, "temp_min_c": 20.0, "temp_max_c": 21.0}


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
