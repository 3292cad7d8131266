"""Logs into rows of values, one after the other as if they were one: for what looks at values in Python.

Promises:

- The rows are those that `decode` writes, in their order.
- Memory is constant.
- The log that is open is closed, however the iteration ends.

Relies on stages that only decode: nothing is mapped, watched or reduced.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.rows.batch import SampleBatch

from telemetry.decode.channels import ACCOUNT, Channels
from telemetry.decode.logs import BATCH_FRAMES, few_matched
from telemetry.decode.reading import LogReading
from telemetry.decode.times import ALL_AS_THEY_ARE, Times
from telemetry.stages.stages import Stages


class Rows(ABC):
    """The rows of recordings, which are read once."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._warnings: list[str] = []

    @abstractmethod
    def read(self, paths: Sequence[Path]) -> Iterator[SampleBatch]:
        """Yield the rows, batch by batch. Each batch is valid until the next one.

        Raises InputMissingError, DataError.
        """

    @property
    @abstractmethod
    def first_ns(self) -> int:
        """Stamp of the first frame of all; 0 before there is one."""

    @property
    @abstractmethod
    def frames_read(self) -> int:
        """Frames, or messages of a serial port, of all recordings so far."""

    @property
    def matched(self) -> dict[str, int]:
        """Frames, and payloads of several, that are described (`decoded`) and that are not (`unknown`)."""
        return self._stages.decoding.matched()

    @property
    def frames_unknown(self) -> int:
        """Those of them that are not described, and that count."""
        return self._stages.counted().get(f"frames/{ACCOUNT}/unknown", 0)

    @abstractmethod
    def warnings(self) -> list[str]:
        """Return what was wrong with the recordings or does not fit together, one line each. At the end."""


class LogRows(Rows):
    """The rows of logs. A log that is opened is a batch without rows."""

    def __init__(self, stages: Stages, channels: Channels, *, times: Times = ALL_AS_THEY_ARE) -> None:
        """times: which frames count."""
        super().__init__(stages)
        self._channels = channels
        self._times = times
        self._reading = LogReading(stages, channels.binding)
        self.frames_kept = 0  # of those that were read: what `times` wants

    def read(self, paths: Sequence[Path]) -> Iterator[SampleBatch]:
        frames = FrameBatch(BATCH_FRAMES)
        samples = SampleBatch(self._stages.schema)
        bound = 0
        self._reading.begin(paths)
        try:
            while (taken := self._reading.take(frames)) is not None:
                together, place = taken
                self._warnings += place.warnings
                for channel in self._stages.channels[bound:]:
                    self._stages.decoding.bind(channel)
                    bound += 1
                self._times.keep(together, self._reading.first_ns)
                self.frames_kept += len(together)
                samples.clear()
                self._stages.decoding.decode(together, samples)
                yield samples
        finally:
            self._reading.close()

    @property
    def first_ns(self) -> int:
        return self._reading.first_ns

    @property
    def duration_s(self) -> float:
        """From the first frame of all to the last one so far."""
        return (self._reading.last_ns - self.first_ns) / 1e9

    @property
    def frames_read(self) -> int:
        return self._reading.frames_read

    def warnings(self) -> list[str]:
        lines = list(self._warnings)
        if not self.frames_read:
            lines.append("no frames in what was read")
        lines += self._channels.warnings(self._reading.bindings)
        if self.matched["decoded"]:  # none at all is an error of its own
            lines += few_matched(self.matched)
        return lines
