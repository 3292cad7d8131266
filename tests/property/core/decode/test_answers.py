"""Answers: what a payload is by its id, its first bytes and its length, against the readable decoder."""

import itertools
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from telemetry_core.decode.decoder import Decoder
from telemetry_core.decode.plan import Plan
from telemetry_core.decode.spec import BusSpec, MessageSpec, PlanSpec
from telemetry_core.decode.unmatched import UnmatchedIds
from telemetry_core.frames.batch import FrameBatch, FrameTuple
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import RecordSpec

from telemetry.rules.find_message import find_message
from tests.property.core.decode.test_decoder import SEEDS
from tests.support.decoders import both
from tests.support.plans import EXTENDED, random_id, random_payload, random_plan

PAYLOAD = 8
BYTES = b"\x61\x62"


def can_be(payload: bytes, message: MessageSpec) -> bool:
    return payload.startswith(message.begins) and (not message.lengths or len(payload) in message.lengths)


def some_payload_is_both(one: MessageSpec, other: MessageSpec) -> bool:
    """Return whether one of all payloads of a small world is: of two bytes, and of 6 bytes at most."""
    world = (bytes(text) for size in range(7) for text in itertools.product(BYTES, repeat=size))
    return any(can_be(payload, one) and can_be(payload, other) for payload in world)


def random_answer(random: Random, message: MessageSpec) -> MessageSpec:
    begins = bytes(random.choices(BYTES, k=random.randint(1, 3)))
    lengths = random.sample(range(len(begins), 7), random.choice((0, 0, 1, 2)))
    return replace(message, begins=begins, lengths=tuple(lengths), by_pgn=False, id_mask=0, sender_mask=0)


def with_answers(random: Random, spec: PlanSpec) -> PlanSpec:
    """Make up to 12 answers of some messages whose ids then have no frames."""
    buses = []
    for bus in spec.buses:
        chosen = [message for message in bus.messages if random.random() < 0.6]
        frames = tuple(message for message in bus.messages if message not in chosen)
        answers: list[MessageSpec] = []
        for message in chosen:
            id = message.arbitration_id | (EXTENDED if message.extended else 0)
            if find_message(replace(bus, messages=frames), id) is not None:  # by PGN
                continue
            of_id: list[MessageSpec] = []
            for _ in range(12):
                one = random_answer(random, message)
                if not any(some_payload_is_both(one, other) for other in of_id):
                    of_id.append(one)
            answers += of_id
        mixed = [*frames, *answers]
        random.shuffle(mixed)
        buses.append(replace(bus, messages=tuple(mixed)))
    return replace(spec, buses=tuple(buses))


def random_payloads(random: Random, count: int) -> list[FrameTuple]:
    found = []
    for number in range(count):
        extended = random.random() < 0.5
        id = random_id(random, extended) | (EXTENDED if extended else 0)
        begin = bytes(random.choices(BYTES, k=random.randint(0, 3)))
        data = random.choice(
            (begin, begin + bytes(random.choices(BYTES, k=3)), begin + random_payload(random))
        )
        found.append(
            FrameTuple(number, id, data, random.randint(0, 3), random.choice((0, PAYLOAD, PAYLOAD)), 0)
        )
    return found


@given(SEEDS)
def test_both_decoders_say_the_same_of_any_payloads(seed: int) -> None:
    random = Random(seed)
    compiled, reference = both(with_answers(random, random_plan(random)))
    frames = random_payloads(random, 60)
    assert compiled.decode(frames) == reference.decode(frames)
    for channel in range(4):
        assert compiled.counts(channel) == reference.counts(channel)
        assert compiled.payloads(channel) == reference.payloads(channel)
    assert (compiled.omitted(), compiled.made()) == (reference.omitted(), reference.made())


def test_payloads_of_a_hundred_seeded_plans_are_answers_and_are_none() -> None:
    """The property above would hold of plans without an answer, too."""
    random, found = Random(28), {"decoded": 0, "unknown": 0}
    for _ in range(100):
        compiled, reference = both(with_answers(random, random_plan(random)))
        frames = random_payloads(random, 60)
        assert compiled.decode(frames) == reference.decode(frames)
        for channel in range(4):
            for name, count in compiled.payloads(channel).items():
                found[name] += count
    assert min(found.values()) > 100


@given(SEEDS)
def test_a_plan_takes_two_answers_of_one_id_if_no_payload_is_both(seed: int) -> None:
    random = Random(seed)
    first = MessageSpec("First", 0x7BB, False, 8, (), (), 0)
    one, other = random_answer(random, first), random_answer(random, replace(first, name="Second"))
    spec = PlanSpec((RecordSpec("Answer", ()),), (BusSpec("port", (one, other)),))
    if some_payload_is_both(one, other):
        with pytest.raises(ValueError, match="port: a payload of id 7BB can be both First and Second"):
            Plan(spec, Schema(spec.records))
    else:
        Plan(spec, Schema(spec.records))


def test_a_payload_that_no_answer_explains_is_counted_by_its_id() -> None:
    message = MessageSpec("Known", 0x7BB, False, 8, (), (), 0, begins=b"\x61\x01", lengths=(4,))
    spec = PlanSpec((RecordSpec("Known", ()),), (BusSpec("port", (message,)),))
    decoder = Decoder(Plan(spec, Schema(spec.records)))
    decoder.bind(0, 0, 0)
    frames, ids = FrameBatch(8), UnmatchedIds(8, decoder)
    for data, flags in ((b"\x61\x01\0\0", 8), (b"\x61\x01\0", 8), (b"\x61\x02\0\0", 8), (b"\x61\x01\0\0", 0)):
        frames.append(0, 0x7BB, data, flags=flags)
    ids.take(frames)
    assert [(seen.id, seen.frames) for seen in ids.found()] == [(0x7BB, 3)]
