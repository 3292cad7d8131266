"""What both decoders promise: the compiled one and the readable one, by one suite."""

import math
import struct
from collections.abc import Callable
from dataclasses import replace

import pytest
from telemetry_core.decode.decoder import Decoder
from telemetry_core.decode.plan import Plan
from telemetry_core.decode.spec import BusSpec, Condition, MessageSpec, PlanSpec, SignalSpec
from telemetry_core.frames.batch import FrameBatch, FrameTuple
from telemetry_core.rows.batch import Row, SampleBatch
from telemetry_core.rows.schema import Schema
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind

from tests.support.can_frames import ERROR, EXTENDED, REMOTE
from tests.support.decoders import AnyDecoder, CompiledDecoder
from tests.support.reference_decoder import ReferenceDecoder

Make = Callable[[PlanSpec], AnyDecoder]


@pytest.fixture(params=[CompiledDecoder, ReferenceDecoder], ids=["compiled", "reference"])
def make(request: pytest.FixtureRequest) -> Make:
    kind: Make = request.param
    return kind


def intel(start: int, bits: int, *, signed: bool = False, condition: int = -1) -> SignalSpec:
    return SignalSpec(start, bits, True, signed, False, condition)


def motorola(start: int, bits: int, *, signed: bool = False, condition: int = -1) -> SignalSpec:
    return SignalSpec(start, bits, False, signed, False, condition)


def real(start: int, bits: int, *, little_endian: bool = True) -> SignalSpec:
    return SignalSpec(start, bits, little_endian, True, True)


def message(
    *signals: SignalSpec,
    id: int = 0x123,
    extended: bool = False,
    conditions: tuple[Condition, ...] = (),
    name: str = "M",
    by_pgn: bool = False,
    drops: bool = False,
) -> tuple[RecordSpec, MessageSpec]:
    """Make a message with signals s0, s1 …, and its record."""
    kinds = [
        SlotKind.FLOAT
        if signal.is_float
        else SlotKind.UINT
        if signal.bit_count == 64 and not signal.signed
        else SlotKind.INT
        for signal in signals
    ]
    record = RecordSpec(name, tuple(FieldSpec(f"s{index}", kind) for index, kind in enumerate(kinds)))
    return record, MessageSpec(name, id, extended, 8, signals, conditions, 0, by_pgn, drops)


def plan(*buses: list[tuple[RecordSpec, MessageSpec]]) -> PlanSpec:
    records: list[RecordSpec] = []
    specs = []
    for number, messages in enumerate(buses):
        placed = []
        for record, spec in messages:
            values = {name: getattr(spec, name) for name in spec.__slots__}
            placed.append(MessageSpec(**{**values, "record": len(records)}))
            records.append(record)
        specs.append(BusSpec(f"bus{number}", tuple(placed)))
    return PlanSpec(tuple(records), tuple(specs))


def frame(data: bytes, id: int = 0x123, *, channel: int = 0, time_ns: int = 0) -> FrameTuple:
    return FrameTuple(time_ns, id, data, channel, 0, 0)


def values(decoder: AnyDecoder, data: bytes, id: int = 0x123) -> dict[str, int | float | bool] | None:
    """Return what one frame on channel 0, bound to bus 0, decodes to, or None if there is no row."""
    decoder.bind(0, 0, 0)
    rows = decoder.decode([frame(data, id)])
    return rows[0].raw if rows else None


def test_a_row_has_the_head_of_its_frame_and_the_tags_of_its_channel(make: Make) -> None:
    decoder = make(plan([message(intel(0, 8))]))
    decoder.bind(300, 0, 7)
    rows = decoder.decode([frame(b"\x2a", channel=300, time_ns=1_700_000_000_000_000_001)])
    assert rows == [Row(1_700_000_000_000_000_001, 0, "M", 7, 300, 0x123, {"s0": 42})]


def test_a_payload_longer_than_a_can_frame_decodes_like_any(make: Make) -> None:
    decoder = make(
        plan(
            [
                message(intel(8 * 200, 16), motorola(8 * 299 + 7, 16), intel(8 * 400, 8)),
                message(intel(0, 8), id=1),
            ]
        )
    )
    data = bytes([3]) + bytes(199) + b"\x34\x12" + bytes(97) + b"\x56\x78"
    assert values(decoder, data) == {"s0": 0x1234, "s1": 0x5678}
    assert values(decoder, data, id=1) == {"s0": 3}
    assert decoder.omitted()["short_frame"] == 1


def test_an_intel_signal_starts_at_its_least_significant_bit(make: Make) -> None:
    assert values(make(plan([message(intel(4, 12))])), bytes.fromhex("a0bc")) == {"s0": 0xBCA}


def test_a_motorola_signal_starts_at_its_most_significant_bit(make: Make) -> None:
    assert values(make(plan([message(motorola(3, 12))])), bytes.fromhex("0abc")) == {"s0": 0xABC}
    assert values(make(plan([message(motorola(2, 5))])), bytes.fromhex("05c0")) == {"s0": 0b10111}


@pytest.mark.parametrize("bits", [1, 2, 7, 8, 31, 32, 63, 64])
def test_a_signed_signal_of_any_width_is_twos_complement(make: Make, bits: int) -> None:
    ones = b"\xff" * 8
    highest = (1 << (bits - 1)).to_bytes(8, "little")
    for signal in (intel(0, bits, signed=True), motorola(7, bits, signed=True)):
        assert values(make(plan([message(signal)])), ones) == {"s0": -1}
    assert values(make(plan([message(intel(0, bits, signed=True))])), highest) == {"s0": -(1 << (bits - 1))}


def test_an_unsigned_value_is_exact_to_its_64th_bit(make: Make) -> None:
    decoder = make(plan([message(intel(0, 64))]))
    assert values(decoder, (2**64 - 1).to_bytes(8, "little")) == {"s0": 2**64 - 1}
    assert values(decoder, (2**63 + 1).to_bytes(8, "little")) == {"s0": 2**63 + 1}


@pytest.mark.parametrize("shift", range(1, 8))
def test_64_bits_may_lie_in_nine_bytes(make: Make, shift: int) -> None:
    number = 0x8123456789ABCDEF
    little = (number << (8 + shift)).to_bytes(12, "little")
    assert values(make(plan([message(intel(8 + shift, 64))])), little) == {"s0": number}
    big = (number << (24 - shift)).to_bytes(12, "big")
    assert values(make(plan([message(motorola(15 - shift, 64))])), big) == {"s0": number}
    assert values(make(plan([message(motorola(15 - shift, 64, signed=True))])), big) == {"s0": number - 2**64}


def test_a_signal_may_be_anywhere_in_64_bytes(make: Make) -> None:
    decoder = make(plan([message(intel(500, 12), motorola(487, 16), intel(0, 8))]))
    data = bytes([7, *bytes(59), 0x12, 0x34, 0x50, 0xAB])
    assert values(decoder, data) == {"s0": 0xAB5, "s1": 0x1234, "s2": 7}


@pytest.mark.parametrize(("bits", "code"), [(16, "e"), (32, "f"), (64, "d")])
@pytest.mark.parametrize("start", [0, 3])
def test_floats_of_all_widths_and_alignments_are_read(make: Make, bits: int, code: str, start: int) -> None:
    for number in (0.0, 1.5, -2.0, 6.103515625e-05, 5.960464477539063e-08, 65504.0):
        raw = int.from_bytes(struct.pack(f"<{code}", number), "little") << start
        decoder = make(plan([message(real(start, bits))]))
        expected = struct.unpack(f"<{code}", struct.pack(f"<{code}", number))[0]
        assert values(decoder, raw.to_bytes(9, "little")) == {"s0": expected}


@pytest.mark.parametrize(("bits", "code"), [(16, "e"), (32, "f"), (64, "d")])
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_number_is_left_out_and_counted(
    make: Make, bits: int, code: str, number: float
) -> None:
    decoder = make(plan([message(intel(64, 8), real(0, bits))]))
    data = struct.pack(f"<{code}", number).ljust(8, b"\0") + b"\x05"
    assert values(decoder, data) == {"s0": 5}
    assert decoder.omitted()["not_a_number"] == 1


def test_a_short_frame_costs_only_the_signals_after_its_end(make: Make) -> None:
    decoder = make(plan([message(intel(0, 8), intel(12, 8), motorola(7, 9), intel(56, 8))]))
    assert values(decoder, b"\x01\xff") == {"s0": 1, "s2": 3}
    assert decoder.omitted()["short_frame"] == 2


def test_a_frame_without_any_signal_makes_no_row_and_counts_apart_where_its_message_has_none(
    make: Make,
) -> None:
    decoder = make(plan([message(intel(0, 8)), message(id=0x124, name="Empty")]))
    assert values(decoder, b"") is None
    assert values(decoder, b"\x01", 0x124) is None
    assert values(decoder, b"\x02", 0x124) is None
    assert {fate: count for fate, count in decoder.counts(0).items() if count} == {
        "decoded": 1,
        "without_signals": 2,
    }
    assert decoder.made() == {}


def test_a_message_may_make_a_row_also_of_a_frame_without_any_signal(make: Make) -> None:
    record, spec = message(intel(8, 8))
    decoder = make(plan([(record, replace(spec, keeps_empty=True))]))
    assert values(decoder, b"\1") == {}
    assert values(decoder, b"\1\2") == {"s0": 2}
    assert decoder.made() == {"M": 2}


def test_overlapping_signals_are_all_decoded(make: Make) -> None:
    decoder = make(plan([message(motorola(7, 16), motorola(3, 8), intel(0, 8))]))
    assert values(decoder, b"\x12\x34") == {"s0": 0x1234, "s1": 0x23, "s2": 0x12}


def test_a_frame_longer_than_its_message_has_the_signals_after_it(make: Make) -> None:
    assert values(make(plan([message(intel(64, 16))])), bytes(8) + b"\x01\x02") == {"s0": 0x201}


def multiplexed() -> PlanSpec:
    """s0 selects s1 (0..2 and 5) or s2 (3); s2 selects s3 (signed, -2..-1); s4 is always there."""
    return plan(
        [
            message(
                intel(0, 4),
                intel(8, 8, condition=0),
                intel(8, 4, signed=True, condition=1),
                intel(16, 8, condition=2),
                intel(24, 8),
                conditions=(
                    Condition(0, ((0, 2), (5, 5))),
                    Condition(0, ((3, 3),)),
                    Condition(2, ((-2, -1),)),
                ),
            )
        ]
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("00 11 22 33", {"s0": 0, "s1": 0x11, "s4": 0x33}),
        ("02 11 22 33", {"s0": 2, "s1": 0x11, "s4": 0x33}),
        ("05 11 22 33", {"s0": 5, "s1": 0x11, "s4": 0x33}),
        ("03 01 22 33", {"s0": 3, "s2": 1, "s4": 0x33}),
        ("03 0e 22 33", {"s0": 3, "s2": -2, "s3": 0x22, "s4": 0x33}),
        ("03 0f 22 33", {"s0": 3, "s2": -1, "s3": 0x22, "s4": 0x33}),
    ],
)
def test_multiplexers_select_by_raw_values_over_several_levels(
    make: Make, data: str, expected: dict[str, int]
) -> None:
    assert values(make(multiplexed()), bytes.fromhex(data)) == expected


def test_an_unknown_multiplexer_value_leaves_the_rest_decoded(make: Make) -> None:
    decoder = make(multiplexed())
    assert values(decoder, bytes.fromhex("09 11 22 33")) == {"s0": 9, "s4": 0x33}
    assert decoder.omitted()["unknown_multiplexer_value"] == 1


def test_a_short_multiplexed_frame_selects_by_what_it_has(make: Make) -> None:
    decoder = make(multiplexed())
    assert values(decoder, bytes.fromhex("00")) == {"s0": 0}
    assert decoder.omitted() == {
        "short_frame": 2,
        "not_a_number": 0,
        "not_available": 0,
        "unknown_multiplexer_value": 0,
    }


def test_a_selector_of_64_bits_is_compared_unsigned(make: Make) -> None:
    spec = plan(
        [message(intel(0, 64), intel(64, 8, condition=0), conditions=(Condition(0, ((1 << 63, 1 << 64),)),))]
    )
    assert values(make(spec), b"\xff" * 9) == {"s0": 2**64 - 1, "s1": 255}
    assert values(make(spec), b"\x01" + bytes(8)) == {"s0": 1}


def test_more_than_64_signals_have_one_mask(make: Make) -> None:
    decoder = make(plan([message(*(intel(bit, 1) for bit in range(100)))]))
    found = values(decoder, bytes([0b10101010] * 12))
    assert found == {f"s{bit}": bit % 2 for bit in range(96)}
    assert decoder.omitted()["short_frame"] == 4


def test_standard_and_extended_ids_are_distinct(make: Make) -> None:
    decoder = make(plan([message(intel(0, 8), name="Std"), message(intel(0, 4), extended=True, name="Ext")]))
    decoder.bind(0, 0, 0)
    rows = decoder.decode([frame(b"\xff"), frame(b"\xff", 0x123 | EXTENDED), frame(b"\xff", 0x124)])
    assert [(row.measurement, row.id) for row in rows] == [("Std", 0x123), ("Ext", 0x123 | EXTENDED)]
    assert decoder.counts(0)["unknown"] == 1


def test_an_id_of_more_than_eleven_bits_without_the_extended_flag_is_unknown(make: Make) -> None:
    decoder = make(plan([message(intel(0, 8), id=0x800, extended=True)]))
    assert values(decoder, b"\x01", 0x800) is None
    assert decoder.counts(0)["unknown"] == 1


def test_every_frame_is_counted_once_by_what_became_of_it(make: Make) -> None:
    decoder = make(plan([message(intel(0, 8))]))
    decoder.bind(0, 0, 0)
    decoder.bind(1, -1, 0)
    decoder.decode(
        [
            frame(b"\x01"),
            frame(b"\x01", 0x7FF),
            frame(b"", 0x123 | REMOTE),
            frame(bytes(8), ERROR | 0x123),
            frame(bytes(8), ERROR | REMOTE),
            frame(b"\x01", channel=1),
            frame(b"\x01", channel=2),
        ]
    )
    assert decoder.counts(0) == {
        "decoded": 1,
        "without_signals": 0,
        "unknown": 1,
        "lost/error_frame": 2,
        "lost/remote_frame": 1,
    }
    assert decoder.counts(1)["unknown"] == decoder.counts(2)["unknown"] == 1
    assert decoder.made() == {"M": 1}


def test_each_channel_has_the_messages_of_its_bus(make: Make) -> None:
    decoder = make(plan([message(intel(0, 8), name="A")], [message(intel(0, 4), name="B")]))
    decoder.bind(5, 0, 1)
    decoder.bind(6, 1, 2)
    rows = decoder.decode([frame(b"\xff", channel=6), frame(b"\xff", channel=5)])
    assert [(row.measurement, row.tags, row.raw) for row in rows] == [
        ("B", 2, {"s0": 15}),
        ("A", 1, {"s0": 255}),
    ]


def j1939(id: int, name: str, *, by_pgn: bool = True) -> tuple[RecordSpec, MessageSpec]:
    return message(intel(0, 8), id=id, extended=True, name=name, by_pgn=by_pgn)


def matched(make: Make, messages: list[tuple[RecordSpec, MessageSpec]], *ids: int) -> list[str]:
    """Return the messages of frames with these ids; skip unknown ids."""
    decoder = make(plan(messages))
    decoder.bind(0, 0, 0)
    return [row.measurement for row in decoder.decode([frame(b"\x01", id | EXTENDED) for id in ids])]


@pytest.mark.parametrize(
    ("id", "expected"),
    [
        (0x18FF50E5, "Broadcast"),  # another sender and priority than declared
        (0x0CFF5001, "Broadcast"),
        (0x18FF51E5, None),  # another group extension
        (0x1806E5F4, "Addressed"),  # another destination and sender
        (0x1806FFFE, "Addressed"),
        (0x1906E5F4, None),  # the other data page
        (0x1A06E5F4, None),  # the extended data page: not J1939
        (0x18EA1234, None),
        (0x18EA00F9, "Exactly"),
    ],
)
def test_j1939_messages_match_by_pgn_from_any_sender_to_any_receiver(
    make: Make, id: int, expected: str | None
) -> None:
    messages = [
        j1939(0x18FF50FE, "Broadcast"),
        j1939(0x1806FFFE, "Addressed"),
        j1939(0x18EA00F9, "Exactly", by_pgn=False),
    ]
    assert matched(make, messages, id) == ([expected] if expected else [])


def test_of_messages_with_one_pgn_the_exact_id_comes_first_then_the_sender(make: Make) -> None:
    messages = [
        j1939(0x18FF5001, "First"),
        j1939(0x18FF5002, "Sender"),
        j1939(0x0CFF5002, "Exact"),
        j1939(0x18FF5003, "NotByPgn", by_pgn=False),
    ]
    ids = (0x0CFF5002, 0x1CFF5002, 0x18FF5009, 0x18FF5003, 0x0CFF5003)
    assert matched(make, messages, *ids) == ["Exact", "Sender", "First", "NotByPgn", "First"]


def test_of_messages_to_several_receivers_with_one_pgn_the_destination_counts_before_the_sender(
    make: Make,
) -> None:
    messages = [
        j1939(0x1806E5F4, "ToE5"),
        j1939(0x1806D0F4, "ToD0"),
        j1939(0x1806D056, "ToD0From56"),
        j1939(0x1806E701, "NotByPgn", by_pgn=False),
    ]
    sent = {
        0x1006D0F4: "ToD0",  # another priority
        0x1006E5F4: "ToE5",
        0x1006D056: "ToD0From56",
        0x100611F4: "ToE5",  # another destination: the sender, and the first of two
        0x10061156: "ToD0From56",
        0x1006D011: "ToE5",  # another sender: the PGN alone
        0x1006E701: "ToE5",
        0x1806E701: "NotByPgn",
    }
    assert matched(make, messages, *sent) == list(sent.values())


@pytest.mark.parametrize(
    ("bits", "raw", "available"),
    [
        (8, 0xFD, True),
        (8, 0xFE, False),
        (8, 0xFF, False),
        (16, 0xFDFF, True),
        (16, 0xFE00, False),
        (24, 0xFDFFFF, True),
        (24, 0xFE0000, False),
        (32, 0xFDFFFFFF, True),
        (32, 0xFE000000, False),
        (1, 1, True),
        (2, 1, True),
        (2, 2, False),
        (2, 3, False),
        (4, 14, True),
        (4, 15, False),
        (12, 0xFFE, True),
        (12, 0xFFF, False),
    ],
)
@pytest.mark.parametrize("signed", [False, True])
def test_error_and_not_available_are_left_out_where_the_message_declares_j1939(
    make: Make, bits: int, raw: int, available: bool, signed: bool
) -> None:
    signals = (intel(0, 3), intel(8, bits, signed=signed))
    data = (raw << 8 | 1).to_bytes(8, "little")
    dropping = make(plan([message(*signals, drops=True)]))
    found = values(dropping, data)
    assert found is not None
    assert ("s1" in found) == available
    assert dropping.omitted()["not_available"] == (not available)
    keeping = values(make(plan([message(*signals)])), data)
    assert keeping is not None
    assert "s1" in keeping


def test_a_selector_that_is_not_available_still_selects(make: Make) -> None:
    spec = message(
        intel(0, 8), intel(8, 8, condition=0), conditions=(Condition(0, ((255, 255),)),), drops=True
    )
    assert values(make(plan([spec])), b"\xff\x07") == {"s1": 7}


def test_a_batch_of_another_schema_is_refused() -> None:
    spec = plan([message(intel(0, 8))])
    decoder = Decoder(Plan(spec, Schema(spec.records)))
    with pytest.raises(ValueError, match="another schema"):
        decoder.decode(FrameBatch(1), SampleBatch(Schema(spec.records)))


def test_a_bus_that_the_plan_does_not_have_is_refused() -> None:
    spec = plan([message(intel(0, 8))])
    decoder = Decoder(Plan(spec, Schema(spec.records)))
    for bus in (-2, 1):
        with pytest.raises(IndexError):
            decoder.bind(0, bus, 0)


def test_rows_of_further_records_of_the_schema_are_left_alone() -> None:
    spec = plan([message(intel(0, 8))])
    schema = Schema((*spec.records, RecordSpec("battery", (FieldSpec("soc_pct", SlotKind.FLOAT),))))
    decoder = Decoder(Plan(spec, schema))
    decoder.bind(0, 0, 0)
    frames, samples = FrameBatch(1), SampleBatch(schema)
    samples.append(1, 5, {"soc_pct": 50.0})
    frames.append(6, 0x123, b"\x07")
    decoder.decode(frames, samples)
    assert [row.measurement for row in samples] == ["battery", "M"]


def test_ids_are_compared_in_the_bits_that_count(make: Make) -> None:
    spec = plan([message(intel(0, 8), id=0x120), message(intel(0, 8), id=0x18FF1021, extended=True)])
    (bus,) = spec.buses
    masked = replace(spec, buses=(replace(bus, standard_mask=0x7F0, extended_mask=0x1FFFFF00),))
    decoder = make(masked)
    decoder.bind(0, 0, 0)
    ids = (0x120, 0x12F, 0x130, EXTENDED | 0x18FF1021, EXTENDED | 0x18FF10FE, EXTENDED | 0x18FF1121)
    rows = decoder.decode([frame(b"\1", id) for id in ids])
    assert [row.id for row in rows] == [ids[0], ids[1], ids[3], ids[4]]


def test_a_value_that_its_signal_declares_invalid_is_left_out_and_counted(make: Make) -> None:
    signals = (
        replace(intel(0, 8, signed=True), invalid=(-1,)),
        replace(intel(8, 8), invalid=(0xFE, 0)),
        intel(16, 8),
    )
    decoder = make(plan([message(*signals)]))
    decoder.bind(0, 0, 0)
    rows = decoder.decode([frame(b"\xff\xff\xff"), frame(b"\xfe\xfe\xfe"), frame(b"\1\0\0")])
    assert [row.raw for row in rows] == [{"s1": 0xFF, "s2": 0xFF}, {"s0": -2, "s2": 0xFE}, {"s0": 1, "s2": 0}]
    assert decoder.omitted()["not_available"] == 3


def test_digits_over_nine_are_left_out_and_counted(make: Make) -> None:
    decoder = make(plan([message(*(replace(intel(8 * byte, 8), is_bcd=True) for byte in range(3)))]))
    decoder.bind(0, 0, 0)
    rows = decoder.decode([frame(b"\x59\x5a\x07"), frame(b"\xa0\x10\xff")])
    assert [row.raw for row in rows] == [{"s0": 59, "s2": 7}, {"s1": 10}]
    assert decoder.omitted()["not_available"] == 3
