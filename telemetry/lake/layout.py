"""Where the files of a dataset are, and the marker of each partition, which says what is in it.

Promises:
- A file of rows is `table=MESSAGE/vehicle=V/day=YYYY-MM-DD/PARTITION.parquet`, names percent-encoded.
- A partition is there once its marker is: `_done/VEHICLE_DAY.json`, written last and whole. It names its
  files, and no file that it names is ever written to again.
- A file has the name of what it was made of. So one run more makes the same name, and what was made of
  something else stands beside it until the marker is replaced.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from telemetry.errors import DataError, InputMissingError, UsageError
from telemetry.lake.store import Store, Where, open_store
from telemetry.ledger import add

DAY_NS = 24 * 3600 * 10**9
MARKERS = "_done"
_MOST_BYTES = 120  # of a name in a path: file systems take 255


def day_of(time_ns: int) -> str:
    """Return the day in UTC, YYYY-MM-DD, of a stamp in ns since 1970."""
    return datetime.fromtimestamp(time_ns // 10**9, UTC).strftime("%Y-%m-%d")


def start_of(day: str) -> int:
    """Return its first ns since 1970."""
    return int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()) * 10**9


def encoded(name: str) -> str:
    """Return a name as a path has it; of a long one the beginning, and what tells it from others."""
    found = quote(name.encode("utf-8", "replace"), safe="")
    if found.startswith("."):
        found = f"%2E{found[1:]}"
    if len(found) <= _MOST_BYTES:
        return found
    return f"{found[: _MOST_BYTES - 13].rsplit('%', 1)[0]}~{sha256(found.encode()).hexdigest()[:12]}"


def partition_name(vehicle: str, day: str) -> str:
    """Return what a vehicle's day is called in `_done`."""
    return f"{encoded(vehicle)}_{day}"


def file_name(table: str, vehicle: str, day: str, partition: str, made_of: str) -> str:
    """Return the path of a file of rows. made_of: the fingerprint of its partition."""
    folder = f"table={encoded(table)}/vehicle={encoded(vehicle)}/day={day}"
    return f"{folder}/{partition}-{made_of[:12]}.parquet"


@dataclass(frozen=True, slots=True)
class Marker:
    """A partition: its inputs and its files.

    - made_of: of each thing that it depends on a text that changes with it, for the reader of reasons
    - outputs: by file: its table, rows, bytes, day, and the type of each column
    - accounts: counters by name, of the frames of this partition alone
    - problems: one line each
    - lead_ns: the stamp from which on the next day reads frames of this one; 0: it needs none
    - memory: what the stages remember, for the next day
    """

    vehicle: str
    day: str
    made_of: Mapping[str, str]
    inputs: Sequence[Mapping[str, Any]] = ()
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    accounts: Mapping[str, int] = field(default_factory=dict)
    problems: Sequence[str] = ()
    lead_ns: int = 0
    memory: str = ""

    @property
    def state_hash(self) -> str:
        """Return what changes with what the next day goes on with."""
        return fingerprint({"memory": self.memory, "lead_ns": self.lead_ns})

    @property
    def sizes(self) -> dict[str, int]:
        """Return the bytes of each file."""
        return {path: output["bytes"] for path, output in self.outputs.items()}

    def json(self) -> bytes:
        """Return its file."""
        return json.dumps(asdict(self), indent=1, sort_keys=True).encode() + b"\n"


def fingerprint(values: Mapping[str, Any]) -> str:
    """Return a hash of plain values, the same in each process."""
    return sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def marker_path(partition: str) -> str:
    """Return the path of a partition's marker."""
    return f"{MARKERS}/{partition}.json"


def read_marker(store: Store, partition: str) -> Marker | None:
    """Return a partition's marker; None where it is missing or damaged: the partition is made again."""
    content = store.read(marker_path(partition))
    try:
        return None if content is None else Marker(**json.loads(content))
    except (ValueError, TypeError):
        return None


def markers(store: Store, *, are_damaged_left_out: bool = False) -> Iterator[Marker]:
    """Yield those of all partitions, in the order of their names. Raises DataError for a damaged one."""
    for path in store.names(MARKERS, ".json"):
        marker = read_marker(store, path.removeprefix(f"{MARKERS}/").removesuffix(".json"))
        if marker is not None:
            yield marker
        elif not are_damaged_left_out:
            hint = "decode --format dataset makes the partition again"
            raise DataError("is damaged", where=store.place(path), hint=hint)


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
        if table in (None, output["table"]) and (days is None or days[0] <= output["day"] <= days[1])
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
    try:
        first, last = days
        is_right = [first, last] == [f"{date.fromisoformat(day)}" for day in days] and first <= last
    except (TypeError, ValueError):
        is_right = False
    if not is_right:
        hint = "the first and the last one, YYYY-MM-DD"
        raise UsageError(f"{days!r} are no days", where="days", hint=hint)
