"""Which plugs are followed, and by what: a configuration's part of charging, resolved against its records."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from telemetry_core.charge.follow_spec import FollowSpec, PowerSpec, Side
from telemetry_core.decode.spec import BusSpec
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import RecordSpec

from telemetry.charging.follow.known import FOLLOWED
from telemetry.charging.installation import VinKey, no_key
from telemetry.charging.plug import PlugSettings
from telemetry.charging.settings import ChargingSettings, SessionSettings
from telemetry.charging.tracker import ChargingTracker
from telemetry.protocols.known import CAN_PROTOCOLS
from telemetry.rules.map_entry import MAIN

_FIRST_POWER_CHANNEL = 65535  # power plugs have no channel: they are numbered from here downwards


@dataclass(frozen=True, slots=True)
class ProtocolPlug:
    """A bus of the plan, by its name, on which a charging protocol is spoken.

    least_wait_ns: no wait there is shorter, in the time of its stamps (`Binding.least_wait_ns`).
    """

    bus: str
    protocol: str
    pack: str = MAIN
    charger: str = MAIN
    least_wait_ns: int = 0


@dataclass(frozen=True, slots=True)
class ChargingPlan:
    """The plugs that are followed.

    specs[i] is of plugs[i], on the bus buses[i] of the plan; None: a `[[session]]`.
    """

    specs: tuple[FollowSpec | PowerSpec, ...]
    plugs: tuple[PlugSettings, ...]
    buses: tuple[int | None, ...]
    settings: ChargingSettings
    vin_key: VinKey = no_key

    def plugs_for(self, schema: Schema, vehicle: str) -> "FollowedPlugs":
        """Return what follows these plugs from here on. schema: of the rows that it is given."""
        return FollowedPlugs(schema, self, vehicle)


def charging_plan(
    buses: Sequence[BusSpec],
    records: Sequence[RecordSpec],
    plugs: Iterable[ProtocolPlug],
    settings: ChargingSettings,
    vin_key: VinKey = no_key,
) -> ChargingPlan | None:
    """Return what `plugs` and `[[session]]` follow in a plan with these buses and records; None: nothing.

    records: of the plan, and after them those of the map.
    """
    specs: list[FollowSpec | PowerSpec] = []
    followed: list[PlugSettings] = []
    on: list[int | None] = []
    for plug in plugs:
        bus = next((number for number, bus in enumerate(buses) if bus.name == plug.bus), None)
        if bus is None:
            continue
        if plug.protocol in FOLLOWED:
            own = {records[message.record].measurement: message.record for message in buses[bus].messages}
            specs.append(FOLLOWED[plug.protocol].found_in(own, bus).waiting(plug.least_wait_ns))
        elif (known := CAN_PROTOCOLS.get(plug.protocol)) is not None and known.is_charger:
            specs.append(_power_spec(SessionSettings(charger=plug.charger)))
        else:
            continue
        followed.append(PlugSettings(plug.protocol, plug.pack, plug.charger, ""))
        on.append(bus)
    for session in settings.sessions:
        specs.append(_power_spec(session))
        followed.append(PlugSettings("", session.pack or MAIN, session.charger or MAIN, ""))
        on.append(None)
    return ChargingPlan(tuple(specs), tuple(followed), tuple(on), settings, vin_key) if specs else None


def _power_spec(session: SessionSettings) -> PowerSpec:
    return PowerSpec(
        Side.CHARGER if session.charger else Side.VEHICLE,
        session.starts_above_w,
        round(session.starts_after_s * 1e9),
        round(session.ends_after_s * 1e9),
    )


@dataclass(frozen=True, slots=True)
class _Channel:
    bus: int
    tag: str
    own: Sequence[int]
    tags: Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class _Planned:
    """A plug as the plan names it.

    power: None where a protocol shows its sessions; is_first: of the channels that a log has of its bus.
    """

    plug: PlugSettings
    bus: int | None
    power: PowerSpec | None = None
    is_first: bool = True


class FollowedPlugs:
    """A tracker, and whose rows it takes as whose measurements."""

    def __init__(self, schema: Schema, plan: ChargingPlan, vehicle: str) -> None:
        self.tracker = ChargingTracker(
            schema, plan.specs, plan.settings, vehicle=vehicle, vin_key=plan.vin_key
        )
        self._plan = plan
        self._channels: dict[int, _Channel] = {}
        self._planned: dict[int, _Planned] = {}
        self._feeding: dict[int, set[int]] = {}  # by channel of a power plug: whose rows it follows
        self._first_tags: dict[int, str] = {}  # of the first channel of each plug of the plan
        shown = [
            plug for spec, plug in zip(plan.specs, plan.plugs, strict=True) if isinstance(spec, FollowSpec)
        ]
        self._packs = Counter(plug.pack for plug in shown)
        self._chargers = Counter(plug.charger for plug in shown)
        for number, (spec, plug, bus) in enumerate(zip(plan.specs, plan.plugs, plan.buses, strict=True)):
            if isinstance(spec, PowerSpec):
                channel = _FIRST_POWER_CHANNEL - len(self._planned)
                self._planned[channel] = _Planned(plug, bus, spec)
                self.tracker.bind(channel, number, plug)

    def bind(
        self,
        channel: int,
        bus: int,
        tag: str,
        own: Sequence[int],
        tags: Sequence[Mapping[str, str]],
    ) -> None:
        """Follow `channel`, whose rows will come.

        tag: of its points; own: indexes of its modelled tag sets, `tags`. Where a log has several channels of
        one bus, each is a plug: the charger of the second and of each later one is named by its tag.
        """
        self._channels[channel] = _Channel(bus, tag, own, tags)
        for number, (spec, plug) in enumerate(zip(self._plan.specs, self._plan.plugs, strict=True)):
            if isinstance(spec, FollowSpec) and spec.bus == bus:
                is_first = self._first_tags.setdefault(number, tag) == tag
                charger = plug.charger if is_first else tag
                self.tracker.bind(channel, number, replace(plug, charger=charger, source=tag))
                self._planned[channel] = _Planned(plug, bus, is_first=is_first)
        for plug_channel in self.tracker.plugs:
            for other in self._channels:
                self._route(plug_channel, other)

    def feeding(self, channel: int) -> Collection[int]:
        """Return the channels whose rows make a session of the plug on `channel`; a meter's do not."""
        return self._feeding.get(channel, ()) if self._power(channel) else (channel,)

    def power_of(self, channel: int) -> str:
        """Return whose power is followed there, in words; empty: a protocol is."""
        power = self._power(channel)
        if power is None:
            return ""
        plug = self.tracker.plugs[channel]
        return (
            f"power of charger {plug.charger}" if power.side == Side.CHARGER else f"power of pack {plug.pack}"
        )

    def _power(self, channel: int) -> PowerSpec | None:
        return self._planned[channel].power if channel in self._planned else None

    def tag_of(self, channel: int) -> str:
        """Return the tag `source` of what is made of that plug; empty: nothing follows it any more."""
        plugs = self.tracker.plugs
        return plugs[channel].source if channel in plugs else ""

    def _route(self, plug_channel: int, channel: int) -> None:
        """Take rows of `channel` as what the plug's two ends, or a meter, measure at the plug."""
        planned, other = self._planned[plug_channel], self._channels[channel]
        if planned.power and planned.bus not in (None, other.bus):
            return  # two chargers of one name on two buses are two
        is_own = channel == plug_channel or planned.power is not None
        for index, named in zip(other.own, other.tags, strict=True):
            if is_own and _is_of(named, planned):
                if planned.power:
                    self._feeding.setdefault(plug_channel, set()).add(channel)
                    settings = self.tracker.plugs[plug_channel]
                    if not settings.source:
                        self.tracker.rename(plug_channel, replace(settings, source=other.tag))
                self.tracker.follower.route(index, plug_channel, is_own=True)
            elif not is_own and self._is_metered(named, planned, channel):
                self.tracker.follower.route(index, plug_channel, is_own=False)

    def _is_metered(self, named: Mapping[str, str], planned: _Planned, channel: int) -> bool:
        """Return whether `named` on another channel is a meter of the plug.

        Another plug's ends are not. A name that several plugs have says of none where it is measured.
        """
        if channel in self.tracker.plugs or not planned.is_first:
            return False
        pack, charger = planned.plug.pack, planned.plug.charger
        is_of_pack = named.get("pack") == pack and self._packs[pack] == 1
        return is_of_pack or (named.get("charger") == charger and self._chargers[charger] == 1)


def _is_of(named: Mapping[str, str], planned: _Planned) -> bool:
    """Return whether a tag set is of the plug's pack or charger; by power, of the side that shows it."""
    is_pack = named.get("pack") == planned.plug.pack
    is_charger = named.get("charger") == planned.plug.charger
    if planned.power:
        return is_charger if planned.power.side == Side.CHARGER else is_pack
    return is_pack or is_charger
