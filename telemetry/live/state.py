"""The vehicle now: the last values of packs and chargers, the buses' traffic, the newest events.

Promises:
- A value is never older than it says. Its age is the longer of two: the time since it was processed, and how
  far its stamp lies before the newest of its channel. So nothing makes an old value look new: neither a
  silent bus, nor a clock that is set, nor a log that is replayed fast.
- It costs next to nothing while nobody looks. Message rows are remembered, and ids without a message are
  counted, only for MESSAGES_FOR_S after a request. A snapshot has MAX_MESSAGES messages with MAX_SIGNALS
  values at most.

Relies on one thread that observes and takes snapshots. A snapshot is immutable, and any thread may describe
it. Has no thread and no socket.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from types import MappingProxyType

from telemetry_core.decode.unmatched import UnmatchedIds
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.traffic import ChannelTraffic, Traffic
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.latest import Latest, Remembered
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import RecordSpec

from telemetry.charging.session import Session
from telemetry.clock import Clock
from telemetry.live.standing import Standing
from telemetry.live.values import Reader, Value, reader
from telemetry.model.bit_rate import BitRate
from telemetry.model.events import Event
from telemetry.model.ids import id_text
from telemetry.rules.reduce import NO_BOUND

STALE_S = 10.0
MAX_EVENTS = 50
MAX_MESSAGES = 200
MAX_SIGNALS = 4000  # in all messages together
MESSAGES_FOR_S = 10.0
RATE_OVER_S = 2.0
REMAINING = "remaining_min"  # the field of a charging protocol's message; the data model has none


@dataclass(frozen=True, slots=True)
class Entity:
    """What is known of one record with one tag set: values, and the monotonic time each was known at."""

    measurement: str  # or, of a message, its name
    tags: Mapping[str, str]
    known_s: float  # of the newest row
    values: Mapping[str, Value]
    values_known_s: Mapping[str, float]
    units: Mapping[str, str] = field(default_factory=dict)  # of the values that have one
    channel_since_ns: int = 0  # the stamp from which its channel is mapped
    rate_per_s: float = 0.0  # how often a message comes, of a bus's database or of a serial protocol
    # Of those with a bound: when the last value was known that goes to the server; the bound, as configured.
    kept: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UnmatchedEntity:
    """An id without a message, since someone asked for messages.

    source: the tag; id: as text; min_bytes, max_bytes: of its frames; period_s: the mean time between two,
    None for a single one.
    """

    source: str
    id: str
    frames: int
    min_bytes: int
    max_bytes: int
    period_s: float | None


@dataclass(frozen=True, slots=True)
class SourceTraffic:
    """What came from one source lately. bus_load_pct: None where no bit rate is known."""

    source: str
    frames_per_s: float
    bus_load_pct: float | None


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """An event and its stamp."""

    event: Event
    time_ns: int


@dataclass(frozen=True, slots=True)
class LiveSnapshot:
    """The state of one moment.

    modelled: of the data model, and what charging protocols say of the time that remains;
    standing: events that still hold, the worst first; counted: of each pack, the fields that the service
    itself counts; messages: None unless a client asked; messages_left_out: how many more there are;
    unmatched: ids without a message, likewise; unmatched_left_out: frames of further ones;
    sessions: the newest charging session of each charger, open or over.
    """

    taken_s: float
    time_ns: int
    modelled: tuple[Entity, ...] = ()
    traffic: tuple[SourceTraffic, ...] = ()
    events: tuple[TimedEvent, ...] = ()
    standing: tuple[Event, ...] = ()
    counted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    messages: tuple[Entity, ...] | None = None
    messages_left_out: int = 0
    unmatched: tuple[UnmatchedEntity, ...] = ()
    unmatched_left_out: int = 0
    sessions: tuple[Session, ...] = ()


@dataclass(frozen=True, slots=True)
class _Channel:
    source: str
    name: str  # the tag `source`
    since: ChannelTraffic  # what it had carried when it was bound


@dataclass(frozen=True, slots=True)
class _Counted:
    """Totals of one moment, to make rates of."""

    at_s: float
    channels: Mapping[int, ChannelTraffic]
    messages: tuple[int, ...] | None  # None: nobody asked for them then


class LiveState:
    """Observes Stages; gives a snapshot when asked."""

    def __init__(self, clock: Clock, bit_rate_of: Callable[[str], BitRate | None]) -> None:
        """Begin empty. bit_rate_of: a source's, as it is now; None where it is not known."""
        self._clock = clock
        self._bit_rate_of = bit_rate_of
        self._channels: dict[int, _Channel] = {}
        self._tags: dict[int, Mapping[str, str]] = {}
        self._traffic = Traffic()
        self._events: deque[TimedEvent] = deque(maxlen=MAX_EVENTS)
        self._sessions: dict[str, Session] = {}  # the newest, by charger
        self._standing = Standing()
        self._asked_s = float("-inf")
        self._counted: deque[_Counted] = deque()
        self._messages: Latest | None
        self.start(Schema(()))

    # -- observing, by the pipeline's thread

    def start(
        self,
        schema: Schema,
        counted: Mapping[str, frozenset[str]] = MappingProxyType({}),
        unmatched: UnmatchedIds | None = None,
        bounds: Sequence[float] = (),
    ) -> None:
        """Expect rows of this schema, and channels to be bound again; forget what was known before.

        counted: of each pack, the fields that the service itself counts, from 0; unmatched: counts ids
        without a message while someone asks for messages; bounds: of each field, -1 for none.
        """
        self._standing.forget(("page_missing",))  # other stages report again what they miss
        self._unmatched = unmatched
        self._schema = schema
        self._counted_fields = counted
        self._channels.clear()
        self._tags.clear()
        self._counted.clear()
        self._messages = None
        self._readers: dict[int, list[tuple[str, Reader, str]]] = {}
        modelled = [
            index for index, spec in enumerate(schema.specs) if spec.modelled or says_what_remains(spec)
        ]
        self._message_records = [
            index
            for index, spec in enumerate(schema.specs)
            if not spec.modelled and (spec.fields or not spec.hidden)  # a serial message without is a text
        ]
        self._modelled = Latest(schema, modelled)
        found = iter(bounds)
        self._bounds = [[next(found) for _ in spec.fields] for spec in schema.specs] if bounds else []
        self._kept = Latest(schema, modelled if bounds else ())
        self._any_modelled = bool(modelled)

    def bind(self, channel: int, *, source: str, tag: str, tags: Mapping[int, Mapping[str, str]]) -> None:
        """Note that `channel` is of `source`; tags: of the modelled rows made of its frames, by tag set."""
        self._channels[channel] = _Channel(source, tag, self._traffic.of(channel))
        self._tags.update(tags)

    def observe(self, frames: FrameBatch, samples: SampleBatch) -> None:
        """Take in frames, and the rows that were made of them."""
        now_ns = int(self._clock.monotonic_s() * 1e9)
        self._traffic.count(frames, now_ns)
        if self._any_modelled:
            self._modelled.observe(samples, now_ns)
        if self._messages is not None:
            self._messages.observe(samples, now_ns)

    def observe_kept(self, samples: SampleBatch) -> None:
        """Take in rows, or parts of them, that go to the server."""
        if samples.schema is self._schema:  # at a reload the stages before it send what they hold
            self._kept.observe(samples, int(self._clock.monotonic_s() * 1e9))

    def add_event(self, event: Event, time_ns: int) -> None:
        """Take in an event that is written now, with the stamp that it is written with."""
        self._events.appendleft(TimedEvent(event, time_ns))
        self._standing.add(event, self._clock.monotonic_s())

    def add_session(self, session: Session, time_ns: int) -> None:  # noqa: ARG002 - its own stamps say when
        """Take in a charging session as it is now."""
        self._sessions[session.charger] = session

    def source_ended(self, source: str) -> None:
        """Note that nothing more comes of `source`, and so no end of what its controller was in."""
        self._standing.forget(("bus_off", "error_warning", "error_passive"), source)

    # -- looking

    def ask_for_messages(self) -> None:
        """Have the messages in snapshots too, for a while. For any thread."""
        self._asked_s = self._clock.monotonic_s()

    def snapshot(self) -> LiveSnapshot:
        """Return what is known now. For the thread that observes."""
        now_s = self._clock.monotonic_s()
        self._remember_messages(now_s)
        channels = {number: self._traffic.of(number) for number in self._channels}
        rows = tuple(self._messages.rows()) if self._messages is not None else None
        counted = _Counted(now_s, channels, rows)
        while len(self._counted) > 1 and self._counted[1].at_s <= now_s - RATE_OVER_S:
            self._counted.popleft()
        self._counted.append(counted)
        messages = self._message_entities(self._messages, counted) if self._messages is not None else None
        kept = {(row.record, row.tags): row for row in map(self._kept.__getitem__, range(len(self._kept)))}
        modelled = [self._modelled[index] for index in range(len(self._modelled))]
        return LiveSnapshot(
            taken_s=now_s,
            time_ns=max((each.time_ns for each in channels.values() if each.frames), default=0),
            modelled=tuple(self._entity(row, channels, kept.get((row.record, row.tags))) for row in modelled),
            traffic=tuple(self._source_traffic(counted)),
            events=tuple(self._events),
            standing=self._standing.at(now_s),
            counted=self._counted_fields,
            messages=messages,
            messages_left_out=len(rows or ()) - len(messages or ()),
            unmatched=tuple(self._unmatched_entities()),
            unmatched_left_out=self._unmatched.others if self._unmatched is not None else 0,
            sessions=tuple(self._sessions.values()),
        )

    def _remember_messages(self, now_s: float) -> None:
        is_wanted = now_s - self._asked_s <= MESSAGES_FOR_S
        if is_wanted and self._messages is None:
            self._messages = Latest(self._schema, self._message_records)
        elif not is_wanted:
            self._messages = None
        if self._unmatched is not None and self._unmatched.is_counting != is_wanted:
            self._unmatched.forget()
            self._unmatched.is_counting = is_wanted

    def _unmatched_entities(self) -> Iterator[UnmatchedEntity]:
        for each in self._unmatched.found() if self._unmatched is not None else ():
            name, size = self._channels[each.channel].name, (each.shortest, each.longest)
            yield UnmatchedEntity(name, id_text(each.id), each.frames, *size, each.mean_period_s)

    def _entity(
        self, row: Remembered, channels: Mapping[int, ChannelTraffic], kept: Remembered | None = None
    ) -> Entity:
        spec = self._schema.specs[row.record]
        readers = self._readers.get(row.record)
        if readers is None:
            readers = [(each.signal_name, reader(each), each.unit) for each in spec.fields]
            self._readers[row.record] = readers
        newest = channels[row.channel]
        values: dict[str, Value] = {}
        known: dict[str, float] = {}
        units: dict[str, str] = {}
        for index, raw, time_ns, observed_ns in zip(
            row.fields, row.raw, row.times_ns, row.observations_ns, strict=True
        ):
            name, read, unit = readers[index]
            value = read(raw)
            if value is not None:
                values[name] = value
                known[name] = _known_s(time_ns, observed_ns, newest)
                if unit:
                    units[name] = unit
        channel = self._channels[row.channel]
        return Entity(
            measurement=spec.message_name,
            tags=self._tags.get(row.tags, {"source": channel.name}),
            known_s=_known_s(row.time_ns, row.observed_ns, newest),
            values=values,
            values_known_s=known,
            units=units,
            channel_since_ns=channel.since.time_ns if channel.since.frames else newest.first_ns,
            kept={
                readers[index][0]: (_known_s(time_ns, observed_ns, newest), self._bounds[row.record][index])
                for index, time_ns, observed_ns in zip(
                    kept.fields, kept.times_ns, kept.observations_ns, strict=True
                )
                if self._bounds[row.record][index] != NO_BOUND
            }
            if kept
            else {},
        )

    def _message_entities(self, messages: Latest, counted: _Counted) -> tuple[Entity, ...]:
        remembered = takewhile(lambda each: each.messages is not None, reversed(self._counted))
        before = list(remembered)[-1]  # since somebody asked: at the latest, `counted`
        rows_before = (before.messages or ()) + (0,) * len(messages)
        found: list[Entity] = []
        room = MAX_SIGNALS
        for index in range(min(len(messages), MAX_MESSAGES)):
            row = messages[index]
            room -= len(row.fields)
            if room < 0:
                break
            passed_s = _passed_s(before, counted, [row.channel])
            came = max(row.rows - rows_before[index], 0)
            rate_per_s = came / passed_s if passed_s > 0 else 0.0
            found.append(replace(self._entity(row, counted.channels), rate_per_s=rate_per_s))
        return tuple(found)

    def _source_traffic(self, counted: _Counted) -> Iterator[SourceTraffic]:
        by_source: dict[str, list[int]] = {}
        for number, channel in self._channels.items():
            by_source.setdefault(channel.source, []).append(number)
        for source, numbers in by_source.items():
            before = self._counted[0]
            passed_s = _passed_s(before, counted, numbers)
            sums = [0, 0, 0]
            for number in numbers:
                now, then = counted.channels[number], before.channels.get(number)
                for index in range(3):
                    sums[index] += now[index] - (then[index] if then else 0)
            frames, nominal, data = (each / passed_s if passed_s > 0 else 0.0 for each in sums)
            bit_rate = self._bit_rate_of(source)
            is_one_bus = len(numbers) == 1
            load_pct = bit_rate.load_pct(nominal, data) if bit_rate and is_one_bus else None
            yield SourceTraffic(source, frames, load_pct)


def says_what_remains(spec: RecordSpec) -> bool:
    """Return whether it is a message of a charging protocol that says how long the charge will go on."""
    return not spec.modelled and any(each.name == REMAINING for each in spec.fields)


def _passed_s(before: _Counted, counted: _Counted, channels: Iterable[int]) -> float:
    """Return the time between the two: ours, or that of the stamps where it ran faster, as in a replayed log.

    Of a silence that began before `before`, the part since then counts, by our clock and by the stamps alike.
    """
    own_s = passed_s = counted.at_s - before.at_s
    for number in channels:
        now, then = counted.channels[number], before.channels.get(number)
        if then is None or not then.frames:
            passed_s = max(passed_s, (now.time_ns - now.first_ns) / 1e9)
            continue
        stamps_s, observed_s = (now.time_ns - then.time_ns) / 1e9, (now.observed_ns - then.observed_ns) / 1e9
        passed_s = max(passed_s, stamps_s * min(1.0, own_s / observed_s) if observed_s > 0 else stamps_s)
    return passed_s


def _known_s(time_ns: int, observed_ns: int, newest: ChannelTraffic) -> float:
    """Return the monotonic time from which the age counts of what came with this stamp at this time."""
    before_newest_ns = max(newest.time_ns - time_ns, 0)
    return min(observed_ns, newest.observed_ns - before_newest_ns) / 1e9
