"""Logs one behind the other, as if they were one: what must be done in order, before frames are shared out.

Promises: frames come in the order of the logs and within them; stamps are told apart over all logs, a
transport session may begin in one log and end in the next, a channel of the same name is the same channel:
so logs that one recording was cut into give what the whole would. What is told with a batch depends on the
frames up to its end alone. Relies on being called by one thread at a time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from telemetry_core.decode.plan import Plan
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.stamps import Nudger
from telemetry_core.rules.protection import Protection
from telemetry_core.rules.protection_spec import ProtectionRule
from telemetry_core.transport.stage import Transport

from telemetry.decode.progress import Course, Progress
from telemetry.decode.rendering import LogChannel
from telemetry.ledger import add, subtract
from telemetry.logs.log import Log
from telemetry.model.ids import IsoTpId
from telemetry.stages.transport import listen, listens_for_j1939

ACCOUNT = "logs"  # as sources are called in the accounts


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
    """Opens logs, reads, tells stamps apart, follows sessions, checks what is protected."""

    def __init__(
        self,
        plan: Plan,
        bus_of: Callable[[str], int],
        *,
        vehicle: str,
        isotp: Sequence[IsoTpId] = (),
        protection: Sequence[ProtectionRule] = (),
        accounts: bool = False,
        stop_at: int = 0,
    ) -> None:
        """bus_of: the plan's bus that a channel is; accounts: whether places have `counts`; stop_at: a batch
        ends there, by frames over all logs.
        """
        self._buses = plan.spec.buses
        self._bus_of = bus_of
        self._vehicle = vehicle
        self._isotp = isotp
        self._accounts = accounts
        self._stop_at = stop_at
        self._transport = Transport(plan)
        self._protection = Protection(plan, protection) if protection else None
        self._nudger = Nudger()
        self._numbers: dict[str, int] = {}
        self._tag_sets = 0
        self._paths: Sequence[Path] = ()
        self._course = Course(())
        self._next = 0  # index of the log that is opened next
        self._log: Log | None = None
        self._is_ended = False
        self._damaged = 0  # in the logs before
        self._counted: dict[str, int] = {}
        self.channels: list[LogChannel] = []
        self.frames_read = 0

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
                self._log = Log(self._paths[self._next], self.number_of)
                self._next += 1
                return frames, self._place(())
            if self._is_ended or not self._paths:
                return None
            self._is_ended = True
            for channel in self.channels:
                self._transport.end_sessions(channel.number)
            return frames, replace(self._place(()), is_end=True)
        before_stop = self._stop_at - self.frames_read
        self._log.read(frames, before_stop if before_stop > 0 else -1)
        self.frames_read += len(frames)
        self._nudger.nudge(frames)
        together = self._transport.reassemble(frames)
        if self._protection is not None:
            together = self._protection.check(together)
        if not self._log.at_end:
            return together, self._place(())
        place = self._place(self._log.warnings())
        self._damaged += self._log.damaged
        self._log.close()
        self._log = None
        return together, place

    def close(self) -> None:
        """Give the log back that is open, if there is one."""
        if self._log is not None:
            self._log.close()

    def number_of(self, channel: str) -> int:
        """The number of a channel; a new one the first time."""
        number = self._numbers.get(channel)
        if number is None:
            number = self._numbers[channel] = len(self._numbers)
            bus = self._bus_of(channel)
            j1939 = listens_for_j1939(self._buses, bus)
            listen(self._transport, number, bus, j1939=j1939, isotp=self._isotp)
            if self._protection is not None:
                self._protection.bind(number, bus)
            tags = {"vehicle": self._vehicle, "source": channel}
            found = LogChannel(number, channel, bus, j1939, self._tag_sets, tags)
            self._tag_sets += found.tag_sets
            self.channels.append(found)
        return number

    def frames_by_fate(self) -> dict[str, int]:
        """Frames that went no further, by what became of them."""
        stages = [self._transport.counts]
        if self._protection is not None:
            stages.append(self._protection.counts)
        return add(*(counts(channel.number) for counts in stages for channel in self.channels))

    def session_counts(self) -> dict[str, int]:
        """Transport sessions, by what became of them."""
        return add(*(self._transport.session_counts(channel.number) for channel in self.channels))

    def protection_counts(self) -> dict[str, int]:
        """Frames of protected messages with something wrong: `MESSAGE/WHAT`."""
        if self._protection is None:
            return {}
        return add(*(self._protection.message_counts(channel.number) for channel in self.channels))

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
        still_open = sum(self._transport.open_frames(channel.number) for channel in self.channels)
        fates = {f"frames/{ACCOUNT}/{name}": count for name, count in self.frames_by_fate().items()}
        sessions = {f"sessions/{ACCOUNT}/{name}": count for name, count in self.session_counts().items()}
        wrong = {f"protection/{ACCOUNT}/{name}": count for name, count in self.protection_counts().items()}
        return {
            f"bus/{ACCOUNT}/read": self.frames_read + damaged - still_open,
            f"frames/{ACCOUNT}/lost/damaged": damaged,
            **fates,
            **sessions,
            **wrong,
        }
