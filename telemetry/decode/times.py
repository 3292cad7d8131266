"""Which part of a recording is wanted, and how its times are written."""

from dataclasses import dataclass

from telemetry_core.frames.batch import FrameBatch

from telemetry.errors import UsageError
from telemetry.model.instant import Instant
from telemetry.stages.formats import TimeForm

_EARLIEST, _LATEST = Instant(-(1 << 63)), Instant((1 << 63) - 1)


@dataclass(frozen=True, slots=True)
class Times:
    """Frames from `start` on and before `stop`; None: without a bound. names: what gives them.

    Raises UsageError where the second bound is before the first.
    """

    form: TimeForm = TimeForm.NS
    start: Instant | None = None
    stop: Instant | None = None
    names: tuple[str, str] = ("--from", "--to")

    def __post_init__(self) -> None:
        start, stop = self.start, self.stop
        if start and stop and start.is_relative == stop.is_relative and stop.ns < start.ns:
            raise UsageError(f"is before {self.names[0]}", where=self.names[1], hint="exchange them")

    @property
    def is_bounded(self) -> bool:
        """Return whether a part of the recording is left out."""
        return self.start is not None or self.stop is not None

    def keep(self, frames: FrameBatch, first_ns: int) -> int:
        """Leave the frames out that are not wanted; return how many. Payloads of several do not count.

        first_ns: stamp of the first one of the recording.
        """
        if not self.is_bounded:
            return 0
        start, stop = self.start or _EARLIEST, self.stop or _LATEST
        return frames.keep(_within(start.resolved(first_ns)), _within(stop.resolved(first_ns)))


ALL_AS_THEY_ARE = Times()


def _within(ns: int) -> int:
    return max(-(1 << 63), min(ns, (1 << 63) - 1))
