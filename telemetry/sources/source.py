"""What every source is, and what it hands over.

Promises of a source: its frames carry their own time stamp; losing its device is an event and a reconnect,
never the end of its thread; what it loses is counted. Relies on one thread of its own, on a
`BatchChannel` towards the pipeline and on a `StopSignal`, which it watches wherever it waits.
"""

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from telemetry_core.frames.batch import FrameBatch

from telemetry.model.events import Event

if TYPE_CHECKING:
    from telemetry.sources.inbox import BatchChannel


@dataclass(frozen=True, slots=True)
class Delivery:
    """Frames on their way to the pipeline, and what their source had counted once it had read them.

    sealed: nothing may be merged behind these frames while they wait (a log is resumed there).
    """

    source: str
    batch: FrameBatch
    counts: Mapping[str, int]
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class SourceEvent:
    """An event of a source on its way to the pipeline; `event.source` is the source's name."""

    event: Event
    time_ns: int

    @property
    def source(self) -> str:
        """The source's name."""
        return self.event.source


@dataclass(frozen=True, slots=True)
class SourceEnded:
    """Nothing more will come: a log is at its end (is_complete), or the source was stopped or has failed."""

    source: str
    counts: Mapping[str, int]
    is_complete: bool = False


Item = Delivery | SourceEvent | SourceEnded


class StopSignal:
    """Stops threads wherever they wait: in `poll` (an eventfd), on an Event, or on a condition."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._listeners: list[Callable[[], None]] = []

    def set(self) -> None:
        """Stop, for good. May be called more than once and from any thread."""
        if self.event.is_set():
            return
        self.event.set()
        os.eventfd_write(self._fd, 1)
        for listener in tuple(self._listeners):
            listener()

    def is_set(self) -> bool:
        """Whether to stop."""
        return self.event.is_set()

    def fileno(self) -> int:
        """A descriptor that is readable once the signal is set, for `poll`."""
        return self._fd

    def on_set(self, listener: Callable[[], None]) -> None:
        """Have `listener` called by `set`: for waits that neither the descriptor nor the Event can end."""
        self._listeners.append(listener)

    def remove_listener(self, listener: Callable[[], None]) -> None:
        """Undo `on_set`."""
        self._listeners.remove(listener)

    def close(self) -> None:
        """Give the descriptor back. Only when no thread uses the signal any more."""
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Source(Protocol):
    """Fills batches with frames until it is stopped or has no more."""

    @property
    def name(self) -> str:
        """As configured; the tag `source`."""
        ...

    @property
    def status(self) -> str:
        """One short clause for people: `receiving`, `waiting for can0: no such device`, `ended` …"""
        ...

    def run(self, output: "BatchChannel", stop: StopSignal) -> None:
        """The body of the source's thread. Puts a `SourceEnded` last, whatever happened."""
        ...

    def counts(self) -> Mapping[str, int]:
        """What was counted so far: `read`, `kernel_dropped`, `lost/REASON`, `nudged` …; any thread may ask.

        All that it can ever count is in it from the first call on, as 0 before it runs: so the database and
        Prometheus hold where each counter began, and the first loss is a difference.
        `read` counts whatever came in as a frame, good or bad: `read` less all `lost/*` were delivered.
        """
        ...
