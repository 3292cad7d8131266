"""Battery health: what rows of packs that have a `[[health]]` make, and what is remembered of each pack.

Promises:
- What comes out depends on the rows and their stamps alone, not on how they were batched.
- Nothing is counted before the time is known, nor of what was stamped before it was.
- Each identity of a pack has a history of its own, which comes back with it.
- Where somebody saves a pack, its rows go out once they are saved with what it remembers, and are remembered
  until they are out. So a kill in between makes them again, alike, and never a row of two runs.

Relies on charging sessions having followed the same rows before: they hear who a pack is.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from telemetry_core.health.health import Health
from telemetry_core.health.health_spec import HealthChange, HealthKind
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rules.mapper import Mapper

from telemetry.charging.items import Named, Point, SessionItem
from telemetry.health.history import PackHistory
from telemetry.health.pack import Made, PackHealth
from telemetry.health.plan import pack_specs
from telemetry.health.settings import HealthSettings
from telemetry.health.state import PackState
from telemetry.stages.binding import Binding, BoundChannel

if TYPE_CHECKING:
    from telemetry.stages.writing import Writing

LOG = logging.getLogger("telemetry.service")

SILENT_NS = 15 * 60 * 1_000_000_000  # after which no charge goes on
_TURNS = (HealthKind.CHARGE_BEGUN, HealthKind.CHARGE_ENDED)


class HealthFollowing:
    """All packs with a `[[health]]`.

    has_news: something has begun or ended since somebody has looked; saved: packs that somebody saves;
    recall: what they have saved of a pack and an identity of it.
    """

    def __init__(
        self, schema: Schema, settings: Sequence[HealthSettings], mapper: Mapper, writing: "Writing"
    ) -> None:
        """Follow rows of `mapper`, of which `writing` makes points."""
        self._settings = settings
        self._mapper, self._mapping = mapper, mapper.spec
        self._writing = writing
        self._core = Health(schema, pack_specs(mapper.spec, settings))
        self._numbers = {one.pack: number for number, one in enumerate(settings)}
        self._packs = [PackHealth(one, writing.vehicle) for one in settings]
        self._identities = ["" for _ in settings]
        self._here_ns = [0 for _ in settings]  # by pack: later than all that another identity had
        self._elsewhere: dict[tuple[str, str], PackState] = {}  # by pack and identity, until it is saved
        self._saved: Iterable[PackState] = ()  # of which nothing has gone out yet
        self._remembered: set[str] = set()
        self._homes: dict[int, BoundChannel] = {}  # by pack: the first channel that has rows of it
        self._sources: list[set[str]] = [set() for _ in settings]
        self._silences: dict[int, tuple[int, int]] = {}  # by pack: its last stamp, how long it was watched
        self._named: list[Named] = []
        if writing.sessions.any:
            writing.sessions.tracker.tell_names(self._named)
        self.has_news = False
        self.saved: set[str] = set()
        self.recall: Callable[[str, str], PackState | None] = lambda *_: None

    @property
    def newest_ns(self) -> int:
        """Return the stamp of the newest row of any pack; 0: there was none."""
        return max(self._core.last_ns(number) or 0 for number in range(len(self._settings)))

    def packs_of(self, binding: Binding) -> list[str]:
        """Return the packs of which such a channel has rows."""
        tag_sets = self._mapping.tag_sets_of(binding.bus)
        return [pack for each in sorted(tag_sets) if (pack := self._mapping.tag_sets[each].get("pack"))]

    def bind(self, channel: BoundChannel) -> None:
        for each in sorted(self._mapping.tag_sets_of(channel.binding.bus)):
            number = self._numbers.get(channel.map_tags[each].get("pack", ""))
            if number is not None:
                self._core.route(channel.modelled[each], number)
                self._homes.setdefault(number, channel)
                self._sources[number].add(channel.binding.source)

    def follow(self, samples: SampleBatch) -> Iterable[SessionItem]:
        named, self._named[:] = [*self._named], []
        made: list[SessionItem] = []
        begin, last = 0, (len(samples) + 1, None)  # pages may come after the last row
        for end, one in [*((each.row + 1, each) for each in named), last]:
            if self._writing.is_dated and not self._writing.output.shift_ns:
                made += self._made(self._core.follow(samples, self._mapper.pages, begin, end))
            begin = end
            if one is not None and (number := self._numbers.get(one.pack)) is not None:
                made += self._name(number, one)
        return self._writing.alarms.apart(made) if made else made

    def _made(
        self, changes: Iterable[HealthChange], row: int | None = None, *, swapped: bool = False
    ) -> Iterator[SessionItem]:
        """Yield what is written of changes now. row: after which, None: as they say."""
        for change in changes:
            pack = self._packs[change.pack]
            made = pack.take(change, swapped=swapped)
            self.has_news |= change.kind in _TURNS
            if self._settings[change.pack].pack in self.saved and change.kind != HealthKind.DAY:
                pack.wait(made)
                self.has_news |= bool(made)
            else:
                yield from self._items(change.pack, made, change.row if row is None else row)

    def _items(self, number: int, made: Iterable[Made], row: int = -1) -> Iterator[SessionItem]:
        home = self._homes[number]
        for one in made:
            content, time_ns = (one, one.time_ns) if isinstance(one, Point) else one
            if not isinstance(content, Point):
                content = replace(content, source=home.binding.tag)
            yield SessionItem(row, time_ns, content, home.number)

    # --- who a pack is

    def _name(self, number: int, named: Named) -> Iterator[SessionItem]:
        """Go on with the history of this identity; yield what ends with that of another one."""
        before, last_ns = self._identities[number], self._last_ns(number)
        if named.identity and before and named.identity != before:
            changes = self._core.finish(number, self._core.last_ns(number) or 0)
            yield from self._made(changes, named.row, swapped=True)
            left, other = self._state(number), self._packs[number]
            self._elsewhere[left.pack, left.identity] = left
            key = left.pack, named.identity
            self._go_on(number, self._elsewhere.pop(key, None) or self.recall(*key))
            for day in changes:
                if day.kind == HealthKind.DAY:
                    self._packs[number].replace(other, day, next(iter(self._core.look(number)), None))
            self.has_news = True
        if named.identity and named.identity != before:
            self._identities[number], self._here_ns[number] = named.identity, last_ns + 1
        if named.rated_ah and not self._settings[number].rated_ah:
            self._packs[number].set_rated(named.rated_ah)
            self._core.set_rated(number, named.rated_ah)

    # --- what ends without a row

    def _fed_by(self, source: str | None) -> list[int]:
        """Return the packs whose rows are of `source` alone; None: all that have any."""
        return [number for number in self._homes if source is None or self._sources[number] == {source}]

    def finish(self, source: str | None, end_ns: int, *, goes_on: bool) -> Iterator[SessionItem]:
        """Yield what ends with the last frame of `source` (None: of all), of stamp `end_ns`.

        goes_on: others follow, and so the day goes on.
        """
        for number in self._fed_by(source):
            changes = self._core.finish(number, end_ns)
            yield from self._made(one for one in changes if not (goes_on and one.kind == HealthKind.DAY))

    def watch(self, passed_ns: int) -> Iterator[SessionItem]:
        """Yield what is due, and what ends since its pack is silent. passed_ns: so long more was watched."""
        yield from self._out()
        for number in self._homes:
            last_ns = self._core.last_ns(number) or 0
            before_ns, silent_ns = self._silences.get(number, (last_ns, 0))
            silent_ns = silent_ns + passed_ns if before_ns == last_ns else 0
            self._silences[number] = (last_ns, silent_ns)
            if silent_ns > SILENT_NS:
                yield from self._made(self._core.due(number, last_ns + silent_ns))

    def leave(self) -> Iterator[SessionItem]:
        """Yield what is due, and the day of each saved pack as it is now: a later run goes on with it."""
        yield from self._out()
        for number in self._homes:
            if self._settings[number].pack in self.saved:
                yield from self._made(self._core.look(number))

    def forget(self, source: str) -> None:
        """Forget packs whose rows are of `source` alone: they come once more, from the first one on."""
        for number in self._fed_by(source):
            self._go_on(number, None)

    # --- what goes on

    def memory(self) -> list[PackState]:
        """Return what is known of all packs, also of those that have left and are not saved, as values."""
        return [*map(self._state, range(len(self._settings))), *self._elsewhere.values()]

    def written(self, states: Iterable[PackState], *, is_kept: bool) -> None:
        """Take note that it was tried to save these: what waited for it is due.

        is_kept: they are saved, so what has left is forgotten once nothing of it waits.
        """
        self._saved = states  # the newest have all that earlier ones had
        for state in states if is_kept else ():
            key = state.pack, state.identity
            if self._elsewhere.get(key) is state and not state.history["waiting"]:
                del self._elsewhere[key]

    def _out(self) -> Iterator[SessionItem]:
        """Yield what is saved and still waits, which it does no longer."""
        saved, self._saved = self._saved, ()
        for state in saved:
            number, key = self._numbers.get(state.pack), (state.pack, state.identity)
            if number is None or number not in self._homes or state.vehicle != self._writing.vehicle:
                continue
            left, pack = self._elsewhere.get(key), self._packs[number]
            is_here = left is None and state.identity == self._identities[number]
            waits = left.history["waiting"] if left else pack.history.waiting if is_here else []
            due = [one for one in state.history["waiting"] if one in waits]
            later = [one for one in waits if one not in due]
            if left is not None:  # another object, since the one that was saved must stay as it is
                self._elsewhere[key] = left._replace(history=left.history | {"waiting": later})
            elif is_here:
                pack.history.waiting = later
            self.has_news |= bool(due)
            yield from self._items(number, pack.made_of(due))

    def _last_ns(self, number: int) -> int:
        return max(self._core.last_ns(number) or 0, self._here_ns[number])

    def _state(self, number: int) -> PackState:
        return PackState(
            self._writing.vehicle,
            self._settings[number].pack,
            self._identities[number],
            self._last_ns(number),
            self._core.memory(number),
            self._packs[number].history.to_json(),
        )

    @property
    def strangers(self) -> set[str]:
        """Return the packs of which nobody has said what they remember."""
        return self._numbers.keys() - self._remembered

    def remember(self, states: Iterable[PackState]) -> None:
        """Go on with the newest of each pack of this vehicle; keep the others until these packs are back.

        What a pack remembers already stays.
        """
        wanted = self.strangers
        self.has_news = True  # rows may wait for a look at it
        for state in sorted(states, key=lambda one: one.last_ns, reverse=True):
            if state.pack not in wanted or state.vehicle != self._writing.vehicle:
                continue
            if state.pack in self._remembered:
                self._elsewhere[state.pack, state.identity] = state
            else:
                self._remembered.add(state.pack)
                self._go_on(self._numbers[state.pack], state)

    def _go_on(self, number: int, state: PackState | None) -> None:
        """Go on with what is remembered; None: with another pack, of which nothing is known."""
        one, history = self._settings[number], PackHistory.from_json(state.history) if state else None
        self._packs[number] = PackHealth(one, self._writing.vehicle, history)
        self._identities[number], self._here_ns[number] = (
            (state.identity, state.last_ns) if state else ("", 0)
        )
        self._core.forget(number)
        self._core.set_rated(number, self._packs[number].rated_ah)
        try:
            if state:
                self._core.remember(number, state.memory)
        except ValueError as error:
            LOG.warning("pack %s: %s: a charge that was open, and its day, begin again", one.pack, error)
