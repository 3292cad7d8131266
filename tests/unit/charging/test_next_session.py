"""Where one session ends and the next one begins, also over a restart or a reload."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import pytest

from telemetry.charging.items import PhaseRow
from telemetry.charging.plan import ProtocolPlug
from telemetry.charging.session import Session
from telemetry.charging.settings import ChargingSettings
from telemetry.model.events import Event
from tests.support.plug import READY, START_NS, PlugBench

CHADEMO = [ProtocolPlug("plug", "chademo")]


def handed_over(first: PlugBench) -> PlugBench:
    """Another process or configuration, which goes on with what was open."""
    second = PlugBench()
    second.tracker.restore(0, first.tracker.state(0))
    second.tracker.collect(second.sessions)
    return second


def charged(*, is_over: bool, soc_pct: float = 40.0) -> PlugBench:
    """Half a minute of charging, which both sides have finished at 31 s."""
    bench = PlugBench()
    bench.begin()
    bench.put("CML", 0.9, max_current_a=4000 - 2500)
    bench.charge(1.0, 30.0, soc_pct)
    if is_over:
        bench.stop(30.7)
    return bench


def seconds(sessions: list[Session]) -> list[tuple[float, float, float | None]]:
    """Return when each session began, how long it lasted, and how much of it nobody saw."""
    return [((one.start_ns - START_NS) / 1e9, round(one.duration_s, 3), one.gap_s) for one in sessions]


@pytest.mark.parametrize("is_restored", [False, True])
@pytest.mark.parametrize(
    ("code", "raw"),
    [
        *(("CRM", {"recognition": READY}), ("BRM", {"version_minor": 1}), ("BCP", {"soc_pct": 600})),
        *(("CTS", {}), ("CML", {"min_current_a": 4000}), ("BRO", {"ready": 0}), ("CRO", {"ready": 0})),
        *(("BCL", {}), ("CCS", {"permitted": 1}), ("BCS", {}), ("CHM", {"version_major": 1})),
        ("CRM", {"recognition": 0}),
    ],
)
def test_what_comes_after_an_end_is_of_the_next_session(
    code: str, raw: dict[str, float], is_restored: bool
) -> None:
    bench = charged(is_over=True)
    if is_restored:
        bench = handed_over(bench)
    bench.put(code, 36.0, **raw)
    bench.finish(37.0)
    assert seconds(bench.sessions) == [(0.0, 31.0, 0.0), (36.0, 0.0, 0.0)]


def test_a_frame_of_charging_that_is_late_is_of_the_session_that_has_ended() -> None:
    bench = charged(is_over=True)
    for code, at_s in (("BCS", 31.2), ("CCS", 31.6), ("BCL", 32.8)):
        bench.put(code, at_s)
    bench.put("CSD", 33.2, energy_kwh=10)
    bench.finish()
    assert seconds(bench.sessions) == [(0.0, 33.2, 0.0)]


@pytest.mark.parametrize("code", ["BCP", "CTS", "CML", "BRO", "CRO", "BRM"])
def test_nothing_goes_on_whose_bus_prepares_a_charge_after_a_restart(code: str) -> None:
    bench = handed_over(charged(is_over=False))
    bench.put(code, 34.0)
    bench.finish()
    assert seconds(bench.sessions) == [(0.0, 30.0, 0.0), (34.0, 0.0, 0.0)]
    assert bench.sessions[0].outcome == "cut"


@pytest.mark.parametrize(
    ("rated_ah", "down_s", "soc_pct", "sessions"),
    [
        (1780, 25.0, 60.0, 2),  # 40 to 60 % in half a minute
        (1780, 25.0, 42.0, 1),  # as rounded
        (1780, 600.0, 75.0, 2),  # at 250 A into 178 Ah 23 %, and a quarter more
        (1780, 600.0, 65.0, 1),
        (1780, 600.0, 39.0, 2),
        (0, 120.0, 80.0, 2),  # nobody knows how much it holds: ten times that in an hour at most
        (0, 120.0, 70.0, 1),
    ],
)
def test_a_state_of_charge_that_no_charger_could_have_raised_so_far_is_another_battery_s(
    rated_ah: float, down_s: float, soc_pct: float, sessions: int
) -> None:
    first = PlugBench()
    first.put("BRM", 0.0, version_minor=1, version_major=1, rated_capacity_ah=rated_ah)
    first.put("CML", 0.5, max_current_a=4000 - 2500, min_current_a=4000)
    first.charge(1.0, 30.0, 40.0)
    bench = handed_over(first)
    for code in ("BCL", "BCS"):
        bench.put(code, 30.0 + down_s)
    bench.put("CCS", 30.0 + down_s, permitted=1, charged_min=int((30.0 + down_s) // 60))
    bench.charge(30.25 + down_s, 32.0 + down_s, soc_pct)
    bench.finish()
    assert len(bench.sessions) == sessions


def test_a_chademo_vehicle_that_stays_enabled_while_the_charger_stops_begins_nothing() -> None:
    bench = PlugBench(plugs=CHADEMO)
    for step in range(300):
        bench.put("CHA102", step / 10, charging_enabled=1, contactor_open=int(step < 10 or step > 200))
        bench.put("CHA109", step / 10, charging=int(10 < step < 200), stopped=int(not 10 < step < 200))
    bench.finish()
    assert seconds(bench.sessions) == [(0.0, 29.9, 0.0)]


NAMED: dict[str, float | str] = {
    "vin": "LVAAAAAAAAAAAAAA1",
    "manufacturer": "AAAA",
    "pack_serial": 1,
    "rated_capacity_ah": 1500,
}
NAMELESS = {"manufacturer": "AAAA", "rated_capacity_ah": 1500}


def failed(said: dict[str, float | str]) -> PlugBench:
    """Charge a vehicle that says this until its charger does not hear it any more, at 31 s."""
    bench = PlugBench()
    bench.put("BRM", 0.0, version_minor=0, version_major=1, **said)
    bench.charge(1.0, 30.0)
    for at_s in (30.5, 30.75, 31.0):
        bench.put("CEM", at_s, bcs_timeout=1)
    return bench


@pytest.mark.parametrize("again_s", [0.1, 2.6])  # that CRM repeats itself until BRM is there
@pytest.mark.parametrize("is_restored", [False, True])
@pytest.mark.parametrize(
    ("first", "other", "is_another"),
    [
        (NAMED, NAMED, False),
        (NAMED, NAMED | {"vin": "LVBBBBBBBBBBBBBB2"}, True),
        (NAMED, NAMED | {"pack_serial": 2}, True),
        (NAMED, NAMED | {"manufacturer": "BBBB"}, True),
        (NAMED, NAMED | {"rated_capacity_ah": 1480}, False),  # with the same names
        (NAMED, {"version_major": 1}, False),  # which says nothing
        (NAMED, NAMED | {"vin": "", "pack_serial": 0xFFFFFFFF}, False),
        (NAMELESS, NAMELESS, False),
        (NAMELESS, NAMELESS | {"rated_capacity_ah": 1480}, True),
        (NAMELESS, NAMELESS | {"manufacturer": "BBBB"}, True),
    ],
)
def test_another_vehicle_is_another_session_however_soon_it_comes_after_an_error(
    first: dict[str, float | str],
    other: dict[str, float | str],
    is_another: bool,
    is_restored: bool,
    again_s: float,
) -> None:
    alone = failed(first).finish()
    bench = failed(first)
    if is_restored:
        bench = handed_over(bench)
    for step in range(round(again_s / 0.1)):
        bench.put("CRM", 46.0 + step / 10, recognition=0)
    bench.put("BRM", 46.0 + again_s, **{"version_minor": 0, "version_major": 1} | other)
    bench.charge(50.0, 52.0)
    bench.finish()
    assert len(bench.sessions) == 1 + is_another
    assert bench.events("charging_reconnect") == ["attempt 2"] * (not is_another)
    phase_rows = [made.content for made in bench.made if isinstance(made.content, PhaseRow)]
    written = {(one.session.start_ns, one.phase.attempt) for one in phase_rows}
    assert written == {(one.start_ns, phase.attempt) for one in bench.sessions for phase in one.phases}
    if not is_another:
        assert (bench.sessions[0].attempts, bench.sessions[0].outcome) == (2, "unfinished")
        return
    ended, following = bench.sessions
    assert (following.start_ns - START_NS, following.attempts) == (46_000_000_000, 1)
    assert following.maker == other["manufacturer"]
    if not is_restored:
        assert ended == alone


Message = tuple[float, str, dict[str, float | str]]


def reconnect(other: dict[str, float | str], error_s: float, soc_pct: float) -> list[Message]:
    """After the last error, at 31 s: CRM(00) until BRM is there, which comes `error_s` after the error."""
    begun: list[Message] = [(31.0 + step * error_s / 4, "CRM", {"recognition": 0}) for step in (1, 2, 3)]
    said = {"version_minor": 0, "version_major": 1} | other
    brm_s = 31.0 + error_s
    return [
        *begun,
        (brm_s, "BRM", said),
        (brm_s + 0.3, "CRM", {"recognition": READY}),
        (brm_s + 0.6, "BCP", {"soc_pct": soc_pct * 10}),
        (brm_s + 0.9, "CML", {"max_current_a": 3000}),
    ]


def told(
    first: dict[str, float | str], messages: Sequence[Message], restarts: Sequence[int]
) -> tuple[list[Session], list[tuple[int, str, str]]]:
    """Return the sessions, and the events. restarts: in front of these messages."""
    bench = failed(first)
    made, sessions = list(bench.made), bench.sessions
    for number, (at_s, code, raw) in enumerate(messages):
        if number in restarts:
            bench = handed_over(bench)
            bench.tracker.collect(sessions)
        made += bench.put(code, at_s, **raw)
    for channel in bench.tracker.plugs:
        made += bench.tracker.finish_plug(channel, START_NS + 33 * 10**9)
    said = [(one.time_ns, one.content) for one in made]
    return sessions, [(at_ns, event.code, event.text) for at_ns, event in said if isinstance(event, Event)]


@pytest.mark.parametrize("error_s", [0.8, 1.4])  # for 1 s errors belong together
@pytest.mark.parametrize(
    ("first", "other", "soc_pct", "is_another"),
    [
        (NAMED, NAMED, 50, False),
        (NAMED, NAMED | {"vin": "LVBBBBBBBBBBBBBB2", "pack_serial": 2}, 50, True),
        (NAMED, NAMED, 90, False),  # whatever it says of its battery
        (NAMELESS, NAMELESS, 50, False),
        (NAMELESS, NAMELESS, 52, False),  # 2 % is what is rounded
        (NAMELESS, NAMELESS, 48, False),
        (NAMELESS, NAMELESS, 60, True),
        (NAMELESS, NAMELESS, 40, True),
        (NAMELESS, NAMELESS | {"pack_serial": 7}, 40, True),
        ({}, {}, 60, True),
        (NAMED, {"version_major": 1}, 60, True),
    ],
)
def test_restarts_in_the_doubt_whose_attempt_it_is_change_nothing(
    first: dict[str, float | str],
    other: dict[str, float | str],
    soc_pct: float,
    is_another: bool,
    error_s: float,
) -> None:
    messages = reconnect(other, error_s, soc_pct)
    alone = failed(first).finish()
    sessions, events = told(first, messages, ())
    assert len(sessions) == 1 + is_another
    reconnects = [event for event in events if event[1] == "charging_reconnect"]
    assert reconnects == [(START_NS + round((31 + error_s / 4) * 1e9), "charging_reconnect", "attempt 2")] * (
        not is_another
    )
    if is_another:
        assert sessions[0] == alone
        assert (sessions[1].maker, sessions[1].rated_ah) == (
            other.get("manufacturer"),
            150.0 if "rated_capacity_ah" in other else None,
        )
    for restarts in (*combinations(range(len(messages)), 1), *combinations(range(len(messages)), 2)):
        found, said = told(first, messages, restarts)
        assert sorted(said) == sorted(events), restarts
        assert [bare(one) for one in found] == [bare(one) for one in sessions], restarts


def bare(session: Session) -> Session:
    """Without what is in rows of its own, and without how long nobody listened."""
    return replace(session, phases=(), errors=(), curve=(), gap_s=0.0)


@pytest.mark.parametrize("vin", ["plain", "digest", "off"])
@pytest.mark.parametrize("restarts", [0, 2])
def test_vehicles_are_told_apart_by_their_number_however_it_is_shown(vin: str, restarts: int) -> None:
    settings = ChargingSettings(vin=vin)
    bench = PlugBench(settings)
    said: dict[str, float | str] = {"version_minor": 1, "version_major": 1, "manufacturer": "AAAA"}
    for at_s, number, serial in ((0.0, "A", 1), (40.0, "B", 1), (80.0, "C", 2), (120.0, "C", 3)):
        bench.put("BRM", at_s, vin=f"LVAAAAAAAAAAAAAA{number}", pack_serial=serial, **said)
        bench.charge(at_s + 1, at_s + 9)
        bench.put("CEM", at_s + 9.5, bcs_timeout=1)
        for _ in range(restarts):
            sessions, made = bench.sessions, bench.made
            state = bench.tracker.state(0)
            bench = PlugBench(settings)
            bench.tracker.restore(0, state)
            bench.tracker.collect(sessions)
            bench.sessions, bench.made = sessions, made
        bench.put("CRM", at_s + 35.0, recognition=0)
    bench.finish()
    shown = [session.vin for session in bench.sessions]
    assert len(shown) == 4
    assert [number is None for number in shown] == [vin == "off"] * 4
    assert bench.events("pack_swapped") == ["from AAAA-00000002 to AAAA-00000003"]


def test_a_kept_attempt_is_told_once_its_vehicle_does_not_answer() -> None:
    bench = failed(NAMED)
    for step in range(30):
        bench.put("CRM", 46.0 + step / 5, recognition=0)
    assert bench.events("charging_reconnect") == []
    bench.put("CEM", 52.0, brm_timeout=1)
    assert bench.events("charging_reconnect") == ["attempt 2"]
    told = [made.time_ns for made in bench.made if getattr(made.content, "code", "") == "charging_reconnect"]
    assert told == [START_NS + 46_000_000_000]


@pytest.mark.parametrize("away_s", [5.0, 60.0])
@pytest.mark.parametrize(
    ("first", "raw"),
    [
        ("CHA100", {}),
        ("CHA102", {"charging_enabled": 1, "contactor_open": 0}),
        ("CHA108", {"available_current_a": 50}),
        ("CHA109", {"charging": 1, "stopped": 0}),
    ],
)
def test_a_chademo_charge_goes_on_after_a_restart_whichever_message_is_heard_first(
    first: str, raw: dict[str, float], away_s: float
) -> None:
    bench = PlugBench(plugs=[ProtocolPlug("plug", "chademo")])
    on, out = {"charging_enabled": 1, "contactor_open": 0}, {"charging": 1, "stopped": 0}
    for second in range(31):
        bench.put("CHA102", float(second), **on)
        bench.put("CHA109", second + 0.1, **out)
    begin_s = 30.1 + away_s
    other = PlugBench(plugs=[ProtocolPlug("plug", "chademo")])
    other.tracker.restore(0, bench.tracker.state(0))
    other.put(first, begin_s, **raw)
    for second in range(1, 31):
        other.put("CHA102", begin_s + second, **on)
        other.put("CHA109", begin_s + second + 0.1, **out)
    session = other.finish()
    assert len(other.sessions) == 1
    assert session.start_ns == START_NS
    assert session.duration_s == pytest.approx(begin_s + 30.1)
    assert session.gap_s == pytest.approx(away_s, abs=1.2)  # up to the first message that says how it stands


def test_a_chademo_charge_that_a_restart_has_missed_the_end_of_has_ended() -> None:
    bench = PlugBench(plugs=[ProtocolPlug("plug", "chademo")])
    bench.put("CHA102", 0.0, charging_enabled=1, contactor_open=0)
    bench.put("CHA109", 1.0, charging=1, stopped=0)
    other = PlugBench(plugs=[ProtocolPlug("plug", "chademo")])
    other.tracker.restore(0, bench.tracker.state(0))
    for second in range(60, 70):
        other.put("CHA100", float(second))
        other.put("CHA102", second + 0.1, charging_enabled=0, contactor_open=1)
        other.put("CHA109", second + 0.2, charging=0, stopped=1)
    session = other.finish()
    assert (len(other.sessions), session.outcome) == (1, "complete")
