"""What follows from a configuration before any device, disk or server is touched: the stages of the line.

Promises: `prepare` raises TelemetryError for whatever is wrong, and changes nothing; so that the service can
prepare a new configuration beside the running one, and go on with the old when the new one is wrong.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

from telemetry_core.decode.spec import PlanSpec

from telemetry.config import Config
from telemetry.databases.bus import LoadedPlan
from telemetry.databases.plan_cache import load_plan
from telemetry.rules.map_entry import MapEntry
from telemetry.rules.map_plan import Counting
from telemetry.rules.protect import protect
from telemetry.rules.resolve import model
from telemetry.stages.stages import Line

LOG = logging.getLogger("telemetry.service")

NO_DATABASES = LoadedPlan(PlanSpec((), ()), ())


@dataclass(frozen=True, slots=True)
class Prepared:
    """A configuration and its line. bus_numbers: the plan's number of each bus, by name."""

    config: Config
    line: Line
    bus_numbers: Mapping[str, int]


def load_whole_plan(config: Config) -> LoadedPlan:
    """The plan for all buses and ports: of databases, and of what sources know themselves. ConfigError."""
    buses = [bus for source in config.sources for bus in source.buses if bus.databases]
    plan = load_plan(buses, config.cache_directory) if buses else NO_DATABASES
    spec = plan.spec
    for source in config.sources:
        spec = source.extended(spec)
    return replace(plan, spec=spec)


def map_entries(config: Config) -> tuple[MapEntry, ...]:
    """What the configuration maps, and what sources map by themselves."""
    return (*config.map, *(entry for source in config.sources for entry in source.map_entries()))


def counting(config: Config) -> Counting:
    """Charge and energy are counted, between readings that are no further apart than a source's own gap."""
    gaps_ns = {source.name: source.count_gap_ns for source in config.sources}
    return Counting({name: gap_ns for name, gap_ns in gaps_ns.items() if gap_ns is not None})


def prepare(config: Config) -> Prepared:
    """Load the databases and make the line for them."""
    plan = load_whole_plan(config)
    for warning in plan.warnings:
        LOG.warning("%s", warning)
    line = build_line(config, plan.spec)
    return Prepared(config, line, {bus.name: number for number, bus in enumerate(plan.spec.buses)})


def build_line(config: Config, plan: PlanSpec) -> Line:
    """Resolve protection, map and limits against the databases; compile the stages."""
    protected = protect(plan, config.protect)
    modelling = model(map_entries(config), config.limits, protected.spec, counting(config))
    return Line(
        protected.spec,
        modelling.map,
        modelling.alarms,
        protection=protected.rules,
        vehicle=config.vehicle,
        reduce=config.reduce,
    )
