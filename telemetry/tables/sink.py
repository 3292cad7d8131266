"""The end of the stages where rows become columns."""

from collections.abc import Iterator

from telemetry_core.columns.batches import Batches
from telemetry_core.columns.columns import Columns
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema

from telemetry.model.events import Event
from telemetry.stages.binding import BoundChannel
from telemetry.tables.layout import CHANNEL, TAGS, lay_out


class TableSink:
    """A `RowSink`."""

    def __init__(self) -> None:
        self._columns: Columns

    @property
    def left_out(self) -> int:
        """See RowSink."""
        return self._columns.left_out

    def start(self, schema: Schema) -> None:
        """See RowSink."""
        self._columns = Columns(schema, lay_out(schema.specs))

    def bind(self, channel: BoundChannel) -> None:
        """See RowSink."""
        self._columns.set_word(CHANNEL, channel.number, channel.binding.tag)
        for index, tags in zip(channel.tag_sets, channel.tags(), strict=True):
            for key in TAGS:
                if key in tags:
                    self._columns.set_word(key, index, tags[key])

    def add(self, samples: SampleBatch) -> None:
        """See RowSink."""
        self._columns.append(samples)

    def add_event(self, event: Event, time_ns: int) -> None:
        """See RowSink."""
        owner = (event.source or None, event.pack or None, event.charger or None)
        row = (time_ns, *owner, event.code, int(event.level), event.active, event.text)
        self._columns.append_row(len(self._columns.tables) - 1, row)

    def take(self, at_least: int = 1) -> Iterator[Batches]:
        """Return all rows, a table at a time, of tables that have at least so many."""
        for table in self._columns.tables_of(at_least):
            yield self._columns.take(table)
