"""What the stamps of live frames count from: 1970 or, while the time is not known, the start of this boot.

The kernel stamps with the wall clock even while that is wrong. The time since boot is right. So frames are
found that were stamped just before the clock was set and are processed after it: by the clock as it is now
they would come from another time. Pure, but for the injected clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from telemetry_core.frames.batch import FrameBatch

from telemetry.clock import Clock
from telemetry.spool.batch import TimeBase

STEP_NS = 500_000_000  # a clock that moves this much against the time since boot was set, not disciplined
UNCERTAIN_NS = 60_000_000_000  # frames wait no longer than this between their stamp and the pipeline


@dataclass(frozen=True, slots=True)
class Stamping:
    """`shift_ns` turns a frame's stamp into one that counts from `base`."""

    base: TimeBase = TimeBase.UNIX
    shift_ns: int = 0

    def continues(self, earlier: "Stamping") -> bool:
        """Return whether rows stamped by the two are on one time line."""
        return self.base is earlier.base and abs(self.shift_ns - earlier.shift_ns) < STEP_NS


AS_THEY_ARE = Stamping()


class ClockStamps:
    """Stamps of the wall clock, of a clock that may be set while we look at it."""

    def __init__(self, clock: Clock, *, waits: bool) -> None:
        """Take stamps as they are, unless one `waits` until the clock is known to be right."""
        self._clock = clock
        self._waits = waits
        self._offset_ns = self._wall_less_boot_ns()
        self._earlier_ns = self._offset_ns
        self._set_at_ns: int | None = None  # since boot

    def look(self) -> None:
        """Notice that the clock was set, if it is waited for. Call it now and then."""
        if not self._waits:
            return
        offset_ns = self._wall_less_boot_ns()
        if abs(offset_ns - self._offset_ns) >= STEP_NS:
            self._earlier_ns = self._offset_ns
            self._set_at_ns = self._clock.boot_ns()
        self._offset_ns = offset_ns

    def parts(self, frames: FrameBatch, *, time_known: bool) -> Iterator[tuple[FrameBatch, Stamping]]:
        """Yield `frames` in their order, with the Stamping of each part."""
        if not self._waits:
            yield frames, AS_THEY_ARE
            return
        self.look()
        early = self._count_stamped_before(frames)
        to_now_ns = self._offset_ns - self._earlier_ns
        if early:
            yield (
                frames.part(0, early) if early < len(frames) else frames,
                self._stamping(to_now_ns, time_known),
            )
        if early < len(frames):
            yield frames.part(early, len(frames)) if early else frames, self._stamping(0, time_known)

    def _stamping(self, to_now_ns: int, time_known: bool) -> Stamping:
        if time_known:
            return Stamping(TimeBase.UNIX, to_now_ns)
        return Stamping(TimeBase.BOOT, to_now_ns - self._offset_ns)

    def _count_stamped_before(self, frames: FrameBatch) -> int:
        """Return how many of the frames were stamped before the clock was set.

        0 unless it was set just now.
        """
        now_ns = self._clock.boot_ns()
        if self._set_at_ns is None or now_ns - self._set_at_ns > UNCERTAIN_NS:
            return 0
        low, high = 0, len(frames)
        while low < high:
            middle = (low + high) // 2
            stamp_ns = frames[middle].time_ns
            age_now_ns = now_ns + self._offset_ns - stamp_ns
            age_before_ns = now_ns + self._earlier_ns - stamp_ns
            if abs(age_before_ns) < abs(age_now_ns):
                low = middle + 1
            else:
                high = middle
        return low

    def _wall_less_boot_ns(self) -> int:
        return self._clock.unix_ns() - self._clock.boot_ns()
