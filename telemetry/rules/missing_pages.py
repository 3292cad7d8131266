"""Pages of cells that do not come: the events that say so, and the words of `check`.

Promises: one event for all pages of a cycle that go missing with one row, and one for those that come back
with it. Relies on the mapper, which reports a page once when it is missing and once when it is back.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from telemetry_core.rules.map_spec import CycleMap, MapSpec
from telemetry_core.rules.mapper import PageNotice

from telemetry.model.event_codes import EVENT_CODES, Level
from telemetry.model.events import Event

CODE = "page_missing"

Report = tuple[int, int, Event]  # the row that an event follows, the time of that row, and the event


class MissingPages:
    """Makes events from the notices of a mapper with this map."""

    def __init__(self, mapping: MapSpec) -> None:
        self._map = mapping
        self._cycles: dict[int, Sequence[CycleMap]] = {}
        self._tags: dict[int, str] = {}

    def bind(self, channel: int, bus: int, tag: str) -> None:
        """Note that `channel`, whose tag `source` is `tag`, carries the plan's bus `bus` (-1: none)."""
        self._cycles[channel] = self._map.buses[bus].cycles if bus >= 0 else ()
        self._tags[channel] = tag

    def report(self, notices: Iterable[PageNotice]) -> Iterator[Report]:
        """Yield the events of one batch."""
        for key, group in groupby(notices, lambda one: (one.row, one.time_ns, one.channel, one.cycle)):
            row, time_ns, channel, number = key
            cycle = self._cycles[channel][number]
            found = list(group)
            for is_missing in (False, True):
                pages = [one.page for one in found if one.is_missing is is_missing]
                if pages:
                    event = self._event(channel, cycle, _words(cycle, pages), is_missing=is_missing)
                    yield row, time_ns, event

    def words(self, channel: int, missing: Iterable[tuple[int, int]]) -> Iterator[str]:
        """Yield one sentence for each cycle of `channel` with pages that the mapper reports as `missing`."""
        for number, pages in groupby(missing, lambda one: one[0]):
            cycle = self._cycles[channel][number]
            yield _missing(_words(cycle, [page for _, page in pages]))

    def _event(self, channel: int, cycle: CycleMap, words: str, *, is_missing: bool) -> Event:
        tags = self._map.tag_sets[self._map.targets[cycle.target].tag_set]
        return Event(
            CODE,
            EVENT_CODES[CODE].level if is_missing else Level.INFORMATION,
            active=is_missing,
            text=_missing(words) if is_missing else f"no longer missing: {words}",
            source=self._tags[channel],
            pack=tags.get("pack", ""),
        )


def _missing(words: str) -> str:
    return f"missing: {words}; the other cells are read without them"


def _words(cycle: CycleMap, pages: Iterable[int]) -> str:
    return ", ".join(cycle.pages[page] for page in pages)
