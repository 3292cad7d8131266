"""Serial captures into rows of the messages of a protocol: for what looks at values in Python.

Promises: as of `telemetry.decode.rows`; the rows are those that `decode --protocol NAME --messages` writes of
messages, without what they mean.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from telemetry_core.rows.batch import SampleBatch
from telemetry_core.text.lines import LineBuffer

from telemetry.decode.captures import CaptureDecoder, OneProtocol
from telemetry.decode.rows import Rows
from telemetry.protocols.table import SerialProtocol
from telemetry.stages.output import Output
from telemetry.stages.stages import Stages


class CopiedRows(Output):
    """Keeps rows until they are taken."""

    def __init__(self) -> None:
        self._kept: list[SampleBatch] = []

    def add(self, samples: SampleBatch, _lines: LineBuffer) -> None:
        self._kept += samples.split(())

    def take(self) -> list[SampleBatch]:
        """Return what has come since the last time."""
        taken, self._kept = self._kept, []
        return taken


class CaptureRows(Rows):
    """The rows of captures. Every message counts as a frame; `first_ns` is of the first row."""

    first_ns = 0

    def __init__(self, protocol: SerialProtocol, stages: Stages, copied: CopiedRows) -> None:
        """stages: of the protocol's messages alone; copied: takes their rows."""
        super().__init__(stages)
        self._copied = copied
        self._decoder = CaptureDecoder(stages, OneProtocol(protocol))

    def read(self, paths: Sequence[Path]) -> Iterator[SampleBatch]:
        with self._decoder.pieces(paths) as pieces:
            for piece in pieces:
                self._warnings += piece.warnings
                for samples in self._copied.take():
                    if not self.first_ns and samples:
                        self.first_ns = next(iter(samples)).time_ns
                    yield samples

    @property
    def frames_read(self) -> int:
        return self._decoder.messages

    def warnings(self) -> list[str]:
        return [*self._warnings, *self._decoder.warnings()]
