"""Which recordings make which vehicle's day."""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from telemetry.errors import InputMissingError, UsageError
from telemetry.lake.window import Recording
from telemetry.logs.archives import with_members
from telemetry.logs.files import recording_files
from telemetry.logs.unread import Unread


@dataclass(frozen=True, slots=True)
class Named:
    """A recording and its vehicle. file: that has its bytes, the archive of a member."""

    path: Path
    vehicle: str
    file: Path


def named(
    paths: Sequence[Path], table: Path | None, vehicle: str, warn: Callable[[Iterable[str]], object]
) -> list[Named]:
    """Return the recordings, each once.

    - table: a csv file with the header `path,vehicle,start`, which names recordings and their vehicles; paths
      count from its folder; start is a note for people
    - vehicle: of those that it does not name; "": the name of the folder that a recording is in

    Raises InputMissingError, UsageError.
    """
    listed = _listed(table) if table else {}
    found: dict[Path, Named] = {}
    for path, owner in (*listed.items(), *((path, vehicle) for path in recording_files(paths, warn))):
        for member in with_members([path]):
            found.setdefault(member, Named(member, owner or _folder(path), path))
    unread = Unread([*found])
    warn(unread.repeated)
    return [found[path] for path in unread.paths]


def _folder(path: Path) -> str:
    return path.absolute().parent.name or "unknown"


def _listed(table: Path) -> dict[Path, str]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            lines = csv.DictReader(stream)
            header = lines.fieldnames or []
            if not {"path", "vehicle"} <= {*header}:
                hint = "path,vehicle,start; start may be missing"
                raise UsageError("has not the header of recordings", where=f"{table}:1", hint=hint)
            found = dict[Path, str]()
            for row in lines:
                if not (row["path"] and row["vehicle"]):
                    what = "has no path, or no vehicle"
                    raise UsageError(what, where=f"{table}:{lines.line_num}", hint="path,vehicle,start")
                _check_start(row.get("start") or "", f"{table}:{lines.line_num}")
                path, vehicle = table.parent / row["path"], str(row["vehicle"])
                if found.setdefault(path, vehicle) != vehicle:
                    what = f"names {row['path']} for {vehicle}, and an earlier line for {found[path]}"
                    raise UsageError(
                        what, where=f"{table}:{lines.line_num}", hint="a recording has one vehicle"
                    )
            return found
    except (OSError, UnicodeDecodeError) as error:
        raise InputMissingError(f"cannot be read: {error}", where=str(table)) from error


def _check_start(start: str, where: str) -> None:
    """Raise UsageError for a start that is no time. It is for people: days are those of the stamps."""
    try:
        datetime.fromisoformat(start or "1970-01-01")
    except ValueError as error:
        hint = "as 2026-03-28T10:00:00Z, or leave it empty"
        raise UsageError(f"start {start!r} is no time", where=where, hint=hint) from error


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
