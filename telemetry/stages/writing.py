"""The stages after the decoder: rows are mapped, watched, followed, reduced, and go to the output.

Promises: what comes out depends on the rows alone, not on how they were batched: an event stands right after
the row that it comes from. Relies on being called from one thread, with the rows in their order.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from telemetry_core.decode.spec import PlanSpec
from telemetry_core.decode.unmatched import UnmatchedIds
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import SlotKind
from telemetry_core.rules.map_spec import MapSpec
from telemetry_core.rules.senders import SenderFinding, Senders
from telemetry_core.text.lines import LineBuffer

from telemetry.charging.items import Point, SessionItem, SessionRow
from telemetry.charging.session import Session
from telemetry.ledger import add
from telemetry.model.events import Event
from telemetry.model.measurements import BATTERY, EVENT
from telemetry.rules.alarms import Alarm
from telemetry.rules.bank import Bank
from telemetry.rules.map_plan import counted_fields
from telemetry.rules.reduce import SEND_ALL, ReduceSettings, check_measurements
from telemetry.rules.send import SEND_MESSAGES, SendSettings
from telemetry.rules.senders import account_name, finding_event, judged_records
from telemetry.rules.trigger import TRIGGER, ResolvedTrigger
from telemetry.stages.banks import Banks
from telemetry.stages.binding import NO_BUS, Binding, BoundChannel
from telemetry.stages.following import Alarms, BankRow, Following, Mapped
from telemetry.stages.formats import OutputFormat
from telemetry.stages.observer import Observer
from telemetry.stages.output import OutputKind, output_of
from telemetry.stages.reducing import Reducing
from telemetry.stages.sessions import NoSessions, PlugSessions

if TYPE_CHECKING:  # a service that follows no charge, or no health of packs, imports none of it
    from telemetry.charging.plan import ChargingPlan
    from telemetry.health.settings import HealthSettings
    from telemetry.stages.health import HealthFollowing

NO_FRAMES = FrameBatch(1)
VIN = "vin"  # what protocols and profiles call a vehicle's number

ShownVin = Callable[[str], str | None]  # how it is written; None: not at all


class Writing:
    """Senders, mapper, what follows from rows, reducer and output."""

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
        output: OutputKind = OutputFormat.LINE_PROTOCOL,
        every_report: bool = False,
        charging: "ChargingPlan | None" = None,
        banks: Sequence[Bank] = (),
        shown_vin: ShownVin | None = None,
        triggers: Sequence[ResolvedTrigger] = (),
        health: "Sequence[HealthSettings]" = (),
    ) -> None:
        """Make the stages.

        mapping: None when nothing is mapped; every_report: an event in each message with an alarm;
        charging: what is followed; banks: which `mapping` has tag sets for;
        shown_vin: of vehicles' numbers in messages, None: they are written as they are.

        ConfigError if `reduce` names a measurement that there is not, or `send` messages.
        """
        check_measurements(reduce, schema.specs)
        self._schema = schema
        self.vehicle = vehicle
        self.channels: dict[int, BoundChannel] = {}
        self._observers: list[Observer] = []
        self._frames = NO_FRAMES  # what the rows were, until the observers have seen them
        self._shown_vin = shown_vin
        self._vins = [
            (record, field)
            for record, spec in enumerate(schema.specs)
            for field, each in enumerate(spec.fields)
            if shown_vin and each.kind is SlotKind.ASCII and each.name == VIN
        ]
        self._made_here = Counter[str]()  # points that no row gave, by measurement
        alarms = (*alarms, *(alarm for trigger in triggers for alarm in trigger.alarms))
        self._judged = judged_records(plan, mapping, alarms)
        self._is_judging = any(self._judged)
        self.senders = Senders(schema, self._judged)
        self.alarms = Alarms(schema, alarms, every_report=every_report)
        self.mapped = Mapped(schema, mapping, self.alarms) if mapping else None
        followed = charging.plugs_for(schema, vehicle) if charging else None
        self.sessions = PlugSessions(followed, mapping, self.channels, self) if followed else NoSessions()
        self.is_dated = True  # stamps count from 1970
        self.health = self._follow_health(schema, health, self.mapped) if self.mapped and health else None
        self.banks = Banks(schema, banks, mapping, self.alarms) if mapping and banks else None
        self.reducing = Reducing(schema, reduce, send, triggers)
        self.windows = self.reducing.windows
        first = (alarms and self.alarms, self.mapped, followed and self.sessions)
        following = (*first, self.health, self.banks)
        self._following: list[Following] = [each for each in following if each]
        self._has_memory = bool(self._is_judging or self._following or self.reducing or triggers)
        self.output = output_of(output, schema, vehicle, with_events=self._has_memory)
        self.output.expect_parts(self.reducing.bounded)
        self.remembers = self._has_memory or self.output.in_order
        self._send = self._reduce if self.reducing else self.output.add

    def _follow_health(
        self, schema: Schema, settings: "Sequence[HealthSettings]", mapped: Mapped
    ) -> "HealthFollowing":
        from telemetry.stages.health import HealthFollowing

        return HealthFollowing(schema, settings, mapped.mapper, self)

    def set_observer(self, observer: Observer, unmatched: UnmatchedIds) -> None:
        """Let `observer` see all that comes from now on. Before anything is bound."""
        counted = counted_fields(self.mapped.mapper.spec) if self.mapped is not None else {}
        self._observers = [observer]
        observer.start(self._schema, counted, unmatched, self.reducing.field_bounds)

    def bind(self, channel: BoundChannel) -> None:
        """Expect rows of `channel`."""
        binding = channel.binding
        self.channels[channel.number] = channel
        self.output.bind(channel)
        self.senders.bind(channel.number, binding.bus, channel.senders.start)
        for each in self._following:
            each.bind(channel)
        self.reducing.bind(channel)
        for observer in self._observers:
            tags = dict(zip(channel.tag_sets, channel.tags(), strict=True))
            del tags[channel.own]
            observer.bind(channel.number, source=binding.source, tag=binding.tag, tags=tags)

    def write(
        self, samples: SampleBatch, lines: LineBuffer, *, frames: FrameBatch = NO_FRAMES, shift_ns: int = 0
    ) -> None:
        """Take the rows through the stages, and write what comes out.

        frames: what they were, for the observer; shift_ns: is added to each stamp.
        """
        self.output.shift_ns = shift_ns
        self._frames = frames
        if self._is_judging and (findings := self.senders.judge(samples)):
            samples = self._in_turn(self._pass_on, samples, [*map(self._found, findings)], lines)
        self._pass_on(samples, lines)

    def _found(self, finding: SenderFinding) -> SessionItem:
        tag = self.channels[finding.channel].binding.tag
        event = finding_event(finding, self._schema.specs[finding.record].message_name, tag)
        return SessionItem(finding.row, self.alarms.stamped(event, finding.time_ns), event)

    def _pass_on(self, samples: SampleBatch, lines: LineBuffer) -> None:
        self._go_on(self.mapped.map(samples) if self.mapped else samples, lines)

    def _go_on(self, samples: SampleBatch, lines: LineBuffer) -> None:
        made: list[SessionItem | BankRow] = []
        for each in self._following:
            made += each.follow(samples)
        if self._shown_vin is not None:  # sessions have to know it
            for record, field in self._vins:
                samples.change_texts(record, field, self._shown_vin)
        for observer in self._observers:
            observer.observe(self._frames, samples)
        self._frames = NO_FRAMES
        if made:
            made.sort(key=lambda one: one.row)
            samples = self._in_turn(self._send, samples, made, lines)
        self._send(samples, lines)

    def _in_turn(
        self,
        go_on: Callable[[SampleBatch, LineBuffer], None],
        samples: SampleBatch,
        made: Sequence[SessionItem | BankRow],
        lines: LineBuffer,
    ) -> SampleBatch:
        """Write what was made, each after the rows up to its own; return the rows after the last."""
        *parts, rest = samples.split([one.row + 1 for one in made])
        for part, one in zip(parts, made, strict=True):
            go_on(part, lines)
            self._write(one, lines)
        return rest

    def _reduce(self, samples: SampleBatch, lines: LineBuffer) -> None:
        self._add(self.reducing.take(samples, self.output.shift_ns), lines)

    def _add(self, batches: Iterable[SampleBatch], lines: LineBuffer) -> None:
        for samples in batches:
            self.output.add(samples, lines)
            for observer in self._observers if self.reducing.field_bounds else ():
                observer.observe_kept(samples)

    def set_off(self, event: Event, source: str, time_ns: int, lines: LineBuffer, *, shift_ns: int) -> Event:
        """Return the event, with the capture that it begins, if any; what is sent again goes into `lines`.

        source: that it is of; shift_ns: of its stamps.
        """
        if self.windows is None:
            return event
        again = SampleBatch(self._schema)
        event = self.windows.set_off(event, source, time_ns, shift_ns, again)
        before_ns, self.output.shift_ns = self.output.shift_ns, 0  # in `again` it is added already
        self.output.add(again, lines)
        self.output.shift_ns = before_ns
        return event

    def _write(self, made: SessionItem | BankRow, lines: LineBuffer) -> None:
        if isinstance(made, BankRow):
            self._made_here[BATTERY.name] += len(made.samples)
            for observer in self._observers:
                observer.observe(NO_FRAMES, made.samples)
            self._send(made.samples, lines)
        elif isinstance(made.content, Event):
            self.write_event(made.content, made.time_ns, lines)
        elif isinstance(made.content, Point):
            self._put(made, made.content, self.channels[made.channel].binding.tag, lines)
        else:
            self._write_session(made, made.content, lines)

    def write_event(self, event: Event, time_ns: int, lines: LineBuffer) -> None:
        """Write an event. The observer gets the frame's own time, whatever stamps of points count from."""
        if self.windows is not None:
            sources = (each.binding for each in self.channels.values() if each.binding.tag == event.source)
            source = next((binding.source for binding in sources), "")
            event = self.set_off(event, source, time_ns, lines, shift_ns=self.output.shift_ns)
            if event.code == TRIGGER and not event.capture:
                return  # over per_hour
        self._add(self.reducing.keep(event.source, pack=event.pack, charger=event.charger), lines)
        self._made_here[EVENT.name] += 1
        self.output.add_event(event, time_ns, lines)
        for observer in self._observers:
            observer.add_event(event, time_ns)

    def _write_session(self, made: SessionItem, row: SessionRow, lines: LineBuffer) -> None:
        if isinstance(row, Session):
            for observer in self._observers:
                observer.add_session(row, made.time_ns)
            if not row.open:  # its start is an event
                self._add(self.reducing.keep(self.sessions.followed.tag_of(made.channel)), lines)
        if not self.sessions.holds(made):
            self._put(made, row, self.sessions.followed.tag_of(made.channel), lines)

    def _put(self, made: SessionItem, row: SessionRow, tag: str, lines: LineBuffer) -> None:
        if measurement := self.output.add_session(row, made.time_ns, tag, lines):
            self._made_here[measurement] += 1

    def write_made(self, made: Iterable[SessionItem], lines: LineBuffer, *, shift_ns: int) -> None:
        """Write what follows from time that passes, or from rows that end. shift_ns: is added to stamps."""
        self.output.shift_ns = shift_ns
        for one in self.alarms.apart(made):
            self._write(one, lines)

    def write_waited(self, rows: Iterable[SessionItem], lines: LineBuffer) -> None:
        """Write rows that have waited for the time. What held rows they end was sent when they were made."""
        self.output.shift_ns = 0
        for one in rows:
            tag = self.sessions.followed.tag_of(one.channel)
            self._put(one, one.content, tag, lines)  # type: ignore[arg-type]  # no event waits

    def finish(self, lines: LineBuffer, end_ns: int) -> None:
        """Write what ends with the last frame, of stamp `end_ns`, but for what the reducer holds."""
        if self.mapped is not None:
            self._go_on(self.mapped.finish(), lines)
        self.end_sessions(lines, end_ns, goes_on=False)

    def end_sessions(
        self, lines: LineBuffer, end_ns: int, *, source: str | None = None, goes_on: bool = True
    ) -> None:
        """End what is open at plugs and of packs, with the last frame of its recording, of stamp `end_ns`.

        source: only where frames of this source alone are followed; None: everywhere. goes_on: another
        recording follows.
        """
        for plug in self.sessions.fed_by(source):
            self.sessions.finish(plug, end_ns, lines, shift_ns=0)
        if self.health is not None:
            self.write_made(self.health.finish(source, end_ns, goes_on=goes_on), lines, shift_ns=0)

    def begin_log(self, name: str, lines: LineBuffer) -> None:
        """Expect rows of the log of this name. Where rows say it, intervals of the reducer end."""
        if self.output.with_log:
            self.flush(lines)
            self.output.begin_log(name)

    def flush(
        self,
        lines: LineBuffer,
        *,
        source: str | None = None,
        before_ns: int | None = None,
        shift_ns: int = 0,
    ) -> None:
        """Write the rows that mapper and reducer hold.

        source: only rows of this source; before_ns: only rows of rounds and intervals that ended before it;
        shift_ns: as when they were processed.
        """
        self.output.shift_ns = shift_ns
        self._release(lines, source, before_ns)
        tags = None if source is None else {tags for one in self.of(source) for tags in one.tag_sets}
        self._add(self.reducing.flush(before_ns, tags), lines)

    def set_factor(self, factor: float, longest_s: float, lines: LineBuffer) -> None:
        """Multiply all bounds by `factor` from now on. What they hold counts from 1970, and goes out."""
        self.output.shift_ns = 0
        self._add((self.reducing.set_factor(factor, longest_s),), lines)

    def copy_held(self, source: str, lines: LineBuffer, *, shift_ns: int) -> None:
        """Write what `flush` would of `source`. It stays held, and is not counted."""
        self.output.shift_ns = shift_ns
        for channel in self.of(source):
            if self.mapped is not None:
                self.output.copy(self.mapped.copy(channel.number), lines)
            for samples in self.reducing.copy(channel.tag_sets):
                self.output.copy(samples, lines)

    def _release(self, lines: LineBuffer, source: str | None = None, before_ns: int | None = None) -> None:
        for channel in self.channels.values() if source is None else self.of(source):
            if self.mapped is not None and self.mapped.mapper.held(channel.number):
                self._go_on(self.mapped.release(channel.number, before_ns), lines)

    @property
    def is_settled(self) -> bool:
        """Return whether nothing would be written if no row came any more."""
        return not (self.sessions.is_open() or self.health or self.pending)

    def memory(self) -> dict[str, Any]:
        """Return what is remembered of all rows so far, as plain values: for `remember`.

        Stamps that events have had are left out, which keep those of one code and stamp apart.
        """
        if not self._has_memory:
            return {}
        mapper = self.mapped.mapper if self.mapped else None
        channels = {
            number: (
                self.senders.memory(number),
                self.alarms.watcher.memory(number),
                mapper.memory(number) if mapper else None,
            )
            for number in self.channels
        }
        return {
            "channels": channels,
            "sessions": self.sessions.memory(),
            "health": self.health.memory() if self.health else None,
            "banks": self.banks.memory() if self.banks else None,
            "reducing": self.reducing.memory(),
        }

    def remember(self, memory: Mapping[str, Any]) -> None:
        """Go on with the `memory` of stages of the same configuration, whose channels are bound likewise.

        Raises ValueError for that of others.
        """
        if memory["channels"].keys() != self.channels.keys():
            raise ValueError("the memory is of other channels")
        for number, (senders, alarms, mapped) in memory["channels"].items():
            if senders is not None:
                self.senders.remember(number, senders)
            self.alarms.watcher.remember(number, alarms)
            if mapped is not None and self.mapped is not None:
                self.mapped.mapper.remember(number, mapped)
        self.sessions.remember(memory["sessions"])
        if self.health is not None:
            self.health.remember(memory["health"])
        if self.banks is not None:
            self.banks.remember(memory["banks"])
        self.reducing.remember(memory["reducing"])

    def of(self, source: str) -> Iterator[BoundChannel]:
        """Return the channels of `source`."""
        return (each for each in self.channels.values() if each.binding.source == source)

    def assume_up_to(self, source: str, newest_ns: int) -> None:
        """Assume that earlier batches hold points of the data model of `source` up to this stamp."""
        for channel in self.of(source):
            for tags in channel.modelled:
                self.output.assume_up_to(tags, newest_ns)

    def forget(self, source: str) -> None:
        """Forget alarms, senders, sessions of `source`: what comes now has nothing to do with what came."""
        self.sessions.forget(source)
        if self.health is not None:
            self.health.forget(source)
        if self.windows is not None:
            self.windows.forget(source)
        for channel in self.of(source):
            self.senders.forget(channel.number)
            self.alarms.watcher.forget(channel.number)
            if self.banks is not None:
                self.banks.forget(channel.number)

    @property
    def pending(self) -> int:
        """Return how many rounds the mapper holds, and how many points or parts of them reducers do."""
        rounds = sum(map(self.mapped.mapper.held, self.channels)) if self.mapped else 0
        return rounds + self.reducing.holding

    @property
    def incomplete_cycles(self) -> int:
        """Return cycles of cell pages that were not complete."""
        return self.mapped.mapper.incomplete_cycles if self.mapped else 0

    def missing_pages(self) -> list[str]:
        """Return a sentence for each cycle with pages of cells that have not come, or come no more."""
        return [
            f"{channel.binding.tag}: {words}"
            for number, channel in self.channels.items()
            for words in (self.mapped.missing(number) if self.mapped else ())
        ]

    def countable(self, binding: Binding) -> Iterable[str]:
        """Return the names of what `counted` may count of a channel's frames."""
        judged = self._judged[binding.bus] if binding.bus != NO_BUS else ()
        return [account_name(binding.source, self._schema.specs[record].message_name) for record, _ in judged]

    def counted(self) -> dict[str, int]:
        """Return points that these stages have added or taken off, as the accounts call them.

        Those that the reducer holds are not made yet.
        """
        empty = {name: -count for name, count in self.output.empty_by_measurement().items()}
        mapped = self.mapped.mapper.made() if self.mapped else {}
        made = add(mapped, empty, self._made_here)
        counters = self.reducing.counted()
        for number, channel in self.channels.items() if self._is_judging else ():
            kept_out = self.senders.kept_out(number).items()
            source = channel.binding.source
            counters = add(counters, {account_name(source, name): count for name, count in kept_out})
        return add(counters, {f"points/made/{name}": count for name, count in made.items()})
