"""The end of the stages where rows become columns."""

from collections.abc import Iterator, Sequence

from telemetry_core.columns.batches import Batches
from telemetry_core.columns.columns import Columns
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.text.lines import LineBuffer

from telemetry.charging.items import CurveRow, PhaseRow, SessionRow
from telemetry.charging.rows import point
from telemetry.charging.session import Session
from telemetry.model.events import Event
from telemetry.stages.binding import BoundChannel
from telemetry.stages.output import Output
from telemetry.tables.layout import CHANNEL, EVENT_TABLE, ROW_TABLES, SOURCE, TAGS, TIME, lay_out


class TableSink(Output):
    """Columns of rows."""

    def __init__(self) -> None:
        self._columns: Columns

    @property
    def left_out(self) -> int:
        return self._columns.left_out

    def start(self, schema: Schema) -> None:
        self._columns = Columns(schema, lay_out(schema.specs))

    def bind(self, channel: BoundChannel) -> None:
        for index, tags in zip(channel.tag_sets, channel.tags(), strict=True):
            is_of_channel = tags["source"] == channel.binding.tag
            self._columns.set_word(SOURCE, index, channel.binding.tag if is_of_channel else None)
            for key in TAGS:
                if key in tags:
                    self._columns.set_word(key, index, tags[key])

    def add(self, samples: SampleBatch, _lines: LineBuffer) -> None:
        self._columns.append(samples)

    def add_event(self, event: Event, time_ns: int, _lines: LineBuffer) -> None:
        owner = (event.source or None, event.pack or None, event.charger or None)
        row = (time_ns, *owner, event.code, int(event.level), event.active, event.text)
        self._append(EVENT_TABLE.name, row)

    def add_session(self, session: SessionRow, _time_ns: int, tag: str, _lines: LineBuffer) -> str:
        if not isinstance(session, Session) or session.open:
            return ""
        contents: list[SessionRow] = [session]
        contents += [PhaseRow(session, phase) for phase in session.phases]
        contents += [CurveRow(session, percent) for percent in session.curve]
        for made in (point(content, session.vehicle, 0) for content in contents):
            values = {TIME: made.time_ns, CHANNEL: tag, **made.tags, **made.fields}
            (table,) = (table for table in ROW_TABLES if table.name == made.measurement)
            row = [values.get(column.name, "") for column in table.columns]
            self._append(made.measurement, [None if value == "" else value for value in row])
        return ""

    def _append(self, name: str, row: Sequence[int | float | bool | str | None]) -> None:
        number = [table.name for table in ROW_TABLES].index(name)
        self._columns.append_row(len(self._columns.tables) - len(ROW_TABLES) + number, row)

    def take(self, at_least: int = 1) -> Iterator[Batches]:
        """Yield all rows, a table at a time, of tables that have at least so many."""
        for table in self._columns.tables_of(at_least):
            yield self._columns.take(table)
