"""Which plugs are followed, and by whose rows."""

import pytest
from telemetry_core.charge.follow_spec import FollowSpec, PowerSpec, Side
from telemetry_core.decode.spec import BusSpec, MessageSpec
from telemetry_core.rows.schema import Schema

from telemetry.charging.items import SessionItem
from telemetry.charging.plan import FollowedPlugs, ProtocolPlug, charging_plan
from telemetry.charging.plug import PlugSettings
from telemetry.charging.session import Session
from telemetry.charging.settings import ChargingSettings, SessionSettings
from telemetry.model.measurements import BATTERY, CHARGER, record_spec
from telemetry.protocols.known import CAN_PROTOCOLS
from tests.support.plug import PlugBench

RECORDS = CAN_PROTOCOLS["gbt27930"].records
SPOKEN = ("gbt27930", "chademo", "elcon")
MODELLED = [
    *(record for name in SPOKEN for record in CAN_PROTOCOLS[name].records),
    *map(record_spec, (BATTERY, CHARGER)),
]
POWER_PLUG = 65535  # the first one without a channel
BAY = CAN_PROTOCOLS["gbt27930"].bus("bay")
QUICK = SessionSettings(charger="main", starts_above_w=1000.0, starts_after_s=10.0, ends_after_s=30.0)


def by_power(*sessions: SessionSettings) -> ChargingSettings:
    return ChargingSettings(sessions=sessions)


def test_a_protocol_is_followed_by_its_signs_and_a_charger_without_a_session_by_its_power() -> None:
    plugs = [
        ProtocolPlug("bay", "gbt27930", "rear", "left", least_wait_ns=10**12),
        ProtocolPlug("absent", "gbt27930"),
        ProtocolPlug("bay", "elcon", "side", "right"),
        ProtocolPlug("bay", "no such protocol"),
    ]
    front = SessionSettings(pack="front", starts_above_w=500.0, starts_after_s=1.5, ends_after_s=2.5)
    plan = charging_plan([BusSpec("other", ()), BAY], RECORDS, plugs, by_power(front))
    assert plan is not None
    signs, elcon, named = plan.specs
    assert isinstance(signs, FollowSpec)
    assert signs.bus == 1
    assert min(each.limit_ns for each in signs.deadlines) >= 10**12
    assert isinstance(elcon, PowerSpec)
    assert elcon.side == Side.CHARGER
    assert named == PowerSpec(Side.VEHICLE, 500.0, 1_500_000_000, 2_500_000_000)
    assert plan.plugs == (
        PlugSettings("gbt27930", "rear", "left", ""),
        PlugSettings("elcon", "side", "right", ""),
        PlugSettings("", "front", "main", ""),
    )


def test_where_nothing_is_spoken_and_nothing_is_asked_for_nothing_is_followed() -> None:
    assert charging_plan([BAY], RECORDS, [ProtocolPlug("absent", "gbt27930")], by_power()) is None


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


def latest(made: list[SessionItem]) -> tuple[Session, float, float]:
    """Return an open session's newest row, how long it has charged, and how long it was paused."""
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


BAYS = [f"bay-{number}" for number in range(6)]


def bus(name: str) -> BusSpec:
    """Return a bus on which all of MODELLED may come."""
    messages: tuple[MessageSpec, ...] = ()
    for number, protocol in enumerate(SPOKEN):
        first = sum(len(CAN_PROTOCOLS[before].records) for before in SPOKEN[:number])
        messages += CAN_PROTOCOLS[protocol].bus(name, first).messages
    return BusSpec(name, messages)


def gateway(protocols: list[str], *, chargers: list[str]) -> FollowedPlugs:
    """Make a plug on each bus, with its ends' rows, and a battery `main` on a bus without one."""
    plugs = [
        ProtocolPlug(bus, protocol, charger=charger)
        for bus, protocol, charger in zip(BAYS, protocols, chargers, strict=True)
    ]
    plan = charging_plan([bus(bay) for bay in BAYS], MODELLED, plugs, ChargingSettings())
    assert plan is not None
    followed = FollowedPlugs(Schema(MODELLED), plan, "depot")
    for number, charger in enumerate(chargers):
        tags = [{"pack": "main"}, {"charger": charger}]
        followed.bind(number, number, BAYS[number], [10 + number, 20 + number], tags)
    followed.bind(9, -1, "shunt", [30], [{"pack": "main"}])
    return followed


def test_any_number_of_plugs_may_stand_beside_a_bus_that_is_measured() -> None:
    for protocols in (["gbt27930"] * 6, ["gbt27930"] * 5 + ["elcon"], ["chademo"] * 5 + ["elcon"]):
        followed = gateway(protocols, chargers=BAYS)
        assert len(followed.tracker.plugs) == 6
    followed = gateway(["elcon"] * 6, chargers=["main"] * 6)
    assert [list(followed.feeding(POWER_PLUG - number)) for number in range(6)] == [[n] for n in range(6)]
    assert [followed.tag_of(POWER_PLUG - number) for number in range(6)] == BAYS


@pytest.mark.parametrize(("bays", "has_meter"), [(1, True), (2, False)])
def test_a_pack_that_is_measured_elsewhere_is_that_of_the_only_plug(bays: int, has_meter: bool) -> None:
    plugs = [ProtocolPlug("plug", "gbt27930"), ProtocolPlug("bay-2", "gbt27930", charger="right")]
    bench = PlugBench(plugs=plugs[:bays], buses=["plug", "bay-2"])
    bench.plugs.bind(3, -1, "battery", [9], [{"pack": "main"}])
    bench.begin()
    for second in range(1, 21):
        bench.charge(float(second), second + 0.75)
        bench.measure_by(9, "battery", float(second) + 0.1, channel=3, voltage_v=99.0, current_a=36.0)
    assert (bench.finish().energy_meter_wh is not None) == has_meter


@pytest.mark.parametrize("is_stopped", [True, False])
def test_a_meter_counts_until_the_session_is_over_though_no_frame_says_so(
    is_stopped: bool,
) -> None:
    bench = PlugBench()
    bench.begin()
    for second in range(1, 21):
        bench.charge(float(second), second + 0.75)
        bench.measure("meter", second + 0.5, voltage_v=100.0, current_a=36.0)
    if is_stopped:
        bench.stop(21.0)
    for second in range(22, 300):
        bench.measure("meter", second + 0.5, voltage_v=100.0, current_a=-20.0)
    session = bench.finish()
    assert session.covered_meter_s == pytest.approx(19.0 if is_stopped else 29.0, abs=1.1)


@pytest.mark.parametrize(("amps", "is_best"), [(35.0, True), (45.0, False), (-36.0, False), (0.0, False)])
def test_a_meter_that_both_ends_of_the_plug_contradict_is_not_the_best_measurement(
    amps: float, is_best: bool
) -> None:
    bench = PlugBench()
    bench.begin()
    for second in range(1, 41):
        bench.charge(float(second), second + 0.75)
        bench.measure("meter", float(second) + 0.1, voltage_v=100.0, current_a=amps)
    session = bench.finish()
    assert session.energy_meter_wh == pytest.approx(amps * 100.0 * 39 / 3600, abs=0.1)
    assert session.energy_wh == (session.energy_meter_wh if is_best else session.energy_charger_wh)


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
