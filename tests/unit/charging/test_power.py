"""Sessions by power: what a session is once its power has fallen, however that is noticed."""

from collections.abc import Callable

import pytest

from telemetry.charging.items import PhaseRow
from telemetry.charging.plan import ProtocolPlug
from telemetry.charging.session import Session
from telemetry.charging.settings import ChargingSettings, SessionSettings
from tests.support.plug import START_NS, PlugBench

PACK = ChargingSettings(sessions=(SessionSettings(pack="main", starts_after_s=60.0, ends_after_s=300.0),))
PLUG = 65535  # the first plug without a channel
NS = 10**9


def run(
    bench: PlugBench, from_s: int, to_s: int, watts: float, soc_pct: float, a_second: float = 0.0
) -> None:
    """Measure a row each second; the state of charge changes by so much a second."""
    for second in range(from_s, to_s):
        soc = soc_pct + (second - from_s) * a_second
        warm_c = 20.0 + second / 100
        bench.measure(
            "battery", float(second), voltage_v=100.0, current_a=watts / 100, soc_pct=soc, temp_max_c=warm_c
        )


def charged(bench: PlugBench) -> None:
    """Rest for 100 s, 3.6 kW for 600 s (600 Wh) from 40 to 50 %, then a drive for 200 s down to 38 %."""
    run(bench, 0, 100, 0.0, 40.0)
    run(bench, 100, 700, 3600.0, 40.0, 1 / 60)
    run(bench, 700, 701, 0.0, 50.0)
    run(bench, 701, 900, -36_000.0, 49.9, -0.06)


def wait(bench: PlugBench) -> Session:
    run(bench, 900, 1002, 0.0, 38.0)
    return bench.sessions[-1]


def fall_silent(bench: PlugBench) -> Session:
    bench.made += bench.tracker.due(PLUG, START_NS + 1200 * NS)
    return bench.sessions[-1]


def return_late(bench: PlugBench) -> Session:
    """Let nothing come until power does, 301 s after it fell."""
    run(bench, 1001, 1002, 3600.0, 60.0)
    return bench.sessions[-1]


def hear_states_alone(bench: PlugBench) -> Session:
    bench.measure("battery", 1001.0, soc_pct=60.0)
    return bench.sessions[-1]


def restarted(bench: PlugBench) -> PlugBench:
    """Kill the service while power is down, and return the bench of the next one."""
    later = PlugBench(PACK, plugs=())
    later.tracker.restore(PLUG, bench.tracker.state(PLUG))
    return later


def restart(bench: PlugBench) -> Session:
    """Restart the service, after which nothing comes."""
    later = restarted(bench)
    later.tracker.due(PLUG, START_NS + 2000 * NS)
    return later.sessions[-1]


def restart_late(bench: PlugBench) -> Session:
    """Power comes after the start, 301 s after it fell."""
    return return_late(restarted(bench))


def stop(bench: PlugBench) -> Session:
    """Stop the service in order, and return the row that says what the session would be."""
    (row,) = (made.content for made in bench.tracker.unfinished(PLUG) if isinstance(made.content, Session))
    return row


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        *((wait, "complete"), (fall_silent, "complete"), (restart, "complete"), (restart_late, "complete")),
        *((return_late, "complete"), (hear_states_alone, "complete")),
        *((PlugBench.finish, "unfinished"), (stop, "unfinished")),
    ],
)
def test_a_session_is_what_it_was_when_its_power_fell(
    end: Callable[[PlugBench], Session], outcome: str
) -> None:
    bench = PlugBench(PACK, plugs=())
    charged(bench)
    session = end(bench)
    assert session.outcome == outcome
    assert (session.start_ns, session.end_ns) == (START_NS + 100 * NS, START_NS + 700 * NS)
    assert (session.duration_s, session.charging_s, session.covered_vehicle_s) == (600.0, 600.0, 600.0)
    assert session.energy_vehicle_wh == pytest.approx(600.0 - 0.5)  # in the last second it falls
    assert session.mean_power_w == pytest.approx(3597.0)
    assert (session.start_soc_pct, session.end_soc_pct) == pytest.approx((40.0, 50.0))
    assert (session.start_temp_max_c, session.end_temp_max_c) == (21.0, 27.0)
    if end not in (stop, restart, restart_late):  # whose phases and points are rows of their own
        assert [phase.duration_s for phase in session.phases] == [600.0]
        assert [point.soc_pct for point in session.curve] == [float(soc) for soc in range(41, 50)]


@pytest.mark.parametrize("starts_after_s", [0.0, 1.0, 90.0])
def test_the_first_row_of_a_session_lasts_until_what_it_has_counted(starts_after_s: float) -> None:
    settings = SessionSettings(pack="main", starts_after_s=starts_after_s)
    bench = PlugBench(ChargingSettings(sessions=(settings,)), plugs=())
    run(bench, 7, 100, 3600.0, 40.0)
    contents = [made.content for made in bench.made]
    lasted_s = max(0.0, starts_after_s - 1.0)  # the row that opens it counts from the next one on
    session = next(each for each in contents if isinstance(each, Session))
    assert (session.duration_s, session.charging_s) == (lasted_s, lasted_s)
    assert (session.covered_vehicle_s or 0.0, session.energy_wh or 0.0) == (lasted_s, lasted_s)
    phase = next(each.phase for each in contents if isinstance(each, PhaseRow))
    assert (phase.start_ns, phase.duration_s) == (START_NS + 7 * NS, lasted_s)


@pytest.mark.parametrize(("back_s", "charging_s", "gap_s"), [(150, 159.0 - 51.0, 51.0), (391, 90.0, 0.0)])
def test_what_nobody_saw_is_a_gap_where_power_fell_before_a_restart_and_returns_in_time(
    back_s: int, charging_s: float, gap_s: float
) -> None:
    """Power falls at 90 s, and the last row before the restart is that of 99 s."""
    bench = PlugBench(PACK, plugs=())
    run(bench, 0, 90, 3600.0, 40.0)
    run(bench, 90, 100, 0.0, 40.0)
    later = restarted(bench)
    run(later, back_s, back_s + 10, 3600.0, 41.0)
    session = later.finish()
    assert (session.charging_s, session.gap_s) == (charging_s, gap_s)


@pytest.mark.parametrize("restarts", [1, 2])
@pytest.mark.parametrize("soc_after_s", [0, 3])  # the state of charge comes in its own message
@pytest.mark.parametrize(
    ("away_s", "soc_pct", "is_another"),
    [
        *((30, 60.0, True), (30, 50.3, False), (30, 50.4, True)),  # a six minutes' charge, and 2 %
        *((600, 60.0, False), (30, 37.9, True), (30, 38.0, False)),
    ],
)
def test_another_battery_that_takes_power_after_a_restart_is_another_session(
    away_s: int, soc_pct: float, is_another: bool, soc_after_s: int, restarts: int
) -> None:
    """40 % at 99 s, and 36 W a percent that no battery takes; nothing is known of this one but that."""
    bench = PlugBench(PACK, plugs=())
    run(bench, 0, 100, 3600.0, 40.0)
    back_s = 99 + away_s - soc_after_s
    bench = restarted(bench)
    for second in range(back_s, back_s + soc_after_s):
        bench.measure("battery", float(second), voltage_v=100.0, current_a=36.0)
        if restarts == 2 and second == back_s:
            bench = restarted(bench)
    if restarts == 2 and not soc_after_s:
        bench = restarted(bench)
    run(bench, back_s + soc_after_s, 1000, 3600.0, soc_pct)
    bench.finish()
    starts = [(session.start_ns - START_NS) / NS for session in bench.sessions]
    assert starts == ([0.0, 99.0 + away_s] if is_another else [0.0])
    ended = bench.sessions[0]
    assert ended.outcome == ("cut" if is_another else "unfinished")
    if is_another:
        assert (ended.duration_s, ended.end_soc_pct, ended.energy_wh) == (99.0, 40.0, 99.0)
    else:
        assert ended.end_soc_pct == soc_pct
        assert ended.gap_s == pytest.approx(away_s, abs=soc_after_s)


@pytest.mark.parametrize("soc_pct", [None, 40.0])  # before; after the restart there is none
def test_a_battery_whose_state_of_charge_is_not_heard_goes_on_after_ten_seconds(
    soc_pct: float | None,
) -> None:
    bench = PlugBench(PACK, plugs=())
    for second in range(100):
        values = {} if soc_pct is None else {"soc_pct": soc_pct}
        bench.measure("battery", float(second), voltage_v=100.0, current_a=36.0, **values)
    bench = restarted(bench)
    for second in range(130, 160):
        bench.measure("battery", float(second), voltage_v=100.0, current_a=36.0)
        if second == 141:
            bench = restarted(bench)  # it has been decided
    assert [session.gap_s for session in (bench.finish(),)] == [32.0]
    assert len(bench.sessions) == 1


def test_power_that_returns_in_time_goes_on_with_the_session_and_what_lies_between_counts() -> None:
    bench = PlugBench(PACK, plugs=())
    run(bench, 0, 200, 3600.0, 40.0, 0.01)
    run(bench, 200, 499, 0.0, 42.0)
    run(bench, 499, 700, 3600.0, 42.0, 0.01)
    run(bench, 700, 1002, 0.0, 44.01)
    (session,) = bench.sessions
    assert (session.duration_s, session.charging_s, session.covered_vehicle_s) == (700.0, 700.0, 700.0)
    assert session.energy_vehicle_wh == pytest.approx(199.5 + 201.0)
    assert session.end_soc_pct == pytest.approx(44.01)


def test_what_is_not_given_after_the_power_fell_is_no_shortfall_of_the_session() -> None:
    """The event still says so: the charger is asked for something, and gives nothing."""
    bench = PlugBench(plugs=[ProtocolPlug("plug", "elcon")])
    for second in range(800):
        bench.measure("charger", float(second), requested_current_a=37.0, requested_voltage_v=120.0)
        bench.measure("charger", float(second), voltage_v=100.0, current_a=36.0 if second < 400 else 0.0)
    (session,) = bench.sessions
    assert session.current_shortfall_max_a == pytest.approx(1.0)
    assert session.current_shortfall_mean_a == pytest.approx(1.0)
    assert bench.events("request_not_met")[0] == "0.0 A given, 37.0 A asked for"


def test_a_session_by_power_that_is_open_is_measured_to_its_end_beside_one_by_protocol() -> None:
    bench = PlugBench(
        ChargingSettings(sessions=(SessionSettings(pack="main", starts_after_s=5.0, ends_after_s=30.0),))
    )
    run(bench, 0, 60, 3600.0, 40.0)
    bench.begin(60.0)
    bench.charge(61.0, 120.0)
    bench.stop(120.0)
    run(bench, 121, 160, 0.0, 50.0)
    bench.finish()
    by_power = next(session for session in bench.sessions if session.protocol is None)
    assert (by_power.outcome, by_power.duration_s) == ("complete", 121.0)
    assert by_power.energy_vehicle_wh == pytest.approx(120.5, abs=1.0)
