"""Transport sessions as a listener hears them: worked cases, every interleaving, every loss, every abort."""

from collections.abc import Iterable
from random import Random

import pytest
from telemetry_core.decode.decoder import Decoder
from telemetry_core.decode.spec import BusSpec, MessageSpec, PlanSpec, SignalSpec
from telemetry_core.rows.batch import SampleBatch
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind

from tests.support.stages import batch_of
from tests.support.transport_wire import (
    BCS,
    BCS_PAYLOAD,
    EXTENDED,
    SECOND_NS,
    Wire,
    bam,
    id_of,
    interleavings,
    isotp,
    text_of,
)

# -- J1939: the reference's worked cases


def test_a_request_to_send_session_gives_its_payload_at_the_last_packet() -> None:
    wire = Wire()
    assert wire.hear(*BCS[:3]) == []
    assert wire.hear(BCS[3]) == [BCS_PAYLOAD]
    assert wire.hear(BCS[4]) == []
    assert wire.ends == {"complete": 1}
    assert wire.counts == (5, 0)


def test_other_frames_between_the_packets_change_nothing() -> None:
    wire = Wire()
    assert wire.hear(*BCS[:3], "181056F4#0102030405060708", *BCS[3:]) == [
        ("181056F4", "0102030405060708"),
        BCS_PAYLOAD,
    ]


def test_a_packet_that_was_asked_for_again_completes_the_session_once() -> None:
    wire = Wire()
    one, two, three = (text.replace("1CEBFF", "1CEB56") for text in bam(0xF4, bytes(range(16)))[1:])
    begin = "1CEC56F4#10100003FF001100"
    again = "1CECF456#110202FFFF001100"
    assert wire.hear(begin, "1CECF456#110301FFFF001100", one, three, again, two) == [
        ("181156F4", bytes(range(16)).hex().upper())
    ]
    assert wire.hear(three) == []
    assert wire.ends == {"complete": 1}
    assert wire.counts == (7, 0)


def test_a_new_request_ends_the_session_before_it() -> None:
    wire = Wire()
    found = wire.payloads(BCS[0], BCS[2], "1CEC56F4#10090002FF000200", *BCS[2:4])
    assert found == [("180256F4", "FE0E5A0E51414D2B00")]
    assert wire.ends == {"complete": 1, "restarted": 1}
    assert wire.counts == (3, 2)


def test_silence_ends_a_session_and_its_late_packet_is_an_orphan() -> None:
    wire = Wire()
    assert wire.hear(BCS[0], BCS[2]) == []
    assert wire.hear(BCS[3], after_ns=751_000_000) == [("1CEB56F4", "022B00FFFFFFFFFF")]
    assert wire.ends == {"timeout": 1, "orphans": 1}
    assert wire.counts == (0, 2)


def test_a_listener_waits_longer_after_a_control_message_than_between_packets() -> None:
    """1,250 ms and 750 ms: T2 and T1 of SAE J1939-21."""
    wire = Wire()
    wire.hear(BCS[0])  # the request to send
    wire.hear(BCS[2], after_ns=1_250_000_000)
    assert wire.hear(BCS[3], after_ns=750_000_000) == [BCS_PAYLOAD]
    late = Wire()
    late.hear(BCS[0])
    late.hear(BCS[2], after_ns=1_250_000_001)
    assert late.ends == {"timeout": 1, "orphans": 1}
    announce, first, _ = bam(0xF4, bytes(range(14)))
    for after_ns, end in ((750_000_000, {}), (750_000_001, {"timeout": 1, "orphans": 1})):
        broadcast = Wire()
        broadcast.hear(announce)
        broadcast.hear(first, after_ns=after_ns)
        assert broadcast.ends == end


def test_time_that_steps_back_ends_no_session() -> None:
    wire = Wire()
    wire.hear(BCS[0], BCS[2])
    assert wire.hear(BCS[3], after_ns=-10 * SECOND_NS) == [BCS_PAYLOAD]


def test_a_simulators_frames_may_be_as_late_as_its_scale_makes_them() -> None:
    """At 60x a delay of 25 ms is one of 1.5 s: more than T1 and T2, less than half a second of wall time."""
    late_ns, least_wait_ns = 1_500_000_000, 30_000_000_000
    assert BCS_PAYLOAD not in Wire().hear(*BCS, after_ns=late_ns)
    assert BCS_PAYLOAD in Wire(least_wait_ns=least_wait_ns).hear(*BCS, after_ns=late_ns)
    wire = Wire(least_wait_ns=least_wait_ns)
    assert BCS_PAYLOAD not in wire.hear(*BCS, after_ns=least_wait_ns + 1)


def test_an_abort_of_another_message_ends_nothing() -> None:
    wire = Wire()
    wire.hear(*BCS[:3])
    assert wire.hear("1CECF456#FF03FFFFFF000200", BCS[3])[-1] == BCS_PAYLOAD


def test_a_broadcast_and_a_directed_session_of_one_sender_are_kept_apart() -> None:
    wire = Wire()
    broadcast = bam(0xF4, bytes(range(10)))
    found = wire.hear(broadcast[0], BCS[0], broadcast[1], BCS[2], BCS[3], broadcast[2])
    assert found == [BCS_PAYLOAD, ("18FECAF4", bytes(range(10)).hex().upper())]


def test_channels_with_the_same_addresses_are_independent() -> None:
    wire = Wire()
    wire.transport.bind(1, 0, j1939=True)
    heard = []
    for number, text in enumerate(BCS[:4]):
        id, _, data = text.partition("#")
        for channel in (0, 1):
            batch = batch_of([(number, id_of(id), bytes.fromhex(data))], channel=channel)
            heard += [(frame.channel, text_of(frame)) for frame in wire.transport.reassemble(batch)]
    assert heard == [(0, BCS_PAYLOAD), (1, BCS_PAYLOAD)]


# -- J1939: every order, every loss


@pytest.mark.parametrize("lost", range(16))
def test_a_lost_packet_costs_its_own_message_alone(lost: int) -> None:
    wire = Wire()
    whole, other = bam(1, bytes(range(100))), bam(2, b"B" * 14)
    damaged = [text for number, text in enumerate(whole) if number != lost]
    found = wire.payloads(*damaged, *other)
    assert found == [("18FECA02", "42" * 14)]
    assert wire.payloads(*whole) == [("18FECA01", bytes(range(100)).hex().upper())]
    how = {0: "orphans", 15: "restarted"}.get(lost, "lost_packets")  # the last one may still have come
    assert wire.ends == {"complete": 2, how: 15 if lost == 0 else 1}


def test_a_broadcast_with_a_gap_has_lost_packets_however_it_ends() -> None:
    announce, first, second, third = bam(1, bytes(20))
    wire = Wire()
    wire.hear(announce, first, third)
    wire.hear("18FF50E5#00", after_ns=2 * SECOND_NS)
    wire.hear(announce, third)  # which ends the one before: by time
    assert wire.ends == {"lost_packets": 1}
    wire.hear(announce, second)  # begins again
    assert wire.ends == {"lost_packets": 2}
    wire.hear("1CECFF01#FFFFFFFFFFFFFFFF")  # the sender gives up
    assert wire.ends == {"lost_packets": 3}
    wire.hear(announce, first, third)
    wire.transport.end_sessions(0)
    assert wire.ends == {"lost_packets": 4}
    assert wire.counts == (0, 11)


def test_a_broadcast_without_a_gap_ends_by_what_ended_it() -> None:
    announce, first, second, third = bam(1, bytes(20))
    wire = Wire()
    wire.hear(announce, first, second)
    wire.hear(announce, after_ns=2 * SECOND_NS)
    wire.hear(announce, first)
    wire.transport.end_sessions(0)
    assert wire.ends == {"timeout": 1, "restarted": 1, "unfinished": 1}
    assert wire.hear(announce, third, first, second) == [("18FECA01", bytes(20).hex())]  # a gap may be filled


@pytest.mark.parametrize("announce", ["1CECFF01#20140003FFCAFE00", "1CEC0201#10140003FF001100"])
def test_two_messages_do_not_mix_where_the_second_ones_announcement_was_lost(announce: str) -> None:
    wire = Wire()
    id = announce[:9].replace("EC", "EB")
    one, two = ([f"{id}{number:02X}{text * 7}" for number in (1, 2, 3)] for text in ("AA", "BB"))
    frames = [announce, *one[:2], *two]
    assert wire.hear(*frames) == [tuple(frame.split("#")) for frame in frames[4:]]
    assert wire.ends == {"lost_packets": 1, "orphans": 2}
    assert wire.counts == (0, 4)
    assert len(wire.hear(announce, one[0], *one)) == 1  # one that is sent again is no harm


def test_a_packet_that_the_wire_repeats_is_no_other_message_s_though_its_neighbours_differ() -> None:
    wire = Wire()
    one, two, three = (f"1CEBFF01#{number:02X}{number:02X}BBCCDDEEFF00" for number in (1, 2, 3))
    payload = bytes.fromhex("".join(frame[11:] for frame in (one, two, three)))[:20]
    frames = ["1CECFF01#20140003FFCAFE00", one, two, one, two, three]
    assert wire.hear(*frames) == [("18FECA01", payload.hex().upper())]


def test_a_gap_of_what_may_be_asked_for_again_is_no_loss_yet() -> None:
    wire = Wire()
    one, _, three = (text.replace("1CEBFF", "1CEB56") for text in bam(0xF4, bytes(16))[1:])
    wire.hear("1CEC56F4#10100003FF001100", one, three)
    wire.hear("1CEC56F4#10100003FF001100", after_ns=2 * SECOND_NS)
    assert wire.ends == {"timeout": 1}


def test_a_packet_missing_when_the_receiver_acknowledges_was_lost_by_the_listener() -> None:
    wire = Wire()
    assert wire.hear(*BCS[:3], BCS[4]) == []
    assert wire.ends == {"lost_packets": 1}
    assert wire.counts == (0, 4)


def test_the_longest_message_is_whole() -> None:
    payload = bytes(number % 251 for number in range(1785))
    assert Wire().hear(*bam(7, payload)) == [("18FECA07", payload.hex().upper())]


@pytest.mark.parametrize(
    "announce", ["20FA0602FFCAFE00", "20000000FFCAFE00", "20090003FFCAFE00", "20FFFFFFFFCAFE00"]
)
def test_an_announcement_that_cannot_be_goes_on_as_a_frame(announce: str) -> None:
    wire = Wire()
    assert wire.hear(f"1CECFF01#{announce}") == [("1CECFF01", announce)]
    assert wire.ends == {"malformed": 1}


def test_a_flood_of_announcements_is_bounded_and_counted() -> None:
    wire = Wire()
    for number in range(300):
        wire.hear(f"1CEC{number % 250:02X}{number // 250:02X}#10090002FFCAFE00", after_ns=1000)
    assert wire.ends == {"evicted": 44}
    assert wire.transport.open_frames(0) == 256
    wire.transport.end_sessions(0)
    assert wire.counts == (0, 300)
    assert wire.ends == {"evicted": 44, "unfinished": 256}


# -- ISO-TP

SINGLE = (0x7E8, False, False)


def test_single_frames_of_both_forms_and_with_an_address_in_front() -> None:
    wire = Wire(isotp=[SINGLE, (0x600, True, False)])
    assert wire.hear("7E8#0341057BAAAAAAAA") == [("7E8", "41057B")]
    assert wire.hear("7E8#0009" + "62F190414243444546" + "AA" * 5) == [("7E8", "62F190414243444546")]
    assert wire.hear("600#F10341057BAAAAAA") == [("600", "41057B")]


def test_the_low_byte_of_the_length_comes_in_front_when_asked_for() -> None:
    wire = Wire(isotp=[(0x7E8, False, True)])
    assert wire.hear("7E8#0341057BAAAAAAAA") == [("7E8", "0341057B")]
    long = ["7E8#110462F1900000", *(f"7E8#2{number % 16:X}" + "00" * 7 for number in range(1, 38))]
    assert wire.hear("7E8#1104" + "55" * 6, *long[1:])[0][1].startswith("0455")


def test_a_length_of_32_bits_is_taken_and_a_monstrous_one_refused() -> None:
    wire = Wire(isotp=[SINGLE])
    size = 5000
    head = "7E8#1000" + size.to_bytes(4, "big").hex() + "AB" * 58
    rest = [f"7E8#2{number % 16:X}" + "AB" * 63 for number in range(1, 1 + -(-(size - 58) // 63))]
    assert wire.hear(head, *rest) == [("7E8", "AB" * size)]
    assert wire.hear("7E8#1000FFFFFFFFAAAA", "7E8#21" + "AA" * 7) == []
    assert wire.ends == {"complete": 1, "too_long": 1, "orphans": 1}


def test_a_consecutive_frame_out_of_order_ends_the_message() -> None:
    wire = Wire(isotp=[SINGLE])
    assert wire.hear("7E8#1014" + "00" * 6, "7E8#21" + "01" * 7, "7E8#23" + "02" * 7) == []
    assert wire.ends == {"lost_packets": 1}
    assert wire.counts == (0, 3)


@pytest.mark.parametrize("cut_off", [1, 2])
def test_a_consecutive_frame_that_was_cut_off_ends_the_message(cut_off: int) -> None:
    """Else what pads the last one would make up for what is missing, and the message be another one."""
    wire = Wire(isotp=[SINGLE])
    frames = isotp("7E8", bytes(range(22)))
    frames[cut_off] = frames[cut_off][:-4]
    assert wire.hear(*frames) == []
    assert wire.ends == {"lost_packets": 1, "orphans": 3 - cut_off}
    assert wire.hear(*isotp("7E8", bytes(range(22)))) == [("7E8", bytes(range(22)).hex().upper())]


def test_a_consecutive_frame_that_the_wire_repeats_is_taken_once() -> None:
    wire = Wire(isotp=[SINGLE])
    second = "7E8#2101020304050607"
    assert wire.hear("7E8#1014A0A1A2A3A4A5", second, second, "7E8#2208090A0B0C0D0E") == [
        ("7E8", "A0A1A2A3A4A50102030405060708090A0B0C0D0E")
    ]


def test_sixteen_lost_frames_are_no_repetition() -> None:
    wire = Wire(isotp=[SINGLE])
    first, *rest = isotp("7E8", bytes(range(200)))
    assert wire.hear(first, rest[0]) == []
    assert wire.payloads(*rest[16:]) == []
    assert wire.ends == {"lost_packets": 1, "orphans": len(rest[17:])}


def test_an_isotp_message_waits_two_seconds_for_its_next_frame() -> None:
    first, second, third = isotp("7E8", bytes(range(20)))
    wire = Wire(isotp=[SINGLE])
    wire.hear(first)
    wire.hear(second, after_ns=2 * SECOND_NS)
    assert wire.hear(third, after_ns=2 * SECOND_NS) == [("7E8", bytes(range(20)).hex().upper())]
    wire.hear(first)
    wire.hear(second, after_ns=2 * SECOND_NS + 1)
    assert wire.ends == {"complete": 1, "timeout": 1, "orphans": 1}


@pytest.mark.parametrize(
    ("size", "frame_bytes", "address"),
    [(8, 8, b""), (7, 8, b"\xf1"), (11, 12, b""), (10, 12, b"\xf1"), (63, 64, b""), (62, 64, b"\xf1")],
)
def test_the_shortest_first_frame_is_one_byte_longer_than_a_single_frame_takes(
    size: int, frame_bytes: int, address: bytes
) -> None:
    wire = Wire(isotp=[(0x7E8, bool(address), False)])
    payload = bytes(range(size))
    assert wire.hear(*isotp("7E8", payload, frame_bytes=frame_bytes, address=address)) == [
        ("7E8", payload.hex().upper())
    ]
    wire.hear(isotp("7E8", payload[:-1], frame_bytes=frame_bytes, address=address)[0])
    assert wire.ends == {"complete": 1, "malformed": 1}


def test_a_length_in_a_byte_of_its_own_is_of_can_fd_alone() -> None:
    wire = Wire(isotp=[SINGLE, (0x600, True, False)])
    assert wire.hear("7E8#0003620102AABBCC", "600#F1000362010200AA", "600#F100036201") == []
    assert wire.ends == {"malformed": 3}
    assert wire.hear("600#F10003620102000000") == [("600", "620102")]


# A tester (F1) speaks to 12 and 40 with extended addressing: what it sends has one id.
TESTER, TO_12, TO_40 = (0x6F1, True, False), b"\x12", b"\x40"
CONVERSATIONS = (isotp("6F1", b"A" * 10, address=TO_12), isotp("6F1", b"B" * 10, address=TO_40))


def test_sessions_to_two_addresses_under_one_id_are_kept_apart_in_every_order_of_their_frames() -> None:
    wire = Wire(isotp=[TESTER])
    count = 0
    for frames in interleavings([*CONVERSATIONS, ["6F1#7003620102"]]):
        assert sorted(wire.hear_at_once(frames)) == [
            ("6F1", "41" * 10),
            ("6F1", "42" * 10),
            ("6F1", "620102"),
        ]
        count += 1
    assert count == 30
    assert wire.ends == {"complete": 3 * count}


def test_a_flood_of_addresses_is_bounded_and_counted() -> None:
    wire = Wire(isotp=[TESTER, (0x6F2, True, False)])
    for number in range(300):
        wire.hear(f"6F{1 + number // 256}#{number % 256:02X}1FFF0102030405", after_ns=1000)
    assert wire.ends == {"evicted": 44}
    assert wire.transport.open_frames(0) == 256


BEGIN = "1014000102030405"
OVERFLOW = "3200000000000000"


@pytest.mark.parametrize(
    ("waiting", "answer", "ended"),
    [
        (("7E8",), "7E0", "7E8"),
        (("7BB",), "79B", "7BB"),  # ids that go together in no known way: it is the only one that waits
        (("7E8", "7E9"), "7E0", "7E8"),
        (("7E8", "7E9"), "7E1", "7E9"),
        (("18DAF110", "18DAF111"), "18DA11F1", "18DAF111"),
        (("7E8", "7BB"), "79B", None),
        (("7E8",), "7E8", None),  # its own sender's: of the other direction
    ],
)
def test_an_overflow_aborts_the_message_that_it_is_the_answer_to(
    waiting: tuple[str, ...], answer: str, ended: str | None
) -> None:
    wire = Wire(isotp=[(id_of(id), False, False) for id in dict.fromkeys((*waiting, answer))])
    wire.hear(*(f"{id}#{BEGIN}" for id in waiting))
    assert wire.hear(f"{answer}#{OVERFLOW}") == []
    assert wire.ends == ({} if ended is None else {"aborted": 1})
    assert wire.counts == (1, 0 if ended is None else 1)
    rest = [f"{id}#2{number}" + "07" * 7 for number in (1, 2) for id in waiting]
    assert [id for id, _ in wire.hear(*rest)] == [id for id in waiting if id != ended]


def test_an_overflow_to_one_address_leaves_the_other_alone() -> None:
    wire = Wire(isotp=[TESTER, (0x612, True, False), (0x640, True, False)])
    (first, second), other = CONVERSATIONS
    assert wire.hear(first, other[0], "640#F132000000", second, other[1]) == [("6F1", "41" * 10)]
    assert wire.ends == {"aborted": 1, "complete": 1, "orphans": 1}


def test_an_overflow_on_one_channel_leaves_the_message_of_another_alone() -> None:
    rules = [SINGLE, (0x7E0, False, False)]
    wire = Wire(isotp=rules)
    wire.transport.bind(1, 0, isotp=rules)
    begin, *rest = isotp("7E8", bytes(20))
    wire.hear(begin)
    overflow = [(wire.time_ns + 1, 0x7E0, bytes.fromhex(OVERFLOW))]
    wire.transport.reassemble(batch_of(overflow, channel=1))
    assert wire.hear(*rest) == [("7E8", bytes(20).hex())]


def test_neither_go_ahead_nor_an_overflow_between_consecutive_frames_ends_a_message() -> None:
    wire = Wire(isotp=[SINGLE, (0x7E0, False, False)])
    frames = isotp("7E8", bytes(20))
    found = wire.hear(frames[0], "7E0#30000000", "7E0#31000000", frames[1], f"7E0#{OVERFLOW}", frames[2])
    assert found == [("7E8", bytes(20).hex())]


def test_ids_that_are_not_named_are_left_alone() -> None:
    wire = Wire(isotp=[SINGLE])
    assert wire.hear("7E9#0341057BAAAAAAAA") == [("7E9", "0341057BAAAAAAAA")]


# -- what the decoder makes of payloads


def message(id: int, bits: Iterable[tuple[int, int]], *, extended: bool, by_pgn: bool = False) -> MessageSpec:
    signals = tuple(SignalSpec(start, count, True, False, False) for start, count in bits)
    return MessageSpec("M", id, extended, 9, signals, (), 0, by_pgn=by_pgn)


def spec(specced: MessageSpec) -> PlanSpec:
    fields = tuple(FieldSpec(f"s{index}", SlotKind.INT) for index in range(len(specced.signals)))
    return PlanSpec((RecordSpec("M", fields),), (BusSpec("", (specced,)),))


def test_a_payload_is_matched_by_pgn_whatever_the_database_declares_and_tagged_by_its_sender() -> None:
    wire = Wire(spec=spec(message(0x1811FE34, [(0, 8), (56, 16)], extended=True)))
    decoder = Decoder(wire.plan)
    decoder.bind(0, 0, 5, 100)
    texts = (text.partition("#") for text in BCS)
    batch = batch_of([(7, id_of(id), bytes.fromhex(data)) for id, _, data in texts])
    samples = SampleBatch(wire.plan.schema)
    decoder.decode(wire.transport.reassemble(batch), samples)
    (row,) = samples
    assert row.raw == {"s0": 0xFE, "s1": 0x2B}
    assert (row.id, row.tags, row.time_ns) == (EXTENDED | 0x181156F4, 100 + 0xF4, 7)
    assert decoder.payloads(0) == {"decoded": 1, "unknown": 0}
    assert decoder.counts(0)["decoded"] == decoder.counts(0)["unknown"] == 0


def test_a_transport_frame_that_the_database_knows_is_decoded_and_put_together() -> None:
    wire = Wire(spec=spec(message(0x1CEB56F4, [(0, 8)], extended=True)))
    assert wire.hear(*BCS[:4]) == [
        ("1CEB56F4", "01FE0E5A0E51414D"),
        ("1CEB56F4", "022B00FFFFFFFFFF"),
        BCS_PAYLOAD,
    ]
    assert wire.counts == (2, 0)


def test_a_channel_that_is_bound_again_has_the_messages_of_its_new_bus() -> None:
    wire = Wire(spec=spec(message(0x1CEB56F4, [(0, 8)], extended=True)))
    wire.transport.bind(0, -1, j1939=True)
    assert wire.hear(*BCS[:4]) == [BCS_PAYLOAD]
    wire.transport.bind(0, 0, j1939=True)
    assert wire.hear(*BCS[:3]) == [("1CEB56F4", "01FE0E5A0E51414D")]


# -- Ids


def test_of_many_ids_only_those_that_are_named_are_listened_to() -> None:
    """So many that several lead to one place; the first, the last, and ids of both kinds with equal bits."""
    random = Random(28)
    standard = random.sample(range(0x800), 700)
    extended = [EXTENDED | id for id in (*standard[:100], *random.sample(range(1 << 29), 1500))]
    named = {0, 0x7FF, EXTENDED, EXTENDED | 0x1FFFFFFF, *standard, *extended}
    others = {EXTENDED | id for id in random.sample(range(1 << 29), 1500)} | set(range(0x800))
    wire = Wire(isotp=[(id, False, False) for id in sorted(named)], j1939=False)
    for id in sorted(named | others):
        text = f"{id & 0x1FFFFFFF:08X}" if id & EXTENDED else f"{id:03X}"
        assert wire.hear(f"{text}#0261625A5A5A5A5A") == [
            (text, "6162" if id in named else "0261625A5A5A5A5A")
        ]


def test_an_id_that_is_named_twice_is_listened_to_as_named_first() -> None:
    wire = Wire(isotp=[(0x7E8, False, True), (0x7E8, False, False)])
    assert wire.hear("7E8#0261620000000000") == [("7E8", "026162")]
