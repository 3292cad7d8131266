from collections.abc import Iterable, Sequence
from typing import NamedTuple

from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rules.watch_spec import RuleSpec

class Transition(NamedTuple):
    row: int
    time_ns: int
    channel: int
    rule: int
    active: bool
    value: float
    member: int

class StandingAlarm(NamedTuple):
    rule: int
    seen_ns: int

class Waiting(NamedTuple):
    rule: int
    since_ns: int

class Watcher:
    @property
    def schema(self) -> Schema: ...
    @property
    def rules(self) -> tuple[RuleSpec, ...]: ...
    def __init__(self, schema: Schema, rules: Iterable[RuleSpec]) -> None: ...
    def bind(
        self, channel: int, bus: int, own_tags: int, map_tags: Sequence[int], own_tag_count: int = 1
    ) -> None: ...
    def watched(self, channel: int) -> list[int]: ...
    def standing(self, channel: int) -> list[StandingAlarm]: ...
    def waiting(self, channel: int) -> list[Waiting]: ...
    def forget(self, channel: int) -> None: ...
    def carry_on(self, channel: int, rule: int, seen_ns: int) -> None: ...
    def wait_on(self, channel: int, rule: int, since_ns: int) -> None: ...
    def watch(self, samples: SampleBatch) -> list[Transition]: ...
