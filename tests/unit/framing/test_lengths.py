"""Lengths of messages, known from few bytes and the same however many follow."""

import pytest

from telemetry.framing.lengths import NONE, UNKNOWN, Length, by_kind, field, fixed, to_end

REPLY = by_kind(1, {0x03: field(2, 5), 0x83: fixed(5)})


@pytest.mark.parametrize(
    ("length", "data", "expected"),
    [
        (fixed(13), b"", 13),
        (field(3, 7), b"\xdd\x03\x00", UNKNOWN),
        (field(3, 7), b"\xdd\x03\x00\x1f", 38),
        (field(2, 2, size=2), b"NW\x01", UNKNOWN),
        (field(2, 2, size=2), b"NW\x01\x00", 258),
        (field(0, 0, size=2, order="little", unit=2), b"\x01\x02", 1026),
        (to_end(b"\r", 10), b"~20", UNKNOWN),
        (to_end(b"\r", 10), b"~20\r1\r", 4),
        (to_end(b"\r\n", 4), b"12\r\n", 4),
        (to_end(b"\r", 4), b"1234\r", NONE),
        (to_end(b"\r", 4), b"1234", NONE),
        (to_end(b"\r", 4), b"123", UNKNOWN),
        (REPLY, b"\x01", UNKNOWN),
        (REPLY, b"\x01\x03", UNKNOWN),
        (REPLY, b"\x01\x03\x04", 9),
        (REPLY, b"\x01\x83", 5),
        (REPLY, b"\x01\x07", NONE),
    ],
)
def test_a_length_is_known_from_the_first_bytes(length: Length, data: bytes, expected: int) -> None:
    assert length(data, 0) == expected
    assert length(b"ab" + data, 2) == expected
