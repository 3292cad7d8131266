"""What follows from rows and stands right after them: events of alarms, and of missing pages of cells.

Sessions (`sessions.py`) and rows of banks (`banks.py`) follow too.
Promises: no two events of one code with the same tags have one stamp. Relies on the rows in their order.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import starmap
from typing import NamedTuple, Protocol

from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rules.map_spec import MapSpec
from telemetry_core.rules.mapper import Mapper
from telemetry_core.rules.watcher import Transition, Watcher

from telemetry.charging.items import SessionItem
from telemetry.model.events import Event
from telemetry.rules.alarms import Alarm, AlarmEvents
from telemetry.rules.missing_pages import MissingPages
from telemetry.stages.binding import BoundChannel


class BankRow(NamedTuple):
    """A row of a bank, to be written after row `row` of the batch. samples: it alone."""

    row: int
    samples: SampleBatch


class Following(Protocol):
    """Makes what follows from rows, and changes none of them."""

    def bind(self, channel: BoundChannel) -> None:
        """Expect rows of `channel`."""
        ...

    def follow(self, samples: SampleBatch) -> Iterable[SessionItem | BankRow]:
        """Return what these rows make, in their order."""
        ...


class Alarms(AlarmEvents):
    """The watcher, and the events of what it sees."""

    def __init__(self, schema: Schema, alarms: Sequence[Alarm], *, every_report: bool = False) -> None:
        super().__init__(alarms)
        self.watcher = Watcher(schema, [alarm.rule for alarm in alarms], every_report=every_report)
        self.transitions: Sequence[Transition] = ()  # of the last rows
        self._tags: dict[int, str] = {}  # by channel

    def bind(self, channel: BoundChannel) -> None:
        number, binding = channel.number, channel.binding
        self.watcher.bind(number, binding.bus, channel.own, channel.modelled, 1 + len(channel.senders))
        self._tags[number] = binding.tag

    def follow(self, samples: SampleBatch) -> Sequence[SessionItem]:
        self.transitions = self.watcher.watch(samples)
        return [*map(self._made, self.transitions)]

    def _made(self, transition: Transition) -> SessionItem:
        event, time_ns = self.of(transition, self._tags[transition.channel])
        return SessionItem(transition.row, time_ns, event)

    def watched(self, channel: int) -> Iterator[tuple[int, Alarm]]:
        """Return what is watched for on `channel`, by number."""
        return ((rule, self.alarms[rule]) for rule in self.watcher.watched(channel))

    def apart(self, made: Iterable[SessionItem]) -> Iterator[SessionItem]:
        """Yield the same, events with stamps that no event of their code and tags has had."""
        for one in made:
            if isinstance(one.content, Event):
                yield replace(one, time_ns=self.stamped(one.content, one.time_ns))
            else:
                yield one


class Mapped:
    """The mapper, and the events of pages that it misses."""

    def __init__(self, schema: Schema, mapping: MapSpec, alarms: Alarms) -> None:
        self.mapper = Mapper(schema, mapping)
        self._out = SampleBatch(schema)
        self._pages = MissingPages(mapping)
        self._alarms = alarms

    def bind(self, channel: BoundChannel) -> None:
        number, binding = channel.number, channel.binding
        self.mapper.bind(number, binding.bus, channel.modelled, by_order=binding.by_order)
        self._pages.bind(number, binding.bus, binding.tag)

    def map(self, samples: SampleBatch) -> SampleBatch:
        """Return these rows, each followed by those that are made of it; valid until the next call."""
        self._out.clear()
        self.mapper.map(samples, self._out)
        return self._out

    def release(self, channel: int, before_ns: int | None = None) -> SampleBatch:
        """Return the rows of rounds that are held there, before this stamp; valid until the next call."""
        self._out.clear()
        if before_ns is None:
            self.mapper.release(channel, self._out)
        else:
            self.mapper.release(channel, self._out, before_ns=before_ns)
        return self._out

    def copy(self, channel: int) -> SampleBatch:
        """Return the rows of rounds that are held there, and stay held; valid until the next call."""
        self._out.clear()
        if self.mapper.held(channel):
            self.mapper.copy(channel, self._out)
        return self._out

    def finish(self) -> SampleBatch:
        """Return the rows of what is still held, since no row comes any more; valid until the next call."""
        self._out.clear()
        self.mapper.finish(self._out)
        return self._out

    def follow(self, _samples: SampleBatch) -> Iterable[SessionItem]:
        notices = self.mapper.notices()
        return self._alarms.apart(starmap(SessionItem, self._pages.report(notices))) if notices else ()

    def missing(self, channel: int) -> Iterator[str]:
        """Return a sentence for each cycle with pages that have not come, or do not come any more."""
        return self._pages.words(channel, self.mapper.missing(channel))
