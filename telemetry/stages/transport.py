"""What the transport stage listens for on a channel: J1939 where ids have 29 bits, ISO-TP where told.

Relies on `telemetry_core.transport.stage`, which does the listening.
"""

from collections.abc import Sequence

from telemetry_core.decode.spec import BusSpec
from telemetry_core.transport.stage import Transport

from telemetry.model.ids import IsoTpId

SENDERS = 256  # source addresses of J1939: a tag set for each


def listens_for_j1939(buses: Sequence[BusSpec], bus: int) -> bool:
    """Whether J1939 sessions are followed on a bus: whether anything there has an id of 29 bits."""
    return bus >= 0 and any(message.extended for message in buses[bus].messages)


def listen(
    transport: Transport, channel: int, bus: int, *, j1939: bool, isotp: Sequence[IsoTpId] = ()
) -> None:
    """Tell the stage what to listen for on a channel."""
    rules = [(rule.id, rule.extended_addressing, rule.with_length) for rule in isotp]
    transport.bind(channel, bus, j1939=j1939, isotp=rules)
