"""What follows from a configuration before any device, disk or server is touched: the stages of the line.

Promises: `prepare` raises TelemetryError for whatever is wrong, and changes nothing; so that the service can
prepare a new configuration beside the running one, and go on with the old when the new one is wrong.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from telemetry_core.decode.spec import PlanSpec

from telemetry.config import Config
from telemetry.rules.protect import protect
from telemetry.rules.resolve import model
from telemetry.sources.assemble import counting, load_whole_plan, map_entries
from telemetry.stages.stages import Line

LOG = logging.getLogger("telemetry.service")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A configuration and its line. bus_numbers: the plan's number of each bus, by name."""

    config: Config
    line: Line
    bus_numbers: Mapping[str, int]


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
