"""The stages after the decoder: rows are mapped, watched, reduced and written as text.

Promises: what comes out depends on the rows alone, not on how they were batched: an event stands right after
the row that it comes from. Relies on being called from one thread, with the rows in their order.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from telemetry_core.decode.spec import PlanSpec
from telemetry_core.decode.unmatched import UnmatchedIds
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.rules.map_spec import MapSpec
from telemetry_core.rules.mapper import Mapper
from telemetry_core.rules.reducer import Reducer
from telemetry_core.rules.senders import SenderFinding, Senders
from telemetry_core.rules.watcher import Transition, Watcher
from telemetry_core.text.encoder import Encoder
from telemetry_core.text.lines import LineBuffer
from telemetry_core.text.wide import WideRows

from telemetry.charging.made import Made
from telemetry.charging.rows import REPLACING
from telemetry.charging.rows import point as session_point
from telemetry.charging.session import Session
from telemetry.ledger import add
from telemetry.model.event_codes import EVENT_CODES, FIRST_OF_CHARGING
from telemetry.model.events import Event
from telemetry.model.events import line as event_line
from telemetry.model.measurements import BATTERY, EVENT
from telemetry.model.point import line as point_line
from telemetry.model.point import tag_set
from telemetry.rules.alarms import Alarm, AlarmEvents
from telemetry.rules.bank import Bank
from telemetry.rules.counted_fields import counted_fields
from telemetry.rules.missing_pages import MissingPages, Report
from telemetry.rules.reduce import SEND_ALL, ReduceSettings, check_measurements
from telemetry.rules.send import SEND_MESSAGES, SendSettings
from telemetry.rules.senders import account_name, finding_event, judged_records
from telemetry.stages.banks import BankRow, Banks
from telemetry.stages.binding import NO_BUS, Binding, BoundChannel
from telemetry.stages.formats import OutputFormat, TimeForm
from telemetry.stages.row_sink import RowSink
from telemetry.stages.session_text import lines_of
from telemetry.stages.sessions import NoSessions, PlugSessions

if TYPE_CHECKING:  # a service that follows no charge imports none of it
    from telemetry.charging.plan import ChargingPlan
    from telemetry.charging.tracker import ChargingTracker

NO_FRAMES = FrameBatch(1)
_EVENT_ROWS = Schema(
    (
        RecordSpec(
            EVENT.name,
            (
                FieldSpec("code", SlotKind.UINT),
                FieldSpec("level", SlotKind.UINT),
                FieldSpec("active", SlotKind.BOOL),
            ),
            modelled=True,
        ),
    )
)


class _Copying(Protocol):
    """A stage that reads one batch of samples and writes another."""

    def __call__(self, samples: SampleBatch, out: SampleBatch) -> None: ...


class Observer(Protocol):
    """Looks at the rows on their way, after the mapper."""

    def start(self, schema: Schema, counted: Mapping[str, frozenset[str]], unmatched: UnmatchedIds) -> None:
        """All rows will be of this schema.

        counted: by pack, the fields that the mapper itself counts; unmatched: ids without a message, counted
        only while the observer sets `is_counting`.
        """
        ...

    def bind(self, channel: int, *, source: str, tag: str, tags: Mapping[int, Mapping[str, str]]) -> None:
        """A channel, its source, its tag `source`, and the tag sets of the modelled rows of its frames and of
        J1939 senders.
        """
        ...

    def observe(self, frames: FrameBatch, samples: SampleBatch) -> None:
        """These frames became these rows; both are the stages' again afterwards."""
        ...

    def add_event(self, event: Event, time_ns: int) -> None:
        """An event that these rows made, and its stamp."""
        ...

    def add_session(self, session: Session, time_ns: int) -> None:
        """A charging session as these rows left it, open or over, and the stamp of the last of them."""
        ...


class Writing:
    """Senders, mapper, watcher, reducer and encoder."""

    def __init__(
        self,
        schema: Schema,
        plan: PlanSpec,
        mapping: MapSpec | None = None,
        alarms: Sequence[Alarm] = (),
        *,
        vehicle: str,
        reduce: ReduceSettings = SEND_ALL,
        send: SendSettings = SEND_MESSAGES,
        output: OutputFormat = OutputFormat.LINE_PROTOCOL,
        events_last: bool = False,
        rows_to: RowSink | None = None,
        charging: "ChargingPlan | None" = None,
        banks: Sequence[Bank] = (),
    ) -> None:
        """mapping: None when nothing is mapped; events_last: after all rows that are written at a time;
        rows_to: takes rows and events in place of the lines, which stay empty; charging: what is followed;
        banks: which `mapping` has tag sets for.

        ConfigError if `reduce` names a measurement that there is not, or `send` messages.
        """
        check_measurements(reduce, schema.specs)
        self._schema = schema
        self._observer: Observer | None = None
        self.vehicle = vehicle
        self._judged = judged_records(plan, mapping, alarms)
        self.senders = Senders(schema, self._judged) if any(self._judged) else None
        self.mapper = Mapper(schema, mapping) if mapping else None
        self._counted_fields = counted_fields(mapping) if mapping else {}
        self._missing_pages = MissingPages(mapping) if mapping else None
        self.watcher = Watcher(schema, [alarm.rule for alarm in alarms]) if alarms else None
        self.alarms = tuple(alarms)
        self.alarm_events = AlarmEvents(alarms)
        self.banks = Banks(schema, banks, mapping, alarms) if mapping and banks else None
        self._followed = charging.follow(schema, vehicle) if charging else None
        self._events_last = events_last
        self._made_here = Counter[str]()  # points that no row gave, by measurement
        self._reducer = _reducer(schema, reduce, send)
        self.encoder = Encoder(schema)
        self._output = output
        self._times = (TimeForm.NS, 0)  # how text writes times, and where relative ones begin
        self._is_text = output is not OutputFormat.LINE_PROTOCOL
        self._sink = rows_to
        if rows_to is not None:
            rows_to.start(schema)
        self._event_encoder = Encoder(_EVENT_ROWS)
        encoders = (self.encoder, self._event_encoder)
        self._wide = [WideRows(each) for each in encoders] if output is OutputFormat.WIDE_CSV else []
        if self.remembers and self._wide:  # events have columns after those of the rows
            rows, events = self._wide
            rows.columns_after, events.columns_before = len(events.columns), len(rows.columns)
        encodings: list[_Encoding] = [each.encode for each in self._wide]
        encode, self._encode_event = encodings or [_encode_of(each, output) for each in encoders]
        self._encode = encode if rows_to is None else _into(rows_to)
        self._mapped = SampleBatch(schema)
        self._reduced = SampleBatch(schema)
        self.channels: dict[int, BoundChannel] = {}
        self.replacing: LineBuffer | None = None  # takes rows that replace earlier ones; None: the lines do
        tracker = self.charging
        self.sessions = PlugSessions(tracker, self.channels, self) if tracker is not None else NoSessions()

    @property
    def remembers(self) -> bool:
        """Whether what a row becomes depends on rows before it, so that all must come in their order."""
        return any((self.senders, self.mapper, self.watcher, self._followed, self._reducer, self._sink))

    @property
    def charging(self) -> "ChargingTracker | None":
        """What follows charging sessions; None: nothing does."""
        return self._followed.tracker if self._followed is not None else None

    @property
    def header(self) -> bytes:
        """What comes before the first row."""
        if self._wide:
            rows, events = self._wide
            return b",".join((rows.header(), *(events.columns if rows.columns_after else ()))) + b"\n"
        return self.encoder.csv_header() + b"\n" if self._output is OutputFormat.CSV else b""

    def write_times(self, form: TimeForm, origin_ns: int = 0) -> None:
        """Write times of csv and ndjson like that from now on. origin_ns: where relative ones begin."""
        self._times = (form, origin_ns)
        for encoder in (self.encoder, self._event_encoder):
            encoder.write_times(form.value)
            encoder.origin_ns = origin_ns

    def set_observer(self, observer: Observer, unmatched: UnmatchedIds) -> None:
        """Let `observer` see all that comes from now on. Before anything is bound."""
        self._observer = observer
        observer.start(self._schema, self._counted_fields, unmatched)

    def bind(self, channel: BoundChannel) -> None:
        """Rows of `channel` will come."""
        number, binding = channel.number, channel.binding
        self.channels[number] = channel
        tags = dict(zip(channel.tag_sets, channel.tags(), strict=True))
        for index, each in tags.items():
            self.encoder.set_tags(index, tag_set(each))
        for encoder in (self.encoder, self._event_encoder):
            encoder.set_channel(number, binding.channel or binding.tag, binding.address.encode())
        if self._sink is not None:
            self._sink.bind(channel)
        if self.senders is not None:
            self.senders.bind(number, binding.bus, channel.senders.start)
        if self.mapper is not None:
            self.mapper.bind(number, binding.bus, channel.modelled, by_order=binding.by_order)
        if self._missing_pages is not None:
            self._missing_pages.bind(number, binding.bus, binding.tag)
        if self.watcher is not None:
            own = 1 + len(channel.senders)
            self.watcher.bind(number, binding.bus, channel.own, channel.modelled, own)
        if self.banks is not None:
            self.banks.bind(number, channel.modelled)
        if self._followed is not None:
            self._followed.bind(number, binding.bus, binding.tag, channel.modelled, channel.map_tags)
        if self._observer is not None:
            del tags[channel.own]
            self._observer.bind(number, source=binding.source, tag=binding.tag, tags=tags)

    def write(
        self, samples: SampleBatch, lines: LineBuffer, *, frames: FrameBatch = NO_FRAMES, shift_ns: int = 0
    ) -> None:
        """Map, watch, reduce and encode the rows.

        frames: what they were, for the observer; shift_ns: is added to each stamp.
        """
        self.encoder.shift_ns = shift_ns
        findings = self.senders.judge(samples) if self.senders is not None else ()
        if not findings:
            self._pass_on(frames, samples, lines)
            return
        *parts, rest = samples.split([finding.row + 1 for finding in findings])
        for part, finding in zip(parts, findings, strict=True):
            self._pass_on(frames, part, lines)
            frames = NO_FRAMES
            self.write_event(*self._found(finding), lines)
        self._pass_on(frames, rest, lines)

    def _found(self, finding: SenderFinding) -> tuple[Event, int]:
        tag = self.channels[finding.channel].binding.tag
        event = finding_event(finding, _name(self._schema.specs[finding.record]), tag)
        return event, self.alarm_events.stamped(event, finding.time_ns)

    def _pass_on(self, frames: FrameBatch, samples: SampleBatch, lines: LineBuffer) -> None:
        if self.mapper is not None:
            samples = _through(self.mapper.map, samples, self._mapped)
        if self._observer is not None:
            self._observer.observe(frames, samples)
        transitions = self.watcher.watch(samples) if self.watcher is not None else []
        reports = self._reports(transitions)
        made: list[Made | BankRow] = [Made(row, time_ns, event) for row, event, time_ns in reports]
        if self._followed is not None:
            made += self._followed.tracker.follow(samples)
        if self.banks is not None:
            made += self.banks.follow(samples, transitions)
        made.sort(key=lambda one: one.row)
        if not made:
            self._reduce(samples, lines)
            return
        *parts, rest = samples.split([len(samples) if self._events_last else one.row + 1 for one in made])
        for part, one in zip(parts, made, strict=True):
            self._reduce(part, lines)
            if isinstance(one, BankRow):
                self._write_bank(one.samples, lines)
            else:
                self._write_made(one, lines)
        self._reduce(rest, lines)

    def _write_bank(self, samples: SampleBatch, lines: LineBuffer) -> None:
        if self._observer is not None:
            self._observer.observe(NO_FRAMES, samples)
        self._made_here[BATTERY.name] += len(samples)
        self._reduce(samples, lines)

    def finish(self, lines: LineBuffer, end_ns: int, *, shift_ns: int = 0) -> None:
        """Write what ends with the last frame, of stamp `end_ns`, but for what the reducer holds."""
        self.encoder.shift_ns = shift_ns
        if self._followed is not None:
            self.write_made(self._followed.tracker.finish(end_ns), lines)

    def write_made(self, made: Iterable[Made], lines: LineBuffer, *, shift_ns: int | None = None) -> None:
        """Write what follows from rows, or their absence. shift_ns: is added to stamps; None: as before."""
        if shift_ns is not None:
            self.encoder.shift_ns = shift_ns
        for one in made:
            self._write_made(one, lines)

    def _write_made(self, made: Made, lines: LineBuffer) -> None:
        """An event, or a row of a charging session."""
        content = made.content
        if isinstance(content, Event):
            # events of alarms and pages have been set apart already
            is_of_charging = EVENT_CODES[content.code].number >= FIRST_OF_CHARGING
            stamp_ns = self.alarm_events.stamped(content, made.time_ns) if is_of_charging else made.time_ns
            self.write_event(content, stamp_ns, lines)
            return
        if self._observer is not None and isinstance(content, Session):
            self._observer.add_session(content, made.time_ns)
        if self._sink is not None:
            if isinstance(content, Session) and not content.open and self._followed is not None:
                self._sink.add_session(content, self._followed.tag_of(made.channel))
            return
        if self.sessions.holds(made):
            return
        shift_ns = 0 if self._is_text else self.encoder.shift_ns
        row = session_point(content, self.vehicle, made.time_ns, shift_ns)
        if self._output is OutputFormat.WIDE_CSV:  # a row of a session has no column there
            return
        if self._is_text:
            channel = self._followed.tag_of(made.channel) if self._followed is not None else ""
            for line in lines_of(row, channel, self._output, *self._times):
                lines.append(line, row.time_ns)
        else:
            replaces = self.replacing is not None and row.measurement in REPLACING
            into = self.replacing if replaces and self.replacing is not None else lines
            into.append(point_line(row.measurement, row.tags, row.fields, row.time_ns), row.time_ns)
        self._made_here[row.measurement] += 1

    def _reports(self, transitions: Iterable[Transition]) -> list[Report]:
        """The events that the last rows made, in the order of the rows. transitions: of alarms in them."""
        reports: list[Report] = []
        for one in transitions:
            reports.append((one.row, *self.alarm_events.of(one, self.channels[one.channel].binding.tag)))
        notices = self.mapper.notices() if self.mapper is not None else ()
        if notices and self._missing_pages is not None:
            reports.extend(
                (row, event, self.alarm_events.stamped(event, time_ns))
                for row, event, time_ns in self._missing_pages.report(notices)
            )
            reports.sort(key=lambda one: one[0])
        return reports

    def _reduce(self, samples: SampleBatch, lines: LineBuffer) -> None:
        if self._reducer is not None:
            samples = _through(self._reducer.reduce, samples, self._reduced)
        self._encode(samples, lines)

    def write_event(self, event: Event, time_ns: int, lines: LineBuffer) -> None:
        """The observer gets the frame's own time, whatever the stamps of the points count from."""
        if self._sink is not None:
            self._sink.add_event(event, time_ns)
        elif self._is_text:
            row = SampleBatch(_EVENT_ROWS, 8)
            number = next(each.number for each in self.channels.values() if each.binding.tag == event.source)
            values = {
                "code": EVENT_CODES[event.code].number,
                "level": int(event.level),
                "active": event.active,
            }
            row.append(0, time_ns, values, channel=number)
            self._encode_event(row, lines)
        else:
            stamp_ns = time_ns + self.encoder.shift_ns
            lines.append(event_line(event, self.vehicle, stamp_ns), stamp_ns)
        self._made_here[EVENT.name] += 1
        if self._observer is not None:
            self._observer.add_event(event, time_ns)

    def flush(
        self,
        lines: LineBuffer,
        *,
        source: str | None = None,
        before_ns: int | None = None,
        shift_ns: int = 0,
    ) -> None:
        """Encode the rows that the reducer holds.

        source: only rows of this source; before_ns: only rows of intervals that ended before it; shift_ns: as
        when they were processed.
        """
        if self._reducer is None:
            return
        self._reduced.clear()
        tags = None if source is None else {tags for one in self.of(source) for tags in one.tag_sets}
        self._reducer.flush(self._reduced, before_ns, tags)
        self.encoder.shift_ns = shift_ns
        self._encode(self._reduced, lines)

    def of(self, source: str) -> Iterator[BoundChannel]:
        """The channels of `source`."""
        return (each for each in self.channels.values() if each.binding.source == source)

    def follow(self, source: str, newest_ns: int) -> None:
        """Earlier batches may hold points of the data model of `source` up to this stamp."""
        for channel in self.of(source):
            for tags in channel.modelled:
                self.encoder.modelled_series.follow(tags, newest_ns)

    def forget(self, source: str) -> None:
        """What comes of `source` from now on has nothing to do with what came: its alarms, its senders."""
        for channel in self.of(source):
            if self.watcher is not None:
                self.watcher.forget(channel.number)
            if self.banks is not None:
                self.banks.forget(channel.number)
            if self.senders is not None:
                self.senders.forget(channel.number)

    @property
    def events(self) -> int:
        """How many were made."""
        return self._made_here.get(EVENT.name, 0)

    @property
    def left_out(self) -> int:
        """Values that were not finite."""
        return self.encoder.left_out + (0 if self._sink is None else self._sink.left_out)

    @property
    def pending(self) -> int:
        """Points that the reducer holds."""
        return self._reducer.pending if self._reducer else 0

    @property
    def incomplete_cycles(self) -> int:
        """Cycles of cell pages that were not complete."""
        return self.mapper.incomplete_cycles if self.mapper else 0

    def missing_pages(self) -> list[str]:
        """A sentence for each cycle with pages of cells that have not come, or do not come any more."""
        if self.mapper is None or self._missing_pages is None:
            return []
        return [
            f"{channel.binding.tag}: {words}"
            for number, channel in self.channels.items()
            for words in self._missing_pages.words(number, self.mapper.missing(number))
        ]

    def countable(self, binding: Binding) -> Iterable[str]:
        """The names of what `counted` may count of a channel's frames."""
        if self.senders is None or binding.bus == NO_BUS:
            return ()
        judged = (_name(self._schema.specs[record]) for record, _ in self._judged[binding.bus])
        return [account_name(binding.source, name) for name in judged]

    def counted(self) -> dict[str, int]:
        """Points that these stages have added or taken off, as the accounts call them; those that the reducer
        holds are not made yet.
        """
        no_points = self.encoder.empty_by_measurement()
        counters: dict[str, int] = {}
        if self._reducer is not None:
            no_points = add(no_points, self._reducer.pending_by_measurement())
            counters["points/reduced"] = self._reducer.reduced
        made = add(self.mapper.made() if self.mapper else {}, {name: -n for name, n in no_points.items()})
        made = add(made, self._made_here)
        if self.senders is not None:
            for number, channel in self.channels.items():
                kept_out = self.senders.kept_out(number).items()
                source = channel.binding.source
                counters = add(counters, {account_name(source, name): count for name, count in kept_out})
        return add(counters, {f"points/made/{name}": count for name, count in made.items()})


def _reducer(schema: Schema, reduce: ReduceSettings, send: SendSettings) -> Reducer | None:
    """Return what keeps rows from being sent; None: nothing does."""
    every_ns = [
        0 if spec.hidden else reduce.every_ns(spec.measurement) if is_sent else -1
        for spec, is_sent in zip(schema.specs, send.chosen(schema.specs), strict=True)
    ]
    return Reducer(schema, every_ns, [*map(reduce.flags_every_ns, schema.specs)]) if any(every_ns) else None


def _encode_of(encoder: Encoder, output: OutputFormat) -> "_Encoding":
    return {
        OutputFormat.CSV: encoder.encode_csv,
        OutputFormat.LINE_PROTOCOL: encoder.encode,
        OutputFormat.NDJSON: encoder.encode_ndjson,
    }[output]


def _into(sink: RowSink) -> "_Encoding":
    return lambda samples, _: sink.add(samples)


class _Encoding(Protocol):
    def __call__(self, samples: SampleBatch, lines: LineBuffer, /) -> None: ...


def _through(stage: _Copying, samples: SampleBatch, out: SampleBatch) -> SampleBatch:
    out.clear()
    stage(samples, out)
    return out


def _name(record: RecordSpec) -> str:
    """What the message is called in its database."""
    return record.message or record.measurement
