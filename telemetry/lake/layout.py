"""Where the files of a dataset are: names of days, partitions and files.

Promises:
- A file of rows is `table=MESSAGE/vehicle=V/day=YYYY-MM-DD/PARTITION.parquet`, names percent-encoded. A long
  day may have more of them, whose names follow in the order of their rows: `PARTITION_0002.parquet`.
- A partition is there once its marker is: `_done/VEHICLE_DAY.json`, written last and whole. It names its
  files, and no file that it names is ever written to again.
- A file has the name of what it was made of. So one run more makes the same name, and what was made of
  something else stands beside it until the marker is replaced.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import quote

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


def file_names(of: Iterable[tuple[str, str]], vehicle: str, partition: str, made_of: str) -> Iterator[str]:
    """Yield the paths of files of rows. of: the table and the day of each; made_of: of their partition."""
    numbers = Counter[tuple[str, str]]()
    for table, day in of:
        number = numbers[table, day] = numbers[table, day] + 1
        folder = f"table={encoded(table)}/vehicle={encoded(vehicle)}/day={day}"
        yield f"{folder}/{partition}-{made_of[:12]}{f'_{number:04}' if number > 1 else ''}.parquet"


def marker_path(partition: str) -> str:
    """Return the path of a partition's marker."""
    return f"{MARKERS}/{partition}.json"


def fingerprint(values: Mapping[str, Any]) -> str:
    """Return a hash of plain values, the same in each process."""
    return sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
