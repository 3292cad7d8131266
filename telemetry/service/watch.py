"""Alarms of the service about its own spool and clock: numbers in, events out.

Promises:
- Each condition is reported when it begins and when it is over.
- A condition that goes on is reported once a minute at most. So a disk that is full for a week does not fill
  the database with reports.

Pure but for injected time.
"""

from telemetry.clock import Clock
from telemetry.model.events import Event, begins, ends

REPEAT_S = 60.0
OVER_AFTER_S = 600.0  # without another loss
STEP_S = 1.0


class _Growth:
    """One counter of lost points."""

    def __init__(self, code: str, reported: int) -> None:
        self._code = code
        self._reported = reported
        self._seen = reported
        self._next_s = float("-inf")
        self._active = False
        self._last_s = 0.0

    def observe(self, count: int, now_s: float) -> list[Event]:
        if count != self._seen:
            self._seen = count
            self._last_s = now_s
        if count != self._reported and now_s >= self._next_s:
            text = f"{count - self._reported} points"
            self._reported = count
            self._next_s = now_s + REPEAT_S
            self._active = True
            return [begins(self._code, text)]
        if self._active and count == self._reported and now_s - self._last_s >= OVER_AFTER_S:
            self._active = False
            return [ends(self._code, f"no more points for {OVER_AFTER_S / 60.0:.0f} minutes")]
        return []


class SpoolWatch:
    """`spool_volatile`, `spool_evicting`, `spool_damaged`."""

    def __init__(self, *, evicted: int, damaged: int) -> None:
        """Begin after the points, evicted and damaged, that were reported before."""
        self._evicted = _Growth("spool_evicting", evicted)
        self._damaged = _Growth("spool_damaged", damaged)
        self._volatile = ""

    def observe(self, *, volatile: str, evicted: int, damaged: int, now_s: float) -> list[Event]:
        """Return events. volatile: why the disk refuses, or empty; the points evicted and damaged so far."""
        events = []
        if volatile and not self._volatile:
            events.append(begins("spool_volatile", f"{volatile}; batches wait in memory alone"))
        if self._volatile and not volatile:
            events.append(ends("spool_volatile", f"the disk takes batches again ({self._volatile})"))
        self._volatile = volatile
        return [*events, *self._evicted.observe(evicted, now_s), *self._damaged.observe(damaged, now_s)]


class ClockWatch:
    """`clock_unknown`, `clock_step`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_ns = self._wall_less_boot_ns()
        self._unknown = False

    def observe(self, *, time_known: bool) -> list[Event]:
        """Return events. time_known: whether the wall clock may be trusted."""
        events = []
        offset_ns = self._wall_less_boot_ns()
        step_s = (offset_ns - self._offset_ns) / 1e9
        self._offset_ns = offset_ns
        if abs(step_s) >= STEP_S:
            events.append(begins("clock_step", f"the wall clock was set by {step_s:+.1f} s"))
        if not time_known and not self._unknown:
            events.append(begins("clock_unknown", "batches wait until the clock is synchronised"))
        if time_known and self._unknown:
            events.append(ends("clock_unknown", "the clock is synchronised"))
        self._unknown = not time_known
        return events

    def _wall_less_boot_ns(self) -> int:
        return self._clock.unix_ns() - self._clock.boot_ns()
