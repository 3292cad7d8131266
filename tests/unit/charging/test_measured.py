"""Energies, the curve and the cross-check, by arithmetic by hand."""

import pytest

from telemetry.charging.plan import ProtocolPlug
from telemetry.charging.session import Session
from telemetry.charging.settings import ChargingSettings, SessionSettings
from tests.support.plug import START_NS, PlugBench


def charged(bench: PlugBench, *spans: tuple[float, float]) -> Session:
    bench.begin()
    for from_s, to_s in spans:
        bench.charge(from_s, to_s)
    return bench.finish()


def test_an_hour_of_3600_watts_is_3600_watt_hours_on_both_sides() -> None:
    session = charged(PlugBench(), (0.8, 3600.8))
    assert session.energy_vehicle_wh == pytest.approx(3600.0)
    assert session.energy_charger_wh == pytest.approx(3600.0)
    assert (session.covered_vehicle_s, session.covered_charger_s) == (3600.0, 3600.0)
    assert session.charged_ah == pytest.approx(36.0)
    assert session.energy_wh == session.energy_charger_wh
    assert session.energy_difference_pct == 0.0


def test_what_a_chademo_charger_takes_out_of_the_battery_is_an_energy_of_its_own() -> None:
    """By hand: 400 V and 9 A for 60 s are 60 Wh, in either direction; 3 s without a frame are none."""
    bench = PlugBench(plugs=[ProtocolPlug("plug", "chademo")])
    bench.put("CHA102", 0.0, charging_enabled=1, contactor_open=0)
    for first_s, charge_a, discharge_a in ((0, 9.0, 0.0), (60, 0.0, 9.0), (123, 0.0, 9.0)):
        for second in range(first_s, first_s + 61):
            bench.put("CHA109", second, charging=1, stopped=0)
            bench.measure("charger", second, voltage_v=400.0, current_a=charge_a)
            bench.measure("charger", second, discharge_current_a=discharge_a)
    session = bench.finish()
    assert session.energy_charger_wh == session.energy_wh == pytest.approx(60.0)
    assert session.energy_discharged_wh == pytest.approx(120.0)
    assert session.peak_power_w == 3600.0


def test_nothing_is_discharged_where_no_voltage_is_known_and_a_session_without_it_has_no_such_field() -> None:
    bench = PlugBench(plugs=[ProtocolPlug("plug", "chademo")])
    bench.put("CHA102", 0.0, charging_enabled=1, contactor_open=0)
    bench.measure("charger", 0.0, voltage_v=400.0, current_a=0.0)
    for step, current_a in enumerate((0.0, 0.0, 0.0, 9.0, 9.0, 9.0)):  # the voltage is of 2 s before at most
        bench.put("CHA102", step * 1.0, charging_enabled=1, contactor_open=0)
        bench.measure("charger", step * 1.0, discharge_current_a=current_a)
    assert bench.finish().energy_discharged_wh is None


def test_a_ramp_is_integrated_by_trapezoids() -> None:
    bench = PlugBench()
    for second in range(11):
        bench.put("BCS", 1.0 + second)
        bench.measure("battery", 1.0 + second, voltage_v=100.0, current_a=10.0 * second)
    session = bench.finish()
    assert session.energy_vehicle_wh == pytest.approx(100.0 * 0.5 * 100.0 * 10 / 3600)
    assert session.peak_power_w == 10_000.0


@pytest.mark.parametrize(("gap_s", "covered_s"), [(2.0, 12.0), (2.25, 10.0)])
def test_a_gap_of_more_than_two_seconds_is_not_guessed(gap_s: float, covered_s: float) -> None:
    session = charged(PlugBench(), (1.0, 6.0), (6.0 + gap_s, 11.0 + gap_s))
    assert session.covered_vehicle_s == pytest.approx(covered_s + 0.2)  # the first row is of 0.8 s
    assert session.energy_vehicle_wh == pytest.approx((covered_s + 0.2) * 3600 / 3600)


def test_differences_are_formed_over_the_time_that_both_sides_cover() -> None:
    """The charger gives 40 A for 20 s, and the vehicle measures 36 A in the last 10 of them."""
    bench = PlugBench()
    bench.put("CCS", 0.0, permitted=1)
    for step in range(81):
        bench.measure("charger", step / 4, voltage_v=101.0, current_a=40.0)
    session = bench.finish()
    assert session.energy_difference_pct is None
    bench = PlugBench()
    bench.put("CCS", 0.0, permitted=1)
    for step in range(81):
        at_s = step / 4
        bench.put("CCS", at_s, permitted=1)
        bench.measure("charger", at_s, voltage_v=101.0, current_a=40.0)
        if at_s >= 10.0:
            bench.measure("battery", at_s + 0.1, voltage_v=100.0, current_a=36.0)
    session = bench.finish()
    assert session.current_difference_mean_a == pytest.approx(4.0)
    assert session.voltage_difference_mean_v == pytest.approx(1.0)
    assert session.energy_difference_pct == pytest.approx(100 * (4040 - 3600) / 3600)
    assert session.covered_vehicle_s == pytest.approx(10.0)


def test_a_meter_of_the_same_charger_is_the_best_source() -> None:
    bench = PlugBench()
    bench.begin()
    for second in range(61):
        bench.charge(1.0 + second, 1.75 + second)
        bench.measure("meter", 1.0 + second, power_w=3700.0)
    session = bench.finish()
    assert session.energy_meter_wh == pytest.approx(3700.0 * 60 / 3600)
    assert session.energy_wh == session.energy_meter_wh


def test_the_curve_has_each_percent_once_from_when_it_was_reached() -> None:
    bench = PlugBench()
    bench.begin()
    for number, soc_pct in enumerate([50.0, 51.0, 50.0, 51.0, 52.0]):
        bench.charge(1.0 + 10 * number, 10.75 + 10 * number, soc_pct)
    session = bench.finish()
    assert [point.soc_pct for point in session.curve] == [50.0, 51.0, 52.0]
    reached = [(point.at_ns - START_NS) / 1e9 for point in session.curve]
    assert reached == [pytest.approx(0.8), 11.0, 41.0]
    assert session.curve[1].duration_s == pytest.approx(10.0)
    assert session.curve[1].energy_wh == pytest.approx(10.0)
    assert session.curve[1].power_w == pytest.approx(3600.0)


def test_the_last_percent_ends_with_charging() -> None:
    bench = PlugBench()
    bench.begin()
    bench.charge(1.0, 11.0)
    bench.put("BST", 11.0, soc_reached=1)
    for step in range(41):
        bench.measure("battery", 11.25 + step / 4, voltage_v=100.0, current_a=0.0, soc_pct=50.0)
    (point,) = bench.finish().curve
    assert point.duration_s == pytest.approx(10.2)  # since 0.8 s
    assert point.current_a == pytest.approx(36.0)


def test_a_percent_has_the_extremes_of_cells_and_temperature() -> None:
    bench = PlugBench()
    bench.begin()
    bench.charge(1.0, 2.0)
    for cell_v, temp_c in ((3.91, 30.0), (3.95, 33.0), (3.93, 31.0)):
        bench.measure("battery", 2.1, cell_max_v=cell_v, temp_max_c=temp_c)
    (point,) = bench.finish().curve
    assert (point.cell_max_v, point.temp_max_c) == (3.95, 33.0)


def test_a_percent_has_the_cells_that_were_heard_in_it_and_none_of_the_one_before() -> None:
    bench = PlugBench()
    bench.begin()
    for at_s, cells in ((2.0, (3.1, 3.9)), (4.0, (3.4, 3.5)), (6.0, ())):
        bench.charge(at_s, at_s + 1.0, soc_pct=50.0 + at_s)
        for cell_v in cells:
            bench.measure("battery", at_s + 1.0, cell_max_v=cell_v, cell_min_v=cell_v)
    curve = bench.finish().curve[-3:]
    assert [(p.cell_min_v, p.cell_max_v) for p in curve] == [(3.1, 3.9), (3.4, 3.5), (None, None)]


def test_a_row_of_temperatures_alone_is_no_sample_of_power() -> None:
    """Of a pack with so many cells that the first word of its rows' mask has cells alone."""
    bench = PlugBench()
    bench.begin()
    for step in range(41):
        at_s = 1.0 + step / 4
        bench.put("BCS", at_s)
        bench.measure("battery", at_s, voltage_v=100.0, current_a=36.0, power_w=3600.0)
        bench.measure("cells", at_s + 0.1, t001=20.0)
    session = bench.finish()
    assert session.energy_vehicle_wh == pytest.approx(10.2)  # 3600 W since 0.8 s
    assert session.charged_ah == pytest.approx(0.102)


def test_cells_after_the_64th_count_where_none_before_them_comes() -> None:
    bench = PlugBench()
    bench.begin()
    bench.charge(1.0, 2.0)
    for name, cell_v in (("v003", 3.93), ("v070", 3.97), ("v090", 3.91)):
        bench.measure("cells", 2.1, **{name: cell_v})
    (point,) = bench.finish().curve
    assert (point.cell_min_v, point.cell_max_v) == (3.91, 3.97)


def disagreeing(charger_a: float, for_s: float, settings: ChargingSettings | None = None) -> PlugBench:
    bench = PlugBench(settings or ChargingSettings(vin="plain"))
    bench.begin()
    for step in range(round(for_s * 4)):
        at_s = 10.0 + step / 4 if step else 10.0
        bench.put("CCS", at_s, permitted=1)
        bench.put("BCL", at_s)
        bench.put("BCS", at_s)
        bench.measure("charger", at_s, voltage_v=100.0, current_a=charger_a)
        bench.measure("battery", at_s, voltage_v=100.0, current_a=25.0)
    return bench


def test_a_charger_that_reports_half_of_what_the_vehicle_measures_disagrees_after_30_s() -> None:
    bench = disagreeing(12.5, 45.0)
    assert bench.events("measurements_disagree") == ["current: vehicle 25.0 A, charger 12.5 A"]
    bench.finish()
    assert bench.events("measurements_disagree")[1:] == ["no longer: current of vehicle and charger"]


@pytest.mark.parametrize(("charger_a", "for_s"), [(12.5, 28.0), (22.6, 60.0)])
def test_it_takes_the_time_and_the_distance(charger_a: float, for_s: float) -> None:
    assert disagreeing(charger_a, for_s).events("measurements_disagree") == []


def given(asked_a: float, given_a: float, given_v: float = 100.0) -> PlugBench:
    bench = PlugBench()
    bench.begin()
    for step in range(400):
        at_s = 1.0 + step / 4
        bench.put("BCL", at_s)
        bench.measure("charger", at_s, requested_current_a=asked_a, requested_voltage_v=120.0)
        bench.put("CCS", at_s, permitted=1)
        bench.measure("charger", at_s, voltage_v=given_v, current_a=given_a)
        bench.put("BCS", at_s)
    return bench


def test_less_than_asked_for_is_an_event_and_the_shortfall_is_its_mean() -> None:
    bench = given(100.0, 40.0)
    assert bench.events("request_not_met") == ["40.0 A given, 100.0 A asked for"]
    session = bench.finish()
    assert session.current_shortfall_mean_a == session.current_shortfall_max_a == pytest.approx(60.0)
    assert session.requested_max_a == 100.0


def test_a_window_asks_for_what_was_asked_in_it_and_not_for_more_that_was_asked_before() -> None:
    """By hand: 36 A of 36, 60 and 40 A, 30 s each. A window in which that changes does not count."""
    bench = PlugBench()
    bench.begin(-9.0)
    for step in range(370):
        at_s = step / 4
        asked_a = (36.0, 60.0, 40.0, 40.0)[step // 120]
        bench.charge(at_s, at_s)
        bench.measure("charger", at_s, requested_current_a=asked_a, requested_voltage_v=120.0)
    session = bench.finish()
    assert session.current_shortfall_max_a == pytest.approx(24.0)
    assert session.current_shortfall_mean_a == pytest.approx((3 * 0 + 2 * 24 + 2 * 4) / 7, abs=0.2)


def test_a_voltage_that_is_reached_limits_the_current_and_is_no_shortfall() -> None:
    assert given(100.0, 40.0, given_v=120.0).events("request_not_met") == []


def test_more_than_asked_for_is_an_event() -> None:
    bench = given(100.0, 110.0, given_v=130.0)
    assert bench.events("request_exceeded") == [
        "130.0 V given, 120.0 V asked for",
        "110.0 A given, 100.0 A asked for",
    ]
    assert bench.finish().voltage_excess_max_v == pytest.approx(10.0)


POWER = ChargingSettings(sessions=(SessionSettings(pack="main", starts_after_s=60.0, ends_after_s=120.0),))


def run(bench: PlugBench, from_s: int, to_s: int, power_w: float) -> None:
    for second in range(from_s, to_s):
        bench.measure("battery", float(second), power_w=power_w, soc_pct=50.0 + second / 100)


def test_power_alone_shows_a_session_from_when_it_began_to_when_it_fell() -> None:
    bench = PlugBench(POWER, plugs=())
    run(bench, 0, 100, 0.0)
    run(bench, 100, 701, 3600.0)
    run(bench, 701, 900, 0.0)
    (session,) = bench.sessions
    assert (session.start_ns, session.end_ns) == (START_NS + 100 * 10**9, START_NS + 701 * 10**9)
    assert (session.outcome, session.protocol, session.stop_side) == ("complete", None, None)
    assert session.energy_vehicle_wh == pytest.approx(600.0 + 0.5)
    assert [point.soc_pct for point in session.curve] == [51.0, 52.0, 53.0, 54.0, 55.0, 56.0, 57.0]


def test_braking_is_no_session() -> None:
    bench = PlugBench(POWER, plugs=())
    for start in range(0, 600, 60):
        run(bench, start, start + 30, 50_000.0)
        run(bench, start + 30, start + 60, -20_000.0)
    assert bench.sessions == []
    assert not bench.tracker.follower.is_open(65535)


def test_where_a_protocol_shows_a_session_power_shows_no_second_one() -> None:
    bench = PlugBench(ChargingSettings(sessions=(SessionSettings(pack="main", starts_after_s=5.0),)))
    bench.begin()
    bench.charge(1.0, 100.0)
    bench.stop(100.0)
    bench.finish()
    assert [session.protocol for session in bench.sessions] == ["gbt27930"]
