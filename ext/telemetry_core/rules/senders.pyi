from collections.abc import Iterable, Sequence
from typing import NamedTuple

from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema

OTHER_SENDER: int  # in the id of a row: no entry without a sender takes it
NEW_SENDER: int  # in the id of a row: the first of a sender that takes another one's place
SILENCE_NS: int
TOGETHER_NS: int

class SenderFinding(NamedTuple):
    """Two senders of one record, reported once.

    row: the number of the row in its batch that shows it. taken, other: J1939 addresses.
    The record is taken from `taken`, and `other` sends it too. With `is_change` it was taken from `other`
    before.
    """

    row: int
    time_ns: int
    channel: int
    record: int
    taken: int
    other: int
    is_change: bool

class Senders:
    """Takes each judged record from one J1939 sender at a time, and marks the rows of the others."""

    @property
    def schema(self) -> Schema: ...
    def __init__(self, schema: Schema, judged: Iterable[Sequence[tuple[int, int]]]) -> None:
        """judged: by bus of the plan, records, each with the field that says whether a row's frame is right.

        The field is -1 where no field says it. ValueError for a record or a field that is not in the schema.
        """
    def bind(self, channel: int, bus: int, first_tags: int) -> None:
        """Judge the rows of `channel` (0 to 65535) as those of the plan's bus `bus` (-1: none).

        first_tags: the tag set of rows of sender 0; those of the others follow it.
        Forgets what was known of the channel. IndexError or ValueError for an unknown channel or bus.
        """
    def judge(self, samples: SampleBatch) -> list[SenderFinding]:
        """Mark the rows of `samples` in place; return the findings in the order of the rows.

        ValueError unless the rows are of `schema`.
        """
    def kept_out(self, channel: int) -> dict[str, int]:
        """Return how many rows of `channel` were not taken, by message, without messages that have none."""
    def forget(self, channel: int) -> None:
        """Forget what came on `channel`: what comes next has nothing to do with it. Counts stay."""
    def go_on_from(self, before: Senders, channel: int) -> None:
        """Take over what `before` knew of `channel`, which is bound. Records are the same by their names."""
