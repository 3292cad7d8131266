from collections.abc import Container, Sequence

from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema

class Reducer:
    @property
    def schema(self) -> Schema: ...
    @property
    def reduced(self) -> int: ...  # Rows that were merged into another one or do not pass, so far.
    @property
    def pending(self) -> int: ...  # Rows that are held back now.
    def __init__(
        self, schema: Schema, every_ns: Sequence[int], flags_every_ns: Sequence[int] | None = None
    ) -> None: ...
    def reduce(self, samples: SampleBatch, out: SampleBatch) -> None: ...
    def flush(
        self, out: SampleBatch, before_ns: int | None = None, tags: Container[int] | None = None
    ) -> None: ...
    def pending_by_measurement(self) -> dict[str, int]: ...
