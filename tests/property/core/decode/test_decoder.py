"""The compiled decoder against the readable one, on any plan and any frames."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.frames.batch import FrameTuple

from tests.support.decoders import CompiledDecoder, both
from tests.support.plans import (
    ERROR,
    EXTENDED,
    REMOTE,
    random_id,
    random_payload,
    random_plain_plan,
    random_plan,
)
from tests.support.reference_decoder import CHECKED, WRONG, ReferenceDecoder

SEEDS = st.integers(0, 1 << 64)


def random_frames(random: Random, count: int) -> list[FrameTuple]:
    frames = []
    for number in range(count):
        extended = random.random() < 0.6
        id = random_id(random, extended) | (EXTENDED if extended else 0)
        if random.random() < 0.05:
            id |= random.choice((ERROR, REMOTE, ERROR | REMOTE))
        frames.append(
            FrameTuple(number, id, random_payload(random), random.randint(0, 3), random_flags(random), 0)
        )
    return frames


def random_flags(random: Random) -> int:
    """Those of FD frames, and those that the protection stage sets."""
    return random.choice((0, 0, 0, 1, 3, 7)) | random.choice((0, 0, CHECKED, CHECKED | WRONG))


def assert_alike(compiled: CompiledDecoder, reference: ReferenceDecoder, frames: list[FrameTuple]) -> None:
    assert compiled.decode(frames) == reference.decode(frames)
    for channel in range(5):
        assert compiled.counts(channel) == reference.counts(channel)
    assert compiled.omitted() == reference.omitted()
    assert compiled.made() == reference.made()


@given(SEEDS)
def test_both_decoders_say_the_same_of_any_frames_under_any_plan(seed: int) -> None:
    random = Random(seed)
    compiled, reference = both(random_plan(random))
    assert_alike(compiled, reference, random_frames(random, 50))


def test_both_decoders_say_the_same_of_a_thousand_seeded_plans() -> None:
    random = Random(20261124)
    for _ in range(1000):
        compiled, reference = both(random_plan(random))
        assert_alike(compiled, reference, random_frames(random, 60))


@given(SEEDS)
def test_vector_instructions_find_what_the_portable_loop_finds(seed: int) -> None:
    random = Random(seed)
    spec = random_plain_plan(random)
    frames = [
        FrameTuple(number, random.randrange(9), random.randbytes(random.choice((8, 8, 8, 7, 3, 64))), 0, 0, 0)
        for number in range(80)
    ]
    decoders = CompiledDecoder(spec), CompiledDecoder(spec, portable=True), ReferenceDecoder(spec)
    for decoder in decoders:
        decoder.bind(0, 0, 1)
    chosen, portable, reference = (decoder.decode(frames) for decoder in decoders)
    assert chosen == portable == reference


@given(SEEDS, st.integers(1, 130))
def test_every_frame_is_in_exactly_one_count_whatever_the_batch_size(seed: int, batch_size: int) -> None:
    random = Random(seed)
    spec = random_plan(random)
    frames = random_frames(random, 130)
    whole, split = CompiledDecoder(spec, 200), CompiledDecoder(spec, batch_size)
    for decoder in (whole, split):
        decoder.bind(0, 0, 1)
    assert whole.decode(frames) == split.decode(frames)
    for channel in range(4):
        assert whole.counts(channel) == split.counts(channel)
        offered = sum(frame.channel == channel for frame in frames)
        assert sum(whole.counts(channel).values()) == offered
