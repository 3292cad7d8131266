"""What the stamps of a recording say of its clock: whether it has a date, goes forward, or begins again.

`candump -t d` writes the time since the frame before, `-t z` since the first one. Both look like stamps.

Promises: a clock begins again where a file begins more than a second before the end of the one before, or
steps back by more than a minute, or by more than a second to before its first stamp. Any other step is that
of a clock that was set.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch

_LEAST_BACK_NS = 1_000_000_000
_MOST_BACK_NS = 60_000_000_000
LOOKED_AT = 256  # frames
FROM_ZERO_NS = 10**9  # an earlier first stamp is no date: the log counts from its own start
NO_DATE = "times count from 1970"  # in the warning of it
MANY_BACK = 0.1  # of the stamps of a channel: tools that sort by arrival step back now and then
LEAST_STEPS = 10


@dataclass(frozen=True, slots=True)
class ClockRestart:
    """A clock has begun again: in which file, with which stamp, and after which one."""

    file: Path
    at_ns: int
    before_ns: int

    def words(self) -> str:
        """Return what that does, for people."""
        back_s = (self.before_ns - self.at_ns) / 1e9
        return (
            f"{self.file}: its clock begins {back_s:.1f} s before the last frame:"
            " what was open of charging sessions ends"
        )


@dataclass(frozen=True, slots=True)
class UnreadGap:
    """A recording that could not be read, or not to its end, and the stamp before it."""

    file: Path
    before_ns: int

    def words(self) -> str:
        """Return what that does, for people."""
        return f"{self.file}: could not be read: what was open of charging sessions before it ends"


class RestartFinder:
    """Looks at all frames in their order."""

    def __init__(self) -> None:
        self._file = Path()
        self._first_ns: int | None = None  # of the file, or since its clock began again
        self._is_first = True
        self.last_ns = 0  # stamp of the last frame that was found

    def open(self, file: Path) -> None:
        """Expect frames of another file."""
        self._file = file
        self._first_ns = None

    def find(self, frames: FrameBatch) -> tuple[int, ClockRestart | None]:
        """Return how many of these frames come before the clock begins again, and the restart at the first.

        The frames after those are to be given again. `frames`: one at least.
        """
        at_ns = frames[0].time_ns
        before_ns = at_ns if self._is_first else self.last_ns
        self._is_first = False
        first_ns = self._first_ns
        is_far = first_ns is None or at_ns < first_ns or before_ns - at_ns > _MOST_BACK_NS
        restart = None
        if before_ns - at_ns > _LEAST_BACK_NS and is_far:
            restart = ClockRestart(self._file, at_ns, before_ns)
        if restart or first_ns is None:
            self._first_ns = first_ns = at_ns
        count = frames.step_back(first_ns, _LEAST_BACK_NS, _MOST_BACK_NS) or len(frames)
        self.last_ns = frames[count - 1].time_ns
        return count, restart


class FirstStamps:
    """Looks at the first frames of one log."""

    def __init__(self) -> None:
        self._left = LOOKED_AT
        self._first_ns = FROM_ZERO_NS
        self._last_ns: dict[int, int] = {}  # by channel
        self._steps: Counter[int] = Counter()
        self._steps_back: Counter[int] = Counter()

    @property
    def is_done(self) -> bool:
        """Return whether enough frames were looked at."""
        return not self._left

    def look(self, batch: FrameBatch, start: int) -> None:
        """Look at the frames from `start` on."""
        for index in range(start, min(len(batch), start + self._left)):
            frame = batch[index]
            if self._left == LOOKED_AT:
                self._first_ns = frame.time_ns
            self._left -= 1
            before_ns = self._last_ns.get(frame.channel)
            self._last_ns[frame.channel] = frame.time_ns
            if before_ns is not None:
                self._steps[frame.channel] += 1
                self._steps_back[frame.channel] += frame.time_ns < before_ns

    def doubts(self) -> Iterator[str]:
        """Yield what is wrong with them, for people; one line at most."""
        doubtful = (
            (back, self._steps[channel])
            for channel, back in self._steps_back.most_common()
            if self._steps[channel] >= LEAST_STEPS and back > MANY_BACK * self._steps[channel]
        )
        if found := next(doubtful, None):
            back, steps = found
            where = f"in the first {steps + 1} frames of a channel"
            yield f"stamps step back {back} times {where}, as of candump -t d: record with candump -L"
        elif self._first_ns < FROM_ZERO_NS:
            yield f"{NO_DATE}: the log has no date (record with candump -L)"
