from collections.abc import Container, Sequence

from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema

class Reducer:
    """Keeps the last value of each field in each interval of frame time.

    Changes of flags pass at once, or once in an interval of their own.
    """

    @property
    def schema(self) -> Schema: ...
    @property
    def reduced(self) -> int:
        """Rows that were merged into another one or do not pass, so far."""
    @property
    def pending(self) -> int:
        """Rows that are held back now."""
    def __init__(
        self, schema: Schema, every_ns: Sequence[int], flags_every_ns: Sequence[int] | None = None
    ) -> None:
        """every_ns: an interval in ns for each record of `schema`; 0: all its rows pass; -1: none does.

        flags_every_ns: another one for changes of its flags; 0: each passes. None: of all records.

        ValueError for another negative interval, or another number of intervals than of records.
        """
    def reduce(self, samples: SampleBatch, out: SampleBatch) -> None:
        """Take in the rows of `samples`; append to `out` what goes out at once.

        ValueError unless both batches are of `schema` and not the same one.
        """
    def flush(
        self, out: SampleBatch, before_ns: int | None = None, tags: Container[int] | None = None
    ) -> None:
        """Append to `out` the pending rows whose interval ended by `before_ns`, in ns since 1970; None: all.

        That is the interval of their flags where a change of one waits.
        tags: only rows of these tag sets; None: of all.
        """
    def pending_by_measurement(self) -> dict[str, int]:
        """Return how many rows are held back now, by measurement, without measurements that have none."""
