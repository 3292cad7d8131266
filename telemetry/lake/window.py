"""The part of recordings that is of one day: what is looked at before, and what is read of it.

Promises:
- A frame is of the day of its own stamp. Frames of a time before it (the lead-in) come, too, and are told
  from those of the day. All others are left out.
- No batch has frames of both.
- Damaged places count for the day of the batch that they came with, so for one day.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from telemetry_core.frames.batch import FrameBatch

from telemetry.decode.reading import Found, OpenRecording, Recordings
from telemetry.errors import DataError, InputMissingError, TelemetryError
from telemetry.lake.layout import DAY_NS, day_of
from telemetry.lake.what import What, file_hash
from telemetry.logs.unread import UNREADABLE
from telemetry.stages.binding import Binding

_LEFT_OUT = -1
BATCH_FRAMES = 2048  # of each look at a recording: where batches end decides where damage counts


@dataclass(frozen=True, slots=True)
class Window:
    """Stamps in ns since 1970: frames from `lead_ns` on come, those from `start_ns` to `stop_ns` count."""

    lead_ns: int
    start_ns: int
    stop_ns: int


@dataclass(frozen=True, slots=True)
class Span:
    """The frames of a day in a recording: first and last stamp, and how many there are up to the last one."""

    first_ns: int
    last_ns: int
    frames: int


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording as it was when it was looked at.

    - file: that has its bytes, the archive of a member; changed_ns: when that was changed
    - days: its frames, by day; problem: why it cannot be read, or not to its end
    """

    path: str
    file: str
    size: int = 0
    changed_ns: int = 0
    hash: str = ""
    days: Mapping[str, Span] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """The work of looking at a recording. file: that has its bytes, the archive of a member."""

    what: What
    path: str
    file: str

    def failed(self, error: Exception) -> Recording:
        """Return what a recording is where `look` has returned nothing."""
        return Recording(self.path, self.file, problem=f"{self.path}: {error or repr(error)}")


def is_unchanged(known: Recording) -> bool:
    """Return whether a recording is as it was, by its size and its last change."""
    try:
        status = Path(known.file).stat()
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == (known.size, known.changed_ns)


def recording_of(values: Mapping[str, Any]) -> Recording:
    """Return what `dataclasses.asdict` made these values of."""
    return Recording(**{**values, "days": {day: Span(**span) for day, span in values["days"].items()}})


def look(work: Look) -> Recording:
    """Return what is in a recording. One that cannot be read is a problem of it."""
    spans: dict[str, Span] = {}
    problem = ""
    file = Path(work.file)
    try:
        status, hashed = file.stat(), file_hash(file)
        opened = (
            work.what.described("", [Path(work.path)]).make_recordings().open(Path(work.path), lambda _: 0)
        )
    except OSError as error:
        return work.failed(InputMissingError(f"cannot be read: {error.strerror}"))
    except TelemetryError as error:
        return Recording(work.path, work.file, problem=str(error))
    try:
        frames, batch = 0, FrameBatch(BATCH_FRAMES)
        while not opened.at_end:
            batch.clear()
            opened.read(batch)
            for day, first_ns, last_ns, end in _days(batch):
                known = spans.get(day)
                bounds = (first_ns, last_ns) if known is None else (known.first_ns, known.last_ns)
                spans[day] = Span(min(first_ns, bounds[0]), max(last_ns, bounds[1]), frames + end)
            frames += len(batch)
    except UNREADABLE as error:
        problem = str(error)
    finally:
        opened.close()
    return Recording(work.path, work.file, status.st_size, status.st_mtime_ns, hashed, spans, problem)


def _days(batch: FrameBatch) -> Iterator[tuple[str, int, int, int]]:
    """Yield the days of a batch: each with its first and last stamp, and where its last frame ends."""
    if not len(batch):
        return
    start_ns = batch[0].time_ns // DAY_NS * DAY_NS
    kept = batch.part(0, len(batch))
    kept.keep(start_ns, start_ns + DAY_NS)
    if len(kept) == len(batch):
        yield day_of(start_ns), batch[0].time_ns, batch[len(batch) - 1].time_ns, len(batch)
        return
    found: dict[int, list[tuple[int, int]]] = {}
    for index, frame in enumerate(batch):
        found.setdefault(frame.time_ns // DAY_NS, []).append((frame.time_ns, index))
    for day, each in found.items():
        yield day_of(day * DAY_NS), min(each)[0], max(each)[0], each[-1][1] + 1


class Windowed(Recordings):
    """Recordings of which a window is read.

    - is_lead: what was read last is of the lead-in
    - known: channels that an earlier day has bound, and their numbers; each is bound again once
    """

    def __init__(self, recordings: Recordings, window: Window, ends: Mapping[str, int]) -> None:
        """Set up the reading of a window.

        ends: by path, how many frames there are up to the last one of the window; none: it is read whole.
        """
        self._recordings = recordings
        self._window = window
        self._ends = ends
        self.is_lead = False
        self.known: list[tuple[Binding, int]] = []
        self.unit, self.is_fixed = recordings.unit, recordings.is_fixed
        self.first_ns = recordings.first_ns

    def open(self, path: Path, bind: Callable[[Binding], int]) -> OpenRecording:
        def bind_again(binding: Binding) -> int:
            for known in self.known:
                if known[0] == binding:
                    self.known.remove(known)
                    return known[1]
            return bind(binding)

        opened = self._recordings.open(path, bind_again)
        return _Part(self, opened, self._window, self._ends.get(str(path)))

    def count(self, frames: int) -> int:
        return self._recordings.count(frames)

    def counted(self, frames: int, damaged: int) -> Mapping[str, int]:
        return self._recordings.counted(frames, damaged)

    def foreign(self, paths: Sequence[Path]) -> DataError | None:
        return self._recordings.foreign(paths)

    def misfits(self, found: Found) -> list[str]:
        return self._recordings.misfits(found)

    def losses(self, found: Found) -> list[str]:
        return self._recordings.losses(found)

    def summary(self, found: Found) -> str:
        return self._recordings.summary(found)


class _Part:
    """The window of an open recording."""

    def __init__(self, owner: Windowed, opened: OpenRecording, window: Window, end: int | None) -> None:
        self._owner = owner
        self._opened = opened
        self._window = window
        self._end = end
        self._frames = 0
        self._waiting: list[tuple[int, FrameBatch]] = []  # runs of a batch, the last one first
        self.damaged = 0

    @property
    def at_end(self) -> bool:
        return not self._waiting and (self._opened.at_end or self._is_past)

    @property
    def _is_past(self) -> bool:
        return self._end is not None and self._frames >= self._end

    @property
    def bytes_read(self) -> int:
        return self._opened.bytes_read

    def read(self, batch: FrameBatch, limit: int = -1) -> int:  # noqa: ARG002  as OpenRecording
        while not self._waiting and not (self._opened.at_end or self._is_past):
            if self._look(batch):
                return len(batch)
        if not self._waiting:
            return 0
        side, run = self._waiting.pop()
        self._owner.is_lead = bool(side)
        batch.extend(run)
        return len(run)

    def warnings(self) -> list[str]:
        return self._opened.warnings()

    def close(self) -> None:
        self._opened.close()

    def _look(self, frames: FrameBatch) -> bool:
        """Read into `frames`; return whether all are of one side. Otherwise none stays, and runs wait."""
        window = self._window
        before = self._opened.damaged
        count = self._opened.read(frames)
        self._frames += count
        is_of_day = self._end is None  # of the recording's last frame
        if count:
            is_of_day = window.start_ns <= frames[count - 1].time_ns < window.stop_ns
        if is_of_day:
            self.damaged += self._opened.damaged - before
        if not count:
            return False
        for start_ns, stop_ns in ((window.start_ns, window.stop_ns), (window.lead_ns, window.start_ns)):
            kept = frames.part(0, count)
            kept.keep(start_ns, stop_ns)
            if len(kept) == count:
                self._owner.is_lead = start_ns != window.start_ns
                return True
        read = frames.part(0, count)
        frames.clear()
        kept = read.part(0, count)
        kept.keep(window.lead_ns, window.stop_ns)
        if len(kept):
            sides = [self._side(frame.time_ns) for frame in read]
            self._waiting = [(side, read.part(*part)) for side, *part in _runs(sides) if side != _LEFT_OUT]
            self._waiting.reverse()
        return False

    def _side(self, time_ns: int) -> int:
        """Return whether a frame is of the lead-in, or _LEFT_OUT."""
        is_there = self._window.lead_ns <= time_ns < self._window.stop_ns
        return time_ns < self._window.start_ns if is_there else _LEFT_OUT


def _runs(sides: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Yield runs of equal values: the value, where the run begins, and where it ends."""
    first = 0
    for side, run in groupby(sides):
        stop = first + len([*run])
        yield side, first, stop
        first = stop
