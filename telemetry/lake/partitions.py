"""Which recordings are named, of which vehicle, and which make which day."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from telemetry.errors import InputMissingError, UsageError
from telemetry.lake.marker import Recording
from telemetry.logs.archives import file_of, with_members
from telemetry.logs.files import recording_files
from telemetry.logs.unread import Unread
from telemetry.model.instant import Instant, read_instant


def named(
    paths: Sequence[Path], table: Path | None, vehicle: str, warn: Callable[[Iterable[str]], object]
) -> list[tuple[str, Recording]]:
    """Return the recordings, each once, with their vehicles.

    - table: a csv file with the header `path,vehicle,start`, which names recordings, their vehicles, and when
      those began that have no date; paths count from its folder; start may be missing
    - vehicle: of those that it does not name; "": the name of the folder that a recording is in

    Raises InputMissingError, UsageError.
    """
    listed = _listed(table) if table else {}
    found: dict[Path, tuple[str, Recording]] = {}
    for path in (*listed, *recording_files(paths, warn)):
        owner, start_ns = listed.get(path, (vehicle, 0))
        for member in with_members([path]):
            recording = Recording(str(member), str(file_of(member)), start_ns)
            found.setdefault(member, (owner or path.absolute().parent.name or "unknown", recording))
    unread = Unread([*found])
    warn(unread.repeated)
    return [found[path] for path in unread.paths]


def _listed(table: Path) -> dict[Path, tuple[str, int]]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            lines = csv.DictReader(stream)
            if not {"path", "vehicle"} <= {*(lines.fieldnames or [])}:
                hint = "path,vehicle,start; start may be missing"
                raise UsageError("has not the header of recordings", where=f"{table}:1", hint=hint)
            found = dict[Path, tuple[str, int]]()
            for row in lines:
                try:
                    says, path = _said(row), table.parent / row["path"]
                    if found.setdefault(path, says) != says:
                        raise ValueError(f"names {row['path']} again, and says something else")
                except ValueError as error:
                    where = f"{table}:{lines.line_num}"
                    raise UsageError(str(error), where=where, hint="path,vehicle,start") from error
            return found
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputMissingError(f"cannot be read: {error}", where=str(table)) from error


def _said(row: Mapping[str, str | None]) -> tuple[str, int]:
    """Return the vehicle of a recording, and when it began, 0: unknown. Raises ValueError."""
    if not (row["path"] and row["vehicle"]):
        raise ValueError("has no path, or no vehicle")
    start = row.get("start") or ""
    try:
        instant = read_instant(start) if start else Instant(0)
    except ValueError as error:
        raise ValueError(f"start {start!r} is no time with a zone, as 2026-03-28T10:00:00Z") from error
    if instant.is_relative or instant.ns < 0:
        raise ValueError(f"start {start!r} is no date")
    return str(row["vehicle"]), instant.ns


def days_of(recordings: Iterable[Recording]) -> dict[str, list[Recording]]:
    """Return the recordings of each day: days by date, recordings by their first stamp."""
    found: dict[str, list[Recording]] = {}
    for each in sorted(recordings, key=beginning):
        for day in each.days:
            found.setdefault(day, []).append(each)
    return dict(sorted(found.items()))


def beginning(recording: Recording) -> tuple[int, str]:
    """Return what recordings are sorted by: the first stamp, and the path."""
    return min((span.first_ns for span in recording.days.values()), default=0), recording.path
