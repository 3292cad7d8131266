"""Checks of messages, by the worked examples of the protocols that have them."""

import pytest
from telemetry_core.serial.crc import crc_16_modbus

from telemetry.framing.checks import (
    Check,
    crc_16,
    negated_sum_16,
    negated_sum_16_of_ascii,
    sum_8,
    sum_16,
    unchecked,
)

JBD = bytes.fromhex("DD03001F19DFF8240DA50FA00002249100000000000012570311040B980BA90B960B97F89A")
DALY = bytes.fromhex("A54090080000000000000000 7D")
JIKONG = bytes.fromhex("4E5700130000000006030000000000006800000129")
DLT645 = bytes.fromhex("68665544332211689106333434354856 3A")
SEPLOS = b"~20004642E00200FD37"
MODBUS = bytes.fromhex("010300000002C40B")

EXAMPLES = [
    (negated_sum_16(first=2), JBD),
    (sum_8(), DALY),
    (sum_16(), JIKONG),
    (sum_8(), DLT645),
    (negated_sum_16_of_ascii(first=1), SEPLOS),
    (crc_16(), MODBUS),
    (crc_16(), bytes.fromhex("018302C0F1")),
    (crc_16(first=1), bytes.fromhex("7EA1010000BE1855")),
]


@pytest.mark.parametrize(("check", "message"), EXAMPLES)
def test_the_worked_example_is_good_and_no_longer_so_with_any_other_byte(
    check: Check, message: bytes
) -> None:
    assert check(message)
    for at in range(len(message) - 4, len(message)):
        spoilt = bytearray(message)
        spoilt[at] ^= 0x01
        assert not check(bytes(spoilt))


def test_the_crc_of_modbus_is_that_of_the_specification() -> None:
    assert crc_16_modbus(bytes.fromhex("01030000000A")) == 0xCDC5
    assert crc_16_modbus(b"123456789") == 0x4B37  # the check value of the catalogue of CRCs


def test_sums_may_have_their_low_byte_first() -> None:
    assert sum_16(order="little")(bytes((0xFF, 0xFF, 0xFE, 0x01)))
    assert negated_sum_16(order="little")(bytes((0x01, 0xFF, 0xFF)))


def test_a_protocol_without_a_check_takes_anything() -> None:
    assert unchecked(b"")
