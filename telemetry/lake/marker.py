"""The marker of a partition: what it was made of, what is in it, and what the next day goes on with.

Promises: a marker that was cut or changed, that another version or somebody else has written, is a ValueError
that says why. All values of one that is read have their types, and its files are those of its vehicle's day.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from telemetry.lake.layout import DAY_NS, day_of, file_names, fingerprint, partition_name, start_of

MOST_BYTES = 1 << 25  # 32 MiB; a recording takes some 400 bytes
_MOST_INT = 1 << 63
_SEAL = "sha256"
_types_of = cache(get_type_hints)


@dataclass(frozen=True, slots=True)
class Span:
    """The frames of a day in a recording: first and last stamp, and how many there are up to the last one."""

    first_ns: int
    last_ns: int
    frames: int


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording as it was when it was looked at, if it was.

    - file: that has its bytes, the archive of a member; changed_ns: when that was changed
    - start_ns: when it began, as a table says; 0: nobody does
    - days: its frames, by day; problem: why it cannot be read, or not to its end
    """

    path: str
    file: str
    start_ns: int = 0
    size: int = 0
    changed_ns: int = 0
    hash: str = ""
    days: Mapping[str, Span] = field(default_factory=dict)
    problem: str = ""

    @property
    def is_there(self) -> bool:
        return Path(self.file).is_file()

    @property
    def is_unchanged(self) -> bool:
        """Return whether its file is as it was, by its size and its last change."""
        try:
            status = Path(self.file).stat()
        except OSError:
            return False
        return (status.st_size, status.st_mtime_ns) == (self.size, self.changed_ns)

    def failed(self, error: Exception) -> "Recording":
        """Return what it is where looking at it has returned nothing."""
        return replace(self, problem=f"{self.path}: {error or repr(error)}")


@dataclass(frozen=True, slots=True)
class Output:
    """A file of rows. types: of its columns, as pyarrow calls them."""

    table: str
    day: str
    rows: int
    bytes: int
    types: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Marker:
    """A partition: its inputs and its files.

    - made_of: of each thing that it depends on a text that changes with it, for the reader of reasons
    - outputs: by file
    - accounts: counters by name, of the frames of this partition alone
    - problems: one line each
    - lead_ns: the stamp from which on the next day reads frames of this one; 0: it needs none
    - memory: what the stages remember, for the next day
    """

    vehicle: str
    day: str
    made_of: Mapping[str, str]
    inputs: Sequence[Recording] = ()
    outputs: Mapping[str, Output] = field(default_factory=dict)
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
        return {path: output.bytes for path, output in self.outputs.items()}

    def json(self) -> bytes:
        """Return its file, which holds a hash of all else in it."""
        values = asdict(self)
        values[_SEAL] = fingerprint(values)
        return json.dumps(values, indent=1, sort_keys=True).encode() + b"\n"


def marker_of(content: bytes, partition: str) -> Marker:
    """Return the marker that a file holds. Raises ValueError for any other file."""
    if len(content) > MOST_BYTES:
        raise ValueError(f"has more than {MOST_BYTES:,} bytes")
    try:
        values = json.loads(content)
        # Markers of earlier versions have no hash.
        if isinstance(values, dict) and values.pop(_SEAL, "") not in ("", fingerprint(values)):
            raise ValueError("was changed after it was written")
        marker: Marker = _read(Marker, values)
    except RecursionError as error:
        raise ValueError("is nested too deep") from error
    days = [marker.day, *(day for each in marker.inputs for day in each.days)]
    days += [output.day for output in marker.outputs.values()]
    if any(day_of(start_of(day)) != day for day in days):
        raise ValueError("has a day that is no date")
    if partition_name(marker.vehicle, marker.day) != partition:
        raise ValueError("is of another vehicle or day")
    if marker.lead_ns > start_of(marker.day) + DAY_NS:
        raise ValueError("lets the next day begin after its begin")
    made = fingerprint(marker.made_of)
    of = ((each.table, each.day) for each in marker.outputs.values())
    if [*marker.outputs] != [*file_names(of, marker.vehicle, partition, made)]:
        raise ValueError("names a file of another partition")
    return marker


def _read(kind: Any, value: Any) -> Any:
    """Return a value of JSON as its type has it. Raises ValueError for another one."""
    if isinstance(kind, type) and is_dataclass(kind):
        types = _types_of(kind)
        if isinstance(value, dict) and value.keys() == types.keys():
            return kind(**{name: _read(types[name], each) for name, each in value.items()})
    elif get_origin(kind) is Sequence:
        if isinstance(value, list):
            return [_read(get_args(kind)[0], each) for each in value]
    elif get_origin(kind) is Mapping:
        if isinstance(value, dict):
            return {_read(str, name): _read(get_args(kind)[1], each) for name, each in value.items()}
    elif type(value) is kind and (b"\0" not in os.fsencode(value) if kind is str else abs(value) < _MOST_INT):
        return value
    raise ValueError(f"has {value!r:.40} where {getattr(kind, '__name__', kind)} is to be")
