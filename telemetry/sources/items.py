"""What goes from a source through the inbox to the pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from telemetry_core.frames.batch import FrameBatch

from telemetry.model.events import Event

if TYPE_CHECKING:  # a service without logs imports none of their room
    from telemetry.logs.stamps import ClockRestart


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
