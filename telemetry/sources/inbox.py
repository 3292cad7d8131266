"""The bounded inbox of the pipeline: the threads of the sources put, the pipeline's thread gets.

Promises:
- A live source waits no longer than it wants to; a log waits while the spool has no room (`hold`).
- Each source has `capacity_frames` of its own, so that a fast log starves no bus.
- Memory is flat: batches are pooled, and small ones are merged while they wait. A stalled pipeline costs
  frames by their number, not by the number of wake-ups that read them.
- Frames and events of one source come out in the order in which they went in.
"""

import threading
from collections import deque
from dataclasses import dataclass, replace

from telemetry_core.frames.batch import FrameBatch

from telemetry.sources.items import Arrival, Item, SourceEvent
from telemetry.sources.stop import StopSignal

CAPACITY_FRAMES = 32_768  # 1 MB; 1.5 s of a full 1 Mbit/s bus of empty frames
BATCH_FRAMES = 4096
MAX_EVENTS = 1024  # events waiting; a source that makes more is broken, and the first ones say why


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
