"""Logs one after the other, as if they were one: what must be done in order, before frames are shared out.

Promises:
- Frames come in the order of the logs and within them.
- Logs that are parts of one recording give what the whole would: equal stamps are nudged over all logs, a
  transport session may begin in one log and end in the next, a channel of the same name is the same channel.
- What is known at the end of a batch depends on the frames up to there alone.
- A batch begins where the clock begins again: where a log begins more than a second before the end of the one
  before, or steps back by more than a minute, or by more than a second to before its first stamp. Any other
  step is that of a clock that was set.

Relies on being called by one thread at a time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.stamps import Nudger

from telemetry.decode.channels import ACCOUNT
from telemetry.decode.progress import Course, Progress
from telemetry.ledger import add, subtract
from telemetry.logs.log import OpenLog
from telemetry.stages.binding import Binding, BoundChannel
from telemetry.stages.stages import Stages

_LEAST_BACK_NS = 1_000_000_000
_MOST_BACK_NS = 60_000_000_000


@dataclass(frozen=True, slots=True)
class Restart:
    """A clock has begun again: in which log, with which stamp, and after which one."""

    log: Path
    at_ns: int
    before_ns: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a batch ends.

    frames: over all logs; counts: what this batch adds to the accounts; warnings: of a log that ended;
    is_end: of the last log, where open sessions are lost; restart: of the clock, before this batch.
    """

    frames: int
    progress: Progress
    counts: Mapping[str, int]
    warnings: Sequence[str]
    is_end: bool = False
    restart: Restart | None = None


class LogReading:
    """Opens logs, reads, nudges equal stamps and gathers."""

    def __init__(
        self,
        stages: Stages,
        binding_of: Callable[[str], Binding],
        *,
        accounts: bool = False,
        stop_at: int = 0,
    ) -> None:
        """binding_of: what a channel is; accounts: whether places have `counts`; stop_at: a batch ends there,
        by frames over all logs.
        """
        self._stages = stages
        self._gathering = stages.gathering
        self._binding_of = binding_of
        self._accounts = accounts
        self._stop_at = stop_at
        self._nudger = Nudger()
        self._paths: Sequence[Path] = ()
        self._course = Course(())
        self._next = 0  # index of the log that is opened next
        self._log: OpenLog | None = None
        self._log_first_ns: int | None = None  # of the open log, once it is read
        self._rest: list[FrameBatch] = []  # read, from where the clock begins again
        self._is_ended = False
        self._damaged = 0  # in the logs before
        self._counted: dict[str, int] = {}
        self.channels: dict[str, BoundChannel] = {}
        self.frames_read = 0
        self.first_ns = 0  # stamp of the first frame of all, once there is one
        self.last_ns = 0  # of the last frame so far

    @property
    def bindings(self) -> dict[str, Binding]:
        """What each channel is that has come so far, by its name."""
        return {name: channel.binding for name, channel in self.channels.items()}

    def begin(self, paths: Sequence[Path]) -> None:
        """Read these, from the first frame of the first one."""
        self._paths = paths
        self._course = Course(paths)

    def take(self, frames: FrameBatch) -> tuple[FrameBatch, Place] | None:
        """The next frames, where they end, or None at the end of the last log.

        A log that is opened is a batch without frames, and so is the end. `frames` is room for what is read;
        what is returned is valid until the next call. Raises InputMissingError, DataError.
        """
        frames.clear()
        if self._log is None:
            if self._next < len(self._paths):
                self._log = OpenLog(self._paths[self._next], self._number_of)
                self._next += 1
                self._log_first_ns = None
                return frames, self._place(())
            if self._is_ended or not self._paths:
                return None
            self._is_ended = True
            self._gathering.end_sessions(ACCOUNT)
            return frames, replace(self._place(()), is_end=True)
        if self._rest:
            frames.extend(self._rest.pop())
        else:
            before_stop = self._stop_at - self.frames_read
            self._log.read(frames, before_stop if before_stop > 0 else -1)
        restart = None
        if len(frames):
            frames, restart = self._until_restart(frames)
            self.last_ns = frames[len(frames) - 1].time_ns
        self.frames_read += len(frames)
        self._nudger.nudge(frames)
        together = self._gathering.gather(frames)
        if self._rest or not self._log.at_end:
            return together, replace(self._place(()), restart=restart)
        place = replace(self._place(self._log.warnings()), restart=restart)
        self._damaged += self._log.damaged
        self._log.close()
        self._log = None
        return together, place

    def close(self) -> None:
        """Close the open log, if any."""
        if self._log is not None:
            self._log.close()

    def _until_restart(self, frames: FrameBatch) -> tuple[FrameBatch, Restart | None]:
        """Return these frames, up to where the clock begins again, and the restart at the first of them."""
        at_ns, before_ns = frames[0].time_ns, self.last_ns
        if not self.frames_read:
            self.first_ns = before_ns = at_ns
        first_ns = self._log_first_ns
        is_far = first_ns is None or at_ns < first_ns or before_ns - at_ns > _MOST_BACK_NS
        restart = None
        if before_ns - at_ns > _LEAST_BACK_NS and is_far:
            restart = Restart(self._paths[self._next - 1], at_ns, before_ns)
        if restart or first_ns is None:
            self._log_first_ns = first_ns = at_ns
        if count := frames.step_back(first_ns, _LEAST_BACK_NS, _MOST_BACK_NS):
            self._rest.append(frames.part(count, len(frames)))
            frames = frames.part(0, count)
        return frames, restart

    def _number_of(self, name: str) -> int:
        """The number of a channel; a new one the first time."""
        channel = self.channels.get(name)
        if channel is None:
            channel = self._stages.gather_from(len(self.channels), self._binding_of(name))
            self.channels[name] = channel
        return channel.number

    def _place(self, warnings: Sequence[str]) -> Place:
        counted, before = self._count(), self._counted
        self._counted = counted
        bytes_read = self._log.bytes_read if self._log is not None else 0
        index = self._next - 1
        if self._log is None:  # the end
            bytes_read = self._course.size_bytes(index)
        return Place(
            self.frames_read,
            self._course.at(index, bytes_read, self.frames_read),
            subtract(counted, before),
            warnings,
        )

    def _count(self) -> dict[str, int]:
        """As the accounts have it: frames of open sessions are not read yet, damaged places are."""
        if not self._accounts:
            return {}
        damaged = self._damaged + (self._log.damaged if self._log is not None else 0)
        here = {f"bus/{ACCOUNT}/read": self.frames_read + damaged, f"frames/{ACCOUNT}/lost/damaged": damaged}
        return add(here, self._gathering.counted())
