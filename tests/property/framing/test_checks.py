"""Checks of messages against sums and remainders that are taken byte by byte."""

from hypothesis import given
from hypothesis import strategies as st
from telemetry_core.serial.crc import crc_16_modbus

from telemetry.framing.checks import byte_sum


@given(
    st.one_of(st.binary(max_size=600), st.integers(0, 1000).map(lambda count: b"\xff" * count)),
)
def test_the_sum_is_that_of_the_bytes_however_many_they_are(data: bytes) -> None:
    assert byte_sum(data) == sum(data)


@given(st.binary(max_size=300))
def test_the_crc_is_the_remainder_that_bits_shifted_out_one_by_one_leave(data: bytes) -> None:
    remainder = 0xFFFF
    for byte in data:
        remainder ^= byte
        for _ in range(8):
            carried = remainder & 1
            remainder >>= 1
            if carried:
                remainder ^= 0xA001
    assert crc_16_modbus(data) == remainder
