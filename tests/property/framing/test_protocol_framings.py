"""Each protocol's framing, for any bytes in any pieces: what the readable model finds, and no growth."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.framing.framer import MessageFramer
from telemetry.framing.framing import Framing
from telemetry.protocols.known import PROTOCOLS
from tests.support.boards import BOARDS, Board
from tests.support.examples import examples
from tests.support.framer_models import MessageModel
from tests.support.framing import feed_pieces, pieces_of
from tests.unit.protocols.test_boards import BELOW_ZERO, GREATEST, ORDINARY

EACH = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS.keys())
SAID = {
    name: [board.say(each) for each in (ORDINARY, GREATEST, BELOW_ZERO)] for name, board in BOARDS.items()
}


def framing_of(board: Board) -> Framing:
    framing = board.protocol.framing
    assert isinstance(framing, Framing)
    return framing


def streams(board: Board) -> st.SearchStrategy[bytes]:
    said = next(SAID[name] for name, each in BOARDS.items() if each is board)
    requests = [one.to(1) for one in board.protocol.requests]
    broken = st.builds(
        lambda message, begin, length: message[:begin] + message[begin + length :],
        st.sampled_from(said),
        st.integers(0, 300),
        st.integers(1, 300),
    )
    starts = [b"".join(bytes(values[:1]) for values in shape.start) for shape in framing_of(board).shapes]
    pieces = st.one_of(
        st.sampled_from([*said, *requests, *starts]), broken, st.binary(max_size=12), st.binary(max_size=60)
    )
    return st.lists(pieces, max_size=5).map(b"".join)


@EACH
@settings(max_examples=examples(25))
@given(data=st.data(), cuts=st.lists(st.integers(0, 3000), max_size=12))
def test_messages_are_those_of_the_model_however_the_bytes_are_cut(
    board: Board, data: st.DataObject, cuts: list[int]
) -> None:
    stream = data.draw(streams(board))
    model = MessageModel(framing_of(board), stream)
    framer = board.protocol.make_framer()
    assert isinstance(framer, MessageFramer)
    frames = feed_pieces(framer, pieces_of(stream, cuts))
    assert [(frame.id, frame.data) for frame in frames] == [found[:2] for found in model.found]
    counts = framer.counts()
    assert counts == {name: model.counts[name] for name in counts}


@EACH
@given(garbage=st.binary(max_size=400))
def test_after_garbage_the_second_message_is_found(board: Board, garbage: bytes) -> None:
    said = board.say(ORDINARY)
    alone = feed_pieces(board.protocol.make_framer(), [said])
    frames = feed_pieces(board.protocol.make_framer(), [garbage, said, said, said])
    assert [frame.data for frame in frames][-2:] == [frame.data for frame in alone * 3][-2:]


@pytest.mark.parametrize(
    "name", [name for name, protocol in PROTOCOLS.items() if isinstance(protocol.framing, Framing)]
)
def test_nothing_is_kept_without_end(name: str) -> None:
    framing, framer = PROTOCOLS[name].framing, PROTOCOLS[name].make_framer()
    assert isinstance(framing, Framing)
    assert isinstance(framer, MessageFramer)
    start = b"".join(bytes(values[:1]) for values in framing.shapes[0].start)
    longest = max(shape.longest for shape in framing.shapes)
    shortest = min(shape.shortest for shape in framing.shapes)
    for filler in (b"\x00", b"\xff", b"0", start):
        for _ in range(20):
            feed_pieces(framer, [start + filler * 100], finish=False)
            assert framer.room_needed(0) <= (longest // shortest + 2) * framing.frames_per_message
