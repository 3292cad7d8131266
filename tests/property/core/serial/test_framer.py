"""Any bytes in any pieces: both framers find what their readable models find, and come back after garbage."""

from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from telemetry_core.serial.framing import MessageFraming, TextFraming

from telemetry.protocols.serial.jbd import JBD, request
from telemetry.protocols.serial.vedirect import VEDIRECT
from tests.support.examples import examples
from tests.support.framer_models import MessageModel, TextModel
from tests.support.framing import feed_pieces, jbd_message, pieces_of, vedirect_block

BASIC_DATA = bytes.fromhex("19DFF8240DA50FA00002249100000000000012570311040B980BA90B960B97")

jbd_messages = st.one_of(
    st.builds(jbd_message, st.integers(0, 255), st.binary(max_size=80), st.sampled_from((0x00, 0x80))),
    st.builds(lambda tail: jbd_message(0x03, BASIC_DATA + tail), st.binary(max_size=8)),
    st.sampled_from([request(register) for register in (3, 4, 5)]),
)
# Garbage that looks like the beginning of a message, of any claimed length.
jbd_beginnings = st.builds(
    lambda kind, status, length: bytes((0xDD, kind, status, length)),
    st.integers(0, 255),
    st.sampled_from((0x00, 0x80, 0x01)),
    st.integers(0, 255),
)
jbd_streams = st.lists(
    st.one_of(jbd_messages, jbd_beginnings, st.binary(max_size=12), st.sampled_from((b"\xdd", b"\x77"))),
    max_size=12,
).map(b"".join)

names = [label.name for label in VEDIRECT.framing.labels] if isinstance(VEDIRECT.framing, TextFraming) else []
texts = st.text("0123456789-+ONFfonx", max_size=12)
fields = st.lists(
    st.tuples(st.sampled_from([*names, "NEW", "checksum", "ALongLabelOfMoreThanSixteen"]), texts), max_size=6
)
blocks = fields.map(vedirect_block)
hex_messages = st.sampled_from((b":7D5ED00C40ABE\n", b":A0102\xfe", b":", b":\n", b":70010003E"))
parts_of_blocks = st.sampled_from((b"\r\n", b"Checksum\t", b"\r\nV\t1"))
text_pieces = st.one_of(blocks, hex_messages, parts_of_blocks, st.binary(max_size=8))


@st.composite
def text_streams(draw: st.DrawFn) -> bytes:
    stream = b"".join(draw(st.lists(text_pieces, max_size=8)))
    at = draw(st.integers(0, len(stream)))
    return stream[:at] + draw(st.one_of(st.just(b""), hex_messages)) + stream[at:]


# A block without an end, of about as many bytes as one may have: that bound is reached in what follows.
longest = VEDIRECT.framing.longest_block_bytes if isinstance(VEDIRECT.framing, TextFraming) else 0
endless_blocks = st.builds(
    lambda begin, field, length: begin + (b"\r\n" + field * longest)[:length],
    st.one_of(st.just(b""), text_streams()),
    st.sampled_from((b"V\t1\r\n", b"Checksu", b"C\r\n", b"V\tChecksum\t")),
    st.integers(longest - 60, longest + 60),
)
streams_with_endless_blocks = st.builds(bytes.__add__, endless_blocks, text_streams())

cuts = st.lists(st.integers(0, 3000), max_size=20)


@settings(deadline=None)
@given(stream=st.one_of(jbd_streams, st.binary(max_size=600)), cuts=cuts)
def test_messages_are_those_of_the_model_however_the_bytes_are_cut(stream: bytes, cuts: list[int]) -> None:
    assert isinstance(JBD.framing, MessageFraming)
    model = MessageModel(JBD.framing, stream)
    framer = JBD.make_framer(7)
    pieces = pieces_of(stream, cuts)
    frames = feed_pieces(framer, pieces)
    ends = [sum(map(len, pieces[: number + 1])) for number in range(len(pieces))]
    assert [
        (frame.id, frame.data, min(end for end in ends if end > last))
        for frame, (_, _, last) in zip(frames, model.found, strict=True)
    ] == [(id, data, frame.time_ns) for frame, (id, data, _) in zip(frames, model.found, strict=True)]
    counts = framer.counts()
    assert counts == {name: model.counts[name] for name in counts}
    assert all(frame.channel == 7 for frame in frames)


@settings(deadline=None)
@given(stream=st.one_of(text_streams(), st.binary(max_size=600), streams_with_endless_blocks), cuts=cuts)
def test_blocks_are_those_of_the_model_however_the_bytes_are_cut(stream: bytes, cuts: list[int]) -> None:
    assert isinstance(VEDIRECT.framing, TextFraming)
    model = TextModel(VEDIRECT.framing, stream)
    framer = VEDIRECT.make_framer(3)
    frames = feed_pieces(framer, pieces_of(stream, cuts))
    assert [(frame.id, frame.data) for frame in frames] == [found[:2] for found in model.found]
    counts = framer.counts()
    assert counts == {name: model.counts[name] for name in counts}


@settings(deadline=None)
@given(garbage=st.one_of(st.binary(max_size=300), jbd_beginnings), spoilt=st.integers(0, 255))
def test_after_any_garbage_both_messages_have_come_when_the_second_is_whole(
    garbage: bytes, spoilt: int
) -> None:
    good = [jbd_message(0x03, BASIC_DATA), jbd_message(0x04, bytes.fromhex("0CE40CE50CE6"))]
    framer = JBD.make_framer()
    frames = feed_pieces(framer, [garbage + bytes((spoilt,)), *good], finish=False)
    assert [frame.id for frame in frames][-2:] == [3, 4]


def in_label_of_checksum(test: Callable[..., None]) -> Callable[..., None]:
    """Examples of garbage with which the bound is reached within the word of the first good block."""
    for length in range(longest - 36, longest - 20):
        test = example(garbage=(b"\r\nV\t1" * longest)[:length], cuts=[])(test)
    return test


@settings(deadline=None)
@given(garbage=st.one_of(st.binary(max_size=300), text_streams(), endless_blocks), cuts=cuts)
@in_label_of_checksum
def test_after_any_garbage_the_second_block_has_come(garbage: bytes, cuts: list[int]) -> None:
    good = [vedirect_block({"PID": "0xA053", "V": str(13_000 + number)}) for number in range(3)]
    pieces = pieces_of(garbage + b"".join(good), cuts)
    frames = feed_pieces(VEDIRECT.make_framer(), pieces, finish=False)
    expected = feed_pieces(VEDIRECT.make_framer(), good[1:], finish=False)
    assert [frame.data for frame in frames][-2:] == [frame.data for frame in expected]


@settings(deadline=None)
@given(number=st.integers(0, 4), at=st.integers(0, 38), byte=st.integers(0, 255))
def test_one_damaged_message_costs_no_other(number: int, at: int, byte: int) -> None:
    good = [jbd_message(0x03, BASIC_DATA + bytes((n,))) for n in range(5)]
    damaged = bytearray(good[number])
    damaged[at] = byte
    frames = feed_pieces(JBD.make_framer(), [*good[:number], bytes(damaged), *good[number + 1 :]])
    others = [frame.time_ns for frame in frames if frame.time_ns != (number + 1) * len(damaged)]
    assert others == [(n + 1) * len(damaged) for n in range(5) if n != number]


@pytest.mark.parametrize("protocol", [JBD, VEDIRECT], ids=lambda protocol: protocol.name)
@settings(deadline=None, max_examples=examples(20))
@given(stream=st.binary(min_size=1, max_size=50))
def test_what_is_kept_is_bounded_whatever_comes(protocol, stream: bytes) -> None:  # type: ignore[no-untyped-def]
    framer = protocol.make_framer()
    feed_pieces(framer, [stream * 200], finish=False, capacity=100_000)
    assert framer.room_needed(0) < 200
