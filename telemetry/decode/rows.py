"""Recordings as rows of values, one after the other as if they were one: for what looks at values in Python.

Promises:

- The rows are those that `decode` writes, in their order.
- Memory is constant.
- The file that is open is closed, however the iteration ends.

Relies on stages that only decode: nothing is mapped, watched or reduced.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch

from telemetry.decode.channels import ACCOUNT
from telemetry.decode.decoder import BATCH_FRAMES, bind_new
from telemetry.decode.reading import Reading, Recordings
from telemetry.decode.times import ALL_AS_THEY_ARE, Times
from telemetry.stages.stages import Stages


class Rows:
    """The rows of recordings, which are read once. A file that is opened is a batch without rows."""

    def __init__(self, stages: Stages, recordings: Recordings, *, times: Times = ALL_AS_THEY_ARE) -> None:
        """Set up the reading of rows. times: which frames count."""
        self._stages = stages
        self._recordings = recordings
        self._times = times
        self._reading = Reading(stages, recordings)
        self._warnings: list[str] = []
        self.frames_kept = 0  # of those that were read: what `times` wants

    def read(self, paths: Sequence[Path]) -> Iterator[SampleBatch]:
        """Yield the rows, batch by batch. Each batch is valid until the next one.

        Raises InputMissingError, DataError.
        """
        frames = FrameBatch(BATCH_FRAMES)
        samples = SampleBatch(self._stages.schema)
        bound = 0
        self._reading.begin(paths)
        try:
            while (taken := self._reading.take(frames)) is not None:
                together, place = taken
                self._warnings += place.warnings
                bound = bind_new(self._stages.decoding, self._stages, bound)
                self._times.keep(together, self._reading.first_ns)
                self.frames_kept += len(together)
                samples.clear()
                self._stages.decoding.decode(together, samples)
                yield samples
        finally:
            self._reading.close()

    @property
    def first_ns(self) -> int:
        """Return stamp of the first frame of all; 0 before there is one."""
        return self._reading.first_ns

    @property
    def duration_s(self) -> float:
        """Return time from the first frame of all to the last one so far."""
        return (self._reading.last_ns - self.first_ns) / 1e9

    @property
    def frames_read(self) -> int:
        """Return frames, or messages of a serial port, of all recordings so far."""
        return self._recordings.count(self._reading.frames_read)

    @property
    def matched(self) -> dict[str, int]:
        """Return how many frames and payloads are described (`decoded`) and how many are not (`unknown`)."""
        return self._stages.decoding.matched()

    @property
    def frames_unknown(self) -> int:
        """Return those of them that are not described, and that count."""
        return self._became("unknown")

    @property
    def frames_without_signals(self) -> int:
        """Return those of them whose messages are named and have no signal."""
        return self._became("without_signals")

    def _became(self, fate: str) -> int:
        return self._stages.decoding.counted().get(f"frames/{ACCOUNT}/{fate}", 0)

    def raise_unread(self) -> None:
        """Raise DataError where one of several recordings could not be read. After all else."""
        self._reading.unread.raise_any()

    def warnings(self) -> list[str]:
        """Return what was wrong with the recordings or does not fit together, one line each. At the end."""
        none = {"decoded": 0, "unknown": 0}  # described is an error of its own
        matched = self.matched if self.matched["decoded"] else none
        found = self._reading.found(self._stages.decoding.counted(), matched)
        return self._warnings + self._recordings.misfits(found)
