"""The bounded inbox of the pipeline: the threads of the sources put, the pipeline's thread gets.

Promises:
- A live source waits no longer than it wants to; a log waits while the spool has no room (`hold`).
- Each source has `capacity_frames` of its own, so that a fast log starves no bus.
- Memory is flat: batches are pooled, and small ones are merged while they wait. A stalled pipeline costs
  frames by their number, not by the number of wake-ups that read them.
- Frames and events of one source come out in the order in which they went in.
- Frames of a live source that find no room wait in its batch (`Outbox`) while that has room.
- When both are full, a source whose device has a buffer (`hand_over`) leaves frames there. A source without
  such a buffer (`send`) counts the batch as lost, and reads the newest frames on.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from telemetry_core.frames.batch import FrameBatch

from telemetry.model.events import Event
from telemetry.sources.stop import StopSignal

if TYPE_CHECKING:  # a service without logs imports none of their room
    from telemetry.logs.stamps import ClockRestart

CAPACITY_FRAMES = 32_768  # 1 MB; 1.5 s of a full 1 Mbit/s bus of empty frames
BATCH_FRAMES = 4096
LAST_WAIT_S = 0.5  # of a source that ends, for room for its last batch
MAX_EVENTS = 1024  # events waiting; a source that makes more is broken, and the first ones say why


@dataclass(frozen=True, slots=True)
class Arrival:
    """Frames on their way to the pipeline, and what their source had counted once it had read them.

    sealed: nothing may be merged after these frames while they wait (a log is resumed there); restart: of a
    log's clock, at the first of these frames.
    """

    source: str
    batch: FrameBatch
    counts: Mapping[str, int]
    sealed: bool = False
    restart: "ClockRestart | None" = None


@dataclass(frozen=True, slots=True)
class SourceEvent:
    """An event of a source on its way to the pipeline; `event.source` is the source's name."""

    event: Event
    time_ns: int

    @property
    def source(self) -> str:
        """Return the source's name."""
        return self.event.source


@dataclass(frozen=True, slots=True)
class SourceEnded:
    """Nothing more will come: a log is at its end (is_complete), or the source was stopped or has failed."""

    source: str
    counts: Mapping[str, int]
    is_complete: bool = False


Item = Arrival | SourceEvent | SourceEnded


@dataclass(slots=True)
class _Waiting:
    """An arrival that may still grow."""

    arrival: Arrival


class Inbox:
    """Carries `Arrival`, `SourceEvent` and `SourceEnded`; many threads put, one gets."""

    def __init__(self, capacity_frames: int = CAPACITY_FRAMES, batch_frames: int = BATCH_FRAMES) -> None:
        if capacity_frames < batch_frames:
            raise ValueError("an inbox has room for at least one batch")
        self.capacity_frames = capacity_frames
        self.batch_frames = batch_frames
        self._changed = threading.Condition()
        self._items: deque[_Waiting | Item] = deque()
        self._growing: dict[str, _Waiting] = {}  # by source: its newest item, if that is an arrival
        self._frames: dict[str, int] = {}  # by source: frames waiting
        self._events = 0
        self._held = False
        self._pool: list[FrameBatch] = []
        self._pool_limit = capacity_frames // batch_frames

    @property
    def frames_waiting(self) -> int:
        """Return frames that wait, of all sources."""
        with self._changed:
            return sum(self._frames.values())

    def frames_waiting_of(self, source: str) -> int:
        """Return those of one source."""
        with self._changed:
            return self._frames.get(source, 0)

    def take_empty(self) -> FrameBatch:
        """Return an empty batch of `batch_frames`, from the pool where it has one."""
        with self._changed:
            if self._pool:
                return self._pool.pop()
        return FrameBatch(self.batch_frames)

    def give_back(self, batch: FrameBatch) -> None:
        """Put a batch that is no longer needed into the pool; its frames are forgotten."""
        batch.clear()
        with self._changed:
            if len(self._pool) < self._pool_limit:
                self._pool.append(batch)

    def put(self, item: Item, wait_s: float = 0.0) -> bool:
        """Hand `item` over; False, and it stays the caller's, when it finds no room within `wait_s`."""
        with self._changed:
            if not self._has_room(item) and not self._changed.wait_for(lambda: self._has_room(item), wait_s):
                return False
            self._add(item)
        return True

    @property
    def is_held(self) -> bool:
        """Return whether sources that can wait are to wait."""
        return self._held

    def hold(self, held: bool) -> None:
        """Let arrivals of sources that can wait, wait or not."""
        if held != self._held:
            with self._changed:
                self._held = held
                self._changed.notify_all()

    def put_waiting(self, arrival: Arrival, stop: StopSignal) -> bool:
        """Hand it over once there is room; False, and it stays the caller's, when stopped first."""
        stop.on_set(self._wake)
        try:
            with self._changed:
                self._changed.wait_for(lambda: stop.is_set() or self._may_go_on(arrival))
                if not self._may_go_on(arrival):
                    return False
                self._add(arrival)
                return True
        finally:
            stop.remove_listener(self._wake)

    def get(self, timeout_s: float) -> Item | None:
        """Return the oldest item; None when nothing came within `timeout_s`.

        The batch in it is the caller's.
        """
        with self._changed:
            if not self._items and not self._changed.wait_for(lambda: bool(self._items), timeout_s):
                return None
            waiting = self._items.popleft()
            if not isinstance(waiting, _Waiting):
                self._events -= isinstance(waiting, SourceEvent)
                return waiting
            arrival = waiting.arrival
            if self._growing.get(arrival.source) is waiting:
                del self._growing[arrival.source]
            self._frames[arrival.source] -= len(arrival.batch)
            self._changed.notify_all()
            return arrival

    def _may_go_on(self, arrival: Arrival) -> bool:
        return not self._held and self._has_room(arrival)

    def _has_room(self, item: Item) -> bool:
        if isinstance(item, Arrival):
            return self._frames.get(item.source, 0) + len(item.batch) <= self.capacity_frames
        return not isinstance(item, SourceEvent) or self._events < MAX_EVENTS

    def _add(self, item: Item) -> None:
        if isinstance(item, Arrival):
            self._add_arrival(item)
        else:
            self._growing.pop(item.source, None)
            self._events += isinstance(item, SourceEvent)
            self._items.append(item)
        self._changed.notify_all()

    def _add_arrival(self, item: Arrival) -> None:
        self._frames[item.source] = self._frames.get(item.source, 0) + len(item.batch)
        growing = self._growing.get(item.source)
        if growing is not None and _continues(growing.arrival, item):
            growing.arrival.batch.extend(item.batch)
            first = growing.arrival
            growing.arrival = replace(item, batch=first.batch, restart=first.restart)
            self.give_back(item.batch)
            return
        waiting = _Waiting(item)
        self._growing[item.source] = waiting
        self._items.append(waiting)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


def _continues(waiting: Arrival, later: Arrival) -> bool:
    """Return whether `later` goes on where the frames of `waiting` end, and fits after them."""
    batch = waiting.batch
    return (
        not waiting.sealed
        and later.restart is None
        and batch.position + len(batch) == later.batch.position
        and len(batch) + len(later.batch) <= batch.capacity
    )


class Outbox:
    """The batch that a live source fills. `batch` is full only between `hand_over` and the next one."""

    def __init__(self, source: str, output: Inbox) -> None:
        self._source = source
        self._output = output
        self.batch = output.take_empty()
        self.overflowed = 0  # frames

    @property
    def is_full(self) -> bool:
        """Return whether `batch` has no room left."""
        return len(self.batch) == self.batch.capacity

    def hand_over(self, counts: Callable[[], Mapping[str, int]], wait_s: float = 0.0) -> None:
        """Hand the batch over if the inbox has room for it within `wait_s`.

        counts: what the source has counted by now.
        """
        batch = self.batch
        if not len(batch):
            return
        position = batch.position + len(batch)
        if self._output.put(Arrival(self._source, batch, counts()), wait_s):  # now it is not ours any more
            self.batch = self._output.take_empty()
            self.batch.position = position

    def send(self, counts: Callable[[], Mapping[str, int]]) -> None:
        """Hand the batch over, or give it up when it is full."""
        self.hand_over(counts)
        if self.is_full:
            self.drop()

    def finish(self, counts: Callable[[], Mapping[str, int]]) -> None:
        """Hand the last batch over, or give it up."""
        self.hand_over(counts, LAST_WAIT_S)
        self.drop()

    def end(self, counts: Callable[[], Mapping[str, int]]) -> None:
        """Hand the last batch over, or give it up; then note that the source has ended."""
        self.finish(counts)
        self._output.put(SourceEnded(self._source, counts(), is_complete=False))

    def drop(self) -> None:
        """Give up what waits in the batch, counted."""
        self.overflowed += len(self.batch)
        self.batch.position += len(self.batch)
        self.batch.clear()
