"""Bytes from places, against one step for each of them."""

from hypothesis import given
from hypothesis import strategies as st

from telemetry.protocols.serial.layout import picker


@given(st.lists(st.integers(0, 700), max_size=400), st.binary(max_size=600))
def test_the_bytes_are_those_at_the_places_and_zeros_after_the_end(places: list[int], data: bytes) -> None:
    padded = data.ljust(701, b"\0")
    assert picker(places)(data) == bytes(padded[place] for place in places)
