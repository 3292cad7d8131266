"""Which plugs are followed, and by whose rows."""

import pytest
from telemetry_core.charge.follow_spec import FollowSpec, PowerSpec, Side

from telemetry.charging.made import Made
from telemetry.charging.plan import ProtocolPlug, charging_plan
from telemetry.charging.plug import PlugSettings
from telemetry.charging.session import Session
from telemetry.charging.settings import ChargingSettings, SessionSettings
from telemetry.protocols.known import CAN_PROTOCOLS
from tests.support.plug import PlugBench

RECORDS = CAN_PROTOCOLS["gbt27930"].records
POWER_PLUG = 65535  # the first one without a channel
QUICK = SessionSettings(charger="main", starts_above_w=1000.0, starts_after_s=10.0, ends_after_s=30.0)


def by_power(*sessions: SessionSettings) -> ChargingSettings:
    return ChargingSettings(sessions=sessions)


def test_a_protocol_is_followed_by_its_signs_and_a_charger_without_a_session_by_its_power() -> None:
    plugs = [
        ProtocolPlug("bay", "gbt27930", charger="left", least_wait_ns=10**12),
        ProtocolPlug("absent", "gbt27930"),
        ProtocolPlug("bay", "elcon", charger="right"),
        ProtocolPlug("bay", "no such protocol"),
    ]
    front = SessionSettings(pack="front", starts_above_w=500.0, starts_after_s=1.5, ends_after_s=2.5)
    plan = charging_plan(["other", "bay"], RECORDS, plugs, by_power(front))
    assert plan is not None
    signs, elcon, named = plan.specs
    assert isinstance(signs, FollowSpec)
    assert signs.bus == 1
    assert min(each.limit_ns for each in signs.deadlines) >= 10**12
    assert isinstance(elcon, PowerSpec)
    assert elcon.side == Side.CHARGER
    assert named == PowerSpec(Side.VEHICLE, 500.0, 1_500_000_000, 2_500_000_000)
    assert plan.plugs == (
        PlugSettings("gbt27930", "main", "left", ""),
        PlugSettings("elcon", "main", "right", ""),
        PlugSettings("", "front", "main", ""),
    )


def test_where_nothing_is_spoken_and_nothing_is_asked_for_nothing_is_followed() -> None:
    assert charging_plan(["bay"], RECORDS, [ProtocolPlug("absent", "gbt27930")], by_power()) is None


@pytest.mark.parametrize(
    ("session", "source"),
    [
        (QUICK, "can0"),
        (SessionSettings(pack="main", starts_above_w=1000.0), "can0"),
        (SessionSettings(charger="other", starts_above_w=1000.0), ""),
        (SessionSettings(pack="other", starts_above_w=1000.0), ""),
    ],
)
def test_a_session_by_power_is_called_by_the_first_source_of_its_pack_or_charger(
    session: SessionSettings, source: str
) -> None:
    bench = PlugBench(by_power(session), plugs=())
    assert bench.plugs.tag_of(POWER_PLUG) == source
    bench.plugs.bind(2, -1, "later", [7], [{"pack": "main", "charger": "main"}])
    assert bench.plugs.tag_of(POWER_PLUG) == source


def latest(made: list[Made]) -> tuple[Session, float, float]:
    """The newest row of an open session, how long it has charged, and how long it was paused."""
    found = [each.content for each in made if isinstance(each.content, Session) and each.content.open]
    assert found[-1].charging_s is not None
    assert found[-1].paused_s is not None
    return found[-1], found[-1].charging_s, found[-1].paused_s


def test_power_over_the_threshold_for_long_enough_is_a_session_and_ends_after_long_enough_without() -> None:
    bench = PlugBench(by_power(QUICK), plugs=())
    for second in range(100):
        amps = 20.0 if 5 <= second < 50 else 0.0
        bench.measure("charger", float(second), voltage_v=100.0, current_a=amps)
    bench.finish()
    (session,) = bench.sessions
    assert session.protocol is None
    assert session.charger == "main"
    assert session.energy_charger_wh == pytest.approx(2000.0 * 45 / 3600, rel=0.05)
    assert bench.events("charging_started") == ["by power"]
    short = PlugBench(by_power(QUICK), plugs=())
    for second in range(100):
        short.measure("charger", float(second), voltage_v=100.0, current_a=20.0 if second % 8 < 4 else 0.0)
    assert short.events("charging_started") == []


def test_the_meter_of_another_charger_and_the_ends_of_another_plug_measure_nothing_here() -> None:
    bench = PlugBench()
    bench.plugs.bind(3, -1, "other meter", [9], [{"charger": "other"}])
    bench.begin()
    bench.charge(1.0, 11.0)
    session = bench.finish()
    assert session.energy_meter_wh is None
    assert session.energy_charger_wh is not None


def test_the_row_of_an_open_session_counts_what_runs_up_to_now() -> None:
    bench = PlugBench()
    bench.begin()
    bench.charge(1.0, 31.0)
    for step in range(4 * 40):  # half a minute without permission
        at_s = 31.25 + step / 4
        bench.put("BCL", at_s)
        bench.put("BCS", at_s)
        bench.put("CCS", at_s, permitted=0)
    minute, charging_s, paused_s = latest(bench.made)
    assert minute.duration_s == pytest.approx(charging_s + paused_s, abs=1.0)
    assert charging_s == pytest.approx(30.5, abs=0.6)
    assert paused_s > 20.0
    bench.charge(71.5, 131.0)
    later, charging_s, paused_s = latest(bench.made)
    assert paused_s == pytest.approx(40.0, abs=1.0)
    assert charging_s == pytest.approx(later.duration_s - paused_s, abs=1.0)
    assert [phase.phase for phase in later.phases][-1] == "charging"
    session = bench.finish()
    assert session.charging_s == pytest.approx(30.5 + 59.5, abs=1.0)
    assert session.paused_s == pytest.approx(40.0, abs=1.0)


def test_a_session_that_was_joined_forgets_what_it_had_heard_when_the_whole_one_goes_on() -> None:
    first, second = PlugBench(), PlugBench()
    first.begin()
    first.charge(1.0, 31.0)
    second.charge(31.5, 33.0)
    second.put("CEM", 33.1, bcs_timeout=1)
    second.tracker.restore(0, first.tracker.state(0))
    second.charge(34.0, 40.0)
    session = second.finish()
    assert session.errors == ()
    assert [phase.phase for phase in session.phases] == ["charging"]
    assert session.attempts == 1
