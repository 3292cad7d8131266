from collections.abc import Iterable, Sequence
from typing import NamedTuple

from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema

OTHER_SENDER: int  # in the id of a row: no entry without a sender takes it
NEW_SENDER: int  # in the id of a row: the first of a sender that takes another one's place
SILENCE_NS: int
TOGETHER_NS: int

class SenderFinding(NamedTuple):
    row: int
    time_ns: int
    channel: int
    record: int
    taken: int
    other: int
    is_change: bool

class Senders:
    @property
    def schema(self) -> Schema: ...
    def __init__(self, schema: Schema, judged: Iterable[Sequence[tuple[int, int]]]) -> None: ...
    def bind(self, channel: int, bus: int, first_tags: int) -> None: ...
    def judge(self, samples: SampleBatch) -> list[SenderFinding]: ...
    def kept_out(self, channel: int) -> dict[str, int]: ...
    def forget(self, channel: int) -> None: ...
    def go_on_from(self, before: Senders, channel: int) -> None: ...
