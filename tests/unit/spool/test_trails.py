"""What rides in records: the accounts, and the state."""

import struct
import zlib

import hypothesis.strategies as st
import pytest
from hypothesis import given

from telemetry.spool.trails import AccountsTrail, StateTrail, after, check_state, pack_state, unpack_state

MOST_BYTES = 65_535

VALUES = st.integers(-(2**70), 2**70)
NAMES = st.text("abc/é", min_size=1, max_size=4)
SAME_NAMES = st.fixed_dictionaries(dict.fromkeys("ab", st.integers(-1, 1)))  # so that values come again
TABLES = st.one_of(SAME_NAMES, st.dictionaries(NAMES, VALUES, max_size=6))
STATES = st.dictionaries(st.text(max_size=8), st.binary(max_size=100), max_size=4)


@given(st.lists(st.tuples(TABLES, TABLES), min_size=1, max_size=8))
def test_a_reader_follows_the_writer_of_accounts(steps: list[tuple[dict[str, int], dict[str, int]]]) -> None:
    writer, reader = AccountsTrail(), AccountsTrail()
    for accounts, positions in steps:
        block = writer.changes(accounts, positions)
        if block is None:
            reader.read_whole(writer.whole(accounts, positions))
        else:
            assert reader.read_changes(block)
        assert reader.accounts == accounts
        assert reader.positions == positions


def test_after_a_missing_block_later_changes_still_add_up() -> None:
    writer, reader = AccountsTrail(), AccountsTrail()
    reader.read_whole(writer.whole({"a": 1, "b": 1}, {"log": 1}))
    assert writer.changes({"a": 3, "b": 2}, {"log": 2}) is not None  # lost
    last = writer.changes({"a": 3, "b": 7}, {"log": 9})
    assert last is not None
    assert reader.read_changes(last)
    assert reader.accounts == {"a": 1, "b": 6}
    assert reader.positions == {"log": 9}


def test_changes_of_other_names_are_refused() -> None:
    writer, reader = AccountsTrail(), AccountsTrail()
    reader.read_whole(writer.whole({"a": 1}, {}))
    writer.whole({"a": 1, "b": 1}, {})
    block = writer.changes({"a": 2, "b": 1}, {})
    assert block is not None
    assert not reader.read_changes(block)
    assert reader.accounts == {"a": 1}


def test_changes_of_a_position_that_was_a_counter_are_refused() -> None:
    """The same names in the same order, but cut elsewhere into counters and positions."""
    writer, reader = AccountsTrail(), AccountsTrail()
    reader.read_whole(writer.whole({"a": 1, "b": 1}, {"c": 1}))
    other = AccountsTrail()
    other.whole({"a": 1}, {"b": 1, "c": 1})
    block = other.changes({"a": 2}, {"b": 5, "c": 6})
    assert block is not None
    assert not reader.read_changes(block)
    assert (reader.accounts, reader.positions) == ({"a": 1, "b": 1}, {"c": 1})


def test_a_thousand_counters_that_change_cost_two_or_three_bytes_each() -> None:
    writer = AccountsTrail()
    names = [f"points/made/Message{number:04d}" for number in range(1000)]
    writer.whole(dict.fromkeys(names, 10**9), {})
    block = writer.changes(dict.fromkeys(names, 10**9 + 50), {})
    assert block is not None
    assert len(block) < 3100


@pytest.mark.parametrize("block", [b"", b"no zlib", zlib.compress(b"\x02"), zlib.compress(b"\x02\x09ab")])
def test_a_block_of_accounts_that_is_not_well_formed_is_a_value_error(block: bytes) -> None:
    with pytest.raises(ValueError, match=r"accounts|name"):
        AccountsTrail().read_whole(block)


@given(STATES)
def test_what_was_packed_is_unpacked(state: dict[str, bytes]) -> None:
    assert unpack_state(pack_state(state)) == state


@given(st.lists(st.tuples(STATES | st.just({}), st.integers(1, 3), st.booleans()), max_size=8))
def test_a_reader_follows_the_writer_of_a_state(steps: list[tuple[dict[str, bytes], int, bool]]) -> None:
    writer = StateTrail()
    found = {"of": b"an earlier writer"}
    for state, times, whole in steps:
        for _ in range(times):
            found = dict(after(found if not whole else {}, writer.block(state, whole=whole)))
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
    with pytest.raises(ValueError, match="65536 bytes of state for plug; at most 65535"):
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
def test_a_block_of_a_state_that_is_not_well_formed_is_a_value_error(block: bytes) -> None:
    with pytest.raises(ValueError, match=r"state|utf-8"):
        after({}, block)
