"""The rules of battery health, each number by arithmetic on a few rows."""

import math

import pytest
from telemetry_core.health.health import Health
from telemetry_core.health.health_spec import CountedCharge, HealthChange, HealthKind, PackSpec
from telemetry_core.rows.batch import SampleBatch

from tests.support.health_rows import DAY_NS, START_NS, Bench, schema_of, spec_of

S = 10**9
HOUR = 3600


def charge_of(bench: Bench) -> CountedCharge:
    (charge,) = (change.charge for change in bench.changes if change.charge is not None)
    return charge


def kinds(bench: Bench) -> list[tuple[str, float]]:
    return [
        (HealthKind(change.kind).name, (change.time_ns - START_NS) / S)
        for change in bench.changes
        if change.kind != HealthKind.DAY
    ]


def only(bench: Bench, kind: HealthKind) -> HealthChange:
    (found,) = (change for change in bench.changes if change.kind == kind)
    return found


@pytest.mark.parametrize(
    ("seconds", "after_a", "bridged_ah", "gap_s"),
    [
        (2, 50.0, 0.0, 0.0),
        (3, 50.0, 3 * 50 / HOUR, 0.0),
        (60, 51.0, 60 * 50.5 / HOUR, 0.0),
        (61, 50.0, 0.0, 61.0),
        (30, 53.0, 0.0, 30.0),
    ],
)
def test_a_gap_is_bridged_for_a_minute_between_currents_within_5_percent(
    seconds: int, after_a: float, bridged_ah: float, gap_s: float
) -> None:
    bench = Bench()
    bench.run(0, 1001, current_a=50.0)
    bench.run(1000 + seconds, 2001, current_a=after_a)
    bench.run(2001, 3000, current_a=0.0)
    charge = charge_of(bench)
    known_as = 1000 * 50 + (1000 - seconds) * after_a + (seconds == 2) * 100
    assert charge.bridged_ah == pytest.approx(bridged_ah, abs=1e-9)
    assert charge.gap_s == gap_s
    assert charge.charge_ah == pytest.approx(known_as / HOUR + bridged_ah)
    assert charge.mean_current_a * (2000 - gap_s) / HOUR == pytest.approx(charge.charge_ah)


@pytest.mark.parametrize(
    ("rows", "charges"),
    [
        ([(300, 50.0), (59, 0.0), (300, 50.0)], [(0, 658, 0)]),
        ([(300, 50.0), (600, 0.0), (300, 50.0)], [(0, 1199, 600)]),
        ([(300, 50.0), (30, 0.0), (5, -10.0), (565, 0.0), (300, 50.0)], [(0, 299, 0), (900, 1199, 0)]),
        ([(300, 50.0), (901, 0.0), (300, 50.0)], [(0, 299, 0), (1201, 1500, 0)]),
        ([(300, 50.0), (9, -10.0), (300, 50.0)], [(0, 608, 0)]),
        ([(300, 50.0), (12, -10.0), (300, 50.0)], [(0, 299, 0), (312, 611, 0)]),
        ([(9, 50.0), (1, 0.0), (300, 50.0)], [(10, 309, 0)]),
        ([(120, 50.0)], []),
        ([(121, 50.0)], [(0, 120, 0)]),
        ([(400, 1.9)], []),
        ([(1000, 2.1)], []),
    ],
    ids=[
        "dip",
        "pause",
        "outflow in a pause",
        "long pause",
        "9 s out",
        "12 s out",
        "late",
        "119 s",
        "120 s",
        "offset",
        "small",
    ],
)
def test_where_a_charge_begins_and_ends(
    rows: list[tuple[int, float]], charges: list[tuple[int, int, int]]
) -> None:
    """Rated 100 Ah: 2 A are the threshold, and under 1 Ah, or 120 s, it is regeneration."""
    bench, at = Bench(), 0
    for count, current_a in [*rows, (1000, 0.0)]:
        bench.run(at, at + count, current_a=current_a)
        at += count
    found = [
        (
            (one.charge.start_ns - START_NS) // S,
            (one.charge.end_ns - START_NS) // S,
            one.charge.bridged_pause_s,
        )
        for one in bench.changes
        if one.charge
    ]
    assert found == charges
    assert [one[0] for one in kinds(bench) if one[0] == "CHARGE_BEGUN"] == ["CHARGE_BEGUN"] * len(charges)


def test_downhill_braking_swallows_no_charge() -> None:
    """A drive, 60 s of regeneration, a minute of driving; the charge at home has no drive in it."""
    bench = Bench()
    for begin, end, current_a in [(0, 100, -40.0), (100, 160, 60.0), (160, 220, -40.0), (220, 280, 0.0)]:
        bench.run(begin, end, current_a=current_a, soc_pct=40.0)
    bench.run(280, 700, current_a=30.0, soc_pct=41.0)
    assert kinds(bench) == [("DRIVE_ENDED", 0.0), ("CHARGE_BEGUN", 280.0)]
    assert bench.health.due(0, START_NS + 699 * S + 900 * S) == []
    bench.changes += bench.health.due(0, START_NS + 699 * S + 901 * S)
    assert charge_of(bench).from_soc_pct == 40.0


def test_resistances_are_of_pairs_a_second_apart_and_a_drive_has_its_own() -> None:
    """Steps of 20 A: 2 V in the drive (0.1 ohm), 4 V in the charge after it (0.2 ohm)."""
    bench = Bench()
    bench.run(0, 10, current_a=0.0, voltage_v=400.0, temp_min_c=10.0, temp_max_c=20.0, soc_pct=50.0)
    bench.run(10, 40, current_a=-20.0, voltage_v=398.0)
    bench.run(40, 50, current_a=0.0, voltage_v=400.0)
    for begin, current_a, voltage_v in [(50, 20.0, 404.0), (400, 0.0, 400.0)]:
        bench.run(begin, begin + 350, current_a=current_a, voltage_v=voltage_v, soc_pct=60.0)
    bench.put(751.2, current_a=50.0, voltage_v=500.0)  # 1.2 s after: no pair
    bench.put(751.7, current_a=-50.0, voltage_v=300.0)  # 0.5 s
    bench.changes += bench.health.finish(0, START_NS + 760 * S)
    drive = only(bench, HealthKind.DRIVE_ENDED).steps
    assert drive is not None
    # the step into the drive is before its tenth second, where it begins
    assert (drive.count, drive.sum_ii, drive.sum_ui, drive.sum_uu) == (2, 800.0, 2 * 20 + 4 * 20, 4.0 + 16.0)
    steps = only(bench, HealthKind.CHARGE_ENDED).steps
    assert steps is not None
    assert (steps.count, steps.sum_ii, steps.sum_ui) == (4, 1600.0, 2 * 40 + 2 * 80)
    assert (steps.temp_c, steps.soc_pct) == (15.0, (50 + 50 + 50 + 60) / 4)


def test_a_cell_with_less_charge_between_like_voltages_is_found_from_300_s_on() -> None:
    """50 A: 5 mV take the median cells 20 s, and cell 3, of 0.8 of their charge, 16 s."""
    bench = Bench(cells=4)
    bench.put(0, soc_pct=20.0)
    for second in range(1500):
        bench.put(second, current_a=50.0)
        slopes = [1.0, 1.0, 1 / 0.8, 1.0]
        cells = [3.5 + place / 100 + 0.00025 * slope * second for place, slope in enumerate(slopes)]
        bench.put(second + 0.1, cells=cells)
        if second == 299:
            assert not any(one.charge for one in bench.changes)
    bench.changes += bench.health.finish(0, START_NS + 1500 * S)
    found = only(bench, HealthKind.CHARGE_ENDED).cell_charges
    assert [round(one.ratio, 3) for one in found] == [1.0, 1.0, 0.8, 1.0]
    assert [one.levels for one in found] == [53, 55, 58, 59]  # from 3.605 V, the upper middle one at 300 s
    assert max(one.sd for one in found) < 0.002


def test_a_cell_more_than_20_levels_from_the_median_has_none() -> None:
    """Three cells together; one 19 levels of 5 mV under them, one 24, and one 24 over them."""
    bench = Bench(cells=6)
    for second in range(1500):
        bench.put(second, current_a=50.0)
        places = (0, 0, 0, -19, -24, 24)
        bench.put(second + 0.1, cells=[3.6 + 0.00025 * second + 0.005 * place for place in places])
    bench.changes += bench.health.finish(0, START_NS + 1500 * S)
    found = only(bench, HealthKind.CHARGE_ENDED).cell_charges
    # from over 3.675 V at 300 s to 3.97475 V at the end; the lower one crosses the last 19 of them too late
    assert [one.levels for one in found] == [59, 59, 59, 40, 0, 0]


def test_levels_of_one_charge_are_not_those_of_the_next() -> None:
    bench = Bench(cells=2)
    for begin, seconds in [(0, 1500), (3000, 700)]:
        for second in range(seconds):
            bench.put(begin + second, current_a=50.0)
            bench.put(begin + second + 0.1, cells=[3.5 + 0.00025 * second] * 2)
        bench.run(begin + seconds, begin + seconds + 1000, current_a=0.0)
    counts = [[one.levels for one in change.cell_charges] for change in bench.changes if change.charge]
    assert counts == [[59, 59], [19, 19]]


def test_at_a_current_that_changes_no_levels_count() -> None:
    bench = Bench(cells=2)
    for second in range(1500):
        bench.put(second, current_a=50.0 if second // 200 % 2 else 60.0)
        bench.put(second + 0.1, cells=[3.5 + 0.00025 * second] * 2)
    bench.changes += bench.health.finish(0, START_NS + 1500 * S)
    assert [one.levels for one in only(bench, HealthKind.CHARGE_ENDED).cell_charges] == [0, 0]


def test_cells_at_rest_are_told_from_the_median_after_half_an_hour_or_a_wake_up() -> None:
    bench = Bench(cells=3)
    bench.put(0, current_a=20.0, soc_pct=55.0)
    bench.run(1, 1900, current_a=0.5)
    cells = [3.700, 3.712, 3.699]
    for second in (1800, 1801.5, 1802.5, 1803):
        bench.put(second, cells=cells)
    assert kinds(bench) == [("REST", 1.0)]
    rest = bench.changes[0]
    assert rest.drift_mv == pytest.approx((0.0, 12.0, -1.0))
    assert rest.soc_pct == 55.0
    for second in (3699, 5500, 7302):  # after silence of 1800, 1799 and 1800 s
        for late in range(3):
            bench.put(second + late, current_a=0.5, soc_pct=54.0)
            bench.put(second + late + 0.1, cells=cells)
    assert kinds(bench)[1:] == [("REST", 1899.0), ("REST", 5502.0)]


def test_a_page_stamped_before_the_rest_is_not_of_it() -> None:
    """Hours of another log come before a rest that was found: no cell has a voltage in it any more."""
    bench = Bench(cells=1)
    bench.put(0, current_a=0.0, soc_pct=50.0)
    bench.put(1801, current_a=0.0, soc_pct=50.0)
    bench.put(1801, cells=[3.7])
    bench.put(900, cells=[3.6])
    assert kinds(bench) == []
    for second in (1802, 1803):
        bench.put(second, cells=[3.7])
    assert kinds(bench) == [("REST", 0.0)]


def test_a_day_ends_at_midnight_and_has_what_the_counters_of_the_mapper_have() -> None:
    bench = Bench()
    night = (DAY_NS - START_NS % DAY_NS) // S
    bench.run(night - 101, night + 100, current_a=36.0, power_w=-7200.0, soc_pct=100.0, temp_max_c=-3.0)
    day = only(bench, HealthKind.DAY)
    assert day.time_ns == START_NS // DAY_NS * DAY_NS
    assert day.day == {"charge_in_ah": 1.0, "energy_out_wh": 200.0, "temp_m10_soc_90_s": 100.0}
    (now,) = bench.health.look(0)
    assert (now.time_ns, now.row) == (day.time_ns + DAY_NS, -1)
    assert now.day == {"charge_in_ah": 1.0, "energy_out_wh": 200.0, "temp_m10_soc_90_s": 100.0}
    assert bench.health.look(0) == [now]


@pytest.mark.parametrize("by_s", [-4, -800])
def test_a_clock_that_is_set_back_takes_nothing_from_a_charge_and_is_told_as_a_gap(by_s: int) -> None:
    bench = Bench()
    bench.run(0, 450, current_a=50.0, soc_pct=40.0)
    bench.run(450, 500, current_a=0.0)
    bench.run(500 + by_s, 515 + by_s, current_a=0.0)  # a pause of more than a minute in all
    bench.run(515 + by_s, 1001 + by_s, current_a=50.0, soc_pct=40.0)
    bench.changes += bench.health.finish(0, START_NS + 1001 * S)
    charge = charge_of(bench)
    assert charge.duration_s == 999.0
    assert charge.gap_s == -by_s - 1  # from 499 s to the first row after it
    assert charge.bridged_pause_s == 64.0
    assert charge.charge_ah == pytest.approx((50 * 449 + 25 + 25 + 50 * 485) / HOUR)
    assert charge.start_ns == START_NS + (by_s + 1) * S  # the row at 499 s is of the same instant


def test_after_a_silence_the_first_state_of_charge_within_10_s_is_that_before_the_current() -> None:
    """Whoever drove meanwhile was not heard."""
    bench = Bench()
    bench.run(0, 100, current_a=0.0, soc_pct=80.0)
    bench.run(1001, 1010, current_a=50.0)
    bench.put(1010.5, soc_pct=30.0)
    bench.run(1011, 1500, current_a=50.0, soc_pct=35.0)
    bench.run(1500, 1900, current_a=50.0)
    bench.changes += bench.health.finish(0, START_NS + 1900 * S)
    charge = charge_of(bench)
    assert charge.from_soc_pct == 30.0
    assert math.isnan(charge.to_soc_pct)  # none came in its last 10 s, or since


def test_current_without_threshold_is_told_from_the_end_of_one_charge_to_that_of_the_next() -> None:
    """1 A at rest counts there alone; 20 min without rows, in which SOC fell by 3 %, are not covered."""
    bench = Bench()
    bench.run(0, 501, current_a=36.0, soc_pct=40.0)
    bench.run(501, 1501, current_a=1.0, soc_pct=40.0)
    bench.run(2701, 3202, current_a=36.0, soc_pct=37.0)
    bench.run(3202, 4200, current_a=1.0)
    first, second = (change.charge for change in bench.changes if change.charge)
    assert first is not None
    assert second is not None
    assert (first.net_ah, first.net_s, first.net_gap_pct) == (5.0, 500.0, 0.0)
    assert second.charge_ah == 5.0
    assert second.net_ah == pytest.approx((18.5 + 999 + 500 * 36) / HOUR)
    assert (second.net_s, second.net_gap_pct) == (1500.0, 3.0)


def test_a_late_row_of_another_source_takes_no_voltage_from_its_current() -> None:
    bench = Bench()
    for second in range(300):
        volts = 400.0 + 5 * (second >= 100)
        bench.put(second, current_a=50.0 * (second >= 100))
        bench.put(second + 0.02, voltage_v=volts)
        bench.put(second - 0.5, current_a=7.0)
    bench.changes += bench.health.finish(0, START_NS + 300 * S)
    steps = only(bench, HealthKind.CHARGE_ENDED).steps
    assert steps is not None
    assert (steps.count, steps.sum_ui / steps.sum_ii) == (1, 0.1)


def test_a_log_of_another_day_is_another_charge() -> None:
    bench = Bench()
    bench.run(0, 500, current_a=50.0, soc_pct=40.0)
    bench.run(-86_400, -85_900, current_a=50.0, soc_pct=30.0)
    bench.changes += bench.health.finish(0, START_NS)
    assert [one for one in kinds(bench) if one[0] == "CHARGE_ENDED"] == [
        ("CHARGE_ENDED", 0.0),
        ("CHARGE_ENDED", -86_400.0),
    ]


@pytest.mark.parametrize("lag_s", [0.0, 1.5, 3.0, 60.0])
@pytest.mark.parametrize("lags", ["current", "soc"])
def test_a_source_that_lags_behind_another_of_its_pack_is_no_clock_that_was_set(
    lags: str, lag_s: float
) -> None:
    bench = Bench()
    bench.health.route(2, 0)
    for second in range(3601):
        bench.put(second - lag_s * (lags == "current"), 0, current_a=50.0 if second else 0.0)
        bench.put(second - lag_s * (lags == "soc"), 1, soc_pct=20.0 + second // 72)
    bench.changes += bench.health.finish(0, START_NS + 3601 * S)
    charge = charge_of(bench)
    assert charge.start_ns == START_NS + S - round(lag_s * S) * (lags == "current")
    assert charge.charge_ah == pytest.approx(3599 * 50 / HOUR)
    assert charge.gap_s == 0.0
    is_late = lags == "soc" and lag_s > 10.0  # it is older than the end by more than 10 s
    assert charge.to_soc_pct == pytest.approx(math.nan if is_late else 70.0, nan_ok=True)


def test_cells_rest_again_after_a_clock_that_was_set_far_back() -> None:
    bench = Bench(cells=2)
    for begin in (0, -7200):
        for second in range(begin, begin + 1900):
            bench.put(second, current_a=0.0, soc_pct=50.0)
            bench.put(second, cells=[3.70, 3.71])
    assert [kind for kind, _ in kinds(bench)] == ["REST", "REST"]


def test_memory_is_small_and_only_whole_memory_of_the_same_layout_is_taken() -> None:
    bench = Bench(cells=198)
    bench.run(0, 300, current_a=50.0, soc_pct=40.0)
    memory = bench.health.memory(0)
    assert len(memory) < 64 * 1024
    other = Bench(cells=198)
    other.health.remember(0, memory)
    assert (other.health.last_ns(0), other.health.memory(0)) == (START_NS + 299 * S, memory)
    for damaged in (memory[:-1], memory + b"\0", memory[:-1] + bytes([memory[-1] ^ 1])):
        with pytest.raises(ValueError, match="damaged"):
            other.health.remember(0, damaged)
    with pytest.raises(ValueError, match="another number of cells"):
        Bench(cells=96).health.remember(0, memory)
    other.health.forget(0)
    assert other.health.memory(0) == Bench(cells=198).health.memory(0)
    assert other.health.last_ns(0) is None


def test_what_does_not_fit_the_schema_is_refused() -> None:
    schema = schema_of(3)
    with pytest.raises(ValueError, match="there is no such record"):
        Health(schema, [PackSpec(9, 1, 3, 0, 4, 5)])
    with pytest.raises(ValueError, match="battery has no number at 17"):
        Health(schema, [PackSpec(1, 17, 3, 0, 4, 5)])
    with pytest.raises(ValueError, match="cells has no number at 6"):
        Health(schema, [PackSpec(1, 1, 3, 0, 4, 5, 2, 7)])
    with pytest.raises(ValueError, match="another schema"):
        Health(schema_of(4), []).follow(SampleBatch(schema))
    with pytest.raises(ValueError, match="pack 1 is not one of 1"):
        Health(schema, [spec_of(3)]).route(1, 1)


def test_values_that_are_not_finite_are_not_there() -> None:
    bench = Bench()
    for second in range(500):
        bench.put(
            second, current_a=50.0 if second % 2 else math.nan, soc_pct=40.0 if second % 3 else math.inf
        )
    bench.changes += bench.health.finish(0, START_NS + 500 * S)
    assert charge_of(bench).charge_ah == pytest.approx(50 * 498 / HOUR)
    assert charge_of(bench).to_soc_pct == 40.0


def test_a_batch_in_parts_is_the_batch_each_page_with_the_row_that_it_follows() -> None:
    schema = schema_of(2)
    samples, pages = SampleBatch(schema, 64), SampleBatch(schema, 64)
    for row in range(6):
        if row < 5:
            samples.append(1, START_NS + row * S, {"current_a": 50.0 - row, "voltage_v": 7.0}, tags=1)
        pages.append(2, START_NS + row * S - 1, {"v001": 3.5, "v002": 3.6 + row / 100}, tags=1, id=row)
    whole, parts, first = (Health(schema, [spec_of(2)]) for _ in range(3))
    for each in (whole, parts, first):
        each.route(1, 0)
    whole.follow(samples, pages)
    for begin, end in ((0, 2), (2, 2), (2, 5), (5, None)):
        parts.follow(samples, pages, begin, end)
    assert parts.memory(0) == whole.memory(0)
    first.follow(samples, pages, 0, 2)
    shorter = SampleBatch(schema, 64)
    for each_page in list(pages)[:2]:
        shorter.append(
            2, each_page.time_ns, {"v001": 3.5, "v002": 3.6 + each_page.id / 100}, tags=1, id=each_page.id
        )
    other = Health(schema, [spec_of(2)])
    other.route(1, 0)
    other.follow(samples.split([2])[0], shorter)
    assert first.memory(0) == other.memory(0)


@pytest.mark.parametrize("is_remembered", [True, False])
@pytest.mark.parametrize("lag_s", [3.0, 60.0])
@pytest.mark.parametrize("before_s", [100, 4000])
def test_a_source_that_lags_has_had_no_clock_set_either_once_another_pack_is_there(
    before_s: int, lag_s: float, is_remembered: bool
) -> None:
    bench, other = Bench(), Bench()
    bench.health.route(2, 0)
    other.put(0, current_a=0.0)
    for second in range(before_s):
        bench.put(second, 0, current_a=0.0)
        bench.put(second - lag_s, 1, soc_pct=20.0)
    bench.health.forget(0)
    if is_remembered:
        bench.health.remember(0, other.health.memory(0))
    bench.changes.clear()
    for second in range(3601):
        at_s = before_s + 1 + second
        bench.put(at_s, 0, current_a=50.0 if second else 0.0)
        if second >= lag_s:  # what is of the pack of before is over
            bench.put(at_s - lag_s, 1, soc_pct=20.0 + second // 72)
    bench.changes += bench.health.finish(0, START_NS + (before_s + 3601) * S)
    (charge,) = (each.charge for each in bench.changes if each.charge is not None)
    assert charge.charge_ah == pytest.approx(50.0, rel=1e-3)
    assert charge.gap_s == 0.0
    assert charge.end_ns - charge.start_ns == pytest.approx(3600 * S, rel=1e-3)
