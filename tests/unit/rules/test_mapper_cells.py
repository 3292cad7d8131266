"""What the mapper makes of cells and sensors, one promise a test: readings of several pages, and extremes."""

from dataclasses import replace

from telemetry.rules.map_entry import MapEntry
from tests.support.mapper_bench import CELLS, SECOND, START, TEMPERATURES, Bench


def test_a_page_of_a_frame_that_is_not_what_it_ought_to_be_is_missing() -> None:
    bench = Bench(CELLS, reporting={"Cells": "Fan"})
    assert bench.pages([0, 1]) == []
    assert bench.put("Cells", 0.015, Page=2, Cell5=9999, Cell6=9999, Fan=0) == []
    assert len(bench.put("Cells", 0.02, Page=2, Cell5=3000, Cell6=3000, Fan=1)) == 2


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


def test_cells_make_one_point_when_all_pages_are_in_stamped_by_the_last() -> None:
    bench = Bench(CELLS)
    voltages = [3701, 3702, 3700, 3705, 3704, 3703]
    assert bench.pages([0, 1], 0, voltages) == []
    cells, battery = bench.pages([2], 0.02, voltages)
    assert cells.raw == {f"v00{n}": voltages[n - 1] / 1000 for n in range(1, 7)}
    assert battery.raw == {
        "cell_min_v": 3.7,
        "cell_max_v": 3.705,
        "cell_delta_v": 0.005,
        "cell_min_index": 3.0,
        "cell_max_index": 4.0,
    }
    assert cells.time_ns == battery.time_ns == START + SECOND // 50
    assert bench.mapper.made() == {"cells": 1, "battery": 1}


def test_an_incomplete_cycle_is_counted_and_none_of_it_is_in_the_next_reading() -> None:
    bench = Bench(CELLS)
    assert bench.pages([0, 1], 0, [3600] * 6) == []
    cells, _ = bench.pages([0, 1, 2], 1, [3700] * 6)
    assert set(cells.raw.values()) == {3.7}
    assert bench.mapper.incomplete_cycles == 1


def test_scaled_stamps_have_pauses_anywhere_and_pages_make_a_cycle_by_their_order() -> None:
    """A simulator at 60 times real time sends in bursts of its own: a pause of 10 ms is 0.6 s."""
    bench = Bench(CELLS)
    bench.mapper.bind(0, 0, range(1, 1 + len(bench.spec.tag_sets)), by_order=True)
    readings, time_s = [], 0.0
    for row in range(36):
        time_s += 0.6 if row % 4 == 0 else 0.001
        readings += bench.pages([row % 3], time_s, [3600 + row // 3] * 6)
    assert sum(row.measurement == "cells" for row in readings) == 12
    assert bench.pages([0, 2], 20, [3700] * 6) == bench.pages([1, 2], 20.1, [3701] * 6) == []
    assert bench.mapper.incomplete_cycles == 1


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


def test_a_fitted_cell_that_falls_to_zero_is_reported() -> None:
    bench = Bench(CELLS)
    bench.pages([0, 1, 2], 0, [3700] * 6)
    cells, battery = bench.pages([0, 1, 2], 1, [3700] * 5 + [0])
    assert cells.raw["v006"] == 0.0
    assert battery.raw["cell_min_index"] == 6.0


def test_a_pack_that_reports_only_zeros_makes_no_point() -> None:
    assert Bench(CELLS).pages([0, 1, 2]) == []


def test_a_page_without_values_counts_as_seen() -> None:
    bench = Bench(CELLS)
    bench.pages([0, 1], 0, [3700] * 6)
    cells, _ = bench.put("Cells", 0.02, Page=2)
    assert sorted(cells.raw) == ["v001", "v002", "v003", "v004"]


def test_a_page_number_that_no_signal_has_is_no_page() -> None:
    bench = Bench(CELLS)
    bench.pages([0, 1], 0, [3700] * 6)
    assert bench.put("Cells", 0.015, Page=9) == []
    assert len(bench.pages([2], 0.02, [3700] * 6)) == 2


def test_a_signal_on_every_page_does_not_end_the_cycle() -> None:
    bench = Bench(CELLS, MapEntry("Cells.Fan", "cells.t1"))
    for page in range(2):
        assert bench.put("Cells", page / 100, Page=page, Fan=20 + page) == []
    cells, battery = bench.put("Cells", 0.02, Page=2, Fan=22)
    assert cells.raw == {"t001": 22.0}
    assert battery.raw == {"temp_min_c": 22.0, "temp_max_c": 22.0}
    assert bench.mapper.incomplete_cycles == 0


def test_temperatures_at_another_rate_leave_the_cells_alone() -> None:
    bench = Bench(CELLS, TEMPERATURES)
    bench.pages([0, 1], 0, [3700] * 6)
    temperatures, battery = bench.put("Temps", 0.015, T1=251, T2=-30)
    assert temperatures.raw == {"t001": 25.1, "t002": -3.0}
    assert battery.raw == {"temp_min_c": -3.0, "temp_max_c": 25.1}
    bench.put("Temps", 0.016, T1=0, T2=0)
    cells, _ = bench.pages([2], 0.02, [3700] * 6)
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
    assert bench.put("Volts", 0, Voltage=30) == []
    assert bench.put("Amps", 0.1, Current=30) == []  # of this cycle, or of another one? The next row will say
    assert [row.time_ns - START for row in bench.put("Volts", 1, Voltage=33)] == [SECOND // 10] * 2
    cells, battery = bench.put("Amps", 1.1, Current=35)
    assert cells.raw == {"v001": 3.3, "v002": 3.5}
    assert battery.raw["cell_delta_v"] == 0.2
    bench.put("Volts", 2, Voltage=33)
    bench.put("Volts", 3, Voltage=33)
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
