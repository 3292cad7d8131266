"""Batches that are not on disk: those of the open commit, or, while the disk refuses, all that wait.

Points settled from memory never get a place on disk. An item carries what was settled between the item before
it and itself. So the accounts in each record balance, whatever is lost after it.

States take no room from points: where they come to more than a megabyte, all items share the newest one. So
where the newest were settled from memory, a record may have a state that is newer than itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from telemetry.spool.batch import EncodedBatch
from telemetry.spool.settled import Tally, total_of

_MOST_STATE_BYTES = 1 << 20  # of all items
_COUNTER_BYTES = 100  # about what a counter costs in a Python mapping


@dataclass(slots=True, eq=False)
class Item:
    """A batch in memory, with accounts and state as of its position."""

    sequence: int
    batch: EncodedBatch
    accounts: Mapping[str, int]
    positions: Mapping[str, int]
    state: Mapping[str, bytes]
    appended_s: float
    in_flight: bool = False
    carried: Tally = field(default_factory=Tally)
    state_bytes: int = 0  # of a state that it shares with no newer one

    @property
    def size_bytes(self) -> int:
        """Return about what it occupies."""
        counters = 1 + len(self.accounts) + len(self.positions)
        return len(self.batch.payload) + self.state_bytes + _COUNTER_BYTES * counters


class Memory:
    """Items in order of their sequence."""

    def __init__(self) -> None:
        self._items: dict[int, Item] = {}
        self._state_bytes = 0  # of all items
        self._after_newest = Tally()  # settled after the newest item
        self.size_bytes = 0
        self.payload_bytes = 0
        self.points = 0

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items.values())

    def get(self, sequence: int) -> Item | None:
        return self._items.get(sequence)

    @property
    def newest(self) -> Item | None:
        """Return the last one appended."""
        return next(reversed(self._items.values()), None)

    @property
    def oldest(self) -> Item | None:
        """Return the first one appended."""
        return next(iter(self._items.values()), None)

    def tally(self) -> Tally:
        """Return what was settled from memory and is in no record yet."""
        return total_of(*(item.carried for item in self._items.values()), self._after_newest)

    def append(self, item: Item) -> None:
        """Add the newest."""
        item.carried.add(self._after_newest)
        self._after_newest = Tally()
        self._items[item.sequence] = item
        item.state_bytes = sum(_COUNTER_BYTES + len(content) for content in item.state.values())
        self._state_bytes += item.state_bytes
        self.size_bytes += item.size_bytes
        if self._state_bytes > _MOST_STATE_BYTES:
            self.size_bytes -= self._state_bytes - item.state_bytes
            self._state_bytes = item.state_bytes
            for older in list(self)[:-1]:
                older.state, older.state_bytes = item.state, 0
        self.payload_bytes += len(item.batch.payload)
        self.points += item.batch.points

    def settle(self, item: Item, kind: str, *, dead: int = 0) -> None:
        """Note that its points are acknowledged or evicted (`kind`), `dead` of them dead letters."""
        tally = item.carried
        tally.dead += dead
        setattr(tally, kind, getattr(tally, kind) + item.batch.points - dead)
        following = next((other for other in self if other.sequence > item.sequence), None)
        (following.carried if following else self._after_newest).add(tally)
        self._remove(item)

    def stored(self, items: list[Item]) -> None:
        """Remove these, the oldest of all: they are on disk now."""
        for item in items:
            self._remove(item)

    def evict(self, limit_bytes: int) -> int:
        """Drop the oldest that are not in flight until the rest fits; return how many points that cost."""
        points = 0
        for item in list(self):
            if self.size_bytes <= limit_bytes:
                break
            if not item.in_flight:
                points += item.batch.points
                self.settle(item, "evicted")
        return points

    def _remove(self, item: Item) -> None:
        del self._items[item.sequence]
        self.size_bytes -= item.size_bytes
        self._state_bytes -= item.state_bytes
        self.payload_bytes -= len(item.batch.payload)
        self.points -= item.batch.points
