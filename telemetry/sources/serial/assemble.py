"""What a [[serial]] becomes: a source, a bus of the plan, entries of the map.

Promises: two ports with one protocol share the records of its messages; the simulated time of a simulator
shortens intervals and time-outs of silence, but never the time that an answer may take on this machine.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from telemetry_core.decode.spec import PlanSpec
from telemetry_core.frames.stamps import TimeMap

from telemetry.clock import Clock
from telemetry.logs.capture_file import CaptureFile
from telemetry.protocols.known import PROTOCOLS
from telemetry.rules.map_entry import MapEntry
from telemetry.sources.channels import ChannelTable
from telemetry.sources.serial.conversation import Asking, Conversation, Listening, Poll
from telemetry.sources.serial.link import PyserialLink
from telemetry.sources.serial.port import SerialSource
from telemetry.sources.serial.settings import SerialSettings
from telemetry.sources.serial.silence import OFFLINE_S, UNKNOWN_S, Silence

# Of a simulator's time, so that one that is held up for a moment is no silent device.
LEAST_UNKNOWN_S = 2.0
LEAST_OFFLINE_S = 4.0

_COUNTED_POLLS = 3.0
_LEAST_POLL_S = 1.0  # as often as devices are asked, or talk by themselves


def with_serial(plan: PlanSpec, serials: Iterable[SerialSettings]) -> PlanSpec:
    """`plan` with a bus for each port, called as its source."""
    records, buses = list(plan.records), list(plan.buses)
    first_record: dict[str, int] = {}
    for settings in serials:
        protocol = PROTOCOLS[settings.protocol]
        if protocol.name not in first_record:
            first_record[protocol.name] = len(records)
            records += protocol.records
        buses.append(protocol.bus(settings.name, first_record[protocol.name]))
    return PlanSpec(tuple(records), tuple(buses))


def serial_map_entries(serials: Iterable[SerialSettings]) -> Iterator[MapEntry]:
    """What the messages of each port mean: fields and alarms."""
    for settings in serials:
        protocol = PROTOCOLS[settings.protocol]
        for entry in protocol.map_entries(settings.name, pack=settings.pack, charger=settings.charger):
            has_sign = entry.to.endswith((".current_a", ".power_w"))
            yield replace(entry, scale=-entry.scale) if settings.invert_current and has_sign else entry


def count_gap_ns(settings: SerialSettings) -> int:
    """Up to which distance of two readings what flows between them is counted: two may have been lost.

    A simulator's readings come as this machine's time lets them, whatever its own time is.
    """
    gap_s = _COUNTED_POLLS * max(settings.poll_every_s or 0.0, _LEAST_POLL_S)
    if settings.simulated_time is not None:
        gap_s = max(gap_s, LEAST_UNKNOWN_S * settings.simulated_time.scale)
    return round(gap_s * 1e9)


def serial_source(settings: SerialSettings, channels: ChannelTable, clock: Clock) -> SerialSource:
    """The source of one port, not opened yet."""
    time = settings.simulated_time
    scale = time.scale if time else 1.0
    return SerialSource(
        settings.name,
        PyserialLink(settings.port, settings.baud_rate),
        _conversation(settings, scale, clock),
        PROTOCOLS[settings.protocol].make_framer(channels.number(settings.name, settings.name)),
        _silence(settings.name, scale, clock),
        clock,
        time_map=TimeMap(time.scale, time.origin_ns, time.wall_ns) if time else None,
        capture=CaptureFile(settings.capture, settings.capture_bytes, clock) if settings.capture else None,
    )


def _conversation(settings: SerialSettings, scale: float, clock: Clock) -> Conversation:
    protocol = PROTOCOLS[settings.protocol]
    if not protocol.requests:
        return Listening(clock)
    shortest_s = min(request.every_s for request in protocol.requests)
    factor = (settings.poll_every_s or shortest_s) / shortest_s / scale
    timeout_s = settings.reply_timeout_s or protocol.reply_timeout_s
    polls = [
        Poll(request.data, request.reply_id, request.every_s * factor, timeout_s)
        for request in protocol.requests
    ]
    return Asking(polls, protocol.rest_s / scale, clock)


def _silence(source: str, scale: float, clock: Clock) -> Silence:
    if scale == 1.0:
        return Silence(source, clock)
    return Silence(
        source,
        clock,
        unknown_s=max(UNKNOWN_S / scale, LEAST_UNKNOWN_S),
        offline_s=max(OFFLINE_S / scale, LEAST_OFFLINE_S),
    )
