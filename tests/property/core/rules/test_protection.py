"""The compiled protection stage against the readable one: any rule, any frames, any batches."""

from collections import Counter
from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.frames.batch import FrameTuple
from telemetry_core.rules.protection import crc8_h2f, crc8_j1850, crc16_ccitt
from telemetry_core.rules.protection_spec import Action, Checksum, DataId, ProtectionRule

from tests.support.protected_plans import EXTENDED, KINDS, message, plan_of, stage, through
from tests.support.protection_model import ProtectionModel, crc, protected

SEEDS = st.integers(0, 1 << 64)
IDS = (0x0, 0x7FF, EXTENDED | 0x18FF1021, EXTENDED | 0x0CF00400)


def random_rule(random: Random, number: int) -> ProtectionRule:
    rule = random.choice(KINDS)
    if rule.checksum is not Checksum.NONE and rule.data_id is not DataId.NIBBLE and random.random() < 0.5:
        rule = replace(rule, checksum_byte=random.randrange(rule.byte_count - 1))
    if random.random() < 0.3:
        bits = random.sample(range(8 * rule.byte_count), random.randint(1, 16))
        rule = replace(rule, counter_bits=tuple(bits), counter_most=random.randrange(1, 1 << len(bits)))
    return replace(
        rule,
        message=number,
        name=f"M{number}",
        most_skipped=random.choice((0, 0, 1, 3)),
        action=random.choice(tuple(Action)),
    )


def random_frame(random: Random, rules: dict[int, ProtectionRule], last: dict[int, bytes]) -> FrameTuple:
    id = random.choice((*IDS, 0x123, EXTENDED | 0x18FF1022))
    rule = rules.get(id)
    data = random.randbytes(random.choice((0, 1, 7, 8, 8, 8, 8, 64, 100)))
    if rule is not None and random.random() < 0.8:
        next_ = bytearray(last.get(id, random.randbytes(rule.byte_count)))
        for bit in reversed(rule.counter_bits):  # one more, mostly
            if random.random() < 0.1:
                break
            next_[bit // 8] ^= 1 << bit % 8
            if next_[bit // 8] >> bit % 8 & 1:
                break
        last[id] = data = protected(rule, bytes(next_))
        if random.random() < 0.1:
            flipped = bytearray(data)
            flipped[random.randrange(len(data))] ^= 1 << random.randrange(8)
            data = bytes(flipped)
    id |= random.choice((0,) * 20 + (0x40000000, 0x20000000))
    flags = 8 if len(data) > 64 or random.random() < 0.05 else 0
    return FrameTuple(0, id, data, random.randrange(2), flags, 0)


@given(SEEDS, st.integers(1, 50))
def test_both_stages_say_the_same_of_any_frames_under_any_rules(seed: int, batch_size: int) -> None:
    random = Random(seed)
    rules = {id: random_rule(random, number) for number, id in enumerate(IDS)}
    spec = plan_of([message(number, id, 64) for number, id in enumerate(IDS)])
    protection, model = stage(spec, list(rules.values())), ProtectionModel(rules)
    protection.bind(1, 0)
    frames, last, time_ns = [], dict[int, bytes](), 0
    for _ in range(120):
        time_ns += random.choice((0, 1_000_000, 1_000_000, 1_000_000_000, 1_000_000_001, -3_000_000_000))
        frames.append(random_frame(random, rules, last)._replace(time_ns=time_ns))
    expected = [passed for frame in frames if (passed := model.check(frame)) is not None]
    assert through(protection, frames, batch_size) == expected
    for channel in range(2):
        counts = model.counts.get(channel, Counter())
        assert protection.counts(channel) == {
            name: counts.get(name, 0) for name in ("lost/bad_crc", "lost/bad_counter")
        }
        assert protection.message_counts(channel) == {
            name: count for name, count in model.message_counts.get(channel, {}).items() if count
        }


@given(st.binary(max_size=200))
def test_checksums_by_tables_are_those_bit_by_bit(data: bytes) -> None:
    assert crc8_j1850(data) == crc(Checksum.CRC8_J1850, data)
    assert crc8_h2f(data) == crc(Checksum.CRC8_H2F, data)
    assert crc16_ccitt(data) == crc(Checksum.CRC16_CCITT, data)
