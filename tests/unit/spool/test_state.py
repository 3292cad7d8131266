"""The state that travels with records."""

import struct
import zlib

import hypothesis.strategies as st
import pytest
from hypothesis import given

from telemetry.spool.trails import StateTrail, check_state, follow, pack_state, unpack_state

MOST_BYTES = 2048

STATES = st.dictionaries(st.text(max_size=8), st.binary(max_size=100), max_size=4)


@given(STATES)
def test_what_was_packed_is_unpacked(state: dict[str, bytes]) -> None:
    assert unpack_state(pack_state(state)) == state


@given(st.lists(st.tuples(STATES | st.just({}), st.integers(1, 3), st.booleans()), max_size=8))
def test_a_reader_follows_the_writer(steps: list[tuple[dict[str, bytes], int, bool]]) -> None:
    writer = StateTrail()
    found = {"of": b"an earlier writer"}
    for state, times, whole in steps:
        for _ in range(times):
            found = dict(follow(found if not whole else {}, writer.block(state, whole=whole)))
            assert found == state


def test_a_state_is_written_when_it_changes_and_when_nothing_before_counts() -> None:
    trail = StateTrail()
    state = {"plug": b"charging"}
    assert trail.block({}, whole=True) is None
    assert trail.block(state, whole=False)
    assert trail.block(state, whole=False) == b""
    assert trail.block(state, whole=True)
    assert trail.block({"plug": b"ended"}, whole=False)
    assert trail.block({}, whole=False) is None
    assert trail.block(state, whole=False)


def test_more_than_two_kilobytes_of_one_name_are_refused() -> None:
    check_state({"plug": bytes(MOST_BYTES)})
    with pytest.raises(ValueError, match="2049 bytes of state for plug; at most 2048"):
        check_state({"plug": bytes(MOST_BYTES + 1)})


@pytest.mark.parametrize(
    "block",
    [
        b"no zlib",
        zlib.compress(b"abc")[:-1],
        zlib.compress(b"\x01"),
        zlib.compress(struct.pack("<HH", 2, 3) + b"abcd"),
        zlib.compress(struct.pack("<HH", 1, 0) + b"\xff"),
        zlib.compress(bytes(1 << 23)),
    ],
    ids=["no zlib", "torn", "no lengths", "too short", "no text", "too long"],
)
def test_a_block_that_is_not_well_formed_is_a_value_error(block: bytes) -> None:
    with pytest.raises(ValueError, match=r"state|utf-8"):
        follow({}, block)
