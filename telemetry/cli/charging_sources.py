"""Where `sessions` and `session` find charging sessions: in logs, in a configuration's database, at --url."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from telemetry.charging.session import Session
from telemetry.cli.arguments import (
    ON_BUSES,
    SERVER_OPTIONS,
    add_protocol,
    add_server_arguments,
    flag,
    given_values,
    read_as,
    require_logs,
    require_spoken,
)
from telemetry.clock import Clock
from telemetry.decode.decoder import Decoder
from telemetry.decode.sessions import collect_sessions
from telemetry.decode.target import sink_settings
from telemetry.errors import UsageError, one_line
from telemetry.live.words import counted
from telemetry.model.instant import read_instant
from telemetry.overview.stored_sessions import StoredSessions

DEFAULT_PROTOCOL = "gbt27930"


@dataclass(frozen=True, slots=True)
class FoundSessions:
    """Sessions of one place, by their start.

    where: its name; stored: None where they are whole already; warnings: what was wrong with it, if anything;
    raise_unread: see `FileDecoder`.
    """

    where: str
    sessions: Sequence[Session]
    stored: StoredSessions | None = None
    warnings: Sequence[str] = ()
    raise_unread: Callable[[], None] = lambda: None

    def warn(self) -> None:
        """Write the warnings; where there is no session one line, which has their words."""
        lines = list(self.warnings)
        if not self.sessions:
            lines = ["; ".join((f"no charging session in {self.where}", *lines))]
        sys.stderr.writelines(f"warning: {one_line(line)}\n" for line in lines)

    def whole(self, session: Session) -> Session:
        """Return it with its phases, its errors and its curve."""
        return session if self.stored is None else self.stored.completed(session)


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
    parser.add_argument(
        "--since",
        metavar="TIME",
        type=read_as(_since_ns),
        help="sessions that began then or later: a date (UTC), seconds since 1970, or ISO 8601",
    )
    parser.add_argument("--vehicle", metavar="NAME", help="of this vehicle alone, by its name or its VIN")
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
    if arguments.protocol and (configs or not logs):
        raise UsageError("is for logs without a configuration", where="--protocol", hint="leave it out")
    if logs:
        yield _in_logs(logs, configs[0] if configs else None, arguments)
        return
    if not (configs or options):
        raise UsageError("nothing says where sessions are", hint="name FILE or CONFIG, or give --url")
    settings = sink_settings(configs[0] if configs else None, options, os.environ)
    with contextlib.closing(settings.make_tables(Clock())) as tables:
        stored = StoredSessions(tables)
        sessions = _wanted(stored.found(arguments.since), arguments)
        yield FoundSessions(settings.address, sessions, stored)


def _in_logs(logs: Sequence[Path], config: Path | None, arguments: argparse.Namespace) -> FoundSessions:
    require_logs(logs)
    protocol = arguments.protocol or DEFAULT_PROTOCOL
    warnings: list[str] = []
    ends: list[Decoder] = []
    found = list(
        collect_sessions(logs, protocol=protocol, config=config, warn=warnings.extend, end=ends.append)
    )
    wanted = _wanted(found, arguments)
    if found and not wanted:
        warnings.append(f"--since or --vehicle leaves out {counted(len(found), 'session')}")
    where = ", ".join(map(str, logs))
    return FoundSessions(where, wanted, warnings=warnings, raise_unread=ends[0].raise_unread)


def is_config(path: Path) -> bool:
    """Return whether it is named as a configuration is: a file of TOML, or a folder of such."""
    return path.suffix.lower() == ".toml" or path.is_dir()


def _wanted(sessions: Iterable[Session], arguments: argparse.Namespace) -> list[Session]:
    since_ns, vehicle = arguments.since, arguments.vehicle
    wanted = [
        session
        for session in sessions
        if (since_ns is None or session.start_ns >= since_ns)
        and (vehicle is None or vehicle in (session.vehicle, session.vin))
    ]
    return sorted(wanted, key=lambda session: (session.start_ns, session.vehicle, session.charger))


def _since_ns(text: str) -> int:
    """Read a date, which begins at midnight UTC, or a time. Raises ValueError."""
    with contextlib.suppress(ValueError):
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        return int(day.timestamp()) * 1_000_000_000
    with contextlib.suppress(ValueError):
        if not (instant := read_instant(text)).is_relative:
            return instant.ns
    raise ValueError(
        f"{text!r} is not a time like 2023-11-14 (a date, UTC), 2023-11-14T22:13:20Z or 1700000000"
    )
