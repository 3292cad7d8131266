"""Rows out of frames, for what works on batches of samples."""

from collections.abc import Sequence

from telemetry_core.decoder import Decoder
from telemetry_core.frames import FrameBatch, FrameTuple
from telemetry_core.plan import Plan
from telemetry_core.samples import SampleBatch
from telemetry_core.schema import Schema
from telemetry_core.spec import PlanSpec


def rows_of(spec: PlanSpec, frames: Sequence[FrameTuple]) -> SampleBatch:
    """What the compiled decoder makes of frames of the first bus, all on channel 0."""
    schema = Schema(spec.records)
    decoder, samples, batch = (
        Decoder(Plan(spec, schema)),
        SampleBatch(schema),
        FrameBatch(max(len(frames), 1)),
    )
    decoder.bind(0, 0, 0)
    for frame in frames:
        batch.append(frame.time_ns, frame.id, frame.data, flags=frame.flags)
    decoder.decode(batch, samples)
    return samples
