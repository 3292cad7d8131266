"""The end of the stages: rows, events and charging sessions as lines for a database, as text, or as neither.

Promises: what comes out depends on what is given alone, in its order. Relies on one thread.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.text.encoder import Encoder
from telemetry_core.text.lines import LineBuffer
from telemetry_core.text.wide import WideRows

from telemetry.charging.items import CurveRow, Point, SessionRow
from telemetry.charging.rows import point
from telemetry.charging.session import Session
from telemetry.ledger import add
from telemetry.model.event_codes import EVENT_CODES
from telemetry.model.events import Event
from telemetry.model.events import line as event_line
from telemetry.model.measurements import EVENT
from telemetry.model.point import line as point_line
from telemetry.model.point import tag_set
from telemetry.stages.binding import BoundChannel
from telemetry.stages.formats import OutputFormat, TextSettings, TimeForm
from telemetry.stages.session_text import lines_of

_EVENT_FIELDS = (
    FieldSpec("code", SlotKind.UINT),
    FieldSpec("level", SlotKind.UINT),
    FieldSpec("active", SlotKind.BOOL),
)
_EVENT_ROWS = Schema((RecordSpec(EVENT.name, _EVENT_FIELDS, modelled=True),))
OWNER_COLUMNS = ("pack", "charger", "source")
LOG = "log"  # the column of what a row was read from
NEVER_NS = -(2**63)  # where no row has been


class Output:
    """Takes what the stages make. This one drops it: each kind overrides what it has a use for."""

    in_order = True  # whether it needs all rows, one after the other
    with_log = False  # whether rows say which log they are of
    databases_sha256 = ""  # of what describes the rows
    shift_ns = 0  # is added to each stamp that a database gets
    replacing: LineBuffer | None = None  # takes rows that may replace earlier ones; None: `lines` does

    @property
    def header(self) -> bytes:
        """Return what comes before the first row."""
        return b""

    @property
    def left_out(self) -> int:
        """Return values so far that were not finite."""
        return 0

    def start(self, schema: Schema) -> None:
        """Expect rows of this schema alone."""

    def bind(self, channel: BoundChannel) -> None:
        """Expect rows of `channel`."""

    def expect_parts(self, records: Sequence[int]) -> None:
        """Expect rows of these records in parts, each value once."""

    def begin_log(self, name: str) -> None:
        """Expect rows of the log of this name from now on."""

    def write_times(self, form: TimeForm, origin_ns: int = 0) -> None:
        """Write times of csv and ndjson like that from now on. origin_ns: where relative ones begin."""

    def add(self, samples: SampleBatch, lines: LineBuffer) -> None:
        """Take these rows, which are the stages' again afterwards. Text goes into `lines`."""

    def copy(self, samples: SampleBatch, lines: LineBuffer) -> None:
        """Write these rows, which come again, without counting them."""

    def add_event(self, event: Event, time_ns: int, lines: LineBuffer) -> None:
        """Take an event that the rows before made, and its stamp."""

    def add_session(self, _row: SessionRow, _time_ns: int, _tag: str, _lines: LineBuffer) -> str:
        """Take a row of a charging session or of battery health, its stamp, and its channel's tag `source`.

        Return the measurement of the point that it has become; empty: of none.
        """
        return ""

    def empty_by_measurement(self) -> dict[str, int]:
        """Return how many rows had no value, and so became no point."""
        return {}

    def bytes_by_measurement(self) -> dict[str, int]:
        """Return how many bytes of lines for a database there are so far, without tags and stamps of rows."""
        return {}

    def newest_ns(self, _tags: int) -> int:
        """Return the newest stamp of rows of the data model with this tag set."""
        return NEVER_NS

    def assume_up_to(self, tags: int, newest_ns: int) -> None:
        """Assume that earlier batches hold such rows up to this stamp."""


class _Encoded(Output):
    """What the encoder of the core writes."""

    in_order = False

    def __init__(self, schema: Schema, *, raw_text: bool = True) -> None:
        self._encoder = Encoder(schema, is_guarded=not raw_text)

    @property
    def left_out(self) -> int:
        return self._encoder.left_out

    def expect_parts(self, records: Sequence[int]) -> None:
        self._encoder.expect_parts(records)

    def empty_by_measurement(self) -> dict[str, int]:
        return self._encoder.empty_by_measurement()


class Lines(_Encoded):
    """Line protocol, for a database."""

    def __init__(self, schema: Schema, vehicle: str) -> None:
        super().__init__(schema)
        self._vehicle = vehicle
        self._rare_bytes = Counter[str]()
        self._copies = Encoder(schema)  # what it counts, nobody asks

    def bind(self, channel: BoundChannel) -> None:
        for index, tags in zip(channel.tag_sets, channel.tags(), strict=True):
            self._encoder.set_tags(index, tag_set(tags))
            self._copies.set_tags(index, tag_set(tags))

    def add(self, samples: SampleBatch, lines: LineBuffer) -> None:
        self._encoder.shift_ns = self.shift_ns
        self._encoder.encode(samples, lines)

    def copy(self, samples: SampleBatch, lines: LineBuffer) -> None:
        self._copies.shift_ns = self.shift_ns
        self._copies.encode(samples, lines)

    def add_event(self, event: Event, time_ns: int, lines: LineBuffer) -> None:
        stamp_ns = time_ns + self.shift_ns
        line = event_line(event, self._vehicle, stamp_ns)
        self._rare_bytes[EVENT.name] += len(line)
        lines.append(line, stamp_ns, urgent=True)

    def add_session(self, row: SessionRow, time_ns: int, _tag: str, lines: LineBuffer) -> str:
        name, tags, fields, stamp_ns = point(row, self._vehicle, time_ns, self.shift_ns)
        may_replace = not isinstance(row, CurveRow)  # of those none has the stamp of another
        into = self.replacing if may_replace and self.replacing is not None else lines
        is_over = isinstance(row, Point) or (isinstance(row, Session) and row.outcome is not None)
        line = point_line(name, tags, fields, stamp_ns)
        into.append(line, stamp_ns, overlaps=may_replace, urgent=is_over)
        self._rare_bytes[name] += len(line)
        return name

    def bytes_by_measurement(self) -> dict[str, int]:
        return add(self._encoder.field_bytes_by_measurement(), self._rare_bytes)

    def newest_ns(self, tags: int) -> int:
        return self._encoder.modelled_series.newest_ns(tags)

    def assume_up_to(self, tags: int, newest_ns: int) -> None:
        self._encoder.modelled_series.assume_up_to(tags, newest_ns)


class Text(_Encoded):
    """csv or ndjson, for people and other programs."""

    def __init__(self, schema: Schema, settings: TextSettings) -> None:
        super().__init__(schema, raw_text=settings.raw_text)
        self._settings = settings
        self._form = form = settings.form
        self._event_encoder = Encoder(_EVENT_ROWS, is_guarded=not settings.raw_text)
        self._encode, self._encode_event = (
            each.encode_ndjson if form is OutputFormat.NDJSON else each.encode_csv
            for each in (self._encoder, self._event_encoder)
        )
        self._numbers: dict[str, int] = {}  # of channels, by tag
        self._times = (TimeForm.NS, 0)
        self.with_log = settings.with_log
        self._log = ""
        self._bound: dict[int, tuple[Mapping[str, str], bool]] = {}  # by tag set; as `bind` has it

    @property
    def header(self) -> bytes:
        if self._form is not OutputFormat.CSV:
            return b""
        return b",".join((self._encoder.csv_header(), *self._owner_columns)) + b"\n"

    @property
    def _owner_columns(self) -> list[bytes]:
        return [name.encode() for name in self._owner({})]

    def _owner(self, tags: Mapping[str, str]) -> dict[str, str]:
        """Return what stands in the last columns of rows with these tags."""
        names = OWNER_COLUMNS if self._settings.with_owners else ()
        log = {LOG: self._log} if self.with_log else {}
        return {name: tags.get(name, "") for name in names} | log

    def begin_log(self, name: str) -> None:
        self._log = name
        for index, (tags, is_of_channel) in self._bound.items():
            self._encoder.set_owner(index, self._owner(tags), is_of_channel=is_of_channel)

    def bind(self, channel: BoundChannel) -> None:
        number, binding = channel.number, channel.binding
        for index, tags in zip(channel.tag_sets, channel.tags(), strict=True) if self._owner_columns else ():
            # An aggregate is a source of its own.
            is_of_channel = tags["source"] == binding.tag or not self._settings.with_owners
            self._bound[index] = tags, is_of_channel
            self._encoder.set_owner(index, self._owner(tags), is_of_channel=is_of_channel)
        self._numbers.setdefault(binding.tag, number)
        for encoder in (self._encoder, self._event_encoder):
            encoder.set_channel(number, binding.channel or binding.tag, binding.address.encode())

    def write_times(self, form: TimeForm, origin_ns: int = 0) -> None:
        self._times = (form, origin_ns)
        for encoder in (self._encoder, self._event_encoder):
            encoder.write_times(form.value)
            encoder.origin_ns = origin_ns

    def add(self, samples: SampleBatch, lines: LineBuffer) -> None:
        self._encode(samples, lines)

    def add_event(self, event: Event, time_ns: int, lines: LineBuffer) -> None:
        row = SampleBatch(_EVENT_ROWS, 8)
        code = EVENT_CODES[event.code].number
        values = {"code": code, "level": int(event.level), "active": event.active}
        if self._owner_columns:
            tags = {"pack": event.pack, "charger": event.charger, "source": event.source}
            self._event_encoder.set_owner(0, self._owner(tags))
        row.append(0, time_ns, values, channel=self._numbers[event.source])
        self._encode_event(row, lines)

    def add_session(self, row: SessionRow, time_ns: int, tag: str, lines: LineBuffer) -> str:
        written = point(row, "", time_ns)
        owner = self._owner({"source": tag, **written.tags})
        for line in lines_of(written, tag, owner, self._settings, *self._times):
            lines.append(line, written.time_ns)
        return written.measurement


class WideText(Text):
    """csv with a column a signal, where rows of sessions have none."""

    def __init__(self, schema: Schema, settings: TextSettings, *, with_events: bool) -> None:
        super().__init__(schema, settings)
        self._wide, events = WideRows(self._encoder), WideRows(self._event_encoder)
        self._encode, self._encode_event = self._wide.encode, events.encode
        self._event_columns = events.columns if with_events else []  # after those of the rows
        if with_events:
            self._wide.columns_after, events.columns_before = len(events.columns), len(self._wide.columns)

    @property
    def header(self) -> bytes:
        return b",".join((self._wide.header(), *self._event_columns, *self._owner_columns)) + b"\n"

    def add_session(self, _row: SessionRow, _time_ns: int, _tag: str, _lines: LineBuffer) -> str:
        return ""


OutputKind = OutputFormat | TextSettings | Output


def output_of(kind: OutputKind, schema: Schema, vehicle: str, *, with_events: bool) -> Output:
    """Return what takes rows of `schema`: as text, or what is given. with_events: whether events may come."""
    if isinstance(kind, Output):
        kind.start(schema)
        return kind
    settings = kind if isinstance(kind, TextSettings) else TextSettings(kind)
    if settings.form is OutputFormat.LINE_PROTOCOL:
        return Lines(schema, vehicle)
    if settings.form is OutputFormat.WIDE_CSV:
        return WideText(schema, settings, with_events=with_events)
    return Text(schema, settings)
