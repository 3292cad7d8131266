"""Forms that begin alike, on one line: which is taken, what is given up, and the readable model's answer."""

import random
from collections.abc import Sequence

import pytest
from telemetry_core.frames.batch import FrameBatch

from telemetry.framing.checks import sum_8
from telemetry.framing.framer import MessageFramer
from telemetry.framing.framing import ANY, Framing, Heard, PortReader, Shape, literal
from telemetry.framing.lengths import field, fixed
from tests.support.framer_models import MessageModel
from tests.support.framing import feed_pieces, pieces_of


class Whole(PortReader):
    """Hands messages on as they are."""

    def read(self, message: bytes) -> Sequence[Heard]:
        return (Heard(message[0], message),)


LONG = Shape((b"A", ANY, b"\x01"), fixed(7), sum_8(), shortest=7, longest=7)
SHORT = Shape(literal(b"A"), fixed(4), sum_8(), shortest=4, longest=4)
COUNTED = Shape(literal(b"~"), field(1, 4), sum_8(), end=b"\r", shortest=5, longest=20)
OTHER = Shape(literal(b"B"), fixed(3), sum_8(), shortest=3, longest=3)
FORMS = Framing((LONG, SHORT, COUNTED, OTHER), Whole, padding=b"\xfe")


def summed(*body: int) -> bytes:
    return bytes(body) + bytes((sum(body) & 0xFF,))


def counted(*data: int) -> bytes:
    return summed(ord("~"), len(data), *data) + b"\r"


def found(framing: Framing, *pieces: bytes, finish: bool = True) -> list[bytes]:
    return [frame.data for frame in feed_pieces(MessageFramer(framing, lambda _: 0), pieces, finish=finish)]


def test_of_two_good_messages_at_one_place_the_shorter_is_taken_in_whatever_order_they_are_named() -> None:
    short = summed(ord("A"), 3, 1)
    both = summed(*short, 5, 6)  # its first four bytes are a good message too
    assert len(both) == 7
    for shapes in ((LONG, SHORT), (SHORT, LONG)):
        assert found(Framing(shapes, Whole), both) == [short]


def test_a_message_is_not_measured_by_a_form_that_begins_otherwise() -> None:
    message = summed(*summed(ord("A"), 3))  # its first three bytes would be a good message of the other form
    assert found(Framing((SHORT, OTHER), Whole), message) == [message]


def test_a_claim_beyond_the_longest_message_is_given_up_at_once() -> None:
    after = summed(ord("B"), 2)
    assert found(FORMS, b"~\x11" + after, finish=False) == [after]
    assert found(FORMS, b"~\x10" + after, finish=False) == []  # 20 bytes: it may come yet


def test_the_longest_and_the_shortest_message_are_messages() -> None:
    longest, shortest = counted(*range(16)), counted(9)
    assert (len(longest), len(shortest)) == (20, 5)
    assert found(FORMS, longest + shortest + counted()) == [longest, shortest]


def test_the_last_message_of_a_feed_may_end_in_the_next() -> None:
    one, two = counted(1, 2, 3), counted(4, 5, 6)
    assert found(FORMS, one + two[:-1], two[-1:], finish=False) == [one, two]


def test_garbage_and_a_claim_that_is_given_up_are_no_bad_messages() -> None:
    framer = MessageFramer(FORMS, lambda _: 0)
    assert len(feed_pieces(framer, [b"zz~\x10" + summed(ord("B"), 1) + summed(ord("B"), 2)])) == 2
    assert framer.counts()["lost/bad_checksum"] == 0
    assert framer.counts()["garbage_bytes"] == 4


@pytest.mark.parametrize("seed", range(8))
def test_what_is_found_in_many_streams_is_what_the_readable_model_finds(seed: int) -> None:
    numbers = random.Random(seed)
    whole = [summed(ord("A"), 2, 1), summed(ord("A"), 1, 1, 3, 4, 5), counted(1), counted(*range(9))]
    whole += [summed(ord("B"), 7), counted(*summed(ord("B"), 7), *summed(ord("A"), 2, 1))]
    parts = [*whole, *(one[:-1] for one in whole), *(bytes((letter,)) for letter in b"AB~\x00\x01\x0a\r\xfe")]
    for _ in range(60):
        stream = b"".join(numbers.choices(parts, k=numbers.randint(1, 12)))
        pieces = pieces_of(stream, numbers.choices(range(200), k=numbers.randint(0, 8)))
        framer, model = MessageFramer(FORMS, lambda _: 0), MessageModel(FORMS, stream)
        frames = feed_pieces(framer, pieces)
        assert [frame.data for frame in frames] == [data for _, data, _ in model.found]
        assert framer.counts() == {name: model.counts[name] for name in framer.counts()}


def test_room_is_needed_for_the_shortest_messages_that_the_bytes_may_hold() -> None:
    framer = MessageFramer(FORMS, lambda _: 0)
    assert framer.room_needed(30) == 11  # ten of three bytes, and one held back
    parts = MessageFramer(Framing((OTHER,), Whole, frames_per_message=2), lambda _: 0)
    assert parts.room_needed(6) == 6


def test_a_batch_with_just_the_room_that_is_needed_takes_the_bytes_and_one_with_less_does_not() -> None:
    framer, message = MessageFramer(Framing((OTHER,), Whole), lambda _: 0), summed(ord("B"), 1)
    frames = FrameBatch(3)
    framer.feed(message, 1, frames)
    framer.feed(message, 2, frames)
    assert len(frames) == 2
    with pytest.raises(IndexError, match="no room for 2 messages"):
        framer.feed(message, 3, frames)
    assert len(frames) == 2


def test_the_end_needs_room_for_what_the_kept_bytes_may_hold() -> None:
    framer, full = MessageFramer(FORMS, lambda _: 0), FrameBatch(1)
    framer.feed(b"", 1, full)
    feed_pieces(framer, [b"~\x10" + summed(ord("B"), 1)], finish=False)
    with pytest.raises(IndexError, match="no room for 2 messages"):
        framer.finish(full)
    frames = FrameBatch(2)
    framer.finish(frames)
    assert [frame.data for frame in frames] == [summed(ord("B"), 1)]


def test_after_a_reset_a_message_has_the_time_of_its_own_bytes() -> None:
    framer, frames = MessageFramer(FORMS, lambda _: 0), FrameBatch(20)
    framer.feed(counted(1, 2, 3)[:-1], 100, frames)
    framer.reset()
    framer.feed(counted(1), 200, frames)
    assert [frame.time_ns for frame in frames] == [200]


class ByRequest(PortReader):
    """Hands messages on after the request before them."""

    request = b""

    def sent(self, request: bytes) -> Sequence[Heard]:
        self.request = request
        return ()

    def read(self, message: bytes) -> Sequence[Heard]:
        return (Heard(0, self.request + message),)


def test_a_request_keeps_its_place_while_beginnings_before_it_are_given_up_one_by_one() -> None:
    framer, frames = MessageFramer(Framing(FORMS.shapes, ByRequest), lambda _: 0), FrameBatch(20)
    framer.feed(b"AAA", 1, frames)
    framer.sent(b"?", frames)
    answer = summed(ord("B"), 2)
    for byte in answer:  # with each, one more of the three has a wrong check
        framer.feed(bytes((byte,)), 2, frames)
    assert [frame.data for frame in frames] == [b"?" + answer]


def test_a_request_that_waited_when_the_port_was_opened_again_was_to_nobody() -> None:
    framer, frames = MessageFramer(Framing(FORMS.shapes, ByRequest), lambda _: 0), FrameBatch(20)
    framer.feed(b"A", 1, frames)
    framer.sent(b"?", frames)
    framer.reset()
    answer = summed(ord("B"), 2)
    framer.feed(answer + answer, 2, frames)
    assert [frame.data for frame in frames] == [answer, answer]


def test_a_message_that_a_pause_sets_free_comes_before_those_after_the_pause() -> None:
    framer, frames = MessageFramer(Framing(FORMS.shapes, Whole, silence_ns=100), lambda _: 0), FrameBatch(20)
    held = summed(ord("B"), 1)
    framer.feed(b"~\x10" + held, 1_000, frames)
    framer.feed(b"\x00", 1_100, frames)  # a pause as long as may be
    assert len(frames) == 0
    framer.feed(b"z", 1_201, frames)
    assert [(frame.time_ns, frame.data) for frame in frames] == [(1_000, held)]


def test_a_device_that_says_nothing_of_itself_any_more_has_no_name() -> None:
    reader = PortReader()
    reader.identify("name", b"JK-B2A24S")
    reader.identify("name", b" \x00old")
    assert reader.identity == {}
