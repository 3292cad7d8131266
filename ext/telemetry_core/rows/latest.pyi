from collections.abc import Iterable
from typing import Any, NamedTuple

from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema

class Remembered(NamedTuple):
    """What is known about one key. The tuples run side by side and leave out fields that never came."""

    record: int
    tags: int
    channel: int
    time_ns: int
    observed_ns: int
    rows: int
    fields: tuple[int, ...]
    raw: tuple[Any, ...]
    times_ns: tuple[int, ...]
    observations_ns: tuple[int, ...]

class Latest:
    """Remembers rows of `records`, which are indexes into the schema; `len()` is the number of keys.

    The constructor raises IndexError for a record that the schema does not have.
    """

    @property
    def schema(self) -> Schema: ...
    def __init__(self, schema: Schema, records: Iterable[int]) -> None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Remembered: ...
    def observe(self, samples: SampleBatch, observed_ns: int) -> None:
        """Remember what the rows of `samples` bring. `observed_ns` is the present time of the caller's clock.

        Raises ValueError for rows of another schema.
        """
    def rows(self) -> list[int]:
        """Return how many rows of each key came, in the order of the keys."""
