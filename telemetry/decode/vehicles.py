"""What profiles of vehicles add to what databases say of recordings.

Promises: a channel's vehicle is that of its own profile, beside one for every channel. Without the name of a
bus all buses of a profile are looked for. Several profiles of a channel may share the id of a unit whose
answers differ in what they begin with; one that yields, as `obd-ii`, adds what the others lack.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from string import digits

from telemetry_core.decode.spec import BusSpec, PlanSpec

from telemetry.decode.channels import ChannelPlan, Listening, Vehicle
from telemetry.errors import ConfigError
from telemetry.model.ids import IsoTpId, id_text
from telemetry.protocols.can.table import CanProtocol, claims
from telemetry.rules.find_message import ID_MASK
from telemetry.rules.map_entry import NUMBER, MapEntry
from telemetry.rules.resolve import Modelling, model
from telemetry.settings.document import Where
from telemetry.sources.bus_protocols import BusProtocols
from telemetry.stages.binding import NO_BUS
from telemetry.vehicles.known import named, own_files

FLAG = "--vehicle-profile"
LAST = 9  # of ranks: that of what fills a field where no other profile does
EMPTY = BusSpec("of every other channel", ())


def with_vehicles(
    spec: PlanSpec, channels: ChannelPlan, vehicles: Sequence[Vehicle], spoken: BusProtocols
) -> tuple[PlanSpec, ChannelPlan, Callable[[PlanSpec], Modelling], list[Path]]:
    """Return plan and channels with the vehicles, what says their meaning, and files of the user's own.

    spoken: which rows their messages have. Raises ConfigError.
    """
    spec, channels = _with_buses(spec, channels, [each.channel for each in vehicles])
    vehicles = sorted(vehicles, key=lambda each: named(each.profile, FLAG).yields)
    profiles = [named(each.profile, FLAG) for each in vehicles]
    protocols = [profile.protocol(each.bus) for profile, each in zip(profiles, vehicles, strict=True)]
    isotp: dict[int, dict[int, IsoTpId]] = {number: {} for number in range(len(spec.buses))}
    entries: list[MapEntry] = []
    channel_of = {number: channel for channel, number in channels.by_channel.items()}
    for number, bus in enumerate(spec.buses):
        for vehicle, profile, protocol in zip(vehicles, profiles, protocols, strict=True):
            if vehicle.channel in ("", channel_of.get(number, "")):
                lacking = _lacking(spec.buses[number], protocol) if profile.yields else protocol
                added = replace(spoken, vehicle=lacking, where=Where(FLAG))
                spec = added.extended(spec, bus.name)
                entries += added.map_entries(bus.name)
                for id in added.isotp_with(channels.isotp, "--isotp"):
                    if isotp[number].setdefault(id.id, id) != id:
                        what = f"answers on {id_text(id.id)} begin with an address in one profile alone"
                        raise ConfigError(what, where=FLAG, hint="one bus has one of them: leave one out")
    of_bus = {number: tuple(ids.values()) for number, ids in isotp.items()}
    means = partial(model, entries, (), answers={bus.name: of_bus[n] for n, bus in enumerate(spec.buses)})
    files = [file for profile in profiles for file in own_files(profile)]
    listening = [
        Listening(
            protocol.name,
            vehicle.channel,
            {record.measurement for record in protocol.records},
            tuple(dict.fromkeys(id for message in protocol.messages for id in message.ids)),
        )
        for vehicle, protocol in zip(vehicles, protocols, strict=True)
    ]
    return spec, replace(channels, isotp_of=of_bus, listening=listening), means, files


def _lacking(bus: BusSpec, protocol: CanProtocol) -> CanProtocol:
    """Return what a bus has not yet, and after all that it has."""
    taken = {
        (spec.record, spec.arbitration_id)
        for spec in protocol.bus(bus.name).messages
        if any(claims(own, spec, bus.standard_mask, bus.extended_mask) for own in bus.messages)
    }
    messages = [
        replace(message, ids=tuple(id for id in message.ids if (number, id & ID_MASK) not in taken))
        for number, message in enumerate(protocol.messages)
    ]
    kept = tuple(message for message in messages if message.ids)
    names = {f"{each.code}.{signal.name}".rstrip(digits) for each in kept for signal in each.signals}
    mapped = [
        replace(one, rank=None if one.rank is None else LAST)
        for one in protocol.mapped
        if one.signal.removesuffix(NUMBER).rstrip(digits) in names
    ]
    return replace(protocol, messages=kept, mapped=tuple(mapped))


def _with_buses(spec: PlanSpec, channels: ChannelPlan, wanted: Sequence[str]) -> tuple[PlanSpec, ChannelPlan]:
    """Return both with a bus for each channel; "": for all others. It has what databases say of these."""
    buses, by_channel, otherwise = list(spec.buses), dict(channels.by_channel), channels.otherwise
    of_others = EMPTY if otherwise == NO_BUS else buses[otherwise]
    for channel in dict.fromkeys(wanted):
        if channel and channel not in by_channel:
            by_channel[channel] = len(buses)
            buses.append(replace(of_others, name=channel))
        elif not channel and otherwise == NO_BUS:
            otherwise = len(buses)
            buses.append(EMPTY)
    added = replace(channels, by_channel=by_channel, otherwise=otherwise)
    return replace(spec, buses=tuple(buses)), added
