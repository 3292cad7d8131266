"""A plug of a simulator that runs fast: nothing there is given up earlier than its scale allows."""

from dataclasses import replace

from telemetry_core.charge.follow_spec import FollowSpec

from telemetry.charging.plan import ProtocolPlug, charging_plan
from telemetry.charging.settings import ChargingSettings
from telemetry.protocols.known import CAN_PROTOCOLS

SECOND_NS = 1_000_000_000


def spec_of(least_wait_ns: int) -> FollowSpec:
    protocol = CAN_PROTOCOLS["gbt27930"]
    plug = ProtocolPlug("bay", "gbt27930", least_wait_ns=least_wait_ns)
    plan = charging_plan([protocol.bus("bay")], protocol.records, [plug], ChargingSettings())
    assert plan is not None
    (spec,) = plan.specs
    assert isinstance(spec, FollowSpec)
    return spec


def test_no_wait_is_shorter_than_the_least_one() -> None:
    usual, waiting = spec_of(0), spec_of(30 * SECOND_NS)
    assert {deadline.limit_ns for deadline in usual.deadlines} >= {SECOND_NS, 5 * SECOND_NS}
    assert min(deadline.limit_ns for deadline in waiting.deadlines) == 30 * SECOND_NS
    assert (usual.silence_ns, waiting.silence_ns) == (10 * SECOND_NS, 30 * SECOND_NS)
    assert (usual.gap_ns, waiting.gap_ns) == (2 * SECOND_NS, 30 * SECOND_NS)
    longest = max(deadline.limit_ns for deadline in usual.deadlines)
    assert max(deadline.limit_ns for deadline in waiting.deadlines) == longest == 60 * SECOND_NS


def test_nothing_else_changes() -> None:
    usual, waiting = spec_of(0), spec_of(30 * SECOND_NS)
    undone = replace(
        waiting,
        deadlines=usual.deadlines,
        silence_ns=usual.silence_ns,
        gap_ns=usual.gap_ns,
        reconnect_ns=usual.reconnect_ns,
    )
    assert undone == usual
