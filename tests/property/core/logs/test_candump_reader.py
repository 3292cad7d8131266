"""Any bytes, in any pieces: no crash, no hang, and no good frame lost."""

from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.frames.batch import FrameTuple
from telemetry_core.logs.candump import CandumpReader

from tests.support import logs

GOOD_BEFORE = b"(1.000000) can0 001#0102\n"
GOOD_AFTER = b"\n(2.000000) can0 002#0304\n"


def read_all(content: bytes, sizes: list[int], batch_frames: int) -> tuple[list[FrameTuple], int, str]:
    frames, reader, _ = logs.read_all(CandumpReader, content, sizes, batch_frames)
    return frames, reader.damaged, reader.first_damage


fragments = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            b"(1.5) can0 123#11",
            b"(1.5) ",
            b"can0 ",
            b"123#",
            b"##3",
            b"\n",
            b" " * 50,
            b"(",
            b"[8] ",
            b"x" * 5000,
        ]
    ),
)
garbage = st.lists(fragments, max_size=12).map(b"".join)
piece_sizes = st.lists(st.integers(1, 60), max_size=40)


@given(garbage, piece_sizes, st.integers(1, 5))
def test_frames_before_and_after_garbage_are_kept(content: bytes, sizes: list[int], capacity: int) -> None:
    frames, _, _ = read_all(GOOD_BEFORE + content + GOOD_AFTER, sizes, capacity)
    assert (frames[0].id, frames[0].data) == (1, b"\x01\x02")
    assert (frames[-1].id, frames[-1].data) == (2, b"\x03\x04")


@given(garbage, piece_sizes, st.integers(1, 5))
def test_neither_the_pieces_nor_the_batch_size_matter(
    content: bytes, sizes: list[int], capacity: int
) -> None:
    assert read_all(content, sizes, capacity) == read_all(content, [], 1000)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 9_223_372_035_999_999_999),
            st.one_of(st.integers(0, 0x7FF), st.integers(0, 0x1FFFFFFF).map(lambda id: id | 0x80000000)),
            st.binary(max_size=64),
            st.booleans(),
        ),
        max_size=20,
    ),
    piece_sizes,
)
def test_what_is_written_is_read_back(rows: list[tuple[int, int, bytes, bool]], sizes: list[int]) -> None:
    log = b""
    expected = []
    for time_ns, id, data, is_fd in rows:
        digits = "08X" if id & 0x80000000 else "03X"
        payload = data if is_fd else data[:8]
        mark = "##1" if is_fd else "#"
        log += f"({time_ns // 10**9}.{time_ns % 10**9:09d}) can0 {id & 0x1FFFFFFF:{digits}}{mark}".encode()
        log += payload.hex().encode() + b"\n"
        expected.append(FrameTuple(time_ns, id, payload, 0, 3 if is_fd else 0, 0))
    frames, damaged, _ = read_all(log, sizes, 7)
    assert (frames, damaged) == (expected, 0)
