from collections.abc import Iterable, Sequence
from typing import NamedTuple

from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rules.watch_spec import RuleSpec

class Transition(NamedTuple):
    """A rule begins (`active`) or ends.

    row: the number of the row in its batch that shows it; with `every_report` of the last one made of that
    message. rule: index into the rules. value: of the field that shows it (of an integer its raw value).
    member: which of the rule's fields, from 0.
    """

    row: int
    time_ns: int
    channel: int
    rule: int
    active: bool
    value: float
    member: int

class StandingAlarm(NamedTuple):
    """A rule that is active on a channel. seen_ns: the stamp of the newest row that has its fields."""

    rule: int
    seen_ns: int

class Waiting(NamedTuple):
    """A limit that is crossed on a channel, not yet for long enough. since_ns: the first stamp beyond it."""

    rule: int
    since_ns: int

class Watcher:
    """Reports when alarm bits and limits begin and end, by RuleSpecs, for any number of channels."""

    @property
    def schema(self) -> Schema: ...
    @property
    def rules(self) -> tuple[RuleSpec, ...]:
        """The rules, as they were given."""
    def __init__(self, schema: Schema, rules: Iterable[RuleSpec], *, every_report: bool = False) -> None:
        """every_report: each message that shows a rule begins it, and none ends it.

        ValueError when a rule does not fit the schema.
        """
    def bind(
        self, channel: int, bus: int, own_tags: int, map_tags: Sequence[int], own_tag_count: int = 1
    ) -> None:
        """Watch the rows of `channel` as those of the plan's bus `bus` (-1: none); forget what was known of
        it.

        own_tags: the first of the `own_tag_count` tag sets that its messages' rows may have.
        map_tags: the tag sets of its modelled rows, by the map's tag sets.
        ValueError for a channel or a tag set over 65535.
        """
    def watched(self, channel: int) -> list[int]:
        """The rules that rows of `channel` may begin or end, in their order."""
    def standing(self, channel: int) -> list[StandingAlarm]:
        """The rules that are active on `channel`, in their order."""
    def waiting(self, channel: int) -> list[Waiting]:
        """The limits that are about to begin on `channel`, in their order."""
    def forget(self, channel: int) -> None:
        """Make nothing active or waiting on `channel`, without reporting an end."""
    def carry_on(self, channel: int, rule: int, seen_ns: int) -> None:
        """Take over that `rule` has begun on `channel`. ValueError if it is not watched there."""
    def wait_on(self, channel: int, rule: int, since_ns: int) -> None:
        """Take over that `rule`, unless it has begun, is crossed since `since_ns`.

        ValueError as `carry_on`.
        """
    def watch(self, samples: SampleBatch) -> list[Transition]:
        """The transitions that these rows make, in their order; of one row in the order of the rules.

        ValueError unless the rows are of `schema`.
        """
