"""What `signals` and `plot` look at, as their arguments say it."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from telemetry.cli.arguments import channel_plan
from telemetry.databases.bus import LoadedPlan
from telemetry.databases.plan_cache import load_plan, user_cache_directory
from telemetry.decode.channels import ChannelPlan
from telemetry.decode.described import NO_PLAN
from telemetry.decode.logs import Logs
from telemetry.decode.screen import Screen
from telemetry.decode.times import ALL_AS_THEY_ARE, Times
from telemetry.overview.recording import Recording, of_plan, of_protocol


def recording_of(
    arguments: argparse.Namespace,
    recordings: Sequence[Path],
    globs: Sequence[str],
    screen: Screen,
    *,
    globs_by: str = "--signal",
    times: Times = ALL_AS_THEY_ARE,
) -> Recording:
    """Make it of `--protocol`, or of databases, whose warnings are shown, and profiles of vehicles."""
    if arguments.protocol:
        name, registers = arguments.protocol, arguments.registers
        return of_protocol(name, registers, recordings, globs, globs_by=globs_by, times=times)
    channels = channel_plan(arguments)
    spec = loaded_plan(channels, screen).spec
    if vehicles := arguments.vehicle_profile:
        from telemetry.decode.vehicles import with_vehicles  # which other logs need not
        from telemetry.sources.bus_protocols import BusProtocols

        spec, channels, *_ = with_vehicles(spec, channels, vehicles, BusProtocols(shown=True))
    return of_plan(spec, Logs(channels), globs, globs_by=globs_by, times=times)


def loaded_plan(channels: ChannelPlan, screen: Screen) -> LoadedPlan:
    """Return the plan of the databases of some channels, and show their warnings. Raises ConfigError."""
    if not channels.databases:
        return NO_PLAN
    plan = load_plan(channels.databases, user_cache_directory())
    screen.warn(plan.warnings)
    return plan
