"""The compiled core as the pipeline drives it, batch by batch. Imports nothing else, so that callgrind need
not."""

from pathlib import Path

from telemetry_core.decode.decoder import Decoder
from telemetry_core.decode.plan import Plan
from telemetry_core.decode.spec import PlanSpec
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.packed import Packer
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import SlotKind
from telemetry_core.rules.bounds import Bounds
from telemetry_core.rules.ring import Ring
from telemetry_core.text.encoder import Encoder
from telemetry_core.text.lines import LineBuffer

from benchmarks.readers import LogFormat

BATCH_FRAMES = 4096
NUMBERS = (SlotKind.INT, SlotKind.UINT, SlotKind.FLOAT)
TAGS = b",source=can0,vehicle=bench"


class Core:
    """Decoder and encoder of one plan, with the buffers between them."""

    def __init__(self, spec: PlanSpec, *, portable: bool = False) -> None:
        """portable: see `Decoder`."""
        plan = Plan(spec, Schema(spec.records))
        self.decoder = Decoder(plan, portable=portable)
        self.decoder.bind(0, 0, 0)
        self.encoder = Encoder(plan.schema)
        self.encoder.set_tags(0, TAGS)
        self.encoder.set_channel(0, "can0")
        self.samples = SampleBatch(plan.schema)
        self.lines = LineBuffer()
        fields = [field for record in spec.records for field in record.fields]
        is_number = [field.kind in NUMBERS and not field.passes for field in fields]
        modes, bounds = [1] * len(spec.records), [1e9 if each else -1.0 for each in is_number]
        self.bounds = Bounds(plan.schema, modes, bounds, line=True, longest_ns=3600 * 10**9)
        self.reduced = SampleBatch(plan.schema)
        self.ring = Ring(plan.schema, [[True] * len(spec.records)], 8_000_000, 120 * 10**9)
        self.ring.bind(0, 0)

    def decode(self, batches: list[FrameBatch]) -> None:
        for batch in batches:
            self.decoder.decode(batch, self.samples)
            self.samples.clear()

    def decode_and_encode(self, batches: list[FrameBatch]) -> None:
        for batch in batches:
            self._encode(batch)
            self.lines.clear()

    def fill(self, batch: FrameBatch) -> None:
        """Decode a batch, for `encode`."""
        self.decoder.decode(batch, self.samples)

    def encode(self) -> None:
        """Write what `fill` decoded, as often as wanted."""
        self.encoder.encode(self.samples, self.lines)
        self.lines.clear()

    def reduce(self) -> None:
        """Leave out what `fill` decoded, by line: no value of it is decided before the last."""
        self.bounds.reduce(self.samples, self.reduced)
        self.reduced.clear()

    def keep(self) -> None:
        """Keep what `fill` decoded for a trigger, in the default room."""
        self.ring.take(self.samples, 0)

    def pack(self, batches: list[FrameBatch]) -> None:
        """Pack frames for the black box."""
        packer = Packer()
        for batch in batches:
            packer.pack(batch)

    def log_to_lines(self, log_format: LogFormat, folder: Path) -> int:
        """Read, decode and encode a log; how many lines it made."""
        batch = FrameBatch(BATCH_FRAMES)
        made = 0
        with log_format.file(folder).open("rb", buffering=0) as stream:
            reader = log_format.reader(stream, lambda _name: 0)
            while reader.read(batch):
                self._encode(batch)
                made += self.lines.lines
                self.lines.clear()
                batch.clear()
        return made

    def text(self, batches: list[FrameBatch]) -> bytes:
        """Return all lines of line protocol."""
        for batch in batches:
            self._encode(batch)
        return self.lines.take()

    def signals(self, batches: list[FrameBatch]) -> int:
        """Count the signals in the frames."""
        found = 0
        for batch in batches:
            self.decoder.decode(batch, self.samples)
            found += sum(len(row.raw) for row in self.samples)
            self.samples.clear()
        return found

    def _encode(self, batch: FrameBatch) -> None:
        self.decoder.decode(batch, self.samples)
        self.encoder.encode(self.samples, self.lines)
        self.samples.clear()
