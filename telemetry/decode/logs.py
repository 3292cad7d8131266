"""Logs into csv, line protocol or ndjson: what `nev-telemetry decode` does.

Promises:
- The output depends on the logs, the stages and the format alone, byte for byte, whatever the batch size and
  the number of threads.
- Memory is constant.
- Logs are refused (DataError) where frames came and neither one of them, in any log, nor a payload of several
  has a known message. Where few have one, that is a warning.
- csv and ndjson carry each frame's own stamp. In line protocol frames of one message that share a stamp are
  set 1 ns apart, over all logs, since a database would keep only one.

How threads share the work:
- What depends on earlier frames is done while reading, by one thread at a time (`reading`).
- Decoding depends on the frame alone. The thread that has read a batch decodes it.
- The same thread writes the rows, unless stages remember earlier rows (a map, limits, [reduce]). Then the
  thread that fetches the results writes them in order (`in_order`).

So one large log is shared as well as several. Nothing is kept on disk, and no other process can be left over.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.text.lines import LineBuffer

from telemetry.decode.channels import ACCOUNT, Channels
from telemetry.decode.in_order import InOrder
from telemetry.decode.output import OutputPiece
from telemetry.decode.reading import LogReading, Place, Restart
from telemetry.decode.times import ALL_AS_THEY_ARE, Times
from telemetry.errors import DataError
from telemetry.ledger import add, subtract
from telemetry.logs.content import named
from telemetry.stages.binding import NO_BUS
from telemetry.stages.decoding import Decoding
from telemetry.stages.formats import TimeForm
from telemetry.stages.stages import Stages
from telemetry.stages.writing import Writing

BATCH_FRAMES = 2048
FEW_MATCHED = 0.01  # of the frames: fewer are an accident, and the database is of another vehicle
AHEAD_PER_JOB = 3  # results that may wait to be written: about 2 MB of csv each
WHOSE = "are databases and protocol those of this bus?"
_FAULTS = {"wrong_crc": "wrong checksum", "repeated": "repeated counter", "skipped": "skipped counter"}


class LogDecoder:
    """A `FileDecoder` of logs."""

    def __init__(
        self,
        stages: Stages,
        channels: Channels,
        *,
        batch_frames: int = BATCH_FRAMES,
        jobs: int = 1,
        accounts: bool = False,
        done: int = 0,
        times: Times = ALL_AS_THEY_ARE,
        is_search: bool = False,
    ) -> None:
        """Say how much is done at once, and what of it is wanted.

        - is_search: logs without a known message are an answer too
        - jobs: threads
        - accounts: whether pieces have `counts`
        - done: frames that need no text any more
        - times: which frames count, and how their stamps are written
        """
        self._stages = stages
        self._channels = channels
        self._reading = LogReading(stages, channels.binding, accounts=accounts, stop_at=done)
        self._is_bounded = times.is_bounded
        self._may_be_unknown = is_search or done > 0 or times.is_bounded
        options = _Options(batch_frames, accounts=accounts, done=done, times=times)
        stages.writing.output.write_times(times.form)
        ordered = stages.writing if stages.writing.remembers else None
        self._ordered = _Writer(stages, ordered, self._reading, options) if ordered else None
        self._workers = [_Worker(self._reading, stages, self._ordered, options) for _ in range(jobs)]

    @property
    def header(self) -> bytes:
        return self._stages.writing.output.header

    @contextmanager
    def pieces(self, paths: Sequence[Path]) -> Iterator["_LogPieces"]:
        self._reading.begin(paths)
        try:
            with InOrder(self._workers, AHEAD_PER_JOB * len(self._workers)) as results:
                yield _LogPieces(results, self._ordered, partial(self._refuse_unknown, paths))
        finally:
            self._reading.close()

    def _refuse_unknown(self, paths: Sequence[Path]) -> None:
        """Raises DataError where all frames were without a message; not where a part was left out."""
        matched = self._matched()
        is_known = matched["decoded"] or self._are_some_wrong()
        if not matched["unknown"] or is_known or self._may_be_unknown:
            return
        found = self._reading.bindings
        if all(binding.bus == NO_BUS for binding in found.values()):
            raise DataError("; ".join(self._channels.warnings(found)), where=named(paths))
        raise none_matched(paths, self.frames_read, "no known message")

    @property
    def frames_read(self) -> int:
        """Of all logs so far."""
        return self._reading.frames_read

    def warnings(self) -> list[str]:
        left_out = [worker.decoding.omitted() for worker in self._workers]
        not_finite = sum(writer.writing.output.left_out for writer in self._writers())
        lines = self.losses()
        for reason, count in add(*left_out, {"not_finite": not_finite}).items():
            if count:
                lines.append(f"values left out ({_words(reason)}): {count}")
        incomplete = sum(writer.writing.incomplete_cycles for writer in self._writers())
        if incomplete:
            lines.append(f"cycles of cell pages that were not complete, and gave no reading: {incomplete}")
        return lines

    def losses(self) -> list[str]:
        """Return the warnings about frames and messages, without those about single values of them."""
        lines = [] if self.frames_read else ["no frames in what was read"]
        if self.frames_read and self._is_bounded and not any(_of(self._counted(), f"frames/{ACCOUNT}/")):
            duration_s = (self._reading.last_ns - self._reading.first_ns) / 1e9
            lines.append(f"no frame between the bounds of time; what was read lasts {duration_s:.1f} s")
        found = self._reading.bindings
        lines += self._channels.warnings(found)
        counted = self._counted()
        if any(binding.bus != NO_BUS for binding in found.values()) and not self._are_some_wrong():
            lines += few_matched(self._matched())
        for reason, count in _of(counted, f"frames/{ACCOUNT}/lost/"):
            lines.append(f"frames left out ({_words(reason)}): {count}")
        for what, count in _of(counted, f"protection/{ACCOUNT}/"):
            message, _, fault = what.rpartition("/")
            lines.append(f"{message}: frames with a {_FAULTS[fault]}: {count}")
        for reason, count in _of(counted, f"sessions/{ACCOUNT}/"):
            if reason not in ("complete", "orphans"):
                lines.append(f"transport sessions without a message ({_words(reason)}): {count}")
        return lines

    def summary(self) -> str:
        counted = self._counted()
        fates = {"decoded": "decoded", "absorbed": "in transport sessions", "unknown": "in no database"}
        counts = {words: counted.get(f"frames/{ACCOUNT}/{fate}", 0) for fate, words in fates.items()}
        shares = ", ".join(f"{count} {words}" for words, count in counts.items() if count)
        return f"{self.frames_read} frames: {shares or 'none decoded'}"

    def _counted(self) -> dict[str, int]:
        in_order = {f"frames/{ACCOUNT}/{fate}": 0 for fate in self._stages.decoding.fates()}
        decoded = (worker.decoding.counted() for worker in self._workers)
        return add(in_order, *decoded, self._stages.gathering.counted())

    def _are_some_wrong(self) -> bool:
        """Whether a frame of a known message failed its check."""
        return any(_of(self._counted(), f"protection/{ACCOUNT}/"))

    def _matched(self) -> dict[str, int]:
        return add(*(worker.decoding.matched() for worker in self._workers))

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

    def __init__(self, stages: Stages, writing: Writing, reading: LogReading, options: _Options) -> None:
        self.writing = writing
        self._stages = stages
        self._reading = reading
        self._options = options
        self._lines = LineBuffer()
        self._bound = 0

    def write(self, samples: SampleBatch, place: Place, counts: Mapping[str, int]) -> OutputPiece:
        """What the rows are as text. counts: of the stages before."""
        self._bound = _bind(self.writing, self._stages, self._bound)
        if self._options.times.form is not TimeForm.NS:
            self.writing.output.write_times(self._options.times.form, self._reading.first_ns)
        before, lines = self._options.counted(self.writing.counted), self._lines
        warnings = place.warnings
        if (restart := place.restart) and self.writing.sessions.open:
            warnings = (_restarted(restart), *warnings)
            self.writing.finish(lines, restart.before_ns)
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

    def __init__(
        self, reading: LogReading, stages: Stages, ordered: _Writer | None, options: _Options
    ) -> None:
        """ordered: writes the rows later; None: this thread does."""
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
        """What they mean."""
        self._bound = _bind(self.decoding, self._stages, self._bound)
        before = self._options.counted(self.decoding.counted)
        samples = SampleBatch(self._stages.schema) if self._is_ordered else self._samples
        samples.clear()
        if self._is_ordered or self._place.frames > self._options.done:
            frames = self._together if len(self._together) else self._frames
            self._options.times.keep(frames, self._reading.first_ns)
            self.decoding.decode(frames, samples)
        counts = subtract(self._options.counted(self.decoding.counted), before)
        if self._is_ordered:
            return _Rows(samples, self._place, counts)
        return self.writer.write(samples, self._place, counts)


class _LogPieces:
    """The output; see `output.OutputPieces`."""

    def __init__(
        self,
        results: "InOrder[OutputPiece | _Rows]",
        ordered: _Writer | None,
        refuse_unknown: Callable[[], None],
    ) -> None:
        """refuse_unknown: raises what is wrong when all is read, where none of it is known."""
        self._results = results
        self._ordered = ordered
        self._refuse_unknown = refuse_unknown
        self.stop = results.stop

    def __iter__(self) -> Iterator[OutputPiece]:
        for piece in self._pieces():
            if piece.is_end:
                self._refuse_unknown()
            yield piece

    def _pieces(self) -> Iterator[OutputPiece]:
        for result in self._results:
            if isinstance(result, OutputPiece):
                yield result
            elif self._ordered is not None:
                yield self._ordered.write(result.samples, result.place, result.counts)


def _restarted(restart: Restart) -> str:
    back_s = (restart.before_ns - restart.at_ns) / 1e9
    words = f"its clock begins {back_s:.1f} s before the last frame"
    return f"{restart.log}: {words}: what was open of charging sessions ends"


def _bind(part: "Decoding | Writing", stages: Stages, bound: int) -> int:
    """Bind the channels that are new since `bound` of them were; how many there are."""
    channels = stages.channels[bound:]
    for channel in channels:
        part.bind(channel)
    return bound + len(channels)


def _of(counted: Mapping[str, int], prefix: str) -> Iterator[tuple[str, int]]:
    """What is not 0 of the counters whose names begin with `prefix`, less that."""
    return (
        (name.removeprefix(prefix), count)
        for name, count in counted.items()
        if count and name.startswith(prefix)
    )


def few_matched(matched: Mapping[str, int]) -> Iterator[str]:
    """Yield a warning where hardly a frame has a message: the databases are of another vehicle or bus.

    matched: as of `Decoding.matched`.
    """
    decoded, unknown = matched["decoded"], matched["unknown"]
    if decoded < FEW_MATCHED * (decoded + unknown):
        yield (
            f"{decoded:,} of {decoded + unknown:,} frames have a known message: {WHOSE} "
            "(scan --log finds what fits, decode --unknown lists the ids without one)"
        )


def none_matched(paths: Sequence[Path], frames: int, what: str) -> DataError:
    """Return the error of logs with frames and without what was looked for. what: `no known message`."""
    hint = f"{WHOSE} scan --log finds what fits"
    count = "1 frame" if frames == 1 else f"{frames:,} frames"
    verb = "holds" if len(paths) == 1 else "hold"
    return DataError(f"{verb} {count}, and {what}", where=named(paths), hint=hint)


def _words(reason: str) -> str:
    return reason.replace("_", " ")
