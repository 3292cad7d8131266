"""What has become of the points on disk: which stretches are settled, and how.

A point's *place* is how many points were ever stored before it. Settled points form few stretches: one from
place 0 up, and islands where the live lane ran ahead of the backlog. What is in no stretch waits. Forgetting
a stretch is harmless: its points wait again and are sent again.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from heapq import nlargest
from operator import attrgetter

KINDS = ("acknowledged", "evicted", "damaged", "dead")


@dataclass(slots=True)
class Tally:
    """Settled points, by what became of them. (With negative numbers: what is taken back.)"""

    acknowledged: int = 0
    evicted: int = 0
    damaged: int = 0
    dead: int = 0

    def add(self, other: "Tally") -> None:
        """Sum up in place."""
        self.acknowledged += other.acknowledged
        self.evicted += other.evicted
        self.damaged += other.damaged
        self.dead += other.dead

    def revived(self, points: int) -> "Tally":
        """Return what to add when so many dead points are to be sent again.

        Where their death had been forgotten, they were counted as something else.
        """
        back = Tally()
        for kind in ("dead", "damaged", "evicted", "acknowledged"):
            taken = min(points, max(getattr(self, kind), 0))
            setattr(back, kind, -taken)
            points -= taken
        back.dead -= points
        return back


def total_of(*tallies: Tally) -> Tally:
    """Return the sum of some tallies."""
    total = Tally()
    for tally in tallies:
        total.add(tally)
    return total


@dataclass(slots=True)
class Stretch:
    """Places `start` to `end` are settled. `pinned`: not to be forgotten, their segment may be gone."""

    start: int
    end: int
    tally: Tally = field(default_factory=Tally)
    pinned: bool = False

    @property
    def length(self) -> int:
        """Return how many points it has."""
        return self.end - self.start


_START = attrgetter("start")


class Settled:
    """Stretches in order of place; none touches another."""

    def __init__(self, stretches: list[Stretch] | None = None, *, limit: int = 4096) -> None:
        self._stretches = stretches or []
        self._limit = limit

    @property
    def points(self) -> int:
        """Return how many points are settled."""
        return sum(stretch.length for stretch in self._stretches)

    def tally(self) -> Tally:
        return total_of(*(stretch.tally for stretch in self._stretches))

    def base(self) -> Tally:
        """Return the tally of the points settled from place 0 up, without a gap."""
        first = self._stretches[0] if self._stretches else None
        return first.tally if first and first.start == 0 else Tally()

    def next_open(self, place: int) -> int:
        """Return the first place from `place` on that is not settled."""
        index = bisect_right(self._stretches, place, key=_START) - 1
        if index >= 0 and place < self._stretches[index].end:
            return self._stretches[index].end
        return place

    def open_before(self, place: int) -> int:
        """Return where the last places before `place` end that are not settled; 0 where all are."""
        index = bisect_left(self._stretches, place, key=_START) - 1
        if index >= 0 and place <= self._stretches[index].end:
            return self._stretches[index].start
        return place

    def covers(self, start: int, end: int) -> bool:
        """Return whether all of these places are settled."""
        return self.next_open(start) >= end

    def open_points(self, start: int, end: int) -> int:
        """Return how many of these places are not settled."""
        points = 0
        while (gap := self._next_gap(start, end)) is not None:
            _, first, start = gap
            points += start - first
        return points

    def _next_gap(self, start: int, end: int) -> tuple[int, int, int] | None:
        """Return the next places that are not settled, before them the index of the stretch after them."""
        if (first := self.next_open(start)) >= end:
            return None
        index = bisect_right(self._stretches, first, key=_START)
        stop = min(end, self._stretches[index].start) if index < len(self._stretches) else end
        return index, first, stop

    def settle(self, start: int, end: int, kind: str, *, dead: int = 0) -> int:
        """Settle what is open of these places as `kind`, a field of Tally; `dead` of it as dead letters.

        Gives how many points that settled.
        """
        settled = 0
        while (gap := self._next_gap(start, end)) is not None:
            index, start, stop = gap
            tally = Tally()
            refused = min(dead, stop - start)
            dead -= refused
            tally.dead = refused
            setattr(tally, kind, getattr(tally, kind) + stop - start - refused)
            self._stretches.insert(index, Stretch(start, stop, tally))
            self._join(index)
            settled += stop - start
            start = stop
        if len(self._stretches) > self._limit:
            islands = [stretch for stretch in self._stretches if stretch.start and not stretch.pinned]
            if islands:  # the smallest one is forgotten
                self._stretches.remove(min(islands, key=lambda stretch: stretch.length))
        return settled

    def kept(self, islands: int) -> list[Stretch]:
        """Return what fits where only so many islands can be kept: the pinned ones, then the largest."""
        base = [s for s in self._stretches[:1] if s.start == 0]
        others = self._stretches[len(base) :]
        if len(others) > islands:
            others = sorted(nlargest(islands, others, key=lambda s: (s.pinned, s.length)), key=_START)
        return base + others

    def pin(self, start: int, end: int, islands: int) -> bool:
        """Promise that `kept(islands)` has these settled places; False if too many are promised already."""
        index = bisect_right(self._stretches, start, key=_START) - 1
        stretch = self._stretches[index]
        if stretch.end < end:
            raise ValueError("these places are not settled")
        if stretch.start and not stretch.pinned:
            if sum(s.pinned for s in self._stretches if s.start) >= islands:
                return False
            stretch.pinned = True
        return True

    def clip(self, end: int) -> None:
        """Forget everything from place `end` on."""
        self._stretches = [s for s in self._stretches if s.end <= end]

    def _join(self, index: int) -> None:
        for left in (index, index - 1):
            if left < 0 or left + 1 >= len(self._stretches):
                continue
            first, second = self._stretches[left], self._stretches[left + 1]
            if first.end == second.start:
                first.end = second.end
                first.tally.add(second.tally)
                first.pinned |= second.pinned
                del self._stretches[left + 1]
