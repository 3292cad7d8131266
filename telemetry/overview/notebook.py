"""What the commands `sessions`, `signals` and `plot` show, for a notebook: tables, and a figure."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from telemetry_core.columns.columns import Columns
from telemetry_core.columns.spec import ColumnKind, ColumnSpec, TableSpec
from telemetry_core.rows.schema import Schema

from telemetry.charging.report import table as session_list
from telemetry.decode.logs import Logs, without_signals
from telemetry.decode.times import ALL_AS_THEY_ARE, Times
from telemetry.errors import UsageError
from telemetry.logs.content import require_file
from telemetry.logs.files import recording_files
from telemetry.model.fields import Kind
from telemetry.model.measurements import CHARGING_SESSION
from telemetry.overview import listing
from telemetry.overview.found_sessions import (
    DEFAULT_PROTOCOL,
    Wanted,
    sessions_in_logs,
    since_ns,
    stored_sessions,
)
from telemetry.overview.read_signals import read_messages, without_empty
from telemetry.overview.recording import Recording, of_plan, of_protocol
from telemetry.tables.arguments import (
    FilePath,
    Paths,
    Texts,
    Time,
    instant_of,
    one_of,
    path_of,
    paths_of,
    texts_of,
    times_of,
)
from telemetry.tables.databases import Databases, Files, loaded, plan_of
from telemetry.tables.read import is_serial
from telemetry.tables.table import Table
from telemetry.tables.warn import warn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_KINDS = {Kind.FLOAT: ColumnKind.FLOAT64, Kind.BOOL: ColumnKind.BOOL, Kind.TEXT: ColumnKind.WORDS}
_SESSIONS = {field.name: (_KINDS[field.kind], field.unit) for field in CHARGING_SESSION.fields} | {
    "start_ns": (ColumnKind.TIME, ""),
    "end_ns": (ColumnKind.TIME, ""),
}
_NUMBERS = ("minimum", "maximum", "lowest", "highest", "last")
_SIGNALS = dict.fromkeys(_NUMBERS, (ColumnKind.FLOAT64, "")) | {"values": (ColumnKind.INT64, "")}


def sessions(
    *logs: Paths,
    config: FilePath | None = None,
    source: str = "",
    protocol: str | None = None,
    since: Time | None = None,
    vehicle: str | None = None,
) -> Table:
    """Return the charging sessions in logs, or in a service's database, a row each, by their start.

    - `protocol`: what charger and vehicle speak, by default "gbt27930".
    - `config`: a service's configuration in place of it; `source`: of it, the one that the logs are of.
      Without logs: the sessions in its database.
    - `since`: sessions that began then or later: a date, or a time as for `read`. `vehicle`: of this one
      alone, by its name or its VIN.

    Columns are those of the command's csv, `start` and `end` as times. Raises TelemetryError.
    """
    paths = recording_files(paths_of(logs, "sessions"), warn)
    if not paths and config is None:
        hint = "give the path of a log, or config= for those in its database"
        raise UsageError("nothing says where sessions are", where="sessions", hint=hint)
    if protocol is not None and config is not None:
        raise UsageError("stands beside config", where="protocol", hint="leave one of them out")
    if protocol is not None and is_serial(protocol):
        raise UsageError(f"{protocol} is of a serial port", where="protocol", hint="sessions are on a bus")
    wanted = Wanted(_since_ns(since), vehicle)
    (file,) = (None,) if config is None else paths_of([config], "config")
    for path in paths:
        require_file(path)
    if paths:
        by = protocol or DEFAULT_PROTOCOL
        found = sessions_in_logs(paths, wanted, protocol=by, config=file, source=source)
    else:
        with stored_sessions(file, {}, wanted) as found:
            pass
    warn(found.said())
    return _table("sessions", session_list.as_csv(found.sessions, raw_text=True), _SESSIONS)


def signals(
    *logs: Paths,
    databases: Files | Databases | None = None,
    protocol: str | None = None,
    registers: FilePath | None = None,
    signals: Texts = (),
    everything: bool = False,
) -> Table:
    """Return the signals of databases or of a protocol, a row each: unit, range, and what logs hold of them.

    - `databases`, `protocol`, `registers`, `signals`: as for `read`. Without logs: what the databases have.
    - `everything`: also messages that the logs do not hold.

    Columns are those of the command's csv. Raises TelemetryError.
    """
    paths = recording_files(paths_of(logs, "signals"), warn)
    globs = texts_of(signals, "signals")
    recording = _recording("signals", paths, databases, protocol, registers, globs)
    messages = read_messages(recording, paths, warn)
    rows = recording.rows
    if (silent := rows.frames_without_signals) and not globs:
        warn([without_signals(silent, rows.frames_read)])
    if paths and not everything:
        messages = [message for message in messages if message.rows]
    if protocol is not None and not everything:
        messages = [*map(without_empty, messages)]
    return _table("signals", listing.as_csv(messages, raw_text=True), _SIGNALS)


def plot(
    log: FilePath,
    *signals: Texts,
    databases: Files | Databases | None = None,
    protocol: str | None = None,
    registers: FilePath | None = None,
    from_time: Time | None = None,
    to_time: Time | None = None,
    time: Literal["local", "utc", "relative"] = "local",
    file: FilePath | None = None,
) -> "Figure":
    """Draw signals of a log over time, as the command does, and return the figure, which a notebook shows.

    - `signals`: globs of names, as SIGNAL or MESSAGE.SIGNAL; panels are in their order.
    - `databases`, `protocol`, `registers`, `from_time`, `to_time`: as for `read`.
    - `time`: the time axis in this machine's zone, in UTC, or since the first frame.
    - `file`: ends in .png or .svg, and gets the picture too.

    Needs matplotlib. Raises TelemetryError.
    """
    from telemetry.overview.plot import FORMATS, draw
    from telemetry.picture.sheet import require_matplotlib

    require_matplotlib("plot")
    from telemetry.overview.read_panels import TIMES, read_panels, zone_of

    (path,) = paths_of([log], "plot")
    globs = [glob for each in signals for glob in texts_of(each, "signals")]
    if not globs:
        raise UsageError("names no signal", where="plot", hint='as plot(log, "PackVoltage", "Cell*")')
    if time not in TIMES:
        raise UsageError(f"{time!r} is none of {', '.join(TIMES)}", where="time")
    target = None if file is None else path_of(file, "file")
    if target is not None and target.suffix.lower() not in FORMATS:
        raise UsageError("is neither .png nor .svg", where=str(target))
    times = times_of(from_time, to_time)
    recording = _recording("plot", [path], databases, protocol, registers, globs, times)
    panels = read_panels(recording, path, globs, warn, is_bounded=times.is_bounded)
    first_ns = recording.rows.first_ns
    return draw(panels, path.name, target, origin_ns=first_ns, zone=zone_of(time, first_ns))


def _recording(
    name: str,
    paths: Sequence[Path],
    databases: Files | Databases | None,
    protocol: str | None,
    registers: FilePath | None,
    globs: Sequence[str],
    times: Times = ALL_AS_THEY_ARE,
) -> Recording:
    one_of({"databases": databases, "protocol": protocol}, name)
    for path in paths:
        require_file(path)
    if protocol is None:
        channels, plan = plan_of(loaded(databases))
        return of_plan(plan.spec, Logs(channels), globs, globs_by="signals", times=times)
    if is_serial(protocol) and times.is_bounded:
        raise UsageError("stand beside a serial protocol", where="from_time, to_time", hint="leave them out")
    file = None if registers is None else str(path_of(registers, "registers"))
    return of_protocol(protocol, file, paths, globs, globs_by="signals", times=times)


def _table(name: str, text: str, kinds: Mapping[str, tuple[ColumnKind, str]]) -> Table:
    """Return csv as a table; columns without a kind hold words, and an empty cell is none."""
    head, *rows = csv.reader(io.StringIO(text))
    each = [kinds.get(column, (ColumnKind.WORDS, "")) for column in head]
    specs = [ColumnSpec(column.removesuffix("_ns"), *of) for column, of in zip(head, each, strict=True)]
    columns = Columns(Schema([]), [TableSpec(name, tuple(specs))])
    for row in rows:
        cells = zip(row, each, strict=True)
        columns.append_row(0, [_READ[kind](cell) if cell else None for cell, (kind, _) in cells])
    return Table(columns.take(0))


_READ: Mapping[ColumnKind, Callable[[str], int | float | bool | str]] = {
    ColumnKind.TIME: int,
    ColumnKind.INT64: int,
    ColumnKind.FLOAT64: float,
    ColumnKind.BOOL: lambda text: text == "true",
    ColumnKind.WORDS: str,
}


def _since_ns(since: Time | None) -> int | None:
    if not isinstance(since, str):
        instant = instant_of(since, "since")
        return None if instant is None else instant.ns
    try:
        return since_ns(since)
    except ValueError as error:
        raise UsageError(str(error), where="since") from error
