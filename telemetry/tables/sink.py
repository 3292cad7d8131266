"""The end of the stages where rows become columns."""

from collections.abc import Iterable, Iterator, Mapping

from telemetry_core.columns.batches import Batches
from telemetry_core.columns.columns import Columns
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.text.lines import LineBuffer

from telemetry.charging.items import CurveRow, PhaseRow, PhaseWord, Point, SessionRow
from telemetry.charging.rows import point
from telemetry.charging.session import Session
from telemetry.model.events import Event
from telemetry.model.measurements import EVENT
from telemetry.stages.binding import BoundChannel
from telemetry.stages.output import LOG, Output
from telemetry.tables.layout import CHANNEL, SOURCE, TAGS, TIME, lay_out

BATCH_ROWS = 65_536
HELD_BYTES = 64 << 20  # of rows in batches that are not full, over all tables

_Value = int | float | bool | str | None


class TableSink(Output):
    """Columns of rows."""

    def __init__(
        self,
        *,
        with_log: bool = False,
        taken: Iterable[str] = (),
        batch_rows: int = BATCH_ROWS,
        is_apart: bool = False,
    ) -> None:
        """Take rows.

        - with_log: each says which log it is of
        - taken: as of `lay_out`
        - batch_rows: of a record batch at most
        - is_apart: record batches come by `take_ready`
        """
        self._batch_rows = batch_rows
        self._is_apart = is_apart
        self._taken = taken
        self._columns: Columns
        self._numbers: dict[str, int] = {}  # of tables, by name
        self.with_log = with_log
        self._log: str | None = None
        self._bound: list[int] = []  # tag sets

    @property
    def left_out(self) -> int:
        return self._columns.left_out

    def start(self, schema: Schema) -> None:
        tables = lay_out(
            schema.specs,
            with_log=self.with_log,
            taken=self._taken,
            databases_sha256=self.databases_sha256,
        )
        self._numbers = {table.name: number for number, table in enumerate(tables)}
        self._columns = Columns(schema, tables, most_rows=self._batch_rows, apart=self._is_apart)

    def begin_log(self, name: str) -> None:
        self._log = name.encode("utf-8", "replace").decode()  # as Arrow has it
        for index in self._bound:
            self._columns.set_word(LOG, index, self._log)

    def bind(self, channel: BoundChannel) -> None:
        self._bound += channel.tag_sets
        for index, tags in zip(channel.tag_sets, channel.tags(), strict=True):
            is_of_channel = tags["source"] == channel.binding.tag
            self._columns.set_word(SOURCE, index, channel.binding.tag if is_of_channel else None)
            self._columns.set_word(LOG, index, self._log)
            for key in TAGS:
                if key in tags:
                    self._columns.set_word(key, index, tags[key])

    def add(self, samples: SampleBatch, _lines: LineBuffer) -> None:
        self._columns.append(samples)

    def add_event(self, event: Event, time_ns: int, _lines: LineBuffer) -> None:
        owner = {CHANNEL: event.source or None, "pack": event.pack or None, "charger": event.charger or None}
        what: dict[str, _Value] = {"code": event.code, "level": int(event.level), "active": event.active}
        self._append(EVENT.name, {TIME: time_ns, **owner, **what, "text": event.text})

    def add_session(self, row: SessionRow, time_ns: int, tag: str, _lines: LineBuffer) -> str:
        rows: list[SessionRow] = [row] if isinstance(row, PhaseWord | Point) else []
        if isinstance(row, Session) and not row.open:
            rows.append(row)
            rows += [PhaseRow(row, phase) for phase in row.phases]
            rows += [CurveRow(row, percent) for percent in row.curve]
        for made in (point(each, "", time_ns) for each in rows):
            values = {CHANNEL: tag, **made.tags, **made.fields}
            known = {name: value for name, value in values.items() if value != ""}
            self._append(made.measurement, {TIME: made.time_ns, **known})
        return ""

    def _append(self, name: str, values: Mapping[str, _Value]) -> None:
        number = self._numbers[name]
        values = {LOG: self._log, **values}
        self._columns.append_row(
            number, [values.get(column.name) for column in self._columns.tables[number].columns]
        )

    def take_ready(self) -> Iterator[Batches]:
        """Yield the full record batches, and the largest ones where all take more than HELD_BYTES."""
        yield from self._columns.take_full()
        yield from self.take(self._batch_rows)

    def take(self, at_least: int = 1) -> Iterator[Batches]:
        """Yield all rows, a table at a time, of tables that have at least so many.

        Where the others take more than HELD_BYTES, the largest of them, too.
        """
        for table in self._columns.tables_of(at_least, HELD_BYTES):
            yield self._columns.take(table)
