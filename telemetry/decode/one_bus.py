"""Logs of a bus whose protocol is known by name: what its messages hold, and what they mean."""

from collections.abc import Sequence

from telemetry.charging.plan import ProtocolPlug, charging_plan
from telemetry.charging.settings import ChargingSettings
from telemetry.decode.selection import select
from telemetry.protocols.can.table import CanProtocol
from telemetry.rules.resolve import model
from telemetry.stages.output import OutputKind
from telemetry.stages.stages import Stages

_BUS = "log"


def stages_of(
    protocol: CanProtocol,
    output: OutputKind,
    vehicle: str,
    *,
    with_messages: bool = False,
    value_texts: bool = False,
    signals: Sequence[str] = (),
) -> Stages:
    """Return the stages for logs of a bus that is the plan's only one.

    - with_messages: the messages themselves, before what they mean
    - value_texts: each value with words has a second one, its word
    - signals: globs: these signals of the messages alone, and not what they mean
    """
    plan = protocol.plan(_BUS, hidden=not (with_messages or signals), value_texts=value_texts)
    if signals:
        return Stages(select(plan, signals), None, vehicle=vehicle, output=output)
    modelling = model(protocol.map_entries(_BUS), (), plan)
    return Stages(
        plan,
        modelling.map,
        modelling.alarms,
        vehicle=vehicle,
        output=output,
        charging=charging_plan(
            [_BUS], plan.records, [ProtocolPlug(_BUS, protocol.name)], ChargingSettings(vin="plain")
        ),
    )
