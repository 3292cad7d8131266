"""Plans and rules for tests of frame protection: messages of one signal, and every kind of rule."""

from collections.abc import Sequence
from dataclasses import replace

from telemetry_core.decode.plan import Plan
from telemetry_core.decode.spec import BusSpec, MessageSpec, PlanSpec, SignalSpec
from telemetry_core.frames.batch import FrameBatch, FrameTuple
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.rules.protection import Protection
from telemetry_core.rules.protection_spec import Action, Checksum, DataId, ProtectionRule

EXTENDED = 0x80000000
COUNTER_NIBBLE = (11, 10, 9, 8)
COUNTER_BYTE = tuple(range(23, 15, -1))
PROFILE_2_IDS = tuple(range(1, 17))

RULE = ProtectionRule(
    bus=0,
    message=0,
    name="Guarded",
    byte_count=8,
    checksum=Checksum.CRC8_PROFILE_1,
    checksum_byte=0,
    data_id=DataId.BOTH,
    data_ids=(0x123,),
    nibble_bit=0,
    counter_bits=COUNTER_NIBBLE,
    counter_most=14,
    most_skipped=0,
    timeout_ns=1_000_000_000,
    action=Action.DROP,
)
PROFILE_1A = RULE
PROFILE_1B = replace(RULE, data_id=DataId.ALTERNATING)
PROFILE_1C = replace(RULE, data_id=DataId.NIBBLE, nibble_bit=12)
PROFILE_1_LOW = replace(RULE, data_id=DataId.LOW)
PROFILE_2 = replace(
    RULE, checksum=Checksum.CRC8_H2F, data_id=DataId.BY_COUNTER, data_ids=PROFILE_2_IDS, counter_most=15
)
PROFILE_5 = replace(
    RULE,
    checksum=Checksum.CRC16_CCITT,
    data_id=DataId.AFTER,
    data_ids=(0x1234,),
    counter_bits=COUNTER_BYTE,
    counter_most=255,
)
J1850 = replace(
    RULE, checksum=Checksum.CRC8_J1850, checksum_byte=7, data_id=DataId.NONE, data_ids=(), counter_most=15
)
COUNTER_ALONE = replace(RULE, checksum=Checksum.NONE, data_id=DataId.NONE, data_ids=(), counter_most=15)
KINDS = (
    *(PROFILE_1A, PROFILE_1B, PROFILE_1C, PROFILE_1_LOW, PROFILE_2, PROFILE_5, J1850, COUNTER_ALONE),
    replace(PROFILE_5, byte_count=64, checksum_byte=8),
    replace(J1850, counter_bits=()),
)


def message(
    record: int, id: int, byte_count: int = 8, *, by_pgn: bool = False, reports: bool = False
) -> MessageSpec:
    """Make a message of which one byte is a signal."""
    signals = (SignalSpec(24, 8, True, False, False),)
    return MessageSpec(
        name=f"M{record}",
        arbitration_id=id & ~EXTENDED,
        extended=bool(id & EXTENDED),
        byte_count=byte_count,
        signals=signals,
        conditions=(),
        record=record,
        by_pgn=by_pgn,
        reports_protection=reports,
    )


def plan_of(messages: Sequence[MessageSpec]) -> PlanSpec:
    """Make a plan of a bus of these messages, each with the record of its number."""
    value, flag = FieldSpec("value", SlotKind.INT), FieldSpec("protection_ok", SlotKind.BOOL)
    records = tuple(
        RecordSpec(each.name, (value, flag) if each.reports_protection else (value,)) for each in messages
    )
    return PlanSpec(records, (BusSpec("can0", tuple(messages)),))


def stage(spec: PlanSpec, rules: Sequence[ProtectionRule]) -> Protection:
    """Make the compiled stage, with channel 0 bound to the bus."""
    protection = Protection(Plan(spec, Schema(spec.records)), rules)
    protection.bind(0, 0)
    return protection


def through(protection: Protection, frames: Sequence[FrameTuple], batch_size: int = 1000) -> list[FrameTuple]:
    """Return what goes on to the decoder."""
    return [
        frame
        for start in range(0, len(frames), batch_size)
        for frame in protection.check(batch_of(*frames[start : start + batch_size]))
    ]


def batch_of(*frames: FrameTuple) -> FrameBatch:
    batch = FrameBatch(max(len(frames), 1))
    for frame in frames:
        batch.append(frame.time_ns, frame.id, frame.data, channel=frame.channel, flags=frame.flags)
    return batch
