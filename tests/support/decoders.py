"""One face for both decoders, so that one suite runs over them."""

from collections.abc import Iterable
from typing import Protocol

from telemetry_core.decode.decoder import Decoder
from telemetry_core.decode.plan import Plan
from telemetry_core.decode.spec import PlanSpec
from telemetry_core.frames.batch import FrameBatch, FrameTuple
from telemetry_core.rows.batch import Row, SampleBatch
from telemetry_core.rows.schema import Schema

from tests.support.reference_decoder import ReferenceDecoder


class AnyDecoder(Protocol):
    """What both decoders are to a test."""

    def bind(self, channel: int, bus: int, tags: int) -> None: ...
    def decode(self, frames: Iterable[FrameTuple]) -> list[Row]: ...
    def counts(self, channel: int) -> dict[str, int]: ...
    def payloads(self, channel: int) -> dict[str, int]: ...
    def omitted(self) -> dict[str, int]: ...
    def made(self) -> dict[str, int]: ...


class CompiledDecoder:
    """The compiled decoder, fed in batches of `batch_size` frames."""

    def __init__(self, spec: PlanSpec, batch_size: int = 100, *, portable: bool = False) -> None:
        schema = Schema(spec.records)
        self._decoder = Decoder(Plan(spec, schema), portable=portable)
        self._frames = FrameBatch(batch_size)
        self._samples = SampleBatch(schema, room=64)
        self.bind = self._decoder.bind
        self.counts = self._decoder.counts
        self.payloads = self._decoder.payloads
        self.omitted = self._decoder.omitted
        self.made = self._decoder.made

    def decode(self, frames: Iterable[FrameTuple]) -> list[Row]:
        self._samples.clear()
        for frame in frames:
            if len(self._frames) == self._frames.capacity:
                self._flush()
            self._frames.append(frame.time_ns, frame.id, frame.data, channel=frame.channel, flags=frame.flags)
        self._flush()
        return list(self._samples)

    def _flush(self) -> None:
        self._decoder.decode(self._frames, self._samples)
        self._frames.clear()


def both(spec: PlanSpec) -> tuple[CompiledDecoder, ReferenceDecoder]:
    """Make the two decoders of one plan, with every channel of a bus's number bound to that bus."""
    decoders = CompiledDecoder(spec), ReferenceDecoder(spec)
    for decoder in decoders:
        for bus in range(len(spec.buses)):
            decoder.bind(bus, bus, 10 + bus)
    return decoders
