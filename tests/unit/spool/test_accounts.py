"""The accounts that ride in records."""

import zlib

import hypothesis.strategies as st
import pytest
from hypothesis import given

from telemetry.spool.trails import AccountsTrail

VALUES = st.integers(-(2**70), 2**70)
NAMES = st.text("abc/é", min_size=1, max_size=4)
SAME_NAMES = st.fixed_dictionaries(dict.fromkeys("ab", st.integers(-1, 1)))  # so that values come again
TABLES = st.one_of(SAME_NAMES, st.dictionaries(NAMES, VALUES, max_size=6))


@given(st.lists(st.tuples(TABLES, TABLES), min_size=1, max_size=8))
def test_a_reader_follows_the_writer(steps: list[tuple[dict[str, int], dict[str, int]]]) -> None:
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
def test_a_block_that_is_not_well_formed_is_a_value_error(block: bytes) -> None:
    with pytest.raises(ValueError, match=r"accounts|name"):
        AccountsTrail().read_whole(block)
