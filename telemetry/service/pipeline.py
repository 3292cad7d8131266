"""The pipeline thread's work: deliveries in, lines of the open batch out, and what no stage counts.

Promises:
- A log that is read again is processed from its start, and what an earlier run had stored is thrown away, so
  that every stage is as it was. So what the reducer holds of a log goes out only at the log's end, not when
  the service stops.
- What a killed run held of rows of live sources goes out at the start. What batches promise: `open_batch.py`.

Relies on one thread calling it, on a spool and on an injected clock; knows nothing of sockets and servers.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.text.lines import LineBuffer

from telemetry.clock import Clock
from telemetry.ledger import Counters, Ledger, Names, add, of_source, subtract
from telemetry.logs.identity import end_of
from telemetry.model.events import Event
from telemetry.model.measurements import EVENT
from telemetry.service.held import held_state, is_held, lines_left
from telemetry.service.open_batch import BatchStore, OpenBatch
from telemetry.service.open_sessions import BY_POWER, OpenSessions
from telemetry.service.stamping import AS_THEY_ARE, ClockStamps, Stamping
from telemetry.spool.batch import TimeBase, made
from telemetry.spool.trails import NO_STATE
from telemetry.stages.handing_over import hand_over_health, hand_over_windows
from telemetry.stages.sessions import hand_over_sessions
from telemetry.stages.stages import Stages

if TYPE_CHECKING:  # a service without logs imports none of their room
    from telemetry.logs.stamps import ClockRestart

LOG = logging.getLogger("telemetry.service")

_UPLINK = "[uplink]"  # no plug has such a name
SILENCE_GRACE_NS = 1_000_000_000  # frames of an interval may come this late before its row goes out
FLUSH_EVERY_S = 0.125  # what is due so late: it costs a look at all that is held


FrameTap = Callable[[str, FrameBatch, Stamping], None]  # a source, and what it has delivered


class Pipeline:
    """Takes deliveries and rare points, and stores batches of what the stages make of them.

    tap: takes live frames, too, before they are processed.
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
        that run had open, and held.
        """
        self.stages = stages  # as they are now
        self._ledger = ledger
        self._clock = clock
        self._newest_ns = newest_ns
        self._stored = dict(positions)
        self._flush_at_s = clock.monotonic_s()
        self.tap: FrameTap | None = None
        self._delivered: dict[str, int] = {}
        self._lost_before: dict[str, dict[str, int]] = {}
        self._lost_earlier: dict[str, dict[str, int]] = {}  # before a source began again
        self._retired: dict[str, int] = {}  # what stages before these have counted
        self._rare_points: dict[str, int] = {}
        self._earlier_bytes: dict[str, int] = {}  # of lines, by measurement: the service's own, stages before
        self._names: dict[str, tuple[Names, Names]] = {}  # by source: of its frames and of its bus
        self._discarded = LineBuffer()
        self._clock_stamps = ClockStamps(clock, waits=wait_for_clock)
        self._window_base: TimeBase | None = None  # what open windows count from, once that has changed
        # By source: of the rows that the stages still remember; the one that delivered last is the last.
        self._stampings: dict[str, Stamping] = {}
        self.uplink_memory = state.get(_UPLINK, b"")  # of a budget: it travels with the state
        plugs = [name for name in state if not is_held(name) and name != _UPLINK]
        self._sessions = OpenSessions({name: state[name] for name in plugs}, clock)
        self._open = OpenBatch(store, ledger, clock, positions, self._state)
        self._newest_frames_ns: dict[str, int] = {}  # by source that is a log
        self._live: set[str] = set()  # sources that have delivered and cannot be read again
        boot = f"{clock.boot_id()} {clock.boot_ns()}"
        self._run = f"-{hashlib.sha256(boot.encode()).hexdigest()[:6]}"
        self._name_captures()
        self.stages.writing.output.replacing = self._open.replacing
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
            self._open.positions[resume_as] = max(frames.position + len(frames), stored)
        else:
            found = self._clock_stamps.parts(frames, time_known=time_known)
            for part, stamping in [(frames, AS_THEY_ARE)] if own_time else found:
                if self.tap is not None:
                    self.tap(source, part, stamping)
                self._take(source, part, stamping)
            self._open.is_live = True
            self._open.has_news |= self.stages.writing.pending > 0
        self._delivered[source] = self._delivered.get(source, 0) + len(frames)
        if len(frames) and resume_as:
            self._newest_frames_ns[source] = frames[len(frames) - 1].time_ns
        self.count_losses(source, lost_before)
        self._open.cut_if_due()

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
            frames, end = self._open.positions.get(resume_as, 0), end_of(resume_as)
            if self._stored.get(end) != frames:  # otherwise an earlier run has reached this
                self._stampings.setdefault(source, AS_THEY_ARE)  # none: nothing new has come
                self._flush(source)
                newest_ns = self._newest_frames_ns.get(source, 0)
                writing.end_sessions(self._open.lines, newest_ns, source=source, goes_on=False)
                self._open.positions[end] = frames
                self._open.cut_if_due()

    def replace_stages(self, stages: Stages) -> None:
        """Let everything go through `stages`, whose channels are bound, from the next delivery on.

        What the old ones hold goes out first; alarms that are active go on or end.
        """
        stages.writing.output.replacing = self._open.replacing
        for source in self.stages.sources:
            stamping = self._stampings.get(source, AS_THEY_ARE)  # none: a log of which nothing new has come
            self._flush(source)
            self._switch(stamping.base)
            self.stages.hand_over(stages, self._open.lines, source=source, shift_ns=stamping.shift_ns)
        hand_over_sessions(self.stages.sessions, stages.sessions, BY_POWER, self._open.lines)
        hand_over_health(self.stages.writing, stages.writing)
        hand_over_windows(self.stages.writing, stages.writing)
        self.retire(self.stages.counted())
        self._earlier_bytes = self.bytes_by_measurement()
        self.stages = stages
        self._name_captures()
        self._open.cut_if_due()

    def _name_captures(self) -> None:
        """Let no capture have an id of another run: each boot may begin at the same time."""
        if (windows := self.stages.writing.windows) is not None:
            windows.run = self._run

    def set_factor(self, factor: int, longest_s: float) -> None:
        """Multiply all bounds by `factor` from now on. What they hold goes out, as within those of before."""
        for source in self.stages.sources:
            self._flush(source)
        if self.stages.writing.pending:
            self._switch(TimeBase.UNIX)  # a log that is read again has no stamping yet
        self.stages.writing.set_factor(factor, longest_s, self._open.lines)

    def store_left(self, state: Mapping[str, bytes]) -> int:
        """Store what the run that left this state held, and has not counted. Return how many points."""
        count = 0
        for base, lines in lines_left(state, self._clock.boot_id()):
            self._switch(base)
            self.retire(made(lines))
            for line in lines.splitlines():
                time_ns = int(line.rpartition(b" ")[2])
                self._open.lines.append(line, time_ns, overlaps=True)  # it may replace what was sent
                count += 1
                if base is TimeBase.BOOT:
                    time_ns += self._clock.unix_ns() - self._clock.boot_ns()
                self._newest_ns = max(time_ns, self._newest_ns or time_ns)
        if count:
            self._open.commit()
        return count

    def retire(self, counted: Counters) -> None:
        """Go on counting from what something has counted that is there no longer."""
        self._retired = add(self._retired, counted)

    def start_over(self, source: str, resume_as: str, positions: Mapping[str, int]) -> None:
        """Let `source` begin again in this run, its own counts at zero and a log at its first frame.

        resume_as: as for `process`; positions: those of all logs, less what nobody reads any more.
        """
        self._lost_earlier[source] = self._lost_before.get(source, {})
        self._open.positions = dict(positions)
        if resume_as:
            self.stages.writing.forget(source)
            self._stored = dict(positions)
            counters = self._ledger.snapshot().items()
            afresh = {name: count for name, count in counters if name.startswith(of_source(source))}
            self._ledger.suppress(afresh)

    @property
    def positions(self) -> Mapping[str, int]:
        """Return how many frames of each log are done, and of which its end is."""
        return self._open.positions

    def _take(
        self, source: str, frames: FrameBatch, stamping: Stamping, restart: "ClockRestart | None" = None
    ) -> None:
        before = self._stampings.get(source, stamping)
        if not stamping.continues(before):
            self._flush(source)
            self._move_windows(before, stamping)
        self._stampings.pop(source, None)
        self._stampings[source] = stamping
        self._switch(stamping.base)
        if source in self._live and self.stages.sessions.any:
            self._sessions.take(source, frames, stamping, self.stages.sessions, self._open.lines)
        if restart:
            if self.stages.sessions.is_open(source):
                LOG.warning("%s", restart.words())
            self.stages.writing.end_sessions(self._open.lines, restart.before_ns, source=source)
        self.stages.process(frames, self._open.lines, shift_ns=stamping.shift_ns)

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
        return self.stages.writing.set_off(event, event.source, time_ns, self._open.lines, shift_ns=shift_ns)

    def _flush(self, source: str, before_ns: int | None = None) -> None:
        stamping = self._stampings.get(source)
        if stamping is None or not self.stages.writing.pending:
            return
        self._switch(stamping.base)
        self.stages.writing.flush(
            self._open.lines, source=source, before_ns=before_ns, shift_ns=stamping.shift_ns
        )

    def _repeat(self, source: str, frames: FrameBatch, restart: "ClockRestart | None") -> None:
        before = self.stages.counted()
        self.stages.writing.is_dated = True
        if restart:
            self.stages.writing.end_sessions(self._discarded, restart.before_ns, source=source)
        self.stages.process(frames, self._discarded)
        self._discarded.clear()
        self._open.replacing.clear()
        repeated = subtract(self.stages.counted(), before)
        names = ("points/", "values/", "triggers/")
        found = ((name, count) for name, count in repeated.items() if name.startswith(names))
        self._ledger.suppress(dict(found))

    def add_point(self, measurement: str, line: bytes, time_ns: int, *, time_known: bool = True) -> None:
        """Add one point of the service's own."""
        self._switch(TimeBase.UNIX if time_known else TimeBase.BOOT)
        self._open.lines.append(line, time_ns, urgent=measurement == EVENT.name)
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
        if (now_s := self._clock.monotonic_s()) >= self._flush_at_s:
            self._flush_at_s = now_s + FLUSH_EVERY_S
            before_ns = self._clock.unix_ns() - SILENCE_GRACE_NS
            for source in live:
                self._flush(source, before_ns)
        self._open.tick()

    def wait_s(self, most_s: float) -> float:
        """Return how long the next `tick` may wait: `most_s`, or less while something is to be kept."""
        return self._open.wait_s(most_s)

    def watch_silence(self, listening: Sequence[str], away: Sequence[str] = ()) -> None:
        """See who is silent, of live sources of which no frame waits.

        listening: those whose device is there; away: those whose device is not.
        """
        passed_ns = self._sessions.watch(listening, away, self.stages.sessions, self._open.lines)
        writing = self.stages.writing
        if writing.health is not None and writing.is_dated:
            writing.write_made(writing.health.watch(passed_ns), self._open.lines, shift_ns=0)
        self._open.cut_if_due()

    def close_orphans(self, live: Iterable[str]) -> None:
        """Close the sessions of an earlier run that none of these sources can go on with."""
        self._sessions.close_orphans(live, self.stages.sessions, self._open.lines)
        self._open.cut_if_due()

    def leave_sessions(self) -> None:
        """Say of what is open that no more frames come to this run; the next one may go on with it."""
        for base in self._sessions.leave(self.stages.sources, self.stages.sessions, self._open.lines):
            self._switch(base)
        if (health := self.stages.writing.health) is not None:
            self._switch(TimeBase.UNIX)
            self.stages.writing.write_made(health.leave(), self._open.lines, shift_ns=0)

    def finish(self, live: Iterable[str] = ()) -> None:
        """Commit everything to the store that would be lost otherwise."""
        for source in live:
            self._flush(source)
        self._open.commit()

    def cut(self) -> None:
        """Close the open batch, and hand it to the store."""
        self._open.cut()

    def _state(self) -> Mapping[str, bytes]:
        live = {source: each for source, each in self._stampings.items() if source in self._live}
        held = held_state(self.stages, live, self._clock.boot_id())
        if self.uplink_memory:
            held[_UPLINK] = self.uplink_memory
        return {**self._sessions.state(self.stages.sessions), **held}

    def _switch(self, time_base: TimeBase) -> None:
        self.stages.writing.is_dated = time_base is TimeBase.UNIX
        self._open.switch(time_base)

    @property
    def points_waiting(self) -> int:
        """Return points in the open batch; those that the reducer holds are not counted as made yet."""
        return self._open.lines.lines

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
