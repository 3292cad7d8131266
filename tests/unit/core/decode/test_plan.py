"""The packed plan: what it refuses, and the intervals of a multiplexer."""

from dataclasses import replace

import pytest
from telemetry_core.decode.message import first_not_available, last_byte
from telemetry_core.decode.plan import Plan
from telemetry_core.decode.spec import BusSpec, Condition, MessageSpec, PlanSpec, SignalSpec
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind


def signal(
    start_bit: int = 0,
    bit_count: int = 8,
    *,
    little_endian: bool = True,
    is_float: bool = False,
    condition: int = -1,
) -> SignalSpec:
    return SignalSpec(start_bit, bit_count, little_endian, False, is_float, condition)


def make(*signals: SignalSpec, conditions: tuple[Condition, ...] = (), ids: tuple[int, ...] = (1,)) -> Plan:
    record = RecordSpec("M", tuple(FieldSpec(f"s{index}", SlotKind.INT) for index in range(len(signals))))
    messages = tuple(MessageSpec("M", id, id > 0x7FF, 8, signals, conditions, 0) for id in ids)
    spec = PlanSpec((record,), (BusSpec("main", messages),))
    return Plan(spec, Schema(spec.records))


@pytest.mark.parametrize(
    "wrong",
    [
        signal(bit_count=0),
        signal(bit_count=65),
        signal(-1),
        signal(8 * 1792),
        signal(bit_count=24, is_float=True),
        signal(condition=0),
        signal(condition=-2),
    ],
)
def test_a_signal_that_cannot_be_is_refused_by_name(wrong: SignalSpec) -> None:
    with pytest.raises(ValueError, match=r"M\.s1"):
        make(signal(), wrong)


def test_multiplexers_that_select_one_another_are_refused() -> None:
    conditions = (Condition(1, ((0, 0),)), Condition(0, ((0, 0),)))
    with pytest.raises(ValueError, match="circle"):
        make(signal(condition=0), signal(condition=1), conditions=conditions)


@pytest.mark.parametrize("selector", [-3, -1, 2])
def test_a_multiplexer_that_is_no_signal_is_refused(selector: int) -> None:
    with pytest.raises(ValueError, match=f"signal {selector}, a multiplexer, does not exist"):
        make(signal(), signal(condition=0), conditions=(Condition(selector, ((0, 0),)),))


@pytest.mark.parametrize("ids", [(1, 1), (0x800, 0x800), (0x20000000,)])
def test_an_id_that_is_there_twice_or_too_large_is_refused(ids: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="too large or there twice"):
        make(signal(), ids=ids)


ANSWER = MessageSpec("Answer", 0x18DAF110, True, 8, (), (), 0, begins=b"\x61\x01", lengths=(41, 43))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (replace(ANSWER, by_pgn=True), "Answer: an answer has one id"),
        (replace(ANSWER, id_mask=0x1FFFFF00), "Answer: an answer has one id"),
        (
            replace(ANSWER, begins=b""),
            r"Answer: \(41, 43\) are no lengths of a payload that begins with anything",
        ),
        (replace(ANSWER, lengths=(1,)), r"Answer: \(1,\) are no lengths of a payload that begins with 61 01"),
        (replace(ANSWER, lengths=(65536,)), "not a plan"),
        (replace(ANSWER, arbitration_id=1 << 29), "too large"),
        (replace(ANSWER, extended=False), "too large"),
    ],
)
def test_an_answer_that_cannot_be_is_refused(wrong: MessageSpec, why: str) -> None:
    spec = PlanSpec((RecordSpec("M", ()),), (BusSpec("main", (wrong,)),))
    with pytest.raises(ValueError, match=why):
        Plan(spec, Schema(spec.records))


@pytest.mark.parametrize(
    "other",
    [
        MessageSpec("Frame", 0x18DAF110, True, 8, (), (), 0),
        MessageSpec("Frame", 0x0CDA33FE, True, 8, (), (), 0, by_pgn=True),  # of any priority, pair and sender
        MessageSpec("Frame", 0x18DAF1FE, True, 8, (), (), 0, id_mask=0x1FFFFF00),
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_an_id_of_frames_has_no_answer(other: MessageSpec, is_first: bool) -> None:
    messages = (other, ANSWER) if is_first else (ANSWER, other)
    spec = PlanSpec((RecordSpec("M", ()),), (BusSpec("main", messages),))
    with pytest.raises(ValueError, match="a payload of id 18DAF110 can be both Frame and Answer"):
        Plan(spec, Schema(spec.records))


def test_fields_and_signals_must_be_as_many() -> None:
    record = RecordSpec("M", ())
    spec = PlanSpec((record,), (BusSpec("main", (MessageSpec("M", 1, False, 8, (signal(),), (), 0),)),))
    with pytest.raises(ValueError, match="1 signals for 0 fields"):
        Plan(spec, Schema(spec.records))


def test_a_schema_of_other_records_is_refused() -> None:
    spec = PlanSpec((RecordSpec("M", ()),), ())
    with pytest.raises(ValueError, match="not made of the plan's records"):
        Plan(spec, Schema([RecordSpec("N", ())]))


def test_a_plan_of_nothing_is_a_plan() -> None:
    plan = Plan(PlanSpec((), ()), Schema(()))
    assert (plan.bus_count, plan.message_count) == (0, 0)


def test_the_last_byte_is_that_of_the_byte_order() -> None:
    assert last_byte(signal(7, 2)) == 2
    assert last_byte(signal(7, 2, little_endian=False)) == 1
    assert last_byte(signal(0, 2, little_endian=False)) == 2


@pytest.mark.parametrize(
    ("bit_count", "expected"),
    [(2, 2), (3, 7), (8, 0xFE), (12, 0xFFF), (16, 0xFE00), (32, 0xFE000000), (64, 2**64 - 1)],
)
def test_not_available_begins_where_j1939_says(bit_count: int, expected: int) -> None:
    assert first_not_available(bit_count) == expected
