"""Line protocol of `decode` into InfluxDB, through the service's own spool and sink.

Promises:
- It writes what `--format lp` prints, line for line. A batch that may hold a point of an earlier one
  (`LineBuffer.overlaps`) is ordered, so that of two rows of one point the later one stays.
- A run that a signal, kill -9 or the power cut short goes on after what the spool has, when it is started
  again with the same arguments.
- Reading waits for the server, so a log larger than the disk passes through, and nothing is evicted.
- The accounts are those of the service and balance at every moment.

Relies on pieces that depend on the frames before their end alone; where the files have changed since, or the
spool has lost something, everything is written once more, which changes nothing in the database.
"""

import contextlib
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from telemetry.clock import Clock
from telemetry.decode.output import OutputPiece
from telemetry.ledger import add
from telemetry.logs.identity import end_of
from telemetry.model.events import Event
from telemetry.sinks.settings import SinkSettings
from telemetry.sinks.sink import Sink
from telemetry.spool.batch import EncodedBatch
from telemetry.spool.compress import compress
from telemetry.spool.directory import is_ours
from telemetry.spool.limits import SpoolLimits
from telemetry.spool.spool import Spool

BATCH_LINES = 5000
BATCH_BYTES = 4 << 20  # more than the service's: a request costs the server a sync, and no LTE is between
WAITING_POINTS = 50_000  # on their way to the server before reading waits: half a second of its work
POLL_S = 0.02
SINK_STOP_S = 1.5
LIMITS = SpoolLimits(cap_bytes=1 << 30, keep_free_bytes=0, memory_bytes=1 << 26)  # reading waits before them


@dataclass(frozen=True, slots=True)
class DeliveryState:
    """How it is now."""

    acknowledged_points: int  # by this run
    waiting_points: int
    dead_points: int
    lost_points: int  # by this run: evicted, or found damaged
    trouble: str  # why the server takes nothing now; empty if it does


@dataclass(frozen=True, slots=True)
class Patience:
    """The time for which a server may take nothing: while it fails, or holds until something is mended."""

    failing_s: float = 10.0
    held_s: float = 0.0


class Upload:
    """Takes pieces, and ends with everything acknowledged, or saying what is not. One thread's."""

    def __init__(
        self,
        directory: Path,
        sink: SinkSettings,
        clock: Clock,
        *,
        position: str,
        stop: threading.Event,
        on_event: Callable[[Event], None],
        patience: "Patience | None" = None,
    ) -> None:
        """StorageError if the spool cannot be used.

        position: what this decode is called, empty if it cannot be resumed; stop: ends it, in order;
        on_event: called by the sink's thread; patience: with a server that takes nothing; None: endless.
        """
        self._directory = directory
        self._clock = clock
        self._position = position
        self._stop = stop
        self._patience = patience
        self.gave_up = False
        self._failure: Exception | None = None
        self._spool = Spool(directory, clock=clock, limits=LIMITS, cursor=sink.cursor)
        self._before = self._spool.counters()
        recovery = self._spool.recovery
        self.found_points = recovery.waiting_points  # of an earlier run, not delivered yet
        is_whole = self._before["points/evicted"] + self._before["points/damaged"] == 0
        self.done_frames = recovery.positions.get(position, 0) if position and is_whole else 0
        self._follows_others = self.found_points > 0 and not self.done_frames  # their points may be its own
        self._accounts = _kept(recovery.accounts, resumed=self.done_frames > 0)
        self._is_behind = self.done_frames > 0
        self._has_ended = self._is_behind and recovery.positions.get(end_of(position)) == self.done_frames
        self._frames = self.done_frames
        self._texts: list[bytes] = []
        self._size_bytes = self._lines = 0
        self._overlaps = False
        self._first_ns, self._last_ns = 0, 0
        self._sink = Sink(self._spool, sink, clock, on_event=on_event, on_failure=self._fail)
        self._sink.start()

    def take(self, piece: OutputPiece) -> None:
        """Store a piece, and wait while the server lags; do nothing once stopped."""
        if self._is_behind:  # an earlier run has stored it
            self._is_behind = self._has_ended or piece.frames < self.done_frames
            return
        self._accounts = add(self._accounts, piece.counts)
        self._frames, self._has_ended = piece.frames, piece.is_end
        if piece.lines:
            self._first_ns = min(self._first_ns, piece.first_ns) if self._lines else piece.first_ns
            self._last_ns = max(self._last_ns, piece.last_ns) if self._lines else piece.last_ns
            self._overlaps |= piece.overlaps
            self._texts.append(piece.text)
            self._size_bytes += len(piece.text)
            self._lines += piece.lines
        if self._lines >= BATCH_LINES or self._size_bytes >= BATCH_BYTES:
            self._cut()
        self._tick()
        while (state := self.state).waiting_points > WAITING_POINTS and not self._stop.is_set():
            self._clock.wait(self._stop, POLL_S)
            self._tick()
        if state.lost_points:
            self._stop.set()  # all of it is to be written once more: not before there is room

    def finish(self, show: Callable[[], None]) -> None:
        """Deliver what waits, now that all pieces are taken. show: called while that lasts."""
        self._cut()
        self._spool.commit()
        while self.state.waiting_points and not self._stop.is_set():
            show()
            self._clock.wait(self._stop, POLL_S)
            self._tick()

    def close(self) -> None:
        """End, whatever is left; raises what went wrong inside."""
        self._cut()
        self._spool.commit()
        self._sink.stop(SINK_STOP_S)
        self._spool.close()
        if self._failure is not None:
            raise self._failure

    def remove(self) -> None:
        """Remove the spool after `close`. What is not the spool's stays."""
        for path in self._directory.iterdir():
            if is_ours(path.name):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        with contextlib.suppress(OSError):
            self._directory.rmdir()

    @property
    def is_empty(self) -> bool:
        """Return whether the spool has nothing that the same command could go on with, nor ever had."""
        state = self.state
        points = state.acknowledged_points + state.waiting_points + state.dead_points
        return not (points or self.found_points or self.done_frames)

    @property
    def state(self) -> DeliveryState:
        """Return how it is now."""
        counters, gauges = self._spool.snapshot()
        sink = self._sink.state
        return DeliveryState(
            acknowledged_points=counters["points/acknowledged"] - self._before["points/acknowledged"],
            waiting_points=gauges.waiting_points,
            dead_points=counters["points/dead"],
            lost_points=sum(
                counters[name] - self._before[name] for name in ("points/evicted", "points/damaged")
            ),
            trouble=sink.trouble,
        )

    @property
    def accounts(self) -> dict[str, int]:
        """Return all counters, of this run and of those that it goes on with."""
        return add(self._accounts, self._spool.counters())

    def _cut(self) -> None:
        if not self._lines:
            return
        batch = EncodedBatch(
            payload=compress(b"".join(self._texts)),
            points=self._lines,
            first_ns=self._first_ns,
            last_ns=self._last_ns,
            ordered=self._overlaps or self._follows_others,
        )
        positions = {self._position: self._frames} if self._position else {}
        if self._position and self._has_ended:  # what is counted at the end is in these accounts
            positions[end_of(self._position)] = self._frames
        self._spool.append(batch, accounts=self._accounts, positions=positions)
        self._texts.clear()
        self._size_bytes = self._lines = 0
        self._overlaps = False

    def _tick(self) -> None:
        if self._spool.commit_due():
            self._spool.commit()
        state, patience = self._sink.state, self._patience
        if patience is None or state.failing_since_s is None:
            return
        patience_s = patience.held_s if state.held else patience.failing_s
        if self._clock.monotonic_s() - state.failing_since_s >= patience_s:
            self.gave_up = True
            self._stop.set()

    def _fail(self, error: Exception) -> None:
        """Stop: the sink's thread has died of a fault in the program."""
        self._failure = error
        self._stop.set()


def _kept(accounts: Mapping[str, int], *, resumed: bool) -> dict[str, int]:
    """Return the accounts of earlier runs; what was counted of frames only if they are not read once more."""
    return {name: count for name, count in accounts.items() if resumed or name.startswith("points/")}
