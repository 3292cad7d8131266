"""What profiles of vehicles add to what databases say of recordings.

Promises: a channel's vehicle is that of its own profile, beside one for every channel. Without the name of a
bus all buses of a profile are looked for. Several profiles of a channel may share the id of a unit whose
answers differ in what they begin with.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from telemetry_core.decode.spec import BusSpec, PlanSpec

from telemetry.decode.channels import ChannelPlan, Listening, Vehicle
from telemetry.errors import ConfigError
from telemetry.model.ids import IsoTpId, id_text
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.resolve import Modelling, model
from telemetry.settings.document import Where
from telemetry.sources.bus_protocols import BusProtocols
from telemetry.stages.binding import NO_BUS
from telemetry.vehicles.known import named, own_files

FLAG = "--vehicle-profile"
EMPTY = BusSpec("of every other channel", ())


def with_vehicles(
    spec: PlanSpec, channels: ChannelPlan, vehicles: Sequence[Vehicle], spoken: BusProtocols
) -> tuple[PlanSpec, ChannelPlan, Callable[[PlanSpec], Modelling], list[Path]]:
    """Return plan and channels with the vehicles, what says their meaning, and files of the user's own.

    spoken: which rows their messages have. Raises ConfigError.
    """
    spec, channels = _with_buses(spec, channels, [each.channel for each in vehicles])
    profiles = [named(each.profile, FLAG) for each in vehicles]
    protocols = [profile.protocol(each.bus) for profile, each in zip(profiles, vehicles, strict=True)]
    isotp: dict[int, dict[int, IsoTpId]] = {number: {} for number in range(len(spec.buses))}
    entries: list[MapEntry] = []
    channel_of = {number: channel for channel, number in channels.by_channel.items()}
    for number, bus in enumerate(spec.buses):
        for vehicle, protocol in zip(vehicles, protocols, strict=True):
            if vehicle.channel in ("", channel_of.get(number, "")):
                added = replace(spoken, vehicle=protocol, where=Where(FLAG))
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
