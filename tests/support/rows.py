"""Rows out of frames, for what works on batches of samples."""

from collections.abc import Sequence

from telemetry_core.decode.decoder import Decoder
from telemetry_core.decode.plan import Plan
from telemetry_core.decode.spec import PlanSpec
from telemetry_core.frames.batch import FrameBatch, FrameTuple
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.schema import Schema


def rows_of(spec: PlanSpec, frames: Sequence[FrameTuple]) -> SampleBatch:
    """Return what the compiled decoder makes of frames of the first bus, all on channel 0."""
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
