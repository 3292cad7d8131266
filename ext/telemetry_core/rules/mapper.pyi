from collections.abc import Sequence
from typing import NamedTuple

from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rules.map_spec import MapSpec

class PageNotice(NamedTuple):
    """A page of a cycle is missing from the row `row` on, or is back. The BusMap has the numbers."""

    row: int  # in the batch that the mapper wrote: the last row made of the input row that showed it
    time_ns: int
    channel: int
    cycle: int
    page: int
    is_missing: bool

class Mapper:
    """Makes rows of the data model out of rows of messages, by a MapSpec, for any number of channels."""

    @property
    def schema(self) -> Schema: ...
    @property
    def spec(self) -> MapSpec: ...
    @property
    def incomplete_cycles(self) -> int:
        """Cycles of pages that ended without a reading, so far."""
    def __init__(self, schema: Schema, spec: MapSpec) -> None:
        """schema: of the plan's records followed by the map's.

        ValueError when `spec` does not belong to it.
        """
    def bind(self, channel: int, bus: int, tags: Sequence[int], *, by_order: bool = False) -> None:
        """Map the rows of `channel` (0 to 65535) as those of the plan's bus `bus`; -1: make nothing of them.

        tags: `tags[i]` is the encoder's index for tag set i of the spec.
        by_order: the channel's stamps do not show pauses, so the order of pages alone makes a cycle.
        Forgets what was remembered of the channel. IndexError for a channel out of range, ValueError for an
        unknown bus or a wrong number of tags.
        """
    def map(self, samples: SampleBatch, out: SampleBatch) -> None:
        """Append each row of `samples` to `out`, followed by the rows made of it.

        ValueError unless both batches are of `schema` and not the same one.
        """
    def finish(self) -> None:
        """Count as incomplete what is open without its reading, since no row comes any more."""
    def notices(self) -> list[PageNotice]:
        """The pages that went missing or came back in the last batch, in the order of the rows."""
    def missing(self, channel: int) -> list[tuple[int, int]]:
        """Return what is missing on `channel`, or has not come yet where others have, as (cycle, page)."""
    def made(self) -> dict[str, int]:
        """Return how many rows of each measurement were made so far."""
