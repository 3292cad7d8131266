"""Any bytes in any pieces: the framer finds what its readable model finds, and comes back after garbage."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.serial.crc import crc_16_modbus

from telemetry.framing.checks import crc_16, negated_sum_16_of_ascii, sum_8, sum_16
from telemetry.framing.framer import MessageFramer
from telemetry.framing.framing import ANY, Framing, Heard, PortReader, Shape, literal
from telemetry.framing.lengths import NONE, UNKNOWN, field, fixed
from telemetry.protocols.serial.jbd import JBD
from tests.support.framer_models import MessageModel
from tests.support.framing import feed_pieces, jbd_message, pieces_of

BASIC_DATA = bytes.fromhex("19DFF8240DA50FA00002249100000000000012570311040B980BA90B960B97")

# Garbage that looks like the beginning of a message, of any claimed length.
jbd_beginnings = st.builds(
    lambda kind, status, length: bytes((0xDD, kind, status, length)),
    st.integers(0, 255),
    st.sampled_from((0x00, 0x80, 0x01)),
    st.integers(0, 255),
)


def to_its_end(data: bytes, at: int) -> int:
    """Up to the first CR, of at most 40 bytes."""
    end = data.find(b"\r", at, at + 40)
    if end >= 0:
        return end + 1 - at
    return UNKNOWN if len(data) - at < 40 else NONE


# Made up: forms of every kind on one line, two of which begin alike.
MIXED = Framing(
    shapes=(
        Shape(start=(b"\xa5", ANY, b"\x01\x02"), length=fixed(6), check=sum_8(), shortest=6, longest=6),
        Shape(
            start=literal(b"~"),
            length=to_its_end,
            check=negated_sum_16_of_ascii(first=1),
            end=b"\r",
            shortest=6,
            longest=40,
        ),
        Shape(
            start=(bytes(range(1, 4)), b"\x03"), length=field(2, 5), check=crc_16(), shortest=5, longest=60
        ),
        Shape(start=(bytes(range(1, 4)), b"\x83"), length=fixed(5), check=crc_16(), shortest=5, longest=5),
        Shape(start=(bytes(range(1, 4)), b"\x03"), length=fixed(8), check=crc_16(), shortest=8, longest=8),
        Shape(
            start=literal(b"NW"),
            length=field(2, 2, size=2),
            check=sum_16(),
            shortest=6,
            longest=300,
        ),
    ),
    make_reader=lambda: Whole(),
    padding=b"\x00\xfe",
)


class Whole(PortReader):
    """Hands messages on as they are."""

    def read(self, message: bytes) -> Sequence[Heard]:
        return (Heard(message[0], message),)


def with_sum_8(data: bytes) -> bytes:
    return data + bytes((sum(data) & 0xFF,))


def with_sum_16(data: bytes) -> bytes:
    body = b"NW" + (len(data) + 4).to_bytes(2, "big") + data
    return body + (sum(body) & 0xFFFF).to_bytes(2, "big")


def with_crc(data: bytes) -> bytes:
    return data + crc_16_modbus(data).to_bytes(2, "little")


def as_text(letters: bytes) -> bytes:
    return b"~" + letters + b"%04X\r" % (-sum(letters) & 0xFFFF)


mixed_messages = st.one_of(
    st.builds(
        lambda kind, data: with_sum_8(bytes((0xA5, data[0], kind)) + data[1:]),
        st.sampled_from((1, 2)),
        st.binary(min_size=3, max_size=3),
    ),
    st.binary(max_size=30).map(lambda data: as_text(data.hex().upper().encode())),
    st.binary(max_size=50).map(lambda data: with_crc(bytes((2, 3, len(data))) + data)),
    st.binary(min_size=4, max_size=4).map(lambda data: with_crc(b"\x01\x03" + data)),
    st.integers(0, 255).map(lambda code: with_crc(bytes((3, 0x83, code)))),
)
nested = st.lists(mixed_messages, max_size=3).map(lambda inner: with_sum_16(b"".join(inner)))
mixed_streams = st.lists(
    st.one_of(
        mixed_messages, nested, st.binary(max_size=12), st.sampled_from((b"NW\x01\x20", b"\xa5", b"\x00\xfe"))
    ),
    max_size=12,
).map(b"".join)

cuts = st.lists(st.integers(0, 3000), max_size=20)
# Bytes that come, then a request, if any, and whether an adapter echoes it.
exchanges = st.lists(
    st.tuples(
        st.one_of(
            mixed_messages, nested, st.binary(max_size=8), st.integers(1, 5).map(b"\x01\x03\x08".__mul__)
        ),
        st.one_of(st.none(), mixed_messages),
        st.booleans(),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(stream=st.one_of(mixed_streams, st.binary(max_size=600)), cuts=cuts)
def test_forms_of_every_kind_are_those_of_the_model_however_the_bytes_are_cut(
    stream: bytes, cuts: list[int]
) -> None:
    model = MessageModel(MIXED, stream)
    framer = MessageFramer(MIXED, lambda _: 7)
    pieces = pieces_of(stream, cuts)
    ends = [*accumulate(map(len, pieces))]
    frames = feed_pieces(framer, pieces)
    assert [(frame.id, frame.data, frame.time_ns, frame.channel) for frame in frames] == [
        (id, data, min(end for end in ends if end > last), 7) for id, data, last in model.found
    ]
    counts = framer.counts()
    assert counts == {name: model.counts[name] for name in counts}
    taken = sum(len(frame.data) for frame in frames)
    assert taken + counts["padding_bytes"] + counts["garbage_bytes"] == len(stream)


class ByRequest(PortReader):
    """Hands messages on after the request by which they are read."""

    request = b""

    def sent(self, request: bytes) -> Sequence[Heard]:
        self.request = request
        return ()

    def read(self, message: bytes) -> Sequence[Heard]:
        return (Heard(0, self.request + b"?" + message),)


@settings(deadline=None)
@given(exchanges=exchanges, cuts=cuts)
def test_a_message_is_read_by_the_last_request_before_its_first_byte(
    exchanges: list[tuple[bytes, bytes | None, bool]], cuts: list[int]
) -> None:
    framing = replace(MIXED, make_reader=ByRequest)
    stream, asked = b"", []
    for come, question, is_echoed in exchanges:
        stream += come
        if question is not None:
            asked.append((len(stream), question))
            stream += question if is_echoed else b""
    model = MessageModel(framing, stream, asked)
    framer, frames, fed = MessageFramer(framing, lambda _: 0), FrameBatch(4096), 0
    for end in sorted(
        {len(stream), *(place for place, _ in asked), *(cut % (len(stream) + 1) for cut in cuts)}
    ):
        framer.feed(stream[fed:end], end, frames)
        fed = end
        for question in [each for place, each in asked if place == end]:
            framer.sent(question, frames)
    framer.finish(frames)
    assert [frame.data for frame in frames] == [found[1] for found in model.found]
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


@settings(deadline=None)
@given(number=st.integers(0, 4), at=st.integers(0, 38), byte=st.integers(0, 255))
def test_one_damaged_message_costs_no_other(number: int, at: int, byte: int) -> None:
    good = [jbd_message(0x03, BASIC_DATA + bytes((n,))) for n in range(5)]
    damaged = bytearray(good[number])
    damaged[at] = byte
    frames = feed_pieces(JBD.make_framer(), [*good[:number], bytes(damaged), *good[number + 1 :]])
    others = [frame.time_ns for frame in frames if frame.time_ns != (number + 1) * len(damaged)]
    assert others == [(n + 1) * len(damaged) for n in range(5) if n != number]
