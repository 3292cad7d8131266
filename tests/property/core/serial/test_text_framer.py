"""Any bytes in any pieces: the framer of blocks finds what its readable model finds, also after garbage."""

from collections.abc import Callable

from hypothesis import example, given, settings
from hypothesis import strategies as st
from telemetry_core.serial.framing import TextFraming

from telemetry.protocols.serial.vedirect import VEDIRECT
from tests.support.examples import examples
from tests.support.framer_models import TextModel
from tests.support.framing import feed_pieces, pieces_of, vedirect_block

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
@given(stream=st.one_of(text_streams(), st.binary(max_size=600), streams_with_endless_blocks), cuts=cuts)
def test_blocks_are_those_of_the_model_however_the_bytes_are_cut(stream: bytes, cuts: list[int]) -> None:
    assert isinstance(VEDIRECT.framing, TextFraming)
    model = TextModel(VEDIRECT.framing, stream)
    framer = VEDIRECT.make_framer(3)
    frames = feed_pieces(framer, pieces_of(stream, cuts))
    assert [(frame.id, frame.data) for frame in frames] == [found[:2] for found in model.found]
    counts = framer.counts()
    assert counts == {name: model.counts[name] for name in counts}


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


@settings(deadline=None, max_examples=examples(20))
@given(stream=st.binary(min_size=1, max_size=50))
def test_what_is_kept_is_bounded_whatever_comes(stream: bytes) -> None:
    framer = VEDIRECT.make_framer()
    feed_pieces(framer, [stream * 200], finish=False, capacity=100_000)
    assert framer.room_needed(0) < 200
