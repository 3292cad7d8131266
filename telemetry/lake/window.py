"""The part of recordings that is of one day: what is looked at before, and what is read of it.

Promises:
- A frame is of the day of its own stamp. Frames of a time before it (the lead-in) come, too, and are told
  from those of the day. All others are left out.
- No batch has frames of both.
- Damaged places count for the day of the batch that they came with, so for one day.
- Stamps that are no dates count from when the recording began, where a table says that.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.stamps import TimeMap

from telemetry.decode.reading import OpenRecording
from telemetry.errors import TelemetryError
from telemetry.lake.layout import DAY_NS, day_of
from telemetry.lake.marker import Recording, Span
from telemetry.lake.what import What
from telemetry.logs.content import RecordedFile, file_digest
from telemetry.logs.stamps import NO_DATE
from telemetry.logs.unread import UNREADABLE

BATCH_FRAMES = 8192  # of each look at a recording: where batches end decides where damage counts
_UNDATED_NS = 365 * DAY_NS  # an earlier first stamp is no date
_LIMIT_NS = 1 << 63
Bounds = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Window:
    """Stamps in ns since 1970: frames from `lead_ns` on come, those from `start_ns` to `stop_ns` count."""

    lead_ns: int
    start_ns: int
    stop_ns: int

    def bounds(self, time_ns: int) -> Bounds:
        """Return from where to where frames are treated as one of this stamp is."""
        edges = (-_LIMIT_NS, self.lead_ns, self.start_ns, self.stop_ns, _LIMIT_NS - 1)
        after = bisect_right(edges, time_ns)
        return edges[after - 1], edges[after]


def look(what: What, recording: Recording) -> Recording:
    """Return what is in a recording. One that cannot be read is a problem of it."""
    file, path = Path(recording.file), Path(recording.path)
    try:
        opened = what.described("", [path]).make_recordings().open(path, lambda _: 0)
    except TelemetryError as error:
        return replace(recording, problem=str(error))
    spans: dict[str, Span] = {}
    dates, frames, problem = _Dates(recording.start_ns), 0, ""
    with closing(opened):
        status = file.stat()
        hashing = opened if isinstance(opened, RecordedFile) else None
        if hashing:
            hashing.start_hash()
        try:
            batch = FrameBatch(BATCH_FRAMES)
            while not opened.at_end:
                batch.clear()
                opened.read(batch)
                dates.give(batch)
                for (start_ns, _), first, stop in _runs(batch, _day_bounds):
                    day, last_ns = day_of(start_ns), batch[stop - 1].time_ns
                    known = spans.get(day, Span(batch[first].time_ns, last_ns, 0))
                    first_ns = min(known.first_ns, batch[first].time_ns)
                    spans[day] = Span(first_ns, max(known.last_ns, last_ns), frames + stop)
                frames += len(batch)
        except UNREADABLE as error:
            problem = str(error)
        digest = hashing.digest() if hashing else None
    hashed = (digest or file_digest(file)).sha256
    size, changed_ns = status.st_size, status.st_mtime_ns
    return replace(recording, size=size, changed_ns=changed_ns, hash=hashed, days=spans, problem=problem)


class _Dates:
    """Gives frames of a recording without a date the time that it began at."""

    def __init__(self, start_ns: int) -> None:
        """Expect the first frame at start_ns; 0: nobody knows."""
        self._start_ns = start_ns
        self.map: TimeMap | None = None
        self._is_begun = False

    def give(self, frames: FrameBatch) -> None:
        """Shift the stamps of these, which come next."""
        if not self._is_begun and len(frames):
            self._is_begun = True
            if self._start_ns and frames[0].time_ns < _UNDATED_NS:
                self.map = TimeMap(1.0, self._start_ns, frames[0].time_ns)
        if self.map:
            self.map.map(frames)


def _day_bounds(time_ns: int) -> Bounds:
    start_ns = time_ns // DAY_NS * DAY_NS
    return start_ns, start_ns + DAY_NS


def _runs(frames: FrameBatch, bounds: Callable[[int], Bounds]) -> Iterator[tuple[Bounds, int, int]]:
    """Yield runs of frames within the same bounds: these, where the run begins, and where it ends."""
    first, count = 0, len(frames)
    if count:
        within = bounds(frames[0].time_ns)
        if frames.count_within(*within) == count:
            yield within, 0, count
            return
    for each, run in groupby(bounds(frame.time_ns) for frame in frames):
        stop = first + len([*run])
        yield each, first, stop
        first = stop


class Part:
    """The window of an open recording. is_lead: what was read last is of the lead-in."""

    def __init__(self, opened: OpenRecording, window: Window, end: int | None, start_ns: int) -> None:
        """Set up the reading of a window.

        - end: how many frames there are up to the last one of the window; None: it is read whole
        - start_ns: when a recording began that has no date; 0: nobody knows
        """
        self.is_lead = False
        self._opened = opened
        self._window = window
        self._end = end
        self._dates = _Dates(start_ns)
        self._frames = 0
        self._waiting: list[tuple[bool, FrameBatch]] = []  # runs of a batch, the last one first
        self.damaged = 0
        self.close = opened.close

    @property
    def at_end(self) -> bool:
        return not self._waiting and (
            self._opened.at_end or (self._end is not None and self._frames >= self._end)
        )

    @property
    def bytes_read(self) -> int:
        return self._opened.bytes_read

    def read(self, batch: FrameBatch, limit: int = -1) -> int:  # noqa: ARG002  as OpenRecording
        while not (self._waiting or self.at_end):
            runs = self._read(batch)
            if len(runs) == 1 and runs[0][1:] == (0, len(batch)):
                self.is_lead = runs[0][0]
                return len(batch)
            self._waiting = [(is_lead, batch.part(*part)) for is_lead, *part in reversed(runs)]
            batch.clear()
        if self._waiting:
            self.is_lead, run = self._waiting.pop()
            batch.extend(run)
        return len(batch)

    def warnings(self) -> list[str]:
        return [each for each in self._opened.warnings() if not (self._dates.map and NO_DATE in each)]

    def _read(self, batch: FrameBatch) -> Sequence[tuple[bool, int, int]]:
        """Read; return the runs of frames that are to come: whether of the lead-in, from where to where."""
        window, before = self._window, self._opened.damaged
        self._frames += self._opened.read(batch)
        self._dates.give(batch)
        is_of_day = self._end is None  # of the recording's last frame
        if len(batch):
            is_of_day = window.start_ns <= batch[len(batch) - 1].time_ns < window.stop_ns
        if is_of_day:
            self.damaged += self._opened.damaged - before
        return [
            (start_ns != window.start_ns, first, stop)
            for (start_ns, stop_ns), first, stop in _runs(batch, window.bounds)
            if window.lead_ns <= start_ns < stop_ns <= window.stop_ns
        ]
