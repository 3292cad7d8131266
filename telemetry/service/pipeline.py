"""The pipeline thread's work: deliveries in, durable batches out, and the accounts as of each batch.

Promises:
- A batch is closed at 5,000 lines, 2 MiB or after a second, whichever comes first, and always between two
  deliveries, so that its position and its accounts are exact.
- What a live source has delivered is kept from a death of this process at once, with the accounts as of that
  delivery.
- A batch that may hold a point of an earlier one (`LineBuffer.overlaps`) is ordered, so that the last frame's
  value stays.
- A log that is read again is processed from its start, and what an earlier run had stored is thrown away, so
  that every stage is as it was. So what the reducer holds of a log goes out only at the log's end, not when
  the service stops.
- Rows that replace earlier ones by design (charging sessions) close the batch: they go before it, in a batch
  of their own, so that the others need not be ordered.

Relies on one thread calling it, on a spool and on an injected clock; knows nothing of sockets and servers.
"""

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.text.lines import LineBuffer

from telemetry.clock import Clock
from telemetry.ledger import Counters, Ledger, Names, add, of_source, subtract
from telemetry.logs.identity import end_of
from telemetry.model.events import Event
from telemetry.model.measurements import EVENT
from telemetry.service.open_sessions import BY_POWER, OpenSessions
from telemetry.service.stamping import AS_THEY_ARE, ClockStamps, Stamping
from telemetry.spool.batch import EncodedBatch, Series, TimeBase
from telemetry.spool.compress import compress
from telemetry.spool.trails import NO_STATE
from telemetry.stages.handing_over import hand_over_health, hand_over_windows
from telemetry.stages.sessions import hand_over_sessions
from telemetry.stages.stages import Stages

if TYPE_CHECKING:  # a service without logs imports none of their room
    from telemetry.logs.stamps import ClockRestart

LOG = logging.getLogger("telemetry.service")

BATCH_LINES = 5000
BATCH_BYTES = 2 * 1024 * 1024
BATCH_AGE_S = 1.0
KEEP_EVERY_S = 0.02  # at most: many sources, or one whose frames hardly gather, cost no more than this often
SILENCE_GRACE_NS = 1_000_000_000  # frames of an interval may come this late before its row goes out


class BatchStore(Protocol):
    """What the pipeline needs of the spool."""

    def keep(
        self,
        lines: LineBuffer,
        *,
        accounts: Counters,
        positions: Mapping[str, int],
        boot_id: str,
        state: Mapping[str, bytes],
        replacing: LineBuffer,
    ) -> bool: ...

    def append(
        self,
        batch: EncodedBatch,
        *,
        accounts: Counters,
        positions: Mapping[str, int],
        state: Mapping[str, bytes],
        replacing: EncodedBatch | None,
    ) -> None: ...

    def commit(self) -> None: ...

    def commit_due(self) -> bool: ...


class FrameTap(Protocol):
    """Takes frames of live sources before they are processed. run: what positions in them begin with."""

    @property
    def run(self) -> str: ...

    def take(self, source: str, frames: FrameBatch, stamping: Stamping, first: int) -> None: ...


class Pipeline:
    """Takes deliveries and rare points; cuts, compresses and stores batches.

    tap: takes live frames, too. is_disturbed: since it was told so, more than frames has changed the stages.
    """

    def __init__(
        self,
        stages: Stages,
        store: BatchStore,
        ledger: Ledger,
        clock: Clock,
        positions: Mapping[str, int],
        *,
        wait_for_clock: bool = False,
        newest_ns: int | None = None,
        state: Mapping[str, bytes] = NO_STATE,
    ) -> None:
        """Begin with an empty batch.

        positions: how many frames of each log are in the store already, and of which its end is.

        newest_ns: the latest stamp of what an earlier run stored last; None if it stored nothing. state: what
        that run had open.
        """
        self.stages = stages  # as they are now
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._newest_ns = newest_ns
        self._stored = dict(positions)
        self.tap: FrameTap | None = None
        self.is_disturbed = False
        self._delivered: dict[str, int] = {}
        self._lost_before: dict[str, dict[str, int]] = {}
        self._lost_earlier: dict[str, dict[str, int]] = {}  # before a source began again
        self._retired: dict[str, int] = {}  # what stages before these have counted
        self._rare_points: dict[str, int] = {}
        self._earlier_bytes: dict[str, int] = {}  # of lines, by measurement: the service's own, stages before
        self._names: dict[str, tuple[Names, Names]] = {}  # by source: of its frames and of its bus
        self._open = LineBuffer()
        self._replacing = LineBuffer(256)
        self._discarded = LineBuffer()
        self._opened_s = clock.monotonic_s()
        self._kept_bytes = 0  # of the open batch
        self._keep_at_s = self._opened_s
        self._time_base = TimeBase.UNIX
        self._clock_stamps = ClockStamps(clock, waits=wait_for_clock)
        self._window_base: TimeBase | None = None  # what open windows count from, once that has changed
        # By source: of the rows that the stages still remember; the one that delivered last is the last.
        self._stampings: dict[str, Stamping] = {}
        self._sessions = OpenSessions(state, clock)
        self._positions = dict(positions)
        self.tap_by(None)
        self._newest_frames_ns: dict[str, int] = {}  # by source that is a log
        self._live: set[str] = set()  # sources that have delivered and cannot be read again
        boot = f"{clock.boot_id()} {clock.boot_ns()}"
        self._run = f"-{hashlib.sha256(boot.encode()).hexdigest()[:6]}"
        self._name_captures()
        self.stages.writing.output.replacing = self._replacing
        ledger.add_stage(lambda: self.stages.counted())
        ledger.add_stage(lambda: self._retired)
        ledger.add_stage(self._counted)

    def process(
        self,
        source: str,
        frames: FrameBatch,
        lost_before: Counters,
        *,
        resume_as: str = "",
        own_time: bool = False,
        time_known: bool = True,
        restart: "ClockRestart | None" = None,
    ) -> None:
        """Process one delivery.

        lost_before: by reason, what the source itself had lost when it had read these frames; resume_as: what
        the position of a log is called, empty if the source cannot resume; own_time: the frames' stamps do
        not come from this machine's clock; time_known: whether that clock may be trusted; restart: of a log's
        clock, at its first frame.
        """
        if not resume_as:
            self._live.add(source)
        if self._newest_ns is not None and source not in self._delivered and not self._stored.get(resume_as):
            self.stages.writing.assume_up_to(source, self._newest_ns)
        if resume_as:
            stored = self._stored.get(resume_as, 0)
            done = min(max(stored - frames.position, 0), len(frames))
            if done:
                self._repeat(source, frames.part(0, done), restart)
                restart = None
            if done < len(frames):
                rest = frames.part(done, len(frames)) if done else frames
                self._take(source, rest, AS_THEY_ARE, restart)
            self._positions[resume_as] = max(frames.position + len(frames), stored)
        else:
            first = self._delivered.get(source, 0)
            found = self._clock_stamps.parts(frames, time_known=time_known)
            for part, stamping in [(frames, AS_THEY_ARE)] if own_time else found:
                if self.tap is not None:
                    self.tap.take(source, part, stamping, first)
                    first += len(part)
                    self._positions[self.tap.run + source] = first
                self._take(source, part, stamping)
        self._delivered[source] = self._delivered.get(source, 0) + len(frames)
        if len(frames) and resume_as:
            self._newest_frames_ns[source] = frames[len(frames) - 1].time_ns
        self.count_losses(source, lost_before)
        if self._open.lines >= BATCH_LINES or len(self._open) >= BATCH_BYTES or self._replacing.lines:
            self.cut()

    def count_losses(self, source: str, lost: Counters) -> None:
        """Count what `source` itself has lost so far, by reason, and `kernel_dropped`."""
        self._lost_before[source] = add(self._lost_earlier.get(source, {}), lost)

    def end(self, source: str, lost: Counters, *, is_complete: bool, resume_as: str = "") -> None:
        """End `source`, from which nothing more comes.

        is_complete: it is a log, and read to its end; resume_as: as for `process`.
        """
        self.count_losses(source, lost)
        self.stages.payloads.end_sessions(source)
        writing = self.stages.writing
        if is_complete and (writing.pending or self.stages.sessions.fed_by(source) or writing.health):
            frames, end = self._positions.get(resume_as, 0), end_of(resume_as)
            if self._stored.get(end) != frames:  # otherwise an earlier run has reached this
                self._stampings.setdefault(source, AS_THEY_ARE)  # none: nothing new has come
                self._flush(source)
                newest_ns = self._newest_frames_ns.get(source, 0)
                self.stages.writing.end_sessions(self._open, newest_ns, source=source, goes_on=False)
                self._positions[end] = frames
                if self._replacing.lines:
                    self.cut()

    def replace_stages(self, stages: Stages) -> None:
        """Let everything go through `stages`, whose channels are bound, from the next delivery on.

        What the old ones hold goes out first; alarms that are active go on or end.
        """
        stages.writing.output.replacing = self._replacing
        for source in self.stages.sources:
            stamping = self._stampings.get(source, AS_THEY_ARE)  # none: a log of which nothing new has come
            self._flush(source)
            self._switch(stamping.base)
            self.stages.hand_over(stages, self._open, source=source, shift_ns=stamping.shift_ns)
        hand_over_sessions(self.stages.sessions, stages.sessions, BY_POWER, self._open)
        hand_over_health(self.stages.writing, stages.writing)
        hand_over_windows(self.stages.writing, stages.writing)
        self._retired = add(self._retired, self.stages.counted())
        self._earlier_bytes = self.bytes_by_measurement()
        self.stages = stages
        self.is_disturbed = True
        self._name_captures()
        if self._replacing.lines:
            self.cut()

    def tap_by(self, tap: FrameTap | None) -> None:
        """Give live frames to `tap`, too, from now on; None: to nobody, and they have no positions."""
        self.tap = tap
        if tap is None:
            self._positions = {name: count for name, count in self._positions.items() if "@" in name}

    def _name_captures(self) -> None:
        """Let no capture have an id of another run: each boot may begin at the same time."""
        if (windows := self.stages.writing.windows) is not None:
            windows.run = self._run

    def set_factor(self, factor: int, longest_s: float) -> None:
        """Multiply all bounds by `factor` from now on. What they hold goes out, as within those of before."""
        for source in self.stages.sources:
            self._flush(source)
        self.stages.writing.reducing.set_factor(factor, longest_s)
        self.is_disturbed = True

    def store_pending(self, stages: Stages, source: str, stamping: Stamping) -> None:
        """Store what these stages hold of `source`: all else that they know was counted by an earlier run."""
        before = stages.counted()
        self._switch(stamping.base)
        stages.writing.flush(self._open, source=source, shift_ns=stamping.shift_ns)
        self.retire(subtract(stages.counted(), before))

    def retire(self, counted: Counters) -> None:
        """Go on counting from what something has counted that is there no longer."""
        self._retired = add(self._retired, counted)

    def start_over(self, source: str, resume_as: str, positions: Mapping[str, int]) -> None:
        """Let `source` begin again in this run, its own counts at zero and a log at its first frame.

        resume_as: as for `process`; positions: those of all logs, less what nobody reads any more.
        """
        self._lost_earlier[source] = self._lost_before.get(source, {})
        self._positions = dict(positions)
        if resume_as:
            self.stages.writing.forget(source)
            self._stored = dict(self._positions)
            counters = self._ledger.snapshot().items()
            afresh = {name: count for name, count in counters if name.startswith(of_source(source))}
            self._ledger.suppress(afresh)

    @property
    def positions(self) -> Mapping[str, int]:
        """Return how many frames of each log are done, and of which its end is."""
        return self._positions

    def _take(
        self, source: str, frames: FrameBatch, stamping: Stamping, restart: "ClockRestart | None" = None
    ) -> None:
        before = self._stampings.get(source, stamping)
        if not stamping.continues(before):
            self._flush(source)
            self._move_windows(before, stamping)
            self.is_disturbed = True
        self._stampings.pop(source, None)
        self._stampings[source] = stamping
        self._switch(stamping.base)
        if source in self._live and self.stages.sessions.any:
            self._sessions.take(source, frames, stamping, self.stages.sessions, self._open)
        if restart:
            if self.stages.sessions.is_open(source):
                LOG.warning("%s", restart.words())
            self.stages.writing.end_sessions(self._open, restart.before_ns, source=source)
        self.stages.process(frames, self._open, shift_ns=stamping.shift_ns)

    def _move_windows(self, before: Stamping, now: Stamping) -> None:
        """Let open windows go on where stamps count from another time: once for all sources."""
        windows = self.stages.writing.windows
        if windows is not None and before.base is not now.base and self._window_base is not now.base:
            offset_ns = self._clock.unix_ns() - self._clock.boot_ns()
            windows.move(offset_ns if now.base is TimeBase.UNIX else -offset_ns)
        self._window_base = now.base

    def set_off(self, event: Event, time_ns: int) -> Event:
        """Return an event of the service or of a source, with the capture that it begins, if any."""
        live = [stamping for source, stamping in self._stampings.items() if source in self._live]
        if self.stages.writing.windows is None or not live:
            return event
        self._switch(live[-1].base)
        shift_ns = live[-1].shift_ns
        self.is_disturbed = True
        return self.stages.writing.set_off(event, event.source, time_ns, self._open, shift_ns=shift_ns)

    def _flush(self, source: str, before_ns: int | None = None) -> None:
        stamping = self._stampings.get(source)
        if stamping is None or not self.stages.writing.pending:
            return
        self._switch(stamping.base)
        self.stages.writing.flush(self._open, source=source, before_ns=before_ns, shift_ns=stamping.shift_ns)

    def _repeat(self, source: str, frames: FrameBatch, restart: "ClockRestart | None") -> None:
        before = self.stages.counted()
        self.stages.writing.is_dated = True
        if restart:
            self.stages.writing.end_sessions(self._discarded, restart.before_ns, source=source)
        self.stages.process(frames, self._discarded)
        self._discarded.clear()
        self._replacing.clear()
        repeated = subtract(self.stages.counted(), before)
        names = ("points/", "values/", "triggers/")
        found = ((name, count) for name, count in repeated.items() if name.startswith(names))
        self._ledger.suppress(dict(found))

    def add_point(self, measurement: str, line: bytes, time_ns: int, *, time_known: bool = True) -> None:
        """Add one point of the service's own."""
        self._switch(TimeBase.UNIX if time_known else TimeBase.BOOT)
        self._open.append(line, time_ns, urgent=measurement == EVENT.name)
        self._rare_points[measurement] = self._rare_points.get(measurement, 0) + 1
        self._earlier_bytes[measurement] = self._earlier_bytes.get(measurement, 0) + len(line)

    def bytes_by_measurement(self) -> dict[str, int]:
        """Return how many bytes of lines this run has made; see `Output`."""
        return add(self._earlier_bytes, self.stages.writing.output.bytes_by_measurement())

    def tick(self, live: Iterable[str] = ()) -> None:
        """Close the open batch when it is old, commit when that is due.

        live: sources whose stamps are this machine's time; what the reducer holds of them goes out even if
        they have fallen silent.
        """
        self._clock_stamps.look()
        before_ns = self._clock.unix_ns() - SILENCE_GRACE_NS
        for source in live:
            self._flush(source, before_ns)
        now_s = self._clock.monotonic_s()
        if not self._open.lines:
            self._opened_s = now_s
        if now_s - self._opened_s >= BATCH_AGE_S:
            self.cut()
            self._store.commit()  # what is so old waits no longer
        else:
            if now_s >= self._keep_at_s and self._keep():
                self._keep_at_s = now_s + KEEP_EVERY_S
            if self._store.commit_due():
                self._store.commit()

    def wait_s(self, most_s: float) -> float:
        """Return how long the next `tick` may wait: `most_s`, or less while something is to be kept."""
        if not self._live or len(self._open) == self._kept_bytes:
            return most_s
        return min(most_s, max(0.0, self._keep_at_s - self._clock.monotonic_s()))

    def watch_silence(self, listening: Sequence[str], away: Sequence[str] = ()) -> None:
        """See who is silent, of live sources of which no frame waits.

        listening: those whose device is there; away: those whose device is not.
        """
        before = self._open.lines
        passed_ns = self._sessions.watch(listening, away, self.stages.sessions, self._open)
        writing = self.stages.writing
        if writing.health is not None and writing.is_dated:
            writing.write_made(writing.health.watch(passed_ns), self._open, shift_ns=0)
        self.is_disturbed |= self._open.lines != before
        if self._replacing.lines:
            self.cut()

    def close_orphans(self, live: Iterable[str]) -> None:
        """Close the sessions of an earlier run that none of these sources can go on with."""
        self._sessions.close_orphans(live, self.stages.sessions, self._open)
        if self._replacing.lines:
            self.cut()

    def leave_sessions(self) -> None:
        """Say of what is open that no more frames come to this run; the next one may go on with it."""
        for base in self._sessions.leave(self.stages.sources, self.stages.sessions, self._open):
            self._switch(base)
        if (health := self.stages.writing.health) is not None:
            self._switch(TimeBase.UNIX)
            self.stages.writing.write_made(health.leave(), self._open, shift_ns=0)

    def finish(self, live: Iterable[str] = ()) -> None:
        """Commit everything to the store that would be lost otherwise."""
        for source in live:
            self._flush(source)
        self.cut()
        self._store.commit()

    def cut(self) -> None:
        """Close the open batch and hand it to the store."""
        self._opened_s = self._clock.monotonic_s()
        if not self._open.lines and not self._replacing.lines:
            return
        known = self._keep() or (self._ledger.snapshot(), self._state())
        replacing = self._batch(self._replacing) if self._replacing.lines else None
        batch = self._batch(self._open) if self._open.lines else replacing
        self._replacing.clear()
        self._open.clear()
        self._kept_bytes = 0
        if batch is not None:
            accounts, state = known
            self._store.append(
                batch,
                accounts=accounts,
                positions=self._positions,
                state=state,
                replacing=None if replacing is batch else replacing,
            )
        if self._store.commit_due():
            self._store.commit()

    def _batch(self, lines: LineBuffer) -> EncodedBatch:
        points, first_ns, last_ns = lines.lines, lines.first_ns, lines.last_ns
        return EncodedBatch(
            payload=compress(lines),
            points=points,
            first_ns=first_ns,
            last_ns=last_ns,
            ordered=lines.overlaps,
            time_base=self._time_base,
            boot_id=self._clock.boot_id() if self._time_base is TimeBase.BOOT else "",
            series=Series.SESSIONS if lines is self._replacing else Series.OTHERS,
            urgent=lines.urgent,
        )

    def _keep(self) -> tuple[Counters, Mapping[str, bytes]] | None:
        """Let the store keep the open batch as it is. Accounts and state as of now; None: nothing is new."""
        if not self._live or (len(self._open) == self._kept_bytes and not self._replacing.lines):
            return None
        accounts, state = self._ledger.snapshot(), self._state()
        is_kept = self._store.keep(
            self._open,
            accounts=accounts,
            positions=self._positions,
            boot_id=self._clock.boot_id() if self._time_base is TimeBase.BOOT else "",
            state=state,
            replacing=self._replacing,
        )
        if is_kept:
            self._kept_bytes = len(self._open)
        return accounts, state

    def _state(self) -> Mapping[str, bytes]:
        return self._sessions.state(self.stages.sessions)

    def _switch(self, time_base: TimeBase) -> None:
        self.stages.writing.is_dated = time_base is TimeBase.UNIX
        if time_base is not self._time_base:
            self.cut()
            self._time_base = time_base

    @property
    def points_waiting(self) -> int:
        """Return points in the open batch; those that the reducer holds are not counted as made yet."""
        return self._open.lines

    def _counted(self) -> dict[str, int]:
        counters = {f"points/made/{name}": count for name, count in self._rare_points.items()}
        for source, lost in self._lost_before.items():
            names = self._names.get(source)
            if names is None:
                names = self._names[source] = (Names(f"frames/{source}/"), Names(f"bus/{source}/"))
            frames, bus = names
            read = self._delivered.get(source, 0)
            for name, count in lost.items():
                if name.startswith("lost/"):
                    counters[frames[name]] = count
                    read += count
                else:
                    counters[bus[name]] = count
            counters[bus["read"]] = read
        return counters
