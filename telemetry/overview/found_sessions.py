"""Charging sessions where they are found: in logs, or in a database."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from telemetry.charging.session import Session
from telemetry.clock import Clock
from telemetry.decode.channels import Vehicle
from telemetry.decode.decoder import Decoder
from telemetry.decode.sessions import collect_sessions
from telemetry.decode.target import sink_settings
from telemetry.errors import DataError, one_line
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

    def said(self) -> list[str]:
        """Return the warnings; where there is no session one line, which has their words."""
        if self.sessions:
            return list(self.warnings)
        return ["; ".join((f"no charging session in {self.where}", *self.warnings))]

    def warn(self) -> None:
        """Write them to stderr."""
        sys.stderr.writelines(f"warning: {one_line(line)}\n" for line in self.said())

    def whole(self, session: Session) -> Session:
        """Return it with its phases, its errors and its curve."""
        return session if self.stored is None else self.stored.completed(session)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A choice of sessions: begun at or after a time, of a vehicle by its name or its VIN; None: all."""

    since_ns: int | None = None
    vehicle: str | None = None

    def of(self, sessions: Iterable[Session]) -> list[Session]:
        """Return those of them, by their start."""
        wanted = [
            session
            for session in sessions
            if (self.since_ns is None or session.start_ns >= self.since_ns)
            and (self.vehicle is None or self.vehicle in (session.vehicle, session.vin))
        ]
        return sorted(wanted, key=lambda session: (session.start_ns, session.vehicle, session.charger))


def sessions_in_logs(
    logs: Sequence[Path],
    wanted: Wanted,
    *,
    protocol: str = DEFAULT_PROTOCOL,
    config: Path | None = None,
    source: str = "",
    vehicles: Sequence[Vehicle] = (),
) -> FoundSessions:
    """Return the sessions in logs, by a protocol, by a configuration and the source of it, or by profiles."""
    warnings: list[str] = []
    ends: list[Decoder] = []
    each = collect_sessions(
        logs,
        protocol=protocol,
        config=config,
        source=source,
        vehicles=vehicles,
        warn=warnings.extend,
        end=ends.append,
    )
    try:
        found = list(each)
    except DataError as error:  # one line, which has the words of the warnings
        hint = "; ".join(filter(None, (error.hint, *warnings)))
        raise DataError(error.what, where=error.where, hint=hint) from error
    sessions = wanted.of(found)
    if found and not sessions:
        warnings.append(f"`since` or `vehicle` leaves out {counted(len(found), 'session')}")
    where = ", ".join(map(str, logs))
    return FoundSessions(where, sessions, warnings=warnings, raise_unread=ends[0].raise_unread)


@contextlib.contextmanager
def stored_sessions(
    config: Path | None, options: Mapping[str, str | bool], wanted: Wanted
) -> Iterator[FoundSessions]:
    """Yield the sessions in the database of a configuration, or in the one of options and environment."""
    settings = sink_settings(config, options, os.environ)
    with contextlib.closing(settings.make_tables(Clock())) as tables:
        stored = StoredSessions(tables)
        yield FoundSessions(settings.address, wanted.of(stored.found(wanted.since_ns)), stored)


def since_ns(text: str) -> int:
    """Read a date, which begins at midnight UTC, or an absolute time. Raises ValueError."""
    with contextlib.suppress(ValueError):
        if not (instant := read_instant(text)).is_relative:
            return instant.ns
    raise ValueError(
        f"{text!r} is not a time like 2023-11-14 (a date, UTC), 2023-11-14T22:13:20Z or 1700000000"
    )
