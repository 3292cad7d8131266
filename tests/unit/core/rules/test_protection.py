"""Frame protection: what is right, what is wrong, and what becomes of it.

Payloads with their checksums are from AUTOSAR's own examples (PRS_E2EProtocol: profile 1 with data id 0x123,
profile 5 with 0x1234) and, where it has none, from the package `autosar-e2e` 1.0.0, which is not ours.
"""

from dataclasses import replace

import pytest
from telemetry_core.decode.plan import Plan
from telemetry_core.frames.batch import FrameTuple
from telemetry_core.rows.schema import Schema
from telemetry_core.rules.protection import Protection, crc8_h2f, crc8_j1850, crc16_ccitt
from telemetry_core.rules.protection_spec import Action, ProtectionRule

from tests.support.can_frames import ERROR, REMOTE
from tests.support.protected_plans import (
    COUNTER_ALONE,
    EXTENDED,
    J1850,
    PROFILE_1_LOW,
    PROFILE_1A,
    PROFILE_1B,
    PROFILE_1C,
    PROFILE_2,
    PROFILE_5,
    batch_of,
    message,
    plan_of,
    stage,
    through,
)
from tests.support.protection_model import protected

MS = 1_000_000


def frame(data: bytes, time_ns: int = 0, *, id: int = 0x100, channel: int = 0, flags: int = 0) -> FrameTuple:
    return FrameTuple(time_ns, id, data, channel, flags, 0)


def counted(counter: int, time_ns: int = 0, *, id: int = 0x100, channel: int = 0) -> FrameTuple:
    """Make a frame that has nothing but a counter."""
    return frame(bytes((0, counter, 0, 0, 0, 0, 0, 0)), time_ns, id=id, channel=channel)


def only(rule: ProtectionRule) -> Protection:
    return stage(plan_of([message(0, 0x100)]), [rule])


def test_the_checksums_are_those_of_the_catalogue_of_parametrised_crcs() -> None:
    assert crc8_j1850(b"123456789") == 0x4B
    assert crc8_h2f(b"123456789") == 0xDF
    assert crc16_ccitt(b"123456789") == 0x29B1
    assert (crc8_j1850(b""), crc8_h2f(b""), crc16_ccitt(b"")) == (0, 0, 0xFFFF)


@pytest.mark.parametrize(
    ("rule", "payload"),
    [
        (PROFILE_1A, "cc00000000000000"),
        (PROFILE_1A, "9101000000000000"),
        (PROFILE_1A, "cd00010203040506"),
        (PROFILE_1B, "ce00000000000000"),
        (PROFILE_1B, "0301010203040506"),
        (PROFILE_1_LOW, "ce00000000000000"),
        (PROFILE_1_LOW, "9201010203040506"),
        (PROFILE_1C, "2a10000000000000"),
        (PROFILE_1C, "7611010203040506"),
        (PROFILE_2, "0e00000000000000"),
        (PROFILE_2, "0b01010203040506"),
        (PROFILE_2, "dd0f010203040506"),
        (PROFILE_5, "1cca000000000000"),
        (PROFILE_5, "3d71010102030405"),
        (PROFILE_5, "a1a2ff0102030405"),
        (
            replace(PROFILE_5, byte_count=48),
            "db1207030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f",
        ),
    ],
)
def test_published_payloads_are_right_and_any_flipped_bit_is_wrong(
    rule: ProtectionRule, payload: str
) -> None:
    protection = only(rule)
    data = bytes.fromhex(payload)
    assert protection.check(batch_of(frame(data))).__len__() == 1
    assert protection.message_counts(0) == {}
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        assert through(protection, [frame(bytes(flipped))]) == []
    assert protection.message_counts(0)["Guarded/wrong_crc"] == 8 * len(data)


def test_a_batch_without_anything_to_change_goes_through_as_it_is() -> None:
    protection = only(PROFILE_1A)
    batch = batch_of(frame(bytes.fromhex("cc00000000000000")), frame(b"\x01", id=0x101))
    assert protection.check(batch) is batch


def test_the_frames_around_a_dropped_one_keep_their_order_payload_and_flags() -> None:
    protection = only(PROFILE_1A)
    right, wrong = frame(bytes.fromhex("cc00000000000000")), frame(bytes(8))
    long = frame(bytes(range(200)), id=0x101, flags=8)
    assert through(protection, [long, wrong, right, wrong, long]) == [long, right, long]
    assert protection.counts(0) == {"lost/bad_crc": 2, "lost/bad_counter": 0}


def test_a_payload_of_several_frames_that_is_wrong_is_dropped_and_no_frame_is_lost() -> None:
    protection = only(PROFILE_1A)
    wrong = frame(bytes(8), flags=8)  # put together by the transport stage, which has counted its frames
    again = frame(bytes.fromhex("cc00000000000000"), flags=8)
    assert through(protection, [wrong, again, again]) == [again]
    assert protection.counts(0) == {"lost/bad_crc": 0, "lost/bad_counter": 0}
    assert protection.message_counts(0) == {"Guarded/wrong_crc": 1, "Guarded/repeated": 1}
    assert through(protection, [frame(bytes(8))]) == []
    assert protection.counts(0) == {"lost/bad_crc": 1, "lost/bad_counter": 0}


def test_a_frame_that_is_too_short_is_wrong_and_one_that_is_longer_is_not() -> None:
    protection = only(PROFILE_1A)
    data = bytes.fromhex("cc00000000000000")
    assert through(protection, [frame(data[:7]), frame(b""), frame(data + b"\x55")]) == [
        frame(data + b"\x55")
    ]
    assert protection.message_counts(0) == {"Guarded/wrong_crc": 2}


def test_the_first_counter_is_right_and_then_each_follows_the_last() -> None:
    protection = only(COUNTER_ALONE)
    good = [counted(counter % 16) for counter in range(9, 60)]
    assert through(protection, good) == good
    assert protection.message_counts(0) == {}


def test_a_repeated_counter_is_dropped_and_the_next_one_is_right_again() -> None:
    protection = only(COUNTER_ALONE)
    frames = [counted(4), counted(4), counted(5)]
    assert through(protection, frames) == [frames[0], frames[2]]
    assert protection.message_counts(0) == {"Guarded/repeated": 1}
    assert protection.counts(0) == {"lost/bad_crc": 0, "lost/bad_counter": 1}


def test_so_many_missing_frames_as_allowed_are_counted_and_no_fault() -> None:
    protection = only(replace(COUNTER_ALONE, most_skipped=2))
    frames = [counted(0), counted(3), counted(7), counted(8)]
    assert through(protection, frames) == [frames[0], frames[1], frames[3]]
    assert protection.message_counts(0) == {"Guarded/skipped": 2}


def test_after_the_highest_counter_comes_zero_and_a_higher_one_is_wrong() -> None:
    protection = only(replace(COUNTER_ALONE, counter_most=14))
    frames = [counted(14), counted(0), counted(15), counted(7)]
    assert through(protection, frames) == [frames[0], frames[1], frames[3]]


def test_a_counter_begins_again_after_a_silence_and_when_time_steps_back() -> None:
    protection = only(COUNTER_ALONE)
    late, back = 1_000 * MS + 1, -500 * MS
    frames = [counted(3), counted(9, late), counted(2, back), counted(8, back + 1_000 * MS)]
    assert through(protection, frames) == frames[:3]


def test_a_wrong_checksum_says_nothing_of_the_counter() -> None:
    protection = only(J1850)
    right = [frame(protected(J1850, bytes((0, counter, 0, 0, 0, 0, 0, 0)))) for counter in (1, 2)]
    wrong = frame(right[1].data[:-1] + b"\x00")
    assert through(protection, [right[0], wrong, right[1]]) == right
    assert protection.message_counts(0) == {"Guarded/wrong_crc": 1}


def test_channels_have_counters_of_their_own_and_one_without_database_none() -> None:
    protection = only(COUNTER_ALONE)
    protection.bind(1, 0)
    frames = [counted(1), counted(5, channel=1), counted(2), counted(6, channel=1), counted(2, channel=7)]
    assert through(protection, [*frames, counted(2, channel=7)]) == [*frames, counted(2, channel=7)]
    assert protection.message_counts(7) == {}


def test_senders_of_one_pgn_have_counters_of_their_own() -> None:
    spec = plan_of([message(0, EXTENDED | 0x18FEF100, by_pgn=True)])
    protection = stage(spec, [COUNTER_ALONE])
    first, second = EXTENDED | 0x0CFEF121, EXTENDED | 0x18FEF122
    frames = [counted(1, id=first), counted(7, id=second), counted(2, id=first), counted(8, id=second)]
    assert through(protection, frames) == frames
    assert through(protection, [counted(2, id=first)]) == []


def test_another_message_of_the_same_pdu_format_is_not_looked_at() -> None:
    protected_id, other_id = EXTENDED | 0x18FF1021, EXTENDED | 0x18FF2021
    spec = plan_of([message(0, protected_id), message(1, other_id)])
    frames = [counted(1, id=other_id), counted(1, id=other_id), counted(1, id=protected_id ^ 1)]
    assert through(stage(spec, [COUNTER_ALONE]), frames) == frames


def test_remote_and_error_frames_pass_for_the_decoder_to_count() -> None:
    protection = only(COUNTER_ALONE)
    frames = [counted(1, id=0x100 | bit) for bit in (REMOTE, ERROR, REMOTE, ERROR)]
    assert through(protection, frames) == frames


@pytest.mark.parametrize(
    ("action", "flags"), [(Action.KEEP, [0, 0]), (Action.FLAG, [32, 32 | 64]), (Action.DROP, [0])]
)
def test_a_wrong_frame_is_kept_flagged_or_dropped(action: Action, flags: list[int]) -> None:
    protection = only(replace(PROFILE_1A, action=action))
    batch = batch_of(frame(bytes.fromhex("cc00000000000000")), frame(bytes(8)))
    assert [each.flags for each in protection.check(batch)] == flags
    assert [each.flags for each in batch] == [0, 0]
    assert protection.message_counts(0) == {"Guarded/wrong_crc": 1}
    assert protection.counts(0)["lost/bad_crc"] == (action is Action.DROP)


def test_binding_again_forgets_the_counter() -> None:
    protection = only(COUNTER_ALONE)
    through(protection, [counted(1)])
    protection.bind(0, 0)
    assert through(protection, [counted(9)]) == [counted(9)]


@pytest.mark.parametrize(
    "change",
    [
        {"byte_count": 1},
        {"checksum_byte": 8},
        {"data_ids": ()},
        {"counter_bits": tuple(range(17))},
        {"counter_bits": (64,)},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(change: dict[str, object]) -> None:
    spec = plan_of([message(0, 0x100)])
    rule = replace(PROFILE_1A, **change)  # type: ignore[arg-type]  # each with its field's own type
    with pytest.raises(ValueError, match="Guarded"):
        Protection(Plan(spec, Schema(spec.records)), [rule])


def test_a_message_protected_twice_is_refused() -> None:
    spec = plan_of([message(0, 0x100)])
    with pytest.raises(ValueError, match="twice"):
        Protection(Plan(spec, Schema(spec.records)), [PROFILE_1A, PROFILE_2])
    with pytest.raises(IndexError, match="no bus 1"):
        stage(spec, []).bind(0, 1)


def test_ids_that_are_one_under_the_mask_of_the_bus_are_one_message() -> None:
    spec = plan_of([message(0, 0x100), message(1, EXTENDED | 0x18FF1021)])
    masked = replace(spec, buses=(replace(spec.buses[0], standard_mask=0x7F0, extended_mask=0xFFFF),))
    rules = [COUNTER_ALONE, replace(COUNTER_ALONE, message=1, name="Other")]
    frames = [counted(1), counted(2, id=0x10F), counted(7, id=EXTENDED | 0x00001021)]
    protection = stage(masked, rules)
    assert through(protection, frames) == frames
    assert through(protection, [counted(2), counted(7, id=EXTENDED | 0x0CF01021)]) == []
