"""Where the clock of a recording begins again.

Promises: that is so where a file begins more than a second before the end of the one before, or steps back by
more than a minute, or by more than a second to before its first stamp. Any other step is that of a clock that
was set.
"""

from dataclasses import dataclass
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch

_LEAST_BACK_NS = 1_000_000_000
_MOST_BACK_NS = 60_000_000_000


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
