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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.text.lines import LineBuffer

from telemetry import __version__
from telemetry.decode.decoder import bind_new
from telemetry.decode.reading import Reading
from telemetry.errors import TelemetryError
from telemetry.lake.layout import (
    DAY_NS,
    Marker,
    file_name,
    fingerprint,
    marker_path,
    partition_name,
    read_marker,
    start_of,
)
from telemetry.lake.rows import PartitionRows
from telemetry.lake.store import Store, open_store
from telemetry.lake.what import What, sink
from telemetry.lake.window import BATCH_FRAMES, Window, Windowed
from telemetry.stages.stages import Stages

LEAD_NS = 60 * 10**9


@dataclass(frozen=True, slots=True)
class Input:
    """A recording of a partition.

    end: as of `Windowed`; problem: why it breaks off; is_lead: it has frames of the lead-in alone.
    """

    path: str
    size: int
    hash: str
    end: int | None = None
    problem: str = ""
    is_lead: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """A partition.

    - where: of the dataset; made_of: what changes with databases and options
    - before: the day whose state this one goes on with; empty: none
    - after: the next day of the vehicle; empty: this is the last
    """

    where: str
    vehicle: str
    day: str
    inputs: Sequence[Input]
    what: What
    made_of: Mapping[str, str]
    before: str = ""
    after: str = ""

    @property
    def partition(self) -> str:
        """Return what it is called."""
        return partition_name(self.vehicle, self.day)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has become of a task. reason: why it was done; "": it was skipped; error: why it failed."""

    vehicle: str
    day: str
    reason: str = ""
    rows: int = 0
    size: int = 0
    accounts: Mapping[str, int] = field(default_factory=dict)
    problems: Sequence[str] = ()
    error: str = ""


def run(task: Task) -> Outcome:
    """Make a partition, unless it is there. A TelemetryError is the outcome's `error`."""
    try:
        store = open_store(task.where)
        with store.held(task.partition) as parts:
            before = read_marker(store, partition_name(task.vehicle, task.before)) if task.before else None
            made_of = _made_of(task, before)
            known = read_marker(store, task.partition)
            if known is not None and known.made_of == made_of:
                return _outcome(known)
            marker = _make(task, store, parts, made_of)
            for path in set(known.outputs if known else ()) - set(marker.outputs):
                store.remove(path)
            return replace(_outcome(marker), reason=_reason(known, made_of))
    except TelemetryError as error:
        return Outcome(task.vehicle, task.day, reason="failed", error=str(error))


def _outcome(marker: Marker) -> Outcome:
    rows = sum(output["rows"] for output in marker.outputs.values())
    size = sum(output["bytes"] for output in marker.outputs.values())
    return Outcome(
        marker.vehicle, marker.day, rows=rows, size=size, accounts=marker.accounts, problems=marker.problems
    )


def _made_of(task: Task, before: Marker | None) -> dict[str, str]:
    logs = [[each.path.rpartition("/")[2], each.hash, each.is_lead] for each in task.inputs]
    return {
        **task.made_of,
        "logs": fingerprint({"logs": logs}),
        "version": __version__,
        "the day before": before.state_hash if before else "",
        "the day after": "there" if task.after else "",
    }


def _reason(known: Marker | None, made_of: Mapping[str, str]) -> str:
    if known is None:
        return "new"
    changed = [name for name, value in made_of.items() if known.made_of.get(name) != value]
    return f"changed: {', '.join(changed)}"


def _make(task: Task, store: Store, parts: Path, made_of: Mapping[str, str]) -> Marker:
    start_ns = start_of(task.day)
    window = Window(start_ns - LEAD_NS, start_ns, start_ns + DAY_NS)
    paths = [Path(each.path) for each in task.inputs]
    described = task.what.described(task.vehicle, paths)
    rows_of = sink()
    ends = {each.path: each.end for each in task.inputs if each.end is not None}
    recordings = Windowed(described.make_recordings(), window, ends)
    run_of = _Run(described.make_stages(rows_of), recordings, paths)
    rows = PartitionRows(rows_of, parts)
    try:
        run_of.read(rows)
        written = rows.finish()
    finally:
        rows.close()
    made = fingerprint(dict(made_of))
    outputs = {}
    for part in written:
        path = file_name(part.table, task.vehicle, part.day, task.partition, made)
        outputs[path] = {
            "table": part.table,
            "day": part.day,
            "rows": part.rows,
            "bytes": part.file.stat().st_size,
            "types": part.types,
        }
        store.put(part.file, path)
    marker = Marker(
        task.vehicle,
        task.day,
        made_of,
        [
            {"path": each.path, "size": each.size, "hash": each.hash}
            for each in task.inputs
            if not each.is_lead
        ],
        outputs,
        run_of.accounts,
        run_of.problems,
    )
    draft = parts / "marker"
    draft.write_bytes(marker.json())
    store.put(draft, marker_path(task.partition))
    return marker


class _Run:
    """Reads the window of a day, and counts what is of the day alone."""

    def __init__(self, stages: Stages, recordings: Windowed, paths: Sequence[Path]) -> None:
        self._stages = stages
        self._recordings = recordings
        self._reading = Reading(stages, recordings, accounts=True)
        self._reading.begin(paths)
        self._counted: Counter[str] = Counter()
        self.problems: list[str] = []

    @property
    def accounts(self) -> dict[str, int]:
        """Return the counters, by name."""
        counted = Counter(self._counted)
        counted.update(self._stages.decoding.counted())
        counted.update(self._stages.writing.counted())
        return {name: count for name, count in sorted(counted.items()) if count}

    def read(self, rows: PartitionRows) -> None:
        """Read all; let `rows` write. Raises what one recording alone raises."""
        stages, lines = self._stages, LineBuffer()
        frames, samples = FrameBatch(BATCH_FRAMES), SampleBatch(stages.schema)
        decoding, writing = 0, 0
        try:
            while (taken := self._reading.take(frames)) is not None:
                together, place = taken
                decoding = bind_new(stages.decoding, stages, decoding)
                writing = bind_new(stages.writing, stages, writing)
                self.problems += place.warnings
                if self._recordings.is_lead and not place.is_end:
                    continue
                self._counted.update(place.counts)
                samples.clear()
                stages.decoding.decode(together, samples)
                stages.writing.write(samples, lines)
                rows.write_groups()
            stages.writing.finish(lines, self._reading.last_ns)
            stages.writing.flush(lines)
        finally:
            self._reading.close()
