"""Ids without a message: those of the frames that the readable decoder knows no message for."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.decode.decoder import Decoder
from telemetry_core.decode.plan import Plan
from telemetry_core.decode.unmatched import UnmatchedIds
from telemetry_core.frames.batch import FrameBatch, FrameTuple
from telemetry_core.frames.spec import SeenFrames
from telemetry_core.rows.schema import Schema

from tests.property.core.decode.test_decoder import SEEDS, random_frames
from tests.support.plans import random_plan
from tests.support.reference_decoder import ReferenceDecoder


def without_message(
    reference: ReferenceDecoder, frames: list[FrameTuple]
) -> dict[tuple[int, int], list[FrameTuple]]:
    found: dict[tuple[int, int], list[FrameTuple]] = {}
    for frame in frames:
        before = reference.counts(frame.channel)["unknown"]
        reference.decode([frame])
        if reference.counts(frame.channel)["unknown"] > before:
            found.setdefault((frame.channel, frame.id), []).append(frame)
    return found


@given(SEEDS, st.integers(1, 30))
def test_they_are_those_of_the_frames_that_no_message_is_known_for(seed: int, most: int) -> None:
    random = Random(seed)
    spec = random_plan(random)
    decoder, reference = Decoder(Plan(spec, Schema(spec.records))), ReferenceDecoder(spec)
    for bus in range(len(spec.buses)):
        decoder.bind(bus, bus, 10 + bus)
        reference.bind(bus, bus, 10 + bus)
    frames = random_frames(random, 25) * 2
    batch = FrameBatch(len(frames))
    for frame in frames:
        batch.append(frame.time_ns, frame.id, frame.data, channel=frame.channel, flags=frame.flags)
    ids = UnmatchedIds(most, decoder)
    ids.take(batch)
    expected = without_message(reference, frames)
    lengths = {key: [len(frame.data) for frame in of_id] for key, of_id in expected.items()}
    assert ids.found() == sorted(
        SeenFrames(
            *key, len(of_id), of_id[0].time_ns, of_id[-1].time_ns, min(lengths[key]), max(lengths[key])
        )
        for key, of_id in list(expected.items())[:most]
    )
    assert ids.others == sum(map(len, list(expected.values())[most:]))
    ids.forget()
    assert (ids.found(), ids.others) == ([], 0)
