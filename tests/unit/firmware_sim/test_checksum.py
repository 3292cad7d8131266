"""firmware_sim/wire/crc.py: the CRC-8 of SAE J1850 against a bitwise one and published check values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.wire.crc import crc8, crc8_remainder


def bitwise_crc8(data: bytes) -> int:
    """Polynomial division over the message as one long number, bit by bit."""
    remainder = 0xFF
    for bit in (byte >> place & 1 for byte in data for place in range(7, -1, -1)):
        feedback = (remainder >> 7) ^ bit
        remainder = (remainder << 1) & 0xFF
        if feedback:
            remainder ^= 0x1D
    return remainder ^ 0xFF


# From AUTOSAR's specification of CRC routines, CRC8 (SAE J1850).
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("00000000", 0x59),
        ("F20183", 0x37),
        ("0FAA0055", 0x79),
        ("00FF5511", 0xB8),
        ("332255AABBCCDDEEFF", 0xCB),
        ("926B55", 0x8C),
        ("FFFFFFFF", 0x74),
    ],
)
def test_it_gives_the_published_check_values(data: str, expected: int) -> None:
    assert crc8(bytes.fromhex(data)) == expected


def test_it_gives_the_catalogued_check_value() -> None:
    assert crc8(b"123456789") == 0x4B


@given(st.binary(max_size=64))
def test_it_equals_the_bitwise_division(data: bytes) -> None:
    assert crc8(data) == bitwise_crc8(data)


@given(st.binary(max_size=16), st.binary(max_size=16))
def test_a_remainder_continues_where_it_stopped(head: bytes, tail: bytes) -> None:
    assert crc8(tail, crc8_remainder(head)) == crc8(head + tail)
