"""Lengths of messages, known from few bytes and the same however many follow."""

import pytest

from telemetry.framing.lengths import UNKNOWN, Length, field, fixed


@pytest.mark.parametrize(
    ("length", "data", "expected"),
    [
        (fixed(13), b"", 13),
        (field(3, 7), b"\xdd\x03\x00", UNKNOWN),
        (field(3, 7), b"\xdd\x03\x00\x1f", 38),
        (field(2, 2, size=2), b"NW\x01", UNKNOWN),
        (field(2, 2, size=2), b"NW\x01\x00", 258),
        (field(0, 0, size=2, order="little", unit=2), b"\x01\x02", 1026),
    ],
)
def test_a_length_is_known_from_the_first_bytes(length: Length, data: bytes, expected: int) -> None:
    assert length(data, 0) == expected
    assert length(b"ab" + data, 2) == expected
