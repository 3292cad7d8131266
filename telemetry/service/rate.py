"""How much a configuration sends, measured on the beginning of one of its own logs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.text.lines import LineBuffer

from telemetry.logs.log import Log
from telemetry.spool.compress import compress
from telemetry.stages.stages import Stages

MAX_FRAMES = 500_000
BATCH_FRAMES = 4096
BATCH_LINES = 5000


@dataclass(frozen=True, slots=True)
class Rate:
    """Per second of recorded time; bytes as they are sent and stored, compressed."""

    points_per_s: float
    bytes_per_s: float


@dataclass(frozen=True, slots=True)
class _Sample:
    """What was seen so far."""

    points: int = 0
    size_bytes: int = 0
    first_ns: int = 2**63 - 1
    last_ns: int = -(2**63)

    def with_lines(self, lines: LineBuffer) -> "_Sample":
        points, first_ns, last_ns = lines.lines, lines.first_ns, lines.last_ns
        return replace(
            self,
            points=self.points + points,
            size_bytes=self.size_bytes + len(compress(lines.take())),
            first_ns=min(self.first_ns, first_ns),
            last_ns=max(self.last_ns, last_ns),
        )


def measure(stages: Stages, file: Path, bind: Callable[[str], int]) -> Rate | None:
    """The rate at which `file` becomes points; None when it makes none or covers no time.

    bind: binds a channel of the log, by its name, and returns its number.
    """
    batch = FrameBatch(BATCH_FRAMES)
    lines = LineBuffer()
    sample = _Sample()
    with Log(file, bind) as log:
        while log.frames_read < MAX_FRAMES and log.read(batch):
            stages.process(batch, lines)
            batch.clear()
            if lines.lines >= BATCH_LINES:
                sample = sample.with_lines(lines)
    stages.writing.flush(lines)
    if lines.lines:
        sample = sample.with_lines(lines)
    if not sample.points or sample.last_ns <= sample.first_ns:
        return None
    duration_s = (sample.last_ns - sample.first_ns) / 1e9
    return Rate(sample.points / duration_s, sample.size_bytes / duration_s)
