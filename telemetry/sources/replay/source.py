"""A recorded log as a source: as fast as the pipeline takes it, or as it was recorded, times a factor.

Promises:
- Nothing is lost: the source waits for the pipeline, and for room in the spool.
- The same log gives the same frames with the same stamps and nudges on every run.
- A batch begins where the log's clock begins again, and says so.
- To resume, the source reads the log from its start again, without waiting up to `start_position`. A batch
  ends exactly there, so that the pipeline can drop what it made of the frames before, and every stage is in
  the state in which it was.
"""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.stamps import Nudger

from telemetry.clock import Clock
from telemetry.errors import TelemetryError
from telemetry.logs.log import OpenLog
from telemetry.logs.stamps import ClockRestart, RestartFinder
from telemetry.model.events import begins
from telemetry.model.source_states import READING, WAITING
from telemetry.sources.inbox import Arrival, Inbox, SourceEvent
from telemetry.sources.reconnect import put_all, put_end
from telemetry.sources.source import Source
from telemetry.sources.stop import StopSignal

SHORTEST_WAIT_S = 0.01  # frames gather, as on a live bus
STEP_BACK_NS = 10**9
STEP_AHEAD_NS = 3600 * 10**9

logger = logging.getLogger(__name__)


class ReplayPace:
    """Which frames are due, at `speed` times the speed at which they were recorded. Knows no log.

    A clock that was set while recording (stamps that step back by more than a second or ahead by more than
    an hour) is no reason to rush or to wait: the pace starts again from there.
    """

    def __init__(self, clock: Clock, speed: float) -> None:
        self._clock = clock
        self._speed = speed
        self._start_s = 0.0
        self._start_ns: int | None = None

    def due_ns(self) -> int:
        """Return up to which stamp frames are due; before the first frame is known none is."""
        if self._start_ns is None:
            return -1
        return self._start_ns + round((self._clock.monotonic_s() - self._start_s) * self._speed * 1e9)

    def wait_s(self, next_ns: int) -> float:
        """Return how long to wait for the frame with stamp next_ns; 0: it is due."""
        if self._start_ns is None or next_ns - self.due_ns() > STEP_AHEAD_NS:
            self._restart(next_ns)
        ahead_s = (next_ns - self.due_ns()) / 1e9 / self._speed
        return max(ahead_s, SHORTEST_WAIT_S) if ahead_s > 0 else 0.0

    def passed(self, last_ns: int, due_ns: int) -> None:
        """Note the stamp of the last frame taken, of those due."""
        if due_ns - last_ns > STEP_BACK_NS:
            self._restart(last_ns)

    def _restart(self, time_ns: int) -> None:
        self._start_s = self._clock.monotonic_s()
        self._start_ns = time_ns


class ReplaySource(Source):
    """Frames of one log file. speed: 1.0 as recorded, None as fast as possible."""

    def __init__(
        self,
        name: str,
        path: Path,
        clock: Clock,
        channel_of: Callable[[str], int],
        *,
        speed: float | None = None,
        start_position: int = 0,
    ) -> None:
        """Open nothing yet. channel_of: numbers each channel's name; called in the source's thread."""
        if speed is not None and speed <= 0:
            raise ValueError(f"a speed is above 0, not {speed}")
        self.name = name
        self._status = "not started"
        self._output: Inbox | None = None
        self._path = path
        self._clock = clock
        self._channel_of = channel_of
        self._pace = None if speed is None else ReplayPace(clock, speed)
        self._start_position = start_position
        self._nudger = Nudger()
        self._restarts = RestartFinder()
        self._rest: FrameBatch | None = None  # read, from where the clock begins again
        self._delivered = 0
        self._damaged = 0

    @property
    def status(self) -> str:
        is_waiting = self._status == READING and self._output is not None and self._output.is_held
        return WAITING if is_waiting else self._status

    def counts(self) -> Mapping[str, int]:
        """Return the counts. `lost/damaged` are lines, or objects of a binary log, that are no frame."""
        return {
            "read": self._delivered + self._damaged,
            "lost/damaged": self._damaged,
            "nudged": self._nudger.nudged,
        }

    def run(self, output: Inbox, stop: StopSignal) -> None:
        self._output = output
        self._status = READING
        is_complete = False
        try:
            self._restarts.open(self._path)
            with OpenLog(self._path, self._channel_of) as log:
                self._replay(log, output, stop)
            is_complete = not stop.is_set()
            self._status = "ended" if is_complete else "stopped"
        except TelemetryError as error:
            self._fail(str(error), output)
        except Exception as error:
            logger.exception("a source failed")
            self._fail(f"internal error: {type(error).__name__}: {error}", output)
        put_end(self.name, self.counts(), output, is_complete=is_complete)

    def _replay(self, log: OpenLog, output: Inbox, stop: StopSignal) -> None:
        while not stop.is_set():
            batch = output.take_empty()
            if self._read(log, batch):
                restart = self._cut(batch)
                sealed = self._delivered == self._start_position
                if not output.put_waiting(Arrival(self.name, batch, self.counts(), sealed, restart), stop):
                    return
                continue
            output.give_back(batch)
            if log.at_end:
                if self._delivered and self._delivered == self._start_position:
                    logger.warning(
                        "%s: %s was read to its end before, and holds nothing new (another spool.directory"
                        " reads it again)",
                        self.name,
                        self._path.name,
                    )
                put_all(self._end_events(log), output)
                return
            if self._pace is not None:
                self._clock.wait(stop.event, self._pace.wait_s(log.next_ns))

    def _read(self, log: OpenLog, batch: FrameBatch) -> int:
        """Take what is due into `batch`; return how many frames that are."""
        if self._rest is not None:
            _refill(batch, self._rest)
            self._rest = None
            return len(batch)
        resuming = self._start_position - self._delivered
        try:
            if self._pace is None or resuming > 0:
                frames = log.read(batch, resuming if resuming > 0 else -1)
            else:
                due_ns = self._pace.due_ns()
                frames = log.read(batch, -1, due_ns)
                if frames:
                    self._pace.passed(batch[frames - 1].time_ns, due_ns)
        finally:
            self._damaged = log.damaged
        return frames

    def _cut(self, batch: FrameBatch) -> ClockRestart | None:
        """Keep the frames of `batch` from where the clock begins again for later; count and nudge the others.

        Return the restart at its first frame.
        """
        count, restart = self._restarts.find(batch)
        if count < len(batch):
            self._rest = batch.part(count, len(batch))
            _refill(batch, batch.part(0, count))
        self._nudger.nudge(batch)
        self._delivered += count
        return restart

    def _end_events(self, log: OpenLog) -> list[SourceEvent]:
        events = [begins("log_damaged", warning, self.name) for warning in log.warnings()]
        events.append(begins("source_end", f"{self._path.name}: {log.frames_read} frames", self.name))
        now_ns = self._clock.unix_ns()
        return [SourceEvent(event, now_ns) for event in events]

    def _fail(self, reason: str, output: Inbox) -> None:
        self._status = reason
        put_all([SourceEvent(begins("source_lost", reason, self.name), self._clock.unix_ns())], output)


def _refill(batch: FrameBatch, frames: FrameBatch) -> None:
    """Let `batch`, which keeps its room, hold these frames alone."""
    batch.clear()
    batch.position = frames.position
    batch.extend(frames)
