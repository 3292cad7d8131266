"""Binary messages in a stream of bytes: what is found, what is counted, and with which stamp."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from telemetry_core.frames.batch import FrameBatch

from telemetry.framing.checks import negated_sum_16, sum_8
from telemetry.framing.framer import MessageFramer
from telemetry.framing.framing import (
    ANY,
    NO_ADDRESS,
    Framing,
    Heard,
    PortReader,
    Shape,
    Skipped,
    has_messages_like,
    literal,
    longest_literal,
)
from telemetry.framing.lengths import field, fixed
from tests.support.framing import feed_pieces, jbd_message

REFUSED = 0x80
REQUESTS = b"\xa5\x5a"


class Replies(PortReader):
    """The kind and data of a reply; a text of kind 5 is the device's name."""

    def read(self, message: bytes) -> Sequence[Heard] | Skipped:
        kind, data = message[1], message[4:-3]
        if kind in REQUESTS:
            return Skipped.ECHO
        if message[2] == REFUSED:
            return Skipped.REFUSED
        if kind == 0x06:
            return Skipped.SHORT
        if kind == 0x05:
            self.identify("name", data)
        return (Heard(kind, data),)


def shape(*start: bytes) -> Shape:
    return Shape(start, field(3, 7), negated_sum_16(first=2), end=b"\x77", shortest=7, longest=7 + 255)


BARE = Framing(
    (shape(b"\xdd", bytes(set(ANY) - set(REQUESTS)), b"\x00\x80"), shape(b"\xdd", REQUESTS)), Replies
)
ONE = jbd_message(0x03, b"\x01\x02\x03")
TWO = jbd_message(0x04, b"\xdd\x77\xdd\x00")  # start and end may stand in the data
FALSE_BEGINNING = bytes((0xDD, 0x03, 0x00, 0xFF))


def framer_of(framing: Framing) -> MessageFramer:
    return MessageFramer(framing, lambda _: 0)


def ids(framer: MessageFramer, *pieces: bytes, finish: bool = False) -> list[int]:
    return [frame.id for frame in feed_pieces(framer, pieces, finish=finish)]


def test_a_message_is_a_frame_of_its_kind_with_its_data() -> None:
    framer = MessageFramer(BARE, lambda _: 5)
    (frame,) = feed_pieces(framer, [ONE])
    assert (frame.id, frame.data, frame.channel, frame.flags) == (0x03, b"\x01\x02\x03", 5, 0)
    assert framer.counts() == {
        "messages": 1,
        "lost/bad_checksum": 0,
        "lost/bad_length": 0,
        "lost/error_reply": 0,
        "lost/incomplete": 0,
        "echoes": 0,
        "other_messages": 0,
        "padding_bytes": 0,
        "garbage_bytes": 0,
    }


@pytest.mark.parametrize("length", [0, 1, 64, 65, 255])
def test_data_of_any_length_is_handed_on(length: int) -> None:
    data = bytes(range(length))
    assert [frame.data for frame in feed_pieces(framer_of(BARE), [jbd_message(0x03, data)])] == [data]


def test_the_stamp_is_that_of_the_piece_with_the_last_byte() -> None:
    frames = FrameBatch(10)
    framer = framer_of(BARE)
    framer.feed(ONE[:-1], 100, frames)
    assert len(frames) == 0
    framer.feed(ONE[-1:] + TWO + ONE[:2], 200, frames)
    framer.feed(ONE[2:], 300, frames)
    assert [frame.time_ns for frame in frames] == [200, 200, 300]


def test_a_message_that_is_found_late_has_the_stamp_of_its_own_last_byte() -> None:
    frames = FrameBatch(100)
    framer = framer_of(BARE)
    framer.feed(FALSE_BEGINNING, 100, frames)
    framer.feed(ONE, 200, frames)
    assert len(frames) == 0
    framer.feed(TWO, 300, frames)
    assert [(frame.id, frame.time_ns) for frame in frames] == [(0x03, 200), (0x04, 300)]


def test_of_pieces_whose_messages_are_taken_nothing_is_kept() -> None:
    """A line lasts for months: what it keeps is what is unfinished, and when that came."""
    framer, frames = framer_of(BARE), FrameBatch(8)
    for number in range(50):
        framer.feed(ONE + ONE[:3], number, frames)
        framer.feed(ONE[3:], number, frames)
        frames.clear()
        assert (framer._kept, framer._stamps) == (b"", [])
    framer.feed(ONE[:3], 50, frames)
    assert (framer._kept, framer._stamps) == (ONE[:3], [(3, 50)])


def test_one_message_within_what_another_claims_is_its_data() -> None:
    framer = framer_of(BARE)
    assert ids(framer, jbd_message(0x07, ONE)) == [0x07]
    assert framer.counts()["garbage_bytes"] == 0


def test_a_beginning_is_given_up_when_two_messages_stand_within_what_it_claims() -> None:
    framer = framer_of(BARE)
    assert ids(framer, FALSE_BEGINNING, ONE) == []
    assert ids(framer, b"\x00\x77", TWO) == [0x03, 0x04]
    assert framer.counts()["garbage_bytes"] == len(FALSE_BEGINNING) + 2


def test_the_second_of_two_messages_within_a_claim_may_be_of_the_shortest_and_the_newest() -> None:
    assert ids(framer_of(BARE), FALSE_BEGINNING + ONE + jbd_message(0x04, b"")) == [0x03, 0x04]


def test_nothing_is_thrown_away_but_the_first_byte_of_a_bad_message() -> None:
    torn = jbd_message(0x03, bytes(20))[:-8]  # the reply that follows completes it, and does not fit it
    framer = framer_of(BARE)
    assert ids(framer, torn + ONE + TWO) == [0x03, 0x04]


def test_a_wrong_check_is_counted_as_one_bad_message() -> None:
    bad = bytearray(ONE)
    bad[5] ^= 1
    framer = framer_of(BARE)
    assert ids(framer, bytes(bad) + TWO) == [0x04]
    assert framer.counts()["lost/bad_checksum"] == 1
    assert framer.counts()["garbage_bytes"] == len(bad)


def test_echoes_of_requests_are_skipped() -> None:
    framer = framer_of(BARE)
    assert ids(framer, bytes.fromhex("DDA50300FFFD77"), ONE, bytes.fromhex("DD5AE1020000FF1D77")) == [0x03]
    assert framer.counts()["echoes"] == 2
    assert framer.counts()["garbage_bytes"] == 0


def test_a_refusal_is_counted_and_gives_no_frame() -> None:
    framer = framer_of(BARE)
    assert ids(framer, jbd_message(0x05, b"", status=0x80), ONE) == [0x03]
    assert framer.counts()["lost/error_reply"] == 1


def test_a_status_that_means_nothing_begins_no_message() -> None:
    framer = framer_of(BARE)
    assert ids(framer, b"\xdd\x03\x01\xff" + ONE) == [0x03]
    assert framer.counts()["garbage_bytes"] == 4


def test_an_empty_reply_has_a_check_of_zero() -> None:
    assert ids(framer_of(BARE), bytes.fromhex("DDE10000000077")) == [0xE1]


def test_what_is_unfinished_at_the_end_is_searched_for_messages() -> None:
    framer = framer_of(BARE)
    assert ids(framer, FALSE_BEGINNING, ONE, finish=True) == [0x03]
    assert framer.counts()["garbage_bytes"] == len(FALSE_BEGINNING)


def test_reset_forgets_what_is_unfinished_and_counts_it() -> None:
    framer = framer_of(BARE)
    assert ids(framer, ONE[:-1]) == []
    framer.reset()
    assert ids(framer, ONE[-1:], ONE) == [0x03]
    assert framer.counts()["garbage_bytes"] == len(ONE)


def test_a_batch_without_room_takes_nothing() -> None:
    framer = framer_of(BARE)
    frames = FrameBatch(1)
    needed = framer.room_needed(2 * len(ONE))
    assert needed >= 2
    with pytest.raises(IndexError, match=f"no room for {needed} messages"):
        framer.feed(ONE + ONE, 1, frames)
    assert framer.counts()["messages"] == 0


def test_a_reply_too_short_for_its_kind_is_counted() -> None:
    framer = framer_of(BARE)
    assert ids(framer, jbd_message(0x06, b""), ONE) == [0x03]
    assert framer.counts()["lost/bad_length"] == 1


def test_the_echo_of_a_request_that_was_sent_is_no_message_and_a_reply_alike_is_one() -> None:
    framer, frames = framer_of(BARE), FrameBatch(10)
    framer.sent(ONE, frames)
    framer.feed(ONE + ONE, 1, frames)
    assert len(frames) == 1
    assert framer.counts()["echoes"] == 1


def test_messages_of_one_feed_are_stamped_a_byte_apart_where_that_is_asked_for() -> None:
    frames = feed_pieces(MessageFramer(BARE, lambda _: 0, byte_ns=10), [ONE + TWO + b"\x00"])
    fed = len(ONE + TWO) + 1
    assert [frame.time_ns for frame in frames] == [fed - 10 * (len(TWO) + 1), fed - 10]


def test_a_pause_ends_what_has_begun() -> None:
    framing = Framing(BARE.shapes, Replies, silence_ns=100)
    frames, framer = FrameBatch(10), framer_of(framing)
    framer.feed(FALSE_BEGINNING + ONE, 0, frames)
    framer.feed(b"\x00", 100, frames)
    assert len(frames) == 0
    framer.feed(TWO, 201, frames)
    assert [frame.id for frame in frames] == [0x03, 0x04]


def test_fill_bytes_between_messages_are_counted_apart() -> None:
    framer = framer_of(Framing(BARE.shapes, Replies, padding=b"\xfe"))
    assert ids(framer, b"\xfe\xfe" + ONE + b"\xfe\x01") == [0x03]
    assert (framer.counts()["padding_bytes"], framer.counts()["garbage_bytes"]) == (3, 1)


def test_a_device_may_name_itself_and_is_forgotten() -> None:
    framer = framer_of(BARE)
    feed_pieces(framer, [jbd_message(0x05, b" A\x01B \x00C")])
    assert framer.identity() == {"name": "A B"}
    framer.forget_identity()
    assert framer.identity() == {}


class Parts(PortReader):
    """Numbered parts that are one thing once another message comes, a request, or nothing more."""

    def __init__(self) -> None:
        super().__init__()
        self.held = b""

    def read(self, message: bytes) -> Sequence[Heard] | Skipped:
        if message[2] == 0:
            return (*self.end(), Heard(2, message[3:4], message[1]))
        self.held += message[3:4]
        return Skipped.HELD

    def end(self) -> Sequence[Heard]:
        held, self.held = self.held, b""
        return (Heard(1, held),) if held else ()


PARTS = Framing(
    (Shape(literal(b"\xa5"), fixed(5), sum_8(), shortest=5, longest=5),), Parts, frames_per_message=2
)


def part(address: int, kind: int, value: int) -> bytes:
    body = bytes((0xA5, address, kind, value))
    return body + bytes((sum(body) & 0xFF,))


def test_a_reader_may_hold_parts_back_until_another_message_comes_or_none() -> None:
    framer = framer_of(PARTS)
    frames = feed_pieces(framer, [part(0, 1, 7), part(0, 1, 8), part(0, 0, 9), part(0, 1, 6)])
    assert [(frame.id, frame.data) for frame in frames] == [(1, b"\x07\x08"), (2, b"\x09"), (1, b"\x06")]
    assert framer.counts()["messages"] == 4


def test_what_is_held_back_comes_with_the_next_request_at_the_time_of_its_own_last_byte() -> None:
    framer, frames = framer_of(PARTS), FrameBatch(10)
    framer.feed(part(0, 1, 7), 5, frames)
    framer.feed(b"\x00", 6, frames)
    framer.sent(b"ask", frames)
    assert [(frame.time_ns, frame.data) for frame in frames] == [(5, b"\x07")]


def test_requests_do_not_wait_without_end_after_a_stray_beginning() -> None:
    asked: list[bytes] = []

    class Asked(Replies):
        def sent(self, request: bytes) -> Sequence[Heard]:
            asked.append(request)
            return ()

    framer, frames = framer_of(replace(BARE, make_reader=Asked)), FrameBatch(10)
    framer.feed(FALSE_BEGINNING, 0, frames)
    requests = [b"ask %d" % number for number in range(1000)]
    for request in requests:
        framer.sent(request, frames)
    assert asked == requests[: len(asked)]
    assert len(requests) - len(asked) < 100
    framer.finish(frames)
    assert asked == requests


def test_devices_of_one_line_have_channels_of_their_own_and_others_are_counted() -> None:
    framer = MessageFramer(PARTS, {NO_ADDRESS: 0, 1: 4, 2: 5}.get)
    frames = feed_pieces(framer, [part(2, 0, 7), part(1, 0, 8), part(3, 0, 9)])
    assert [(frame.channel, frame.data) for frame in frames] == [(5, b"\x07"), (4, b"\x08")]
    assert framer.counts()["other_messages"] == 1


def test_a_shape_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="has a start"):
        Shape((), fixed(5), sum_8(), shortest=5, longest=5)
    for shortest in (0, 6):
        with pytest.raises(ValueError, match="at most its longest"):
            Shape(literal(b"A"), fixed(5), sum_8(), shortest=shortest, longest=5)


def test_devices_may_be_taken_for_one_another_only_if_both_have_binary_messages_that_begin_alike() -> None:
    other, text = Framing((shape(b"\xa5"),), Replies), object()
    assert has_messages_like(BARE, Framing((shape(b"\xa5"), *BARE.shapes[:1]), Replies))
    assert not any(
        has_messages_like(*pair) for pair in ((BARE, other), (BARE, text), (text, BARE), (text, text))
    )


@pytest.mark.parametrize(
    ("start", "found"),
    [
        ((b"\xa5", ANY, b"\x10", b"\x16"), (b"\x10\x16", 2)),
        ((b"\xdd", ANY, b"\x00", b"\x00\x80"), (b"\xdd", 0)),
        ((b"\x01\x02", b"\x00", b"\x00", b"\x00", b"\x10"), (b"\x00\x00\x00\x10", 1)),
        ((b"\x10", b"\x01\x02", b"\x00", b"\x00"), (b"\x10", 0)),
        ((b"77", b"\x01\x02"), (b"7", 0)),
        ((ANY, b"\x03\x04"), (b"", 0)),
    ],
)
def test_the_longest_literal_of_a_start_has_the_most_bytes_that_are_not_zero(
    start: Sequence[bytes], found: tuple[bytes, int]
) -> None:
    assert longest_literal(start) == found
