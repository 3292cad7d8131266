"""What is there of a dataset: its markers, the files and the counters of whole partitions."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path

from telemetry.errors import DataError, InputMissingError, UsageError
from telemetry.lake.layout import MARKERS, marker_path
from telemetry.lake.marker import MOST_BYTES, Marker, marker_of
from telemetry.lake.store import Store, Where, open_store
from telemetry.ledger import add


def read_marker(store: Store, partition: str) -> Marker | None:
    """Return a partition's marker; None where it is missing or damaged: the partition is made again."""
    with suppress(DataError):
        return _marker(store, partition)
    return None


def markers(store: Store, warn: Callable[[Iterable[str]], object] | None = None) -> Iterator[Marker]:
    """Yield those of all partitions, in the order of their names.

    warn: takes a line for each that is damaged; None: the first one raises DataError.
    """
    for path in store.names(MARKERS, ".json"):
        try:
            marker = _marker(store, path.removeprefix(f"{MARKERS}/").removesuffix(".json"))
        except DataError as error:
            if warn is None:
                raise
            warn([str(error)])
            continue
        if marker is not None:  # not removed meanwhile
            yield marker


def _marker(store: Store, partition: str) -> Marker | None:
    path = marker_path(partition)
    try:
        content = store.read(path, MOST_BYTES + 1)
        return None if content is None else marker_of(content, partition)
    except ValueError as error:
        hint = "decode --format dataset makes the partition again"
        raise DataError(f"is damaged: {error}", where=store.place(path), hint=hint) from error


def files(
    where: Where,
    *,
    table: str | None = None,
    vehicle: str | None = None,
    days: tuple[str, str] | None = None,
) -> list[str]:
    """Return the Parquet files of whole partitions, as paths or addresses.

    - table, vehicle: of these alone; none of a name that is not there
    - days: the first and the last one, YYYY-MM-DD

    Raises InputMissingError for a folder that is not a dataset, UsageError for days that are not dates,
    DataError for a damaged marker, StorageError.
    """
    store = _opened(where)
    if days is not None:
        _check_days(days)
    return [
        store.place(path)
        for marker in markers(store)
        if vehicle in (None, marker.vehicle)
        for path, output in marker.outputs.items()
        if table in (None, output.table) and (days is None or days[0] <= output.day <= days[1])
    ]


def accounts(where: Where, *, vehicle: str | None = None) -> dict[str, int]:
    """Return the counters of all partitions (docs/architecture.md names them), summed. Raises as `files`."""
    return add(*(marker.accounts for marker in markers(_opened(where)) if vehicle in (None, marker.vehicle)))


def _opened(where: Where) -> Store:
    """Open a dataset that is there; a folder in which nothing was made yet is one."""
    store = open_store(where)
    if store.is_folder:
        folder = Path(store.where)
        names = {each.name.partition("=")[0] for each in folder.iterdir()} if folder.is_dir() else {""}
        if names and names.isdisjoint({MARKERS, "_work", "table"}):
            hint = "decode --format dataset makes one"
            raise InputMissingError("is no folder of a dataset", where=store.where, hint=hint)
    return store


def _check_days(days: tuple[str, str]) -> None:
    with suppress(TypeError, ValueError):
        first, last = days
        if [first, last] == [f"{date.fromisoformat(day)}" for day in days] and first <= last:
            return
    raise UsageError(f"{days!r} are no days", where="days", hint="the first and the last one, YYYY-MM-DD")
