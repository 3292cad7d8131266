"""Serial captures into rows of the messages of a protocol: for what looks at values in Python.

Promises: as of `telemetry.decode.rows`; the rows are those that `decode --protocol NAME --messages` writes of
messages, without what they mean.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from telemetry_core.rows.batch import SampleBatch
from telemetry_core.text.lines import LineBuffer

from telemetry.decode.captures import CaptureDecoder, OneProtocol
from telemetry.decode.channels import ACCOUNT
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


class CaptureRows:
    """The rows of captures. Every message counts as a frame."""

    def __init__(self, protocol: SerialProtocol, stages: Stages, copied: CopiedRows) -> None:
        """stages: of the protocol's messages alone; copied: takes their rows."""
        self._stages = stages
        self._copied = copied
        self._decoder = CaptureDecoder(stages, OneProtocol(protocol))
        self._warnings: list[str] = []
        self.first_ns = 0  # stamp of the first row; 0 before there is one

    def read(self, paths: Sequence[Path]) -> Iterator[SampleBatch]:
        """Yield the rows, batch by batch. Raises InputMissingError, DataError."""
        with self._decoder.pieces(paths) as pieces:
            for piece in pieces:
                self._warnings += piece.warnings
                for samples in self._copied.take():
                    if not self.first_ns and samples:
                        self.first_ns = next(iter(samples)).time_ns
                    yield samples

    @property
    def frames_read(self) -> int:
        """Messages of all captures so far."""
        return self._decoder.messages

    @property
    def frames_decoded(self) -> int:
        """Those of a kind that the protocol knows."""
        return self._stages.counted().get(f"frames/{ACCOUNT}/decoded", 0)

    @property
    def frames_unknown(self) -> int:
        """Those of other kinds."""
        return self._stages.counted().get(f"frames/{ACCOUNT}/unknown", 0)

    def warnings(self) -> list[str]:
        """Return what was wrong with the captures, one line each. At the end."""
        return [*self._warnings, *self._decoder.warnings()]
