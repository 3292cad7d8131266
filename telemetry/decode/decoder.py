"""Recordings into csv, line protocol, ndjson or tables: what `nev-telemetry decode` does.

Promises:
- The output depends on the files, the stages and the format alone, byte for byte, whatever the batch size and
  the number of threads.
- Memory is constant.
- Files that are refused (DataError): see `Recordings`.
- csv and ndjson carry each frame's own stamp. In line protocol frames of one message that share a stamp are
  set 1 ns apart, over all files, since a database would keep only one.
- Where a recording's clock begins again, open charging sessions end as unfinished, and a warning says so.

How threads share the work:
- What depends on earlier frames is done while reading, by one thread at a time (`reading`).
- Decoding depends on the frame alone. The thread that has read a batch decodes it.
- The same thread writes the rows, unless stages remember earlier rows (a map, limits, [reduce]). Then the
  thread that fetches the results writes them in order (`in_order`).

So one large file is shared as well as several. Nothing is kept on disk, and no other process can be left
over.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.text.lines import LineBuffer

from telemetry.decode.channels import ACCOUNT
from telemetry.decode.in_order import InOrder
from telemetry.decode.logs import words
from telemetry.decode.output import OutputPiece
from telemetry.decode.reading import Found, Place, Reading, Recordings
from telemetry.decode.times import ALL_AS_THEY_ARE, Times
from telemetry.ledger import add, subtract
from telemetry.logs.content import Digest
from telemetry.logs.unread import Unread
from telemetry.stages.decoding import Decoding
from telemetry.stages.formats import TimeForm
from telemetry.stages.stages import Stages
from telemetry.stages.writing import Writing

BATCH_FRAMES = 2048
AHEAD_PER_JOB = 3  # results that may wait to be written: about 2 MB of csv each


class Decoder:
    """A `FileDecoder` of recordings of one kind."""

    def __init__(
        self,
        stages: Stages,
        recordings: Recordings,
        *,
        batch_frames: int = BATCH_FRAMES,
        jobs: int = 1,
        accounts: bool = False,
        hashes: bool = False,
        done: int = 0,
        times: Times = ALL_AS_THEY_ARE,
        is_strict: bool = False,
    ) -> None:
        """Say how much is done at once, and what of it is wanted.

        - is_strict: one of several files that cannot be read is an error, which ends all
        - jobs: threads
        - accounts: whether pieces have `counts`
        - done: frames that need no text any more
        - hashes: whether files are hashed while they are read
        - times: which frames count, and how their stamps are written
        """
        self._stages = stages
        self._recordings = recordings
        self._reading = Reading(stages, recordings, accounts=accounts, hashes=hashes, stop_at=done)
        self._is_strict = is_strict
        self._is_bounded = times.is_bounded
        self._may_be_unknown = done > 0 or times.is_bounded
        options = _Options(batch_frames, accounts=accounts, done=done, times=times)
        stages.writing.output.write_times(times.form)
        ordered = stages.writing if stages.writing.remembers else None
        self._ordered = _Writer(stages, ordered, self._reading, options) if ordered else None
        self._workers = [_Worker(self._reading, stages, self._ordered, options) for _ in range(jobs)]

    @property
    def header(self) -> bytes:
        return self._stages.writing.output.header

    @contextmanager
    def pieces(self, paths: Sequence[Path]) -> Iterator["_Pieces"]:
        self._reading.begin(paths, is_strict=self._is_strict)
        try:
            with InOrder(self._workers, AHEAD_PER_JOB * len(self._workers)) as results:
                yield _Pieces(results, self._write_in_order, partial(self._refuse_unknown, paths))
        finally:
            self._reading.close()

    def _write_in_order(self, rows: "_Rows") -> OutputPiece:
        if self._ordered is None:
            raise TypeError("these rows are written by the threads that decode")
        return self._ordered.write(rows.samples, rows.place, rows.counts)

    def _refuse_unknown(self, paths: Sequence[Path]) -> None:
        """Raise DataError where nothing is known; not where a part was left out."""
        if not self._may_be_unknown and (error := self._recordings.unknown(paths, self._found())):
            raise error

    @property
    def frames_read(self) -> int:
        """Return frames of all files so far."""
        return self._reading.frames_read

    def warnings(self) -> list[str]:
        left_out = [each.decoding.omitted() for each in self._workers if self._recordings.is_fixed]
        not_finite = sum(writer.writing.output.left_out for writer in self._writers())
        lines = self.losses()
        for reason, count in add(*left_out, {"not_finite": not_finite}).items():
            if count:
                lines.append(f"values left out ({words(reason)}): {count}")
        incomplete = sum(writer.writing.incomplete_cycles for writer in self._writers())
        if incomplete:
            lines.append(f"cycles of cell pages that were not complete, and gave no reading: {incomplete}")
        return lines

    def losses(self) -> list[str]:
        """Return the warnings about frames and messages, without those about single values of them."""
        return self._recordings.losses(self._found())

    def raise_unread(self) -> None:
        self._reading.unread.raise_any()

    @property
    def unread(self) -> Unread:
        """Return which recordings were read, and which could not be."""
        return self._reading.unread

    @property
    def digests(self) -> Mapping[Path, Digest]:
        """Return the files that were hashed while they were read; archives and pipes were not."""
        return self._reading.digests

    def accounts(self) -> dict[str, int]:
        """Return what became of all frames, and all that was counted beside them. At the end."""
        decoded = (worker.counted() for worker in self._workers)
        written = (writer.writing.counted() for writer in self._writers())
        return add(self._fates(), *decoded, self._reading.counted(), *written)

    def summary(self) -> str:
        return self._recordings.summary(self._found())

    def _found(self) -> Found:
        decoded = (worker.decoding.counted() for worker in self._workers)
        matched = add(*(worker.decoding.matched() for worker in self._workers))
        heard = set[str]().union(*(worker.decoding.heard() for worker in self._workers))
        counted = add(self._fates(), *decoded, self._stages.payloads.counted())
        return self._reading.found(counted, matched, heard, is_bounded=self._is_bounded)

    def _fates(self) -> dict[str, int]:
        """Return the counters of what may become of a frame, in their order."""
        return {f"frames/{ACCOUNT}/{fate}": 0 for fate in self._stages.decoding.fates()}

    def _writers(self) -> "list[_Writer]":
        return [self._ordered] if self._ordered else [worker.writer for worker in self._workers]


@dataclass(frozen=True, slots=True)
class _Options:
    batch_frames: int
    accounts: bool
    done: int
    times: Times

    def counted(self, counted: Callable[[], Mapping[str, int]]) -> Mapping[str, int]:
        return counted() if self.accounts else {}


class _Writer:
    """Rows to pieces, for one thread."""

    def __init__(self, stages: Stages, writing: Writing, reading: Reading, options: _Options) -> None:
        self.writing = writing
        self._stages = stages
        self._reading = reading
        self._options = options
        self._lines = LineBuffer()
        self._bound = 0
        self._log: Path | None = None  # of the last rows

    def write(self, samples: SampleBatch, place: Place, counts: Mapping[str, int]) -> OutputPiece:
        """Return what the rows are as text. counts: of the stages before."""
        self._bound = bind_new(self.writing, self._stages, self._bound)
        if self._options.times.form is not TimeForm.NS:
            self.writing.output.write_times(self._options.times.form, self._reading.first_ns)
        before, lines = self._options.counted(self.writing.counted), self._lines
        warnings = place.warnings
        if restart := place.restart:
            if self.writing.sessions.is_open():
                warnings = (restart.words(), *warnings)
            self.writing.end_sessions(lines, restart.before_ns)
        if len(samples) and place.progress.path is not self._log:
            self._log = place.progress.path
            self.writing.begin_log(str(self._log), lines)
        self.writing.write(samples, lines)
        if place.is_end:
            self.writing.finish(lines, self._reading.last_ns)
            self.writing.flush(lines)
        elif place.frames <= self._options.done:
            lines.clear()
        own = subtract(self._options.counted(self.writing.counted), before)
        return OutputPiece.of(
            lines, place.progress, add(place.counts, counts, own), warnings, place.frames, place.is_end
        )


@dataclass(frozen=True, slots=True)
class _Rows:
    """What is to be written in order."""

    samples: SampleBatch
    place: Place
    counts: Mapping[str, int]


class _Worker:
    """One thread's part; see `in_order.Worker`."""

    def __init__(self, reading: Reading, stages: Stages, ordered: _Writer | None, options: _Options) -> None:
        """Set up one thread. ordered: writes the rows later; None: this thread does."""
        self.decoding = stages.another_decoding()
        self.writer = ordered or _Writer(stages, stages.another_writing(), reading, options)
        self._is_ordered = ordered is not None
        self._reading = reading
        self._stages = stages
        self._options = options
        self._frames = FrameBatch(options.batch_frames)
        self._together = FrameBatch(2 * options.batch_frames)  # a frame completes one session at most
        self._samples = SampleBatch(stages.schema)
        self._bound = 0
        self._outside = 0  # frames
        self._place: Place  # where what was taken last ends

    def take(self) -> bool:
        """Read the next frames."""
        taken = self._reading.take(self._frames)
        if taken is None:
            return False
        frames, self._place = taken
        self._together.clear()
        if frames is not self._frames:  # valid until the next thread reads
            self._together.extend(frames)
            self._frames.clear()
        return True

    def do(self) -> "OutputPiece | _Rows":
        """Return what they mean."""
        self._bound = bind_new(self.decoding, self._stages, self._bound)
        before = self._options.counted(self.counted)
        samples = SampleBatch(self._stages.schema) if self._is_ordered else self._samples
        samples.clear()
        if self._is_ordered or self._place.frames > self._options.done:
            frames = self._together if len(self._together) else self._frames
            self._outside += self._options.times.keep(frames, self._reading.first_ns)
            self.decoding.decode(frames, samples)
        counts = subtract(self._options.counted(self.counted), before)
        if self._is_ordered:
            return _Rows(samples, self._place, counts)
        return self.writer.write(samples, self._place, counts)

    def counted(self) -> Mapping[str, int]:
        """Return what became of the frames so far, as the accounts call it."""
        outside = {f"frames/{ACCOUNT}/outside": self._outside} if self._outside else {}
        return add(self.decoding.counted(), outside)


class _Pieces:
    """The output; see `output.OutputPieces`."""

    def __init__(
        self,
        results: "InOrder[OutputPiece | _Rows]",
        write: "Callable[[_Rows], OutputPiece]",
        refuse_unknown: Callable[[], None],
    ) -> None:
        """Set up the output.

        write: in order; refuse_unknown: raises what is wrong when all is read, where nothing is known.
        """
        self._results = results
        self._write = write
        self._refuse_unknown = refuse_unknown
        self.stop = results.stop

    def __iter__(self) -> Iterator[OutputPiece]:
        for result in self._results:
            piece = result if isinstance(result, OutputPiece) else self._write(result)
            if piece.is_end:
                self._refuse_unknown()
            yield piece


def bind_new(part: "Decoding | Writing", stages: Stages, bound: int) -> int:
    """Bind the channels that are new since `bound` of them were; return how many there are."""
    channels = stages.channels[bound:]
    for channel in channels:
        part.bind(channel)
    return bound + len(channels)
