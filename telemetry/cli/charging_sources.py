"""Where `sessions` and `session` find charging sessions: in logs, in a configuration's database, at --url."""

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path

from telemetry.cli.arguments import (
    ON_BUSES,
    SERVER_OPTIONS,
    add_protocol,
    add_server_arguments,
    add_vehicle_profile,
    flag,
    given_values,
    read_as,
    require_logs,
    require_spoken,
)
from telemetry.cli.options import add_option
from telemetry.errors import UsageError
from telemetry.overview.found_sessions import (
    DEFAULT_PROTOCOL,
    FoundSessions,
    Wanted,
    sessions_in_logs,
    since_ns,
    stored_sessions,
)


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Add where sessions are, and which are wanted."""
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        type=Path,
        help="logs as for decode; or a service's configuration (.toml, or a folder): the sessions in its "
        "database; or both: the sessions of the logs, by that configuration",
    )
    words = f"of logs without a configuration: what charger and vehicle speak: {ON_BUSES}"
    add_protocol(parser, f"{words} (default: {DEFAULT_PROTOCOL})")
    add_vehicle_profile(parser, "in place of `--protocol`: a session is power into its battery")
    add_option(
        parser,
        "--since TIME",
        "sessions that began then or later: a date (UTC), seconds since 1970, or ISO 8601",
        type=read_as(since_ns),
    )
    add_option(parser, "--vehicle NAME", "of this vehicle alone, by its name or its VIN")
    add_server_arguments(
        parser.add_argument_group(
            "from InfluxDB",
            "Without a FILE. What no option says comes from INFLUXDB_V2_URL, _ORG, _BUCKET and _TOKEN.",
        )
    )


@contextlib.contextmanager
def found_sessions(arguments: argparse.Namespace) -> Iterator[FoundSessions]:
    """Yield what is found, by start. Raises UsageError for arguments that do not go together."""
    configs = [path for path in arguments.files if is_config(path)]
    options = given_values(arguments, SERVER_OPTIONS)
    if arguments.files and options:
        raise UsageError(
            "stands beside a file", where=flag(next(iter(options))), hint="leave one of them out"
        )
    if len(configs) > 1:
        raise UsageError("is a second configuration", where=str(configs[1]), hint="name one")
    logs = [path for path in arguments.files if path not in configs]
    require_spoken([arguments.protocol], on_buses=True)
    profiles = arguments.vehicle_profile
    if (arguments.protocol or profiles) and (configs or not logs):
        of_logs = "--protocol" if arguments.protocol else "--vehicle-profile"
        raise UsageError("is for logs without a configuration", where=of_logs, hint="leave it out")
    if arguments.protocol and profiles:
        hint = "leave one of them out"
        raise UsageError("stands beside --protocol", where="--vehicle-profile", hint=hint)
    if len({profile.channel for profile in profiles}) > 1:
        raise UsageError("names several channels", where="--vehicle-profile", hint="one vehicle at a time")
    wanted = Wanted(arguments.since, arguments.vehicle)
    if logs:
        require_logs(logs)
        config = configs[0] if configs else None
        protocol = arguments.protocol or DEFAULT_PROTOCOL
        yield sessions_in_logs(logs, wanted, protocol=protocol, config=config, vehicles=profiles)
        return
    if not (configs or options):
        raise UsageError("nothing says where sessions are", hint="name FILE or CONFIG, or give --url")
    with stored_sessions(configs[0] if configs else None, options, wanted) as found:
        yield found


def is_config(path: Path) -> bool:
    """Return whether it is named as a configuration is: a file of TOML, or a folder of such."""
    return path.suffix.lower() == ".toml" or path.is_dir()
