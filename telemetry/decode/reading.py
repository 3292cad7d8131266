"""Logs one after the other, as if they were one: what must be done in order, before frames are shared out.

Promises:
- Frames come in the order of the logs and within them.
- Logs that are parts of one recording give what the whole would: equal stamps are nudged over all logs, a
  transport session may begin in one log and end in the next, a channel of the same name is the same channel.
- What is known at the end of a batch depends on the frames up to there alone.

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


@dataclass(frozen=True, slots=True)
class Place:
    """Where a batch ends.

    frames: over all logs; counts: what this batch adds to the accounts; warnings: of a log that ended;
    is_end: of the last log, where open sessions are lost.
    """

    frames: int
    progress: Progress
    counts: Mapping[str, int]
    warnings: Sequence[str]
    is_end: bool = False


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
                return frames, self._place(())
            if self._is_ended or not self._paths:
                return None
            self._is_ended = True
            self._gathering.end_sessions(ACCOUNT)
            return frames, replace(self._place(()), is_end=True)
        before_stop = self._stop_at - self.frames_read
        self._log.read(frames, before_stop if before_stop > 0 else -1)
        if not self.frames_read and len(frames):
            self.first_ns = frames[0].time_ns
        if len(frames):
            self.last_ns = frames[len(frames) - 1].time_ns
        self.frames_read += len(frames)
        self._nudger.nudge(frames)
        together = self._gathering.gather(frames)
        if not self._log.at_end:
            return together, self._place(())
        place = self._place(self._log.warnings())
        self._damaged += self._log.damaged
        self._log.close()
        self._log = None
        return together, place

    def close(self) -> None:
        """Close the open log, if any."""
        if self._log is not None:
            self._log.close()

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
