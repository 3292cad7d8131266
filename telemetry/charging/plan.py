"""Which plugs are followed, and by what: a configuration's part of charging, resolved against its records."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import RecordSpec
from telemetry_core.rules.follow_spec import FollowSpec, PowerSpec, Side

from telemetry.charging.follow.known import FOLLOWED
from telemetry.charging.settings import ChargingSettings, SessionSettings
from telemetry.charging.tracker import ChargingTracker, PlugSettings
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
    """What is followed. specs[i] is of plugs[i]; a spec's bus is that of the plan."""

    specs: tuple[FollowSpec | PowerSpec, ...]
    plugs: tuple[PlugSettings, ...]
    settings: ChargingSettings
    vin_key: bytes = b""


def charging_plan(
    buses: Sequence[str],
    records: Sequence[RecordSpec],
    plugs: Iterable[ProtocolPlug],
    settings: ChargingSettings,
    vin_key: bytes = b"",
) -> ChargingPlan | None:
    """What `plugs` and `[[session]]` follow in a plan with these buses and records; None: nothing.

    records: of the plan, and after them those of the map.
    """
    specs: list[FollowSpec | PowerSpec] = []
    followed: list[PlugSettings] = []
    for plug in plugs:
        table = FOLLOWED.get(plug.protocol)
        if table is not None and plug.bus in buses:
            specs.append(table.spec(records, buses.index(plug.bus)).waiting(plug.least_wait_ns))
            followed.append(PlugSettings(plug.protocol, plug.pack, plug.charger, ""))
    for session in settings.sessions:
        specs.append(_power_spec(session))
        charger = session.charger or MAIN
        followed.append(PlugSettings("power", session.pack or MAIN, charger, session.charger or session.pack))
    return ChargingPlan(tuple(specs), tuple(followed), settings, vin_key) if specs else None


def _power_spec(session: SessionSettings) -> PowerSpec:
    return PowerSpec(
        Side.CHARGER if session.charger else Side.VEHICLE,
        session.starts_above_w,
        round(session.starts_after_s * 1e9),
        round(session.ends_after_s * 1e9),
    )


class FollowedPlugs:
    """A tracker, and whose rows it takes as whose measurements."""

    def __init__(self, schema: Schema, plan: ChargingPlan, vehicle: str) -> None:
        self.tracker = ChargingTracker(
            schema, plan.specs, plan.settings, vehicle=vehicle, vin_key=plan.vin_key
        )
        self._plan = plan
        self._channels: dict[int, tuple[int, Sequence[int], Sequence[Mapping[str, str]]]] = {}
        self._power: dict[int, PlugSettings] = {}
        for number, (spec, plug) in enumerate(zip(plan.specs, plan.plugs, strict=True)):
            if isinstance(spec, PowerSpec):
                channel = _FIRST_POWER_CHANNEL - len(self._power)
                self._power[channel] = plug
                self.tracker.bind(channel, number, plug)

    def bind(
        self, channel: int, bus: int, tag: str, own: Sequence[int], tags: Sequence[Mapping[str, str]]
    ) -> None:
        """Rows of `channel` will come. tag: of its points; own: indexes of its modelled tag sets, `tags`."""
        self._channels[channel] = (bus, own, tags)
        for number, (spec, plug) in enumerate(zip(self._plan.specs, self._plan.plugs, strict=True)):
            if isinstance(spec, FollowSpec) and spec.bus == bus:
                named = PlugSettings(plug.protocol, plug.pack, plug.charger, tag)
                self.tracker.bind(channel, number, named)
        for plug_channel, settings in self.tracker.plugs.items():
            for other in self._channels:
                self._route(plug_channel, settings, other)

    def tag_of(self, channel: int) -> str:
        """The tag `source` of what is made of that plug."""
        return self.tracker.plugs[channel].source

    def _route(self, plug_channel: int, settings: PlugSettings, channel: int) -> None:
        """Rows of the plug's own channel are what its two ends measure, those of others a meter's."""
        _, own, tags = self._channels[channel]
        is_own = channel == plug_channel or plug_channel in self._power
        if not is_own and self._follows_protocol(channel):
            return
        for index, named in zip(own, tags, strict=True):
            if _belongs(named, settings, self._power.get(plug_channel)):
                self.tracker.follower.route(index, plug_channel, is_own=is_own)

    def _follows_protocol(self, channel: int) -> bool:
        return channel in self.tracker.plugs


def _belongs(named: Mapping[str, str], settings: PlugSettings, power: PlugSettings | None) -> bool:
    """Whether a tag set is of the plug's pack or charger."""
    if power is not None and power.source != named.get("pack", named.get("charger")):
        return False
    return named.get("pack") == settings.pack or named.get("charger") == settings.charger
