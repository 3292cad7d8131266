"""One partition of a dataset, a vehicle's day: what it takes to make it, and the work.

Promises:
- A task is plain values, and needs nothing but them, its recordings and the store.
- What is done already, of the same, is skipped. What is not is told with the reason.
- A task that fails leaves the partition that was there.
- A recording that breaks costs itself.

Relies on the tasks of a vehicle to run in the order of its days: what a day remembers of the day before is in
that one's marker.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.text.lines import LineBuffer

from telemetry import __version__
from telemetry.decode.channels import ACCOUNT
from telemetry.decode.decoder import bind_new
from telemetry.decode.reading import Found, Reading, Recordings
from telemetry.errors import InputMissingError, one_line
from telemetry.lake.files import read_marker
from telemetry.lake.layout import DAY_NS, fingerprint, marker_path, partition_name, start_of
from telemetry.lake.marker import Marker, Recording
from telemetry.lake.memory import read_memory, text_of
from telemetry.lake.rows import PartitionRows, put_partition
from telemetry.lake.store import Store, open_store
from telemetry.lake.what import What, sink
from telemetry.lake.window import BATCH_FRAMES, Part, Window
from telemetry.ledger import subtract
from telemetry.logs.stamps import ClockRestart, UnreadGap
from telemetry.logs.unread import Unread
from telemetry.stages.binding import Binding
from telemetry.stages.memory import Memory
from telemetry.stages.stages import Stages

LEAD_NS = 60 * 10**9
_LATEST_NS = (1 << 63) - 1
_AFTER, _ANY = "the day after", ""  # what a partition is made of, where it does not depend on that day
_NEXT, _LATER, _NONE = "follows at once", "follows", "none"  # whether that day is there
_DAMAGED = f"frames/{ACCOUNT}/lost/damaged"


@dataclass(frozen=True, slots=True)
class Input:
    """A recording of a partition.

    - end: how many frames there are up to the last one of the day; None: it is read whole
    - lead_ns: it has frames of the day before alone, and this is the stamp of the last one; 0: it has others
    """

    recording: Recording
    end: int | None = None
    lead_ns: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """A partition.

    - where: of the dataset; made_of: what changes with databases and options
    - before: the day whose memory this one goes on with; after: the next day of the vehicle; empty: none
    - gone: a recording that is not there any more, and without which the day cannot be made; empty: none
    """

    where: str
    vehicle: str
    day: str
    inputs: Sequence[Input]
    made_of: Mapping[str, str]
    before: str = ""
    after: str = ""
    gone: str = ""

    @property
    def partition(self) -> str:
        """Return what it is called."""
        return partition_name(self.vehicle, self.day)

    @property
    def size_bytes(self) -> int:
        """Return the size of its recordings."""
        return sum(each.recording.size for each in self.inputs)

    def failed(self, error: Exception) -> "Outcome":
        """Return what has become of it where `run` has returned nothing."""
        return Outcome(self.vehicle, self.day, reason="failed", error=str(error) or repr(error))


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a task. reason: why it was done, "": it was skipped; error: why it failed."""

    vehicle: str
    day: str
    reason: str = ""
    rows: int = 0
    accounts: Mapping[str, int] = field(default_factory=dict)
    problems: Sequence[str] = ()
    error: str = ""


def outcome_of(marker: Marker, reason: str = "") -> Outcome:
    """Return what has become of a partition that is there."""
    rows = sum(output.rows for output in marker.outputs.values())
    return Outcome(marker.vehicle, marker.day, reason, rows, marker.accounts, marker.problems)


def run(what: What, task: Task) -> Outcome:
    """Make a partition, unless it is there. Raises TelemetryError, OSError, ValueError where that fails."""
    if task.gone:
        hint = f"bring it back, or remove {marker_path(task.partition)} to make the day without it"
        raise InputMissingError("is gone, and the day was made of it, too", where=task.gone, hint=hint)
    store = open_store(task.where)
    with store.held(task.partition) as parts:
        work, known = _Work(task, store), read_marker(store, task.partition)
        if known is not None and work.is_of(known) and store.are_there(known.sizes):
            return outcome_of(known)
        marker = work.make(what, store, parts, known)
    return outcome_of(marker, _reason(known, marker))


def _reason(known: Marker | None, made: Marker) -> str:
    if known is None:
        return "new"
    changed = [name for name, value in made.made_of.items() if known.made_of.get(name) != value]
    return f"changed: {', '.join(changed)}" if changed else "files are missing"


class _Work:
    """A task, after the day before."""

    def __init__(self, task: Task, store: Store) -> None:
        self._task = task
        self._problems = list[str]()
        self._made_of = {**task.made_of, "version": __version__}
        before = read_marker(store, partition_name(task.vehicle, task.before)) if task.before else None
        self._memory: Memory | None = None
        if before is not None and before.memory:
            try:
                if any(before.made_of.get(name) != made for name, made in self._made_of.items()):
                    raise ValueError("is of other databases or options, or of another version")
                self._memory = read_memory(before.memory)
            except ValueError as error:
                path = store.place(marker_path(partition_name(task.vehicle, task.before)))
                again = "to make that day again, remove it, and name its recordings"
                line = f"{path}: {error}: {task.day} goes on without what it remembers; {again}"
                self._problems.append(one_line(line))
                before = replace(before, memory="")
        start_ns = start_of(task.day)
        self._window = Window((before and before.lead_ns) or start_ns, start_ns, start_ns + DAY_NS)
        since_ns = self._window.lead_ns
        self._inputs = [each for each in task.inputs if not each.lead_ns or each.lead_ns >= since_ns]
        is_next = task.after and start_of(task.after) == self._window.stop_ns
        self._after = _NEXT if is_next else _LATER if task.after else _NONE
        of_logs = [
            (log.path.rpartition("/")[2], log.hash, log.start_ns, lead_ns)
            for log, lead_ns in ((each.recording, each.lead_ns) for each in self._inputs)
        ]
        self._made_of["logs"] = fingerprint({"logs": of_logs})
        self._made_of["the day before"] = before.state_hash if before else ""

    def is_of(self, known: Marker) -> bool:
        """Return whether a partition is what this one would become."""
        return any(known.made_of == {**self._made_of, _AFTER: after} for after in (_ANY, self._after))

    def make(self, what: What, store: Store, parts: Path, known: Marker | None) -> Marker:
        """Make the partition in place of the one that is known."""
        task, of = self._task, {each.recording.path: each for each in self._inputs}
        paths = [*map(Path, of)]
        rows_of = sink()
        reading = _Run(*what.described(task.vehicle, paths).make(rows_of), self._window, of)
        if self._memory:
            reading.remember(self._memory)
        with closing(PartitionRows(rows_of, parts)) as rows:
            reading.read(paths, rows, self._after)
            written = rows.finish()
        marker = Marker(
            task.vehicle,
            task.day,
            {**self._made_of, _AFTER: _ANY if reading.is_settled else self._after},
            [each.recording for each in self._inputs if not each.lead_ns],
            accounts=reading.accounts,
            problems=[
                *self._problems,
                *reading.problems,
                *(f"{task.vehicle} {task.day}: {each}" for each in reading.losses),
            ],
            lead_ns=reading.lead_ns,
            memory=reading.memory,
        )
        return put_partition(store, parts, written, marker, known)


class _Run:
    """Reads the window of a day, and counts what is of the day alone.

    - problems: of recordings, which they name; losses: of all of them, at the end
    - lead_ns, memory: for the next day; is_settled: it is the same whether or not a day follows
    """

    def __init__(
        self, stages: Stages, recordings: Recordings, window: Window, inputs: Mapping[str, Input]
    ) -> None:
        self._stages = stages
        self._recordings = recordings
        self._window = window
        self._inputs = inputs  # by path
        self._known: list[tuple[Binding, int]] = []  # channels of an earlier day; each is bound again once
        self._part: Part | None = None  # that is read
        self._counted: Counter[str] = Counter()
        self.problems, self.losses = list[str](), list[str]()
        self.lead_ns = 0
        self.memory = ""
        self.is_settled = True

    def remember(self, memory: Memory) -> None:
        """Go on with the memory of the day before. Raises ValueError for that of other stages."""
        bindings, known = memory
        stages = self._stages
        for binding in bindings:
            bound = stages.take_payloads_from(len(stages.channels), binding)
            self._known.append((binding, bound.number))
        bind_new(stages.writing, stages, 0)
        stages.writing.remember(known)

    @property
    def accounts(self) -> dict[str, int]:
        """Return the counters, by name."""
        counted = Counter(self._counted)
        counted.update(self._stages.decoding.counted())
        counted.update(self._stages.writing.counted())
        return {name: count for name, count in sorted(counted.items()) if count}

    def _open(self, path: Path, bind: Callable[[Binding], int]) -> Part:
        """Open a file as `Recordings` does."""

        def bind_again(binding: Binding) -> int:
            for known in self._known:
                if known[0] == binding:
                    self._known.remove(known)
                    return known[1]
            return bind(binding)

        self._part, of = None, self._inputs[str(path)]
        opened = self._recordings.open(path, bind_again)
        self._part = Part(opened, self._window, of.end, of.recording.start_ns)
        return self._part

    def read(self, paths: Sequence[Path], rows: PartitionRows, after: str) -> None:
        """Read all, and let `rows` write what comes of it. after: whether a day follows, and when."""
        stages, lines, goes_on = self._stages, LineBuffer(), after != _NONE
        reading = Reading(stages, self._recordings, accounts=True, goes_on=goes_on, opening=self._open)
        frames, samples = FrameBatch(BATCH_FRAMES), SampleBatch(stages.schema)
        decoding, writing = 0, len(stages.writing.channels)
        reading.begin(paths, unread=Unread.apart(paths))
        try:
            while (taken := reading.take(frames)) is not None:
                together, place = taken
                decoding = bind_new(stages.decoding, stages, decoding)
                writing = bind_new(stages.writing, stages, writing)
                self.problems += place.warnings
                if self._part and self._part.is_lead and not place.is_end:
                    continue
                self._counted.update(place.counts)
                if place.restart:
                    self._restart(place.restart, lines)
                samples.clear()
                stages.decoding.decode(together, samples)
                stages.writing.write(samples, lines)
                rows.write_groups()
        finally:
            reading.close()
        if reading.unread.errors and not any(each.recording.problem for each in self._inputs.values()):
            raise reading.unread.errors[0]  # it has changed since it was looked at
        self._end(reading, lines, after)

    def _restart(self, restart: ClockRestart | UnreadGap, lines: LineBuffer) -> None:
        if self._stages.writing.sessions.is_open():
            self.problems.append(restart.words())
        self._stages.writing.end_sessions(lines, restart.before_ns)

    def _end(self, reading: Reading, lines: LineBuffer, after: str) -> None:
        writing, payloads = self._stages.writing, self._stages.payloads
        stop_ns = self._window.stop_ns
        self.memory = text_of(self._stages)
        self.is_settled = writing.is_settled and not payloads.is_open
        if after != _NONE:
            before = payloads.counted()
            payloads.expire(stop_ns if after == _NEXT else _LATEST_NS)
            self._counted.update(subtract(payloads.counted(), before))
        if after == _NEXT:
            self.lead_ns = payloads.needed_since(stop_ns, LEAD_NS) or 0
        if after == _NONE:
            writing.finish(lines, reading.last_ns)
            writing.flush(lines)
        read = self._counted[f"bus/{ACCOUNT}/read"]
        counted = {
            name: count for name, count in self.accounts.items() if name != _DAMAGED
        }  # told by its log
        self.losses = self._recordings.losses(Found(read, 0.0, counted, self._stages.decoding.matched()))
