"""What follows from a configuration before any device, disk or server is touched: its stages.

Promises: `prepare` raises TelemetryError for whatever is wrong, and changes nothing; so that the service can
prepare a new configuration beside the running one, and go on with the old when the new one is wrong.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from telemetry_core.decode.spec import PlanSpec

from telemetry.charging.installation import VinKey, installation_key, no_key
from telemetry.config import Config
from telemetry.databases.bus import LoadedPlan
from telemetry.databases.plan_cache import load_plan
from telemetry.errors import Faults
from telemetry.rules.map_entry import MAIN, MapEntry
from telemetry.rules.map_plan import Counting
from telemetry.rules.protect import ProtectedPlan, protect
from telemetry.rules.resolve import Modelling, model
from telemetry.rules.trigger import ResolvedTrigger, resolved
from telemetry.sources.assemble import Assembled
from telemetry.stages.binding import NO_BUS, Binding
from telemetry.stages.formats import OutputFormat
from telemetry.stages.output import OutputKind
from telemetry.stages.stages import Stages

if TYPE_CHECKING:  # a service that follows no charge imports none of it
    from telemetry.charging.plan import ChargingPlan

LOG = logging.getLogger("telemetry.service")

NO_DATABASES = LoadedPlan(PlanSpec((), ()), ())


@dataclass(frozen=True, slots=True)
class Composition:
    """What a configuration says of the stages, resolved against its databases."""

    config: Config
    loaded: LoadedPlan
    entries: tuple[MapEntry, ...]
    protected: ProtectedPlan
    modelling: Modelling
    triggers: tuple[ResolvedTrigger, ...] = ()

    def make_stages(
        self,
        output: OutputKind = OutputFormat.LINE_PROTOCOL,
        *,
        vin_key: VinKey = no_key,
    ) -> Stages:
        """Compile them. vin_key: of this installation."""
        return Stages(
            self.protected.spec,
            self.modelling.map,
            self.modelling.alarms,
            protection=self.protected.rules,
            vehicle=self.config.vehicle,
            reduce=self.config.reduce,
            send=self.config.send,
            output=output,
            charging=self._charging(vin_key),
            banks=self.modelling.banks,
            shown_vin=None if self.config.charging.vin == "plain" else partial(self._shown_vin, vin_key),
            triggers=self.triggers,
            health=self.config.health,
        )

    def service_stages(self) -> Stages:
        """Compile those of a service, with the key of its installation."""
        return self.make_stages(vin_key=partial(installation_key, self.config.spool_directory))

    def _shown_vin(self, vin_key: VinKey, vin: str) -> str | None:
        from telemetry.charging.identity import shown_vin  # which few services need

        return shown_vin(vin, self.config.charging.vin, vin_key)

    def _charging(self, vin_key: VinKey) -> "ChargingPlan | None":
        """Return what is followed.

        None, and nothing of it imported, where no protocol and no session is named.
        """
        sources = self.config.sources
        if not self.config.charging.sessions and not any(source.protocols.names for source in sources):
            return None
        from telemetry.charging.plan import ProtocolPlug, charging_plan

        spec, records = self.protected.spec, self.modelling.map.records if self.modelling.map else ()
        plugs = [
            ProtocolPlug(
                source.name,
                name,
                charger=source.protocols.charger or MAIN,
                least_wait_ns=source.least_wait_ns,
            )
            for source in sources
            for name in source.protocols.names
        ]
        return charging_plan(spec.buses, (*spec.records, *records), plugs, self.config.charging, vin_key)

    def binding(self, source: Assembled, channel: str) -> Binding:
        """Return what a channel of `source` is."""
        return self._binding(source, source.settings.bus_of(channel), source.tag_of(channel))

    def bindings(self, source: Assembled) -> Iterator[Binding]:
        """Return what the channels of `source` may be, before they have a name."""
        return (self._binding(source, bus, source.name) for bus in source.settings.bus_names)

    def _binding(self, source: Assembled, bus: str, tag: str) -> Binding:
        names = [each.name for each in self.protected.spec.buses]
        return Binding(
            names.index(bus) if bus in names else NO_BUS,
            source.name,
            tag,
            isotp=source.settings.isotp,
            has_error_frames=source.settings.is_can,
            by_order=source.has_scaled_time,
            least_wait_ns=source.settings.least_wait_ns,
            own_time=source.settings.own_time,
        )


@dataclass(frozen=True, slots=True)
class Prepared:
    """A configuration and its stages."""

    composition: Composition
    stages: Stages


def compose(config: Config) -> Composition:
    """Load the databases; resolve protection, map and limits against them.

    Raises ConfigError, of all that is wrong at once.
    """
    loaded = load_whole_plan(config)
    entries = map_entries(config)
    answers = {name: source.isotp for source in config.sources for name in source.bus_names}
    faults = Faults()
    protected = faults.value(lambda: protect(loaded.spec, config.protect))
    spec = protected.spec if protected else loaded.spec
    modelling = faults.value(
        lambda: model(entries, config.limits, spec, counting(config), config.aggregates, answers)
    )
    mapping = modelling.map if modelling else None
    triggers = faults.value(lambda: resolved(config.triggers, spec, mapping, is_whole=modelling is not None))
    if modelling and config.health:
        from telemetry.health.plan import refuse_packs, with_pages

        with faults.gathered():
            refuse_packs(config.health, modelling, spec)
        modelling = replace(modelling, map=modelling.map and with_pages(modelling.map))
    faults.raise_any()
    if config.uplink.bytes_per_hour is not None:
        from telemetry.sinks.budget import check_floor

        check_floor(
            config.uplink,
            config.reduce,
            (*spec.records, *(mapping.records if mapping else ())),
            send_every_s=config.send.every_s,
            gateway_every_s=config.gateway_every_s,
            gateway_points=1 + len(config.sources),
            tls=config.sink.address.startswith("https:"),
        )
    return Composition(config, loaded, entries, protected, modelling, triggers)


def load_whole_plan(config: Config) -> LoadedPlan:
    """Return the plan for all buses and ports: of databases, and of what sources know themselves.

    Raises ConfigError.
    """
    buses = [bus for source in config.sources for bus in source.buses if bus.databases]
    plan = load_plan(buses, config.cache_directory) if buses else NO_DATABASES
    spec = plan.spec
    for source in config.sources:
        spec = source.extended(spec)
    return replace(plan, spec=spec)


def map_entries(config: Config) -> tuple[MapEntry, ...]:
    """Return what the configuration maps, and what sources map by themselves."""
    return (*config.map, *(entry for source in config.sources for entry in source.map_entries()))


def counting(config: Config) -> Counting:
    """Count charge and energy between readings that are no further apart than a source's own gap."""
    gaps_ns = {name: source.count_gap_ns for source in config.sources for name in source.bus_names}
    return Counting({name: gap_ns for name, gap_ns in gaps_ns.items() if gap_ns is not None})


def prepare(config: Config) -> Prepared:
    """Compose the stages of `config` and compile them."""
    composition = compose(config)
    for warning in (*config.notes, *composition.loaded.warnings):
        LOG.warning("%s", warning)
    return Prepared(composition, composition.service_stages())
