"""Which batches on disk may go before older ones: urgent ones, and ordered ones before which none of their
series waits.

Promises:
- An ordered batch is due once each batch before it that may hold rows of its series is settled, sent ahead,
  or in the same request.
- One that was sent while others before it wait (*ahead*) is settled once they are. So whatever a crash takes
  back of what is settled, it is sent again after them, and its rows stay the last.
- Memory is bounded: the newest MOST_MARKS batches that matter are known. An older one waits for all before
  it.

The spool's lock lets in one thread at a time.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from telemetry.spool.batch import EncodedBatch, Series
from telemetry.spool.record import RecordHead
from telemetry.spool.settled import Settled

MOST_MARKS = 512
MOST_AHEAD = 4096


class Mark(NamedTuple):
    """Facts of a batch on disk by which its turn is found."""

    sequence: int
    end: int  # place after it
    urgent: bool
    ordered: bool
    holds: Series


class Ahead(NamedTuple):
    """An ordered batch that the server has, though others before it wait."""

    sequence: int
    end: int
    dead: int  # points of it that were refused


class Turns:
    """Marks by place, lowest first."""

    def __init__(self, known_from: int) -> None:
        """Know nothing of batches before this place."""
        self._known_from = known_from
        self._marks: dict[int, Mark] = {}
        self._ahead: dict[int, Ahead] = {}

    def add(self, sequence: int, place: int, batch: EncodedBatch | RecordHead) -> None:
        """Note a batch after all others."""
        holds = batch.holds
        if not batch.urgent and Series.SESSIONS not in holds:
            return
        self._marks[place] = Mark(sequence, place + batch.points, batch.urgent, batch.ordered, holds)
        if len(self._marks) > MOST_MARKS:
            oldest = next(iter(self._marks))
            self._known_from = self._marks.pop(oldest).end

    def first(self, settled: Settled) -> Iterator[tuple[int, Mark]]:
        """Yield the places and marks of what goes first and is not settled: urgent ones, then sessions."""
        for place in [place for place, mark in self._marks.items() if settled.covers(place, mark.end)]:
            del self._marks[place]
        marks = list(self._marks.items())
        yield from ((place, mark) for place, mark in marks if mark.urgent)
        yield from ((place, mark) for place, mark in marks if mark.holds is Series.SESSIONS)

    def waits_apart(self, place: int) -> Mark | None:
        """Return the mark of a batch of sessions alone, which the backlog may pass."""
        mark = self._marks.get(place)
        return mark if mark is not None and mark.holds is Series.SESSIONS else None

    def forget(self, place: int) -> None:
        """Forget a batch: it was answered, or cannot be read."""
        self._marks.pop(place, None)

    def is_due(self, place: int, holds: Series, settled: Settled, beside: Mapping[int, int]) -> bool:
        """Return whether nothing that waits before an ordered batch may hold rows of its series.

        beside: places and ends of what goes in the same request, before it.
        """
        at = settled.next_open(0)
        if at < place and len(self._ahead) >= MOST_AHEAD:
            return False
        while at < place:
            if holds is Series.SESSIONS and at >= self._known_from:
                return not any(
                    Series.SESSIONS in mark.holds
                    and each not in beside
                    and not settled.covers(each, mark.end)
                    for each, mark in self._marks.items()
                    if at <= each < place
                )
            mark = self._marks.get(at)
            if at in beside:
                end = beside[at]
            elif at in self._ahead:
                end = self._ahead[at].end
            elif mark is not None and not mark.holds & holds:
                end = mark.end
            else:
                return False
            at = settled.next_open(end)
        return True

    def send_ahead(self, place: int, ahead: Ahead) -> None:
        """Note that the server has an ordered batch, which is settled once all before it is."""
        self._ahead[place] = ahead

    @property
    def ahead(self) -> Mapping[int, Ahead]:
        """Return what was sent ahead, by place."""
        return self._ahead

    def now_settled(self, settled: Settled) -> Iterator[tuple[int, Ahead]]:
        """Yield the places of those that were sent ahead and may be settled now; each, before the next."""
        while self._ahead and (place := settled.next_open(0)) in self._ahead:
            yield place, self._ahead.pop(place)
        for place in [place for place, one in self._ahead.items() if settled.covers(place, one.end)]:
            del self._ahead[place]  # evicted meanwhile
