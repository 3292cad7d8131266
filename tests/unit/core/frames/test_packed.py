"""Frames packed and back: any ids, lengths, flags and stamps, also such that share a place."""

import hypothesis.strategies as st
import pytest
from hypothesis import given
from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.packed import Packer, unpack

FRAMES = st.lists(
    st.tuples(
        st.integers(-(2**63), 2**63 - 1),
        st.one_of(st.integers(0, 3), st.integers(0, 2**32 - 1)),
        st.one_of(st.binary(max_size=8), st.binary(max_size=64), st.just(bytes(300))),
        st.integers(0, 255),
    ),
    max_size=40,
)


def batch(frames: list[tuple[int, int, bytes, int]]) -> FrameBatch:
    made = FrameBatch(max(1, len(frames)))
    for time_ns, id, data, flags in frames:
        made.append(time_ns, id, data, channel=7 + 2 * (id % 2), flags=flags)
    return made


@given(FRAMES, FRAMES)
def test_frames_come_back_as_they_were(
    first: list[tuple[int, int, bytes, int]], second: list[tuple[int, int, bytes, int]]
) -> None:
    packer = Packer()
    packed = packer.pack(batch(first)) + packer.pack(batch(second))
    back = unpack(packed)
    assert [(one.time_ns, one.id, one.data, one.flags) for one in back] == [*first, *second]
    assert {one.channel for one in back} <= {7, 9}
    assert Packer().pack(batch([])) == b""


def test_many_kinds_that_share_places_come_back() -> None:
    frames = [(n * 1000, n % 997, bytes([n % 256]) * (n % 9), 0) for n in range(5000)]
    back = unpack(Packer().pack(batch(frames)))
    assert [(one.time_ns, one.id, one.data, one.flags) for one in back] == frames


@given(st.binary(max_size=100))
def test_damaged_bytes_are_refused_or_are_frames(content: bytes) -> None:
    try:
        assert len(unpack(content)) <= len(content)
    except ValueError:
        return


def test_what_is_cut_off_is_refused() -> None:
    whole = Packer().pack(batch([(10**18, 0x123, bytes(8), 0)]))
    for end in range(1, len(whole)):
        with pytest.raises(ValueError, match="cut off"):
            unpack(whole[:end])
