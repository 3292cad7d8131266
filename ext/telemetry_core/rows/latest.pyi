from collections.abc import Iterable
from typing import NamedTuple

from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema

class Remembered(NamedTuple):
    record: int
    tags: int
    channel: int
    time_ns: int
    observed_ns: int
    rows: int
    fields: tuple[int, ...]
    raw: tuple[int | float | bool, ...]
    times_ns: tuple[int, ...]
    observations_ns: tuple[int, ...]

class Latest:
    @property
    def schema(self) -> Schema: ...
    def __init__(self, schema: Schema, records: Iterable[int]) -> None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Remembered: ...
    def observe(self, samples: SampleBatch, observed_ns: int) -> None: ...
    def rows(self) -> list[int]: ...
