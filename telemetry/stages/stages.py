"""From frames to line protocol: the compiled stages in their order, and the tags they write.

Promises: what comes out depends on the frames alone, not on how they were batched. Relies on being called
from one thread. Has no clock, no thread and no file of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from telemetry_core.decode.decoder import Decoder
from telemetry_core.decode.plan import Plan
from telemetry_core.decode.spec import PlanSpec, RecordSpec
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rules.map_spec import MapSpec
from telemetry_core.rules.mapper import Mapper
from telemetry_core.rules.protection import Protection
from telemetry_core.rules.protection_spec import ProtectionRule
from telemetry_core.rules.reducer import Reducer
from telemetry_core.rules.senders import SenderFinding, Senders
from telemetry_core.rules.watcher import Watcher
from telemetry_core.text.encoder import Encoder
from telemetry_core.text.lines import LineBuffer
from telemetry_core.transport.stage import Transport

from telemetry.config import SEND_ALL, ReduceSettings
from telemetry.ledger import Counters, Names, add, subtract
from telemetry.model.events import Event
from telemetry.model.events import line as event_line
from telemetry.model.ids import IsoTpId
from telemetry.model.measurements import EVENT
from telemetry.model.point import tag_set
from telemetry.rules.alarms import Alarm, AlarmTeller, successors
from telemetry.rules.missing_pages import MissingPages, Told
from telemetry.rules.reduce import check_measurements
from telemetry.rules.senders import account_name, finding_event, judged_records
from telemetry.stages.transport import SENDERS, listen, listens_for_j1939

NO_FRAMES = FrameBatch(1)
_MADE = Names("points/made/")


class _Copying(Protocol):
    """A stage that reads one batch of samples and writes another."""

    def __call__(self, samples: SampleBatch, out: SampleBatch) -> None: ...


class LineObserver(Protocol):
    """Who looks at the rows on their way, behind the mapper."""

    def start(self, schema: Schema) -> None:
        """All rows will be of this schema."""
        ...

    def bind(self, channel: int, *, source: str, tag: str, tags: Mapping[int, Mapping[str, str]]) -> None:
        """A channel, its source, its tag `source`, and the tag sets of the modelled rows of its frames and of
        J1939 senders.
        """
        ...

    def observe(self, frames: FrameBatch, samples: SampleBatch) -> None:
        """These frames became these rows; both are the line's again afterwards."""
        ...

    def add_event(self, event: Event, time_ns: int) -> None:
        """An event that these rows told, and its stamp."""
        ...


class Line:
    """Transport, protection, decoder, senders, mapper, watcher, reducer and encoder of one pipeline."""

    def __init__(
        self,
        plan: PlanSpec,
        mapping: MapSpec | None,
        alarms: Sequence[Alarm] = (),
        *,
        protection: Sequence[ProtectionRule] = (),
        vehicle: str,
        reduce: ReduceSettings = SEND_ALL,
        observer: LineObserver | None = None,
    ) -> None:
        """mapping: None when nothing is mapped. ConfigError if `reduce` names a measurement there is not."""
        modelled: tuple[RecordSpec, ...] = mapping.records if mapping else ()
        schema = Schema(plan.records + modelled)
        check_measurements(reduce.every_s_by_measurement, schema.specs)
        self._schema = schema
        self._observer: LineObserver | None = None
        if observer is not None:
            self.set_observer(observer)
        self._vehicle = vehicle
        self._plan = Plan(plan, schema)
        self._transport = Transport(self._plan)
        self._protection = Protection(self._plan, protection) if protection else None
        self._decoder = Decoder(self._plan)
        self._judged = judged_records(plan, mapping, alarms)
        self._senders = Senders(schema, self._judged) if any(self._judged) else None
        self._mapper = Mapper(schema, mapping) if mapping else None
        self._missing_pages = MissingPages(mapping) if mapping else None
        self._map_tags: Sequence[Mapping[str, str]] = mapping.tag_sets if mapping else ()
        self._watcher = Watcher(schema, [alarm.rule for alarm in alarms]) if alarms else None
        self._alarms = tuple(alarms)
        self._teller = AlarmTeller(alarms)
        self._events_made = 0
        every_ns = [0 if spec.hidden else reduce.every_ns(spec.measurement) for spec in schema.specs]
        self._reducer = Reducer(schema, every_ns) if any(every_ns) else None
        self._encoder = Encoder(schema)
        self._samples = SampleBatch(schema)
        self._mapped = SampleBatch(schema)
        self._reduced = SampleBatch(schema)
        self._tag_sets = 0
        self._source_of_channel: dict[int, str] = {}
        self._tag_of_channel: dict[int, str] = {}
        self._tags_of_source: dict[str, set[int]] = {}
        self._names_of_source: dict[str, tuple[Names, Names, str]] = {}  # frames, sessions; what was read
        self._counted_from_0: dict[str, int] = {}
        self._modelled_tags: dict[str, set[int]] = {}  # of its rows of the data model

    def set_observer(self, observer: LineObserver) -> None:
        """Let `observer` see all that comes from now on. Before anything is bound."""
        self._observer = observer
        observer.start(self._schema)

    def expect(
        self, source: str, *, bus: int, isotp: Sequence[IsoTpId] = (), has_error_frames: bool = True
    ) -> None:
        """Count all that may become of the frames of `source` from 0 on, before the first of them comes.

        bus, isotp: as for `bind`; has_error_frames: it is a bus, or a log of one, and no serial port.
        """
        fates = [name for name in self._decoder.counts(0) if has_error_frames or not name.startswith("lost/")]
        names = [f"frames/{source}/{name}" for name in fates]
        if isotp or listens_for_j1939(self._plan.spec.buses, bus):
            names += (f"frames/{source}/{name}" for name in self._transport.counts(0))
            names += (f"sessions/{source}/{name}" for name in self._transport.session_counts(0))
        if self._protection is not None:
            dropped, wrong = self._protection.countable(bus)
            names += (f"frames/{source}/{name}" for name in dropped)
            names += (f"protection/{source}/{name}" for name in wrong)
        if self._senders is not None and bus >= 0:
            names += (account_name(source, _name(self._schema.specs[one])) for one, _ in self._judged[bus])
        self._counted_from_0 |= dict.fromkeys(names, 0)

    def bind(
        self,
        channel: int,
        *,
        bus: int,
        source: str,
        tag: str,
        isotp: Sequence[IsoTpId] = (),
        has_error_frames: bool = True,
        by_order: bool = False,
    ) -> None:
        """Give the stages a channel: the plan's bus (-1: none), the source it counts for, its tag.

        isotp: ids of this channel whose frames are parts of longer messages; has_error_frames: see `expect`;
        by_order: stamps say nothing of pauses (simulated time), so that pages of cells are ordered by number.
        """
        self.expect(source, bus=bus, isotp=isotp, has_error_frames=has_error_frames)
        common = {"vehicle": self._vehicle, "source": tag}
        self._source_of_channel[channel] = source
        self._names_of_source[source] = (
            Names(f"frames/{source}/"),
            Names(f"sessions/{source}/"),
            f"bus/{source}/read",
        )
        self._tag_of_channel[channel] = tag
        own_tags = self._add_tags(common)
        j1939 = listens_for_j1939(self._plan.spec.buses, bus)
        listen(self._transport, channel, bus, j1939=j1939, isotp=isotp)
        if self._protection is not None:
            self._protection.bind(channel, bus)
        by_sender = ({**common, "sa": f"{sender:02X}"} for sender in range(SENDERS if j1939 else 0))
        sender_tags = {self._add_tags(tags): tags for tags in by_sender}
        self._decoder.bind(channel, bus, own_tags, own_tags + 1 if sender_tags else None)
        if self._senders is not None:
            self._senders.bind(channel, bus, own_tags + 1)
        mapped_tags: dict[int, Mapping[str, str]] = {}
        if self._mapper is not None:
            mapped_tags = {
                self._add_tags(tags): tags for tags in ({**common, **own} for own in self._map_tags)
            }
            self._mapper.bind(channel, bus, list(mapped_tags), by_order=by_order)
        if self._missing_pages is not None:
            self._missing_pages.bind(channel, bus, tag)
        if self._watcher is not None:
            self._watcher.bind(channel, bus, own_tags, list(mapped_tags), 1 + len(sender_tags))
        if self._observer is not None:
            self._observer.bind(channel, source=source, tag=tag, tags={**sender_tags, **mapped_tags})
        self._modelled_tags.setdefault(source, set()).update(mapped_tags)
        self._tags_of_source.setdefault(source, set()).update((own_tags, *sender_tags, *mapped_tags))

    def _add_tags(self, tags: Mapping[str, str]) -> int:
        index = self._tag_sets
        self._encoder.set_tags(index, tag_set(tags))
        self._tag_sets += 1
        return index

    def process(self, frames: FrameBatch, lines: LineBuffer, *, shift_ns: int = 0) -> None:
        """Decode, map, watch, reduce and encode `frames` into `lines`; `shift_ns` is added to each stamp."""
        self._samples.clear()
        whole = self._transport.reassemble(frames)
        if self._protection is not None:
            whole = self._protection.check(whole)
        self._decoder.decode(whole, self._samples)
        self._encoder.shift_ns = shift_ns
        findings = self._senders.judge(self._samples) if self._senders is not None else []
        if findings:
            self._pass_on_with_findings(frames, self._samples, findings, lines)
        else:
            self._pass_on(frames, self._samples, lines)

    def _pass_on_with_findings(
        self, frames: FrameBatch, samples: SampleBatch, findings: Sequence[SenderFinding], lines: LineBuffer
    ) -> None:
        """Each event right behind what became of the row that told it, so that batches make no difference."""
        *parts, rest = samples.split([finding.row + 1 for finding in findings])
        for part, finding in zip(parts, findings, strict=True):
            self._pass_on(frames, part, lines)
            frames = NO_FRAMES
            record = self._schema.specs[finding.record]
            event = finding_event(finding, _name(record), self._tag_of_channel[finding.channel])
            time_ns = self._teller.stamped(event, finding.time_ns)
            self._write_event(event, time_ns, self._encoder.shift_ns, lines)
        self._pass_on(frames, rest, lines)

    def _pass_on(self, frames: FrameBatch, samples: SampleBatch, lines: LineBuffer) -> None:
        """Map, watch, reduce and encode what the decoder made of `frames`."""
        if self._mapper is not None:
            samples = _through(self._mapper.map, samples, self._mapped)
        if self._observer is not None:
            self._observer.observe(frames, samples)
        told = self._told(samples)
        if told:
            self._write_with_events(samples, told, lines)
        else:
            self._write(samples, lines)

    def _told(self, samples: SampleBatch) -> list[Told]:
        """The events that these rows make, in the order of the rows."""
        told: list[Told] = []
        for one in self._watcher.watch(samples) if self._watcher is not None else ():
            told.append((one.row, *self._teller.tell(one, self._tag_of_channel[one.channel])))
        notices = self._mapper.notices() if self._mapper is not None else ()
        if notices and self._missing_pages is not None:
            told.extend(
                (row, event, self._teller.stamped(event, time_ns))
                for row, event, time_ns in self._missing_pages.tell(notices)
            )
            told.sort(key=lambda one: one[0])
        return told

    def _write(self, samples: SampleBatch, lines: LineBuffer) -> None:
        if self._reducer is not None:
            samples = _through(self._reducer.reduce, samples, self._reduced)
        self._encoder.encode(samples, lines)

    def _write_with_events(self, samples: SampleBatch, told: Sequence[Told], lines: LineBuffer) -> None:
        """Each event right after the row that told it, so that batches make no difference."""
        *parts, rest = samples.split([row + 1 for row, _, _ in told])
        for part, (_, event, time_ns) in zip(parts, told, strict=True):
            self._write(part, lines)
            self._write_event(event, time_ns, self._encoder.shift_ns, lines)
        self._write(rest, lines)

    def _write_event(self, event: Event, time_ns: int, shift_ns: int, lines: LineBuffer) -> None:
        """Who looks on is told the frame's own time, whatever the stamps of the points count from."""
        stamp_ns = time_ns + shift_ns
        lines.append(event_line(event, self._vehicle, stamp_ns), stamp_ns)
        self._events_made += 1
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
        tags = None if source is None else self._tags_of_source.get(source, ())
        self._reducer.flush(self._reduced, before_ns, tags)
        self._encoder.shift_ns = shift_ns
        self._encoder.encode(self._reduced, lines)

    def hand_over(self, successor: "Line", lines: LineBuffer, *, source: str, shift_ns: int = 0) -> None:
        """Alarms of `source` that are active go on in `successor`, whose channels are bound, and so do limits
        that are crossed and wait for their time. J1939 senders that messages are taken from stay the same.

        Alarms that it does not watch for end, with the stamp of the newest row that told of them; all of them
        where the vehicle is called otherwise, since their tags are others. shift_ns: as for those rows. What
        `successor` writes overlaps where it may be points of this line.
        """
        successor._teller.carry_on(self._teller)
        for tags in self._modelled_tags.get(source, ()):
            successor.follow(source, self._encoder.modelled_series.newest_ns(tags))
        for channel, its_source in self._source_of_channel.items():
            if its_source != source:
                continue
            if self._senders is not None and successor._senders is not None:
                successor._senders.go_on_from(self._senders, channel)
            if self._watcher is None:
                continue
            before = self._watched(channel)
            watched = successor._watched(channel) if successor._vehicle == self._vehicle else []
            heirs = successors(before, watched)
            for alarm in self._watcher.standing(channel):
                if alarm.rule in heirs and successor._watcher is not None:
                    successor._watcher.carry_on(channel, heirs[alarm.rule], alarm.seen_ns)
                else:
                    event, time_ns = self._teller.tell_last(alarm, self._tag_of_channel[channel])
                    self._write_event(event, time_ns, shift_ns, lines)
            heirs = successors(before, watched, same_limit=True)
            for wait in self._watcher.waiting(channel):
                if wait.rule in heirs and successor._watcher is not None:
                    successor._watcher.wait_on(channel, heirs[wait.rule], wait.since_ns)

    def follow(self, source: str, newest_ns: int) -> None:
        """Earlier batches may hold points of the data model of `source` up to this stamp."""
        for tags in self._modelled_tags.get(source, ()):
            self._encoder.modelled_series.follow(tags, newest_ns)

    def forget(self, source: str) -> None:
        """What comes of `source` from now on has nothing to do with what came: its alarms, its senders."""
        for channel, its_source in self._source_of_channel.items():
            if its_source == source and self._watcher is not None:
                self._watcher.forget(channel)
            if its_source == source and self._senders is not None:
                self._senders.forget(channel)

    @property
    def sources(self) -> Iterable[str]:
        """Those of its channels."""
        return dict.fromkeys(self._source_of_channel.values())

    def _watched(self, channel: int) -> list[tuple[int, Alarm]]:
        rules = self._watcher.watched(channel) if self._watcher is not None else ()
        return [(rule, self._alarms[rule]) for rule in rules]

    def end_sessions(self, source: str) -> None:
        """Nothing more comes of `source`: transport sessions that are open are lost, and counted as such."""
        for channel, its_source in self._source_of_channel.items():
            if its_source == source:
                self._transport.end_sessions(channel)

    @property
    def pending(self) -> int:
        """Points that the reducer holds."""
        return self._reducer.pending if self._reducer else 0

    @property
    def incomplete_cycles(self) -> int:
        """Cycles of cell pages that were not complete."""
        return self._mapper.incomplete_cycles if self._mapper else 0

    def missing_pages(self) -> list[str]:
        """A sentence for each cycle with pages of cells that have not come, or do not come any more."""
        if self._mapper is None or self._missing_pages is None:
            return []
        return [
            f"{self._tag_of_channel[channel]}: {words}"
            for channel in self._source_of_channel
            for words in self._missing_pages.words(channel, self._mapper.missing(channel))
        ]

    def counted(self) -> dict[str, int]:
        """Frames and points by name, as the accounts call them; points held by the reducer are left out.

        What may become of the frames of each source is there from the start, as 0.
        """
        counters = dict(self._counted_from_0)
        for channel, source in self._source_of_channel.items():
            frames, sessions, read = self._names_of_source[source]
            _count(counters, frames, self._decoder.counts(channel))
            open_frames = 0
            if not self._transport.is_idle:
                _count(counters, frames, self._transport.counts(channel))
                _count(counters, sessions, self._transport.session_counts(channel))
                open_frames = self._transport.open_frames(channel)
            counters[read] = counters.get(read, 0) - open_frames  # read is what something has become of
            if self._senders is not None:
                kept_out = self._senders.kept_out(channel)
                counters = add(
                    counters,
                    {account_name(source, name): count for name, count in kept_out.items()},
                )
            if self._protection is not None:
                dropped, wrong = self._protection.counts(channel), self._protection.message_counts(channel)
                counters = add(
                    counters,
                    {f"frames/{source}/{name}": count for name, count in dropped.items() if count},
                    {f"protection/{source}/{name}": count for name, count in wrong.items()},
                )
        made = self._decoder.made()
        if self._mapper is not None:
            made = add(made, self._mapper.made())
        if self._events_made:
            made = add(made, {EVENT.name: self._events_made})
        no_points = self._encoder.empty_by_measurement()
        if self._reducer is not None:
            no_points = add(no_points, self._reducer.pending_by_measurement())
            counters["points/reduced"] = self._reducer.reduced
        if no_points:
            made = subtract(made, no_points)
        for name, count in made.items():
            counters[_MADE[name]] = count
        return counters


def _count(counters: dict[str, int], names: Names, counts: Counters) -> None:
    """Add `counts` but zeros, which are in `counters` where they may come to be more."""
    for name, count in counts.items():
        if count:
            counters[names[name]] = counters.get(names[name], 0) + count


def _through(stage: _Copying, samples: SampleBatch, out: SampleBatch) -> SampleBatch:
    out.clear()
    stage(samples, out)
    return out


def _name(record: RecordSpec) -> str:
    """What the message is called in its database."""
    return record.message or record.measurement
