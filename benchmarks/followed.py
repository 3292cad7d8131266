"""The compiled core over the log of a charge by GB/T 27930, as the pipeline drives it, batch by batch."""

from pathlib import Path

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.logs.candump import CandumpReader
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.text.lines import LineBuffer

from telemetry.decode.described import stages_of
from telemetry.protocols.known import CAN_PROTOCOLS
from telemetry.stages.binding import Binding
from telemetry.stages.formats import OutputFormat

CHARGE_LOG = "charge.log"
BATCH_FRAMES = 2048


class FollowedCharge:
    """Decoder and encoder with the messages shown, and the follower with the rows that it gets."""

    def __init__(self, log: Path) -> None:
        self._stages = stages_of(
            CAN_PROTOCOLS["gbt27930"], OutputFormat.LINE_PROTOCOL, "bench", with_messages=True
        )
        self._stages.bind(0, Binding(0, "log", "can0"))
        mapped, sessions = self._stages.writing.mapped, self._stages.writing.sessions
        assert mapped is not None
        self._follower = sessions.tracker.follower
        self._batches: list[FrameBatch] = []  # messages of several frames put together
        self._mapped: list[SampleBatch] = []
        self.frames = 0
        with log.open("rb", buffering=0) as stream:
            reader = CandumpReader(stream, lambda _name: 0)
            while reader.read(batch := FrameBatch(BATCH_FRAMES)):
                self.frames += len(batch)
                whole = FrameBatch(2 * BATCH_FRAMES)
                whole.extend(self._stages.payloads.of(batch))
                self._batches.append(whole)
                self._stages.decoding.decode(whole, samples := SampleBatch(self._stages.schema))
                self._mapped.append(mapped.map(samples).split(())[0])

    def decode_and_encode(self) -> None:
        lines, samples = LineBuffer(), SampleBatch(self._stages.schema)
        for batch in self._batches:
            samples.clear()
            self._stages.decoding.decode(batch, samples)
            self._stages.writing.output.add(samples, lines)
            lines.clear()

    def follow(self) -> None:
        for samples in self._mapped:
            self._follower.follow(samples)
