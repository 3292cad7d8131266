from collections.abc import Container, Sequence
from typing import Any

from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema

class Bounds:
    @property
    def schema(self) -> Schema: ...
    @property
    def reduced(self) -> int: ...  # Rows that have not gone out and will not, so far.
    @property
    def pending(self) -> int: ...  # Rows of which nothing has gone out, and something may.
    @property
    def holding(self) -> int: ...  # Rows of which something may go out.
    def __init__(
        self,
        schema: Schema,
        modes: Sequence[int],
        bounds: Sequence[float],
        *,
        line: bool,
        longest_ns: int,
        every_ns: int = 0,
        flags_every_ns: Sequence[int] | None = None,
    ) -> None: ...
    def reduce(self, samples: SampleBatch, out: SampleBatch) -> None: ...
    def flush(
        self, out: SampleBatch, before_ns: int | None = None, tags: Container[int] | None = None
    ) -> None: ...
    def copy(self, out: SampleBatch, tags: Container[int]) -> None: ...
    def pass_by(self, samples: SampleBatch, out: SampleBatch) -> None: ...
    def set_factor(self, factor: float, longest_ns: int, out: SampleBatch) -> None: ...
    def memory(self) -> list[Any]: ...
    def remember(self, memory: list[Any]) -> None: ...
    def made_by_measurement(self) -> dict[str, int]: ...
    def left_out_by_measurement(self) -> dict[str, int]: ...
