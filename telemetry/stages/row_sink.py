"""Where rows go that are not wanted as text."""

from typing import Protocol

from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema

from telemetry.charging.session import Session
from telemetry.model.events import Event
from telemetry.stages.binding import BoundChannel


class RowSink(Protocol):
    """Takes rows in place of the encoder, in their order and from one thread."""

    @property
    def left_out(self) -> int:
        """Values so far that were not finite."""
        ...

    def start(self, schema: Schema) -> None:
        """All rows will be of this schema."""
        ...

    def bind(self, channel: BoundChannel) -> None:
        """Rows of `channel` will come."""
        ...

    def add(self, samples: SampleBatch) -> None:
        """Take these rows, which are the stages' again afterwards."""
        ...

    def add_event(self, event: Event, time_ns: int) -> None:
        """Take an event that the rows before made, and its stamp."""
        ...

    def add_session(self, session: Session, channel: str) -> None:
        """Take a charging session that is over, and the tag `source` of its plug."""
        ...
