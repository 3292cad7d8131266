"""A batch of frames: what goes in by append, extend and part comes out as it was, payloads of any length."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.frames.batch import FrameBatch

PAYLOADS = st.lists(
    st.one_of(st.binary(max_size=64), st.integers(65, 3000).map(lambda size: bytes([size % 255 + 1]) * size)),
    min_size=1,
    max_size=12,
)


def filled(payloads: list[bytes], capacity: int = 0) -> FrameBatch:
    batch = FrameBatch(capacity or len(payloads))
    for number, payload in enumerate(payloads):
        batch.append(number, number, payload)
    return batch


@given(PAYLOADS, PAYLOADS)
def test_payloads_of_any_length_survive_being_merged(first: list[bytes], second: list[bytes]) -> None:
    batch = filled(first, capacity=len(first) + len(second))
    batch.extend(filled(second))
    assert [frame.data for frame in batch] == first + second


@given(PAYLOADS, st.data())
def test_a_part_of_a_batch_has_its_frames_and_its_position(
    payloads: list[bytes], data: st.DataObject
) -> None:
    batch = filled(payloads)
    batch.position = 100
    start = data.draw(st.integers(0, len(payloads) - 1))
    stop = data.draw(st.integers(start + 1, len(payloads)))
    part = batch.part(start, stop)
    assert [frame.data for frame in part] == payloads[start:stop]
    assert part.position == 100 + start


@given(PAYLOADS, st.sets(st.integers(0, 14) | st.just(0x9FFF_FFFF)))
def test_frames_of_some_ids_are_kept_with_their_payloads(payloads: list[bytes], ids: set[int]) -> None:
    batch = filled(payloads)
    batch.keep_ids(array("I", sorted(ids)))
    assert [(each.id, each.data) for each in batch] == [
        (number, payload) for number, payload in enumerate(payloads) if number in ids
    ]


def test_a_cleared_batch_is_filled_again() -> None:
    batch = filled([bytes(1000), b"\x01"])
    batch.clear()
    batch.append(7, 1, b"\x02" * 65)
    assert [(frame.time_ns, frame.data) for frame in batch] == [(7, b"\x02" * 65)]


def test_a_batch_takes_no_more_than_its_capacity_and_no_payload_over_65535_bytes() -> None:
    batch = filled([b""])
    with pytest.raises(IndexError):
        batch.append(0, 0, bytes(100))
    with pytest.raises(ValueError, match="65535"):
        FrameBatch(1).append(0, 0, bytes(65_536))
    assert len(batch) == 1
