"""Binary messages in a stream of bytes: what is found, what is counted, and with which stamp."""

import pytest
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.serial.framer import MessageFramer
from telemetry_core.serial.framing import Check, MessageFraming, ReplyShape

from tests.support.framing import feed_pieces, jbd_message

BARE = MessageFraming(
    start=0xDD,
    kind_at=1,
    status_at=2,
    length_at=3,
    data_at=4,
    check=Check.NEGATED_SUM_16,
    check_from=2,
    end=0x77,
    good_status=0x00,
    error_status=0x80,
    request_kinds=(0xA5, 0x5A),
)
SHAPED = MessageFraming(
    **{name: getattr(BARE, name) for name in BARE.__dataclass_fields__ if name != "replies"},
    replies=(ReplyShape(0x03, ahead=((3, 1), (0, 2)), count_at=2, head_bytes=4, item_bytes=2),),
)
ONE = jbd_message(0x03, b"\x01\x02\x03")
TWO = jbd_message(0x04, b"\xdd\x77\xdd\x00")  # start and end may stand in the data
FALSE_BEGINNING = bytes((0xDD, 0x03, 0x00, 0xFF))


def ids(framer: MessageFramer, *pieces: bytes, finish: bool = False) -> list[int]:
    return [frame.id for frame in feed_pieces(framer, pieces, finish=finish)]


def test_a_message_is_a_frame_of_its_kind_with_its_data() -> None:
    framer = MessageFramer(BARE, channel=5)
    (frame,) = feed_pieces(framer, [ONE])
    assert (frame.id, frame.data, frame.channel, frame.flags) == (0x03, b"\x01\x02\x03", 5, 0)
    assert framer.counts() == {
        "messages": 1,
        "lost/bad_checksum": 0,
        "lost/bad_length": 0,
        "lost/error_reply": 0,
        "echoes": 0,
        "garbage_bytes": 0,
    }


@pytest.mark.parametrize("length", [0, 1, 64, 65, 255])
def test_data_of_any_length_is_handed_on(length: int) -> None:
    data = bytes(range(length))
    assert [frame.data for frame in feed_pieces(MessageFramer(BARE), [jbd_message(0x03, data)])] == [data]


def test_the_stamp_is_that_of_the_piece_with_the_last_byte() -> None:
    frames = FrameBatch(10)
    framer = MessageFramer(BARE)
    framer.feed(ONE[:-1], 100, frames)
    assert len(frames) == 0
    framer.feed(ONE[-1:] + TWO + ONE[:2], 200, frames)
    framer.feed(ONE[2:], 300, frames)
    assert [frame.time_ns for frame in frames] == [200, 200, 300]


def test_a_message_that_is_found_late_has_the_stamp_of_its_own_last_byte() -> None:
    frames = FrameBatch(100)
    framer = MessageFramer(BARE)
    framer.feed(FALSE_BEGINNING, 100, frames)
    framer.feed(ONE, 200, frames)
    assert len(frames) == 0
    framer.feed(TWO, 300, frames)
    assert [(frame.id, frame.time_ns) for frame in frames] == [(0x03, 200), (0x04, 300)]


def test_one_message_within_what_another_claims_is_its_data() -> None:
    framer = MessageFramer(BARE)
    assert ids(framer, jbd_message(0x07, ONE)) == [0x07]
    assert framer.counts()["garbage_bytes"] == 0


def test_a_beginning_is_given_up_when_two_messages_stand_within_what_it_claims() -> None:
    framer = MessageFramer(BARE)
    assert ids(framer, FALSE_BEGINNING, ONE) == []
    assert ids(framer, b"\x00\x77", TWO) == [0x03, 0x04]
    assert framer.counts()["garbage_bytes"] == len(FALSE_BEGINNING) + 2


def test_nothing_is_thrown_away_but_the_first_byte_of_a_bad_message() -> None:
    torn = jbd_message(0x03, bytes(20))[:-8]  # the reply that follows completes it, and does not fit it
    framer = MessageFramer(BARE)
    assert ids(framer, torn + ONE + TWO) == [0x03, 0x04]


def test_a_wrong_check_is_counted_as_one_bad_message() -> None:
    bad = bytearray(ONE)
    bad[5] ^= 1
    framer = MessageFramer(BARE)
    assert ids(framer, bytes(bad) + TWO) == [0x04]
    assert framer.counts()["lost/bad_checksum"] == 1
    assert framer.counts()["garbage_bytes"] == len(bad)


def test_echoes_of_requests_are_skipped() -> None:
    framer = MessageFramer(BARE)
    assert ids(framer, bytes.fromhex("DDA50300FFFD77"), ONE, bytes.fromhex("DD5AE1020000FF1D77")) == [0x03]
    assert framer.counts()["echoes"] == 2
    assert framer.counts()["garbage_bytes"] == 0


def test_a_refusal_is_counted_and_gives_no_frame() -> None:
    framer = MessageFramer(BARE)
    assert ids(framer, jbd_message(0x05, b"", status=0x80), ONE) == [0x03]
    assert framer.counts()["lost/error_reply"] == 1


def test_a_status_that_means_nothing_begins_no_message() -> None:
    framer = MessageFramer(BARE)
    assert ids(framer, b"\xdd\x03\x01\xff" + ONE) == [0x03]
    assert framer.counts()["garbage_bytes"] == 4


def test_an_empty_reply_has_a_check_of_zero() -> None:
    assert ids(MessageFramer(BARE), bytes.fromhex("DDE10000000077")) == [0xE1]


def test_what_is_unfinished_at_the_end_is_searched_for_messages() -> None:
    framer = MessageFramer(BARE)
    assert ids(framer, FALSE_BEGINNING, ONE, finish=True) == [0x03]
    assert framer.room_needed(0) == 0
    assert framer.counts()["garbage_bytes"] == len(FALSE_BEGINNING)


def test_reset_forgets_what_is_unfinished_and_counts_it() -> None:
    framer = MessageFramer(BARE)
    assert ids(framer, ONE[:-1]) == []
    framer.reset()
    assert ids(framer, ONE[-1:], ONE) == [0x03]
    assert framer.counts()["garbage_bytes"] == len(ONE)


def test_a_batch_without_room_takes_nothing() -> None:
    framer = MessageFramer(BARE)
    frames = FrameBatch(1)
    needed = framer.room_needed(2 * len(ONE))
    assert needed >= 2
    with pytest.raises(IndexError, match=f"no room for {needed} messages"):
        framer.feed(ONE + ONE, 1, frames)
    assert framer.counts()["messages"] == 0
    assert framer.room_needed(0) == 0


def test_what_follows_the_last_item_that_the_data_count_is_left_out() -> None:
    data = bytes((0xA1, 0xA2, 2, 0xA3, 1, 2, 3, 4, 0xEE, 0xEE))
    (frame,) = feed_pieces(MessageFramer(SHAPED), [jbd_message(0x03, data)])
    assert frame.data == bytes((0xA3, 0xA1, 0xA2)) + data[:8]


def test_items_that_are_counted_and_do_not_come_are_missing() -> None:
    data = bytes((0xA1, 0xA2, 9, 0xA3, 1, 2))
    (frame,) = feed_pieces(MessageFramer(SHAPED), [jbd_message(0x03, data)])
    assert frame.data == bytes((0xA3, 0xA1, 0xA2)) + data


def test_a_reply_too_short_for_its_kind_is_counted() -> None:
    framer = MessageFramer(SHAPED)
    assert ids(framer, jbd_message(0x03, b"\x01\x02\x00")) == []
    assert framer.counts()["lost/bad_length"] == 1


def test_a_framing_that_makes_no_sense_is_refused() -> None:
    values = {name: getattr(BARE, name) for name in BARE.__dataclass_fields__}
    with pytest.raises(ValueError, match="between the start and the data"):
        MessageFramer(MessageFraming(**{**values, "length_at": 4}))
    with pytest.raises(ValueError, match="at most"):
        MessageFramer(MessageFraming(**{**values, "data_at": 400}))
