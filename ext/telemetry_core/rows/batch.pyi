from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from telemetry_core.rows.schema import Schema

class Row(NamedTuple):
    """One row as Python values. `raw` holds slots as they are: int, float, bool or str by field name."""

    time_ns: int
    nudge_ns: int
    measurement: str
    tags: int
    channel: int
    id: int
    raw: dict[str, Any]

class SampleBatch:
    """Holds rows of one Schema: `len()` is their number, iterating yields `Row`s.

    The buffer grows as needed and keeps its memory. `room` is its size at first, in 64-bit words.
    """

    @property
    def schema(self) -> Schema: ...
    def __init__(self, schema: Schema, room: int = 4096) -> None: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Row]: ...
    def rows_of(self, record: int) -> Iterator[tuple[int, Row]]:
        """Yield each row of `record`, and its number among all rows; the others cost no Python object."""
    def append(
        self,
        record: int,
        time_ns: int,
        values: Mapping[str, int | float | bool | str],
        *,
        tags: int = 0,
        channel: int = 0,
        id: int = 0,
        nudge_ns: int = 0,
    ) -> None:
        """Add one row from Python: `values` maps a field's name to its raw value (int, float, bool or str).

        Raises IndexError for a record that the schema does not have, KeyError for a field that it does not
        have, ValueError for a text that does not fit.
        """
    def split(self, ends: Iterable[int]) -> list[SampleBatch]:
        """Return copies of the rows in a batch for each of `ends`, and one batch of the rows after the last.

        `ends` are numbers of rows, ascending: batch i ends before row ends[i]. Raises ValueError if they do
        not ascend, or leave the batch.
        """
    def clear(self) -> None:
        """Forget all rows. The buffer stays."""
