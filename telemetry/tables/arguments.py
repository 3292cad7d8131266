"""What people give to a function, as what it means. A mistake is one line that says what to give."""

import operator
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from telemetry.databases.files import ENDINGS
from telemetry.decode.channels import Vehicle
from telemetry.decode.times import Times
from telemetry.errors import UsageError
from telemetry.model.instant import Instant, read_instant

FilePath = str | bytes | os.PathLike[str]
Paths = FilePath | Sequence[FilePath]
Texts = str | Sequence[str]
Ids = str | int | Sequence[str | int]
Time = str | datetime
MOST_BATCH_ROWS = 1 << 24  # 128 MiB a column


def path_of(value: object, where: str) -> Path:
    """Return the path. Raises UsageError for what is none, such as an open file or a parsed database."""
    if isinstance(value, str | bytes | os.PathLike) and value:
        return Path(os.fsdecode(value))
    what = "an empty text" if isinstance(value, str | bytes) else type(value).__name__
    raise UsageError(f"{what} is no path", where=where, hint="give the path of its file")


def paths_of(values: Iterable[object], where: str) -> list[Path]:
    """Return the paths, also of lists of them. Raises UsageError for a set, and for a database among them."""
    paths = list[Path]()
    for value in values:
        if isinstance(value, set | frozenset):
            raise UsageError("a set has no order", where=where, hint="give a list")
        paths += [path_of(one, where) for one in (value if isinstance(value, list | tuple) else [value])]
    for path in paths:
        if path.suffix.lower() in ENDINGS and path.is_file():
            raise UsageError("is a database", where=str(path), hint=f'databases="{path}"')
    return paths


def profiles_of(profile: object) -> Sequence[Vehicle]:
    """Return the profiles of every channel, one or several, or of each channel that a mapping names."""
    by_channel = profile if isinstance(profile, Mapping) else {"": profile}
    return [
        one if isinstance(one, Vehicle) else Vehicle.parse(str(path_of(one, "vehicle_profile")), channel)
        for channel, each in by_channel.items()
        for one in _each(each)
    ]


def texts_of(value: object, where: str) -> list[str]:
    """Return one text, or several, as a list; None is none."""
    each = _each(value)
    for one in each:
        if not isinstance(one, str):
            raise UsageError(f"{one!r} is no text", where=where, hint="give a text or a list of them")
    return [str(one) for one in each]


def ids_of(value: object, where: str) -> list[str]:
    """Return one id, or several, as `parse_id` reads them; None is none. One above 7FF has 29 bits."""
    return [one if isinstance(one, str) else _id_text(one, where) for one in _each(value)]


def _each(value: object) -> list[object]:
    if value is None:
        return []
    return [value] if isinstance(value, str | bytes) or not isinstance(value, Iterable) else [*value]


def _whole(value: object) -> int:
    """Return a whole number of any type, also of NumPy; -1: it is not one."""
    try:
        return operator.index(value)  # type: ignore[arg-type]  # of another value it raises
    except TypeError:
        return -1


def _id_text(value: object, where: str) -> str:
    if (id := _whole(value)) < 0:
        raise UsageError(f"{value!r} is no id", where=where, hint='as "7E8" or 0x7E8')
    return f"{id:03X}" if id <= 0x7FF else f"{id:08X}"


def rows_of(value: object) -> int:
    """Return how many rows a record batch has at most."""
    if not 1 <= (rows := _whole(value)) <= MOST_BATCH_ROWS:
        what = f"{value!r} is no whole number from 1 to {MOST_BATCH_ROWS:,}"
        raise UsageError(what, where="batch_rows", hint="leave it out")
    return rows


def jobs_of(value: object) -> int:
    """Return the number of threads; None: one for each processor."""
    if value is None:
        return len(os.sched_getaffinity(0))
    if (jobs := _whole(value)) < 1:
        raise UsageError(f"{value!r} is no whole number above zero", where="jobs", hint="jobs=2")
    return jobs


def instant_of(time: object, where: str) -> Instant | None:
    """Return a time that is given as a datetime with its zone or as a text. Raises UsageError."""
    if time is None:
        return None
    if not isinstance(time, str | datetime):
        raise UsageError(f"{time!r} is neither a datetime nor a text", where=where, hint=f'as "{time}"')
    if isinstance(time, datetime) and time.tzinfo is None:
        what = f"{time.isoformat()!r} has no time zone"
        raise UsageError(what, where=where, hint="give tzinfo=datetime.UTC, or its own")
    try:
        return read_instant(time if isinstance(time, str) else time.isoformat())
    except ValueError as error:
        raise UsageError(str(error), where=where) from error


def times_of(from_time: object, to_time: object) -> Times:
    """Return the part of the logs that is wanted. Raises UsageError."""
    names = ("from_time", "to_time")
    return Times(start=instant_of(from_time, names[0]), stop=instant_of(to_time, names[1]), names=names)


def one_of(ways: Mapping[str, object], where: str) -> None:
    """Raise UsageError where not exactly one of these arguments is given."""
    given = [name for name, value in ways.items() if value is not None]
    if len(given) != 1:
        names = [*ways]
        words = f"{' and '.join(given)} say" if given else "nothing says"
        hint = f"give one of {', '.join(names[:-1])} and {names[-1]}"
        raise UsageError(f"{words} what the logs hold", where=where, hint=hint)


def refuse_beside(arguments: Mapping[str, object], beside: str, hint: str) -> None:
    """Raise UsageError for the first of these that was given."""
    for name, value in arguments.items():
        if value:
            raise UsageError(f"stands beside {beside}", where=name, hint=hint)
