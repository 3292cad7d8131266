"""Which part of a recording is wanted, and how its times are written."""

from dataclasses import dataclass

from telemetry_core.frames.batch import FrameBatch

from telemetry.model.instant import Instant
from telemetry.stages.formats import TimeForm

_EARLIEST, _LATEST = Instant(-(1 << 63)), Instant((1 << 63) - 1)


@dataclass(frozen=True, slots=True)
class Times:
    """Frames from `start` on and before `stop`; None: without a bound."""

    form: TimeForm = TimeForm.NS
    start: Instant | None = None
    stop: Instant | None = None

    @property
    def is_bounded(self) -> bool:
        """Return whether a part of the recording is left out."""
        return self.start is not None or self.stop is not None

    def keep(self, frames: FrameBatch, first_ns: int) -> None:
        """Leave the frames out that are not wanted. first_ns: stamp of the first one of the recording."""
        if self.is_bounded:
            start, stop = self.start or _EARLIEST, self.stop or _LATEST
            frames.keep(_within(start.resolved(first_ns)), _within(stop.resolved(first_ns)))


ALL_AS_THEY_ARE = Times()


def _within(ns: int) -> int:
    return max(-(1 << 63), min(ns, (1 << 63) - 1))
