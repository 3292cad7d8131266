from typing import NamedTuple

from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema

class FieldExtent(NamedTuple):
    """What is known of one field. Its values are raw; None where none came, and of a text."""

    values: int
    lowest: int | float | bool | None
    highest: int | float | bool | None
    last: int | float | bool | None

class RecordExtent(NamedTuple):
    """What is known of one record. Without rows its stamps are 0."""

    rows: int
    first_ns: int
    last_ns: int
    fields: tuple[FieldExtent, ...]

class Extremes:
    """Looks at rows of one Schema: those of one channel, or of all (-1)."""

    @property
    def schema(self) -> Schema: ...
    @property
    def channel(self) -> int: ...
    def __init__(self, schema: Schema, channel: int = -1) -> None: ...
    def observe(self, samples: SampleBatch) -> None:
        """Take the rows of `samples` into account. Raises ValueError for rows of another schema."""
    def of(self, record: int) -> RecordExtent:
        """Return what is known of a record. Raises IndexError for one that the schema does not have."""
