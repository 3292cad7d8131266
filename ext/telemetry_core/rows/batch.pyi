from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from telemetry_core.rows.schema import Schema

class Row(NamedTuple):
    time_ns: int
    nudge_ns: int
    measurement: str
    tags: int
    channel: int
    id: int
    raw: dict[str, int | float | bool]

class SampleBatch:
    @property
    def schema(self) -> Schema: ...
    def __init__(self, schema: Schema, room: int = 4096) -> None: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Row]: ...
    def append(
        self,
        record: int,
        time_ns: int,
        values: Mapping[str, int | float | bool],
        *,
        tags: int = 0,
        channel: int = 0,
        id: int = 0,
        nudge_ns: int = 0,
    ) -> None: ...
    def split(self, ends: Iterable[int]) -> list[SampleBatch]: ...
    def clear(self) -> None: ...
