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
from telemetry.framing.framing import Framing
from telemetry.protocols.known import PROTOCOLS

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
    assert check.is_good(message)
    for at in range(len(message) - 4, len(message)):
        spoilt = bytearray(message)
        spoilt[at] ^= 0x01
        assert not check.is_good(bytes(spoilt))


@pytest.mark.parametrize(("check", "message"), EXAMPLES)
def test_a_written_check_is_that_of_the_worked_example_whatever_stood_there(
    check: Check, message: bytes
) -> None:
    size = 4 if message is SEPLOS else 1 if message in (DALY, DLT645) else 2
    assert check.written(message[:-size] + bytes(size)) == message


@pytest.mark.parametrize("name", [name for name, one in PROTOCOLS.items() if one.requests])
def test_each_protocol_writes_the_check_that_its_requests_have(name: str) -> None:
    protocol = PROTOCOLS[name]
    assert isinstance(protocol.framing, Framing)
    for each in protocol.requests:
        request = each.to(1).lstrip(b"\xfe")  # that wakes a meter
        (shape,) = (one for one in protocol.framing.shapes if one.has(request))
        last = len(request) - len(shape.end) - 1 - (name == "vedirect_hex")  # before its LF
        spoilt = request[:last] + b"0" + request[last + 1 :]
        assert shape.with_check(spoilt) == request


def test_the_crc_of_modbus_is_that_of_the_specification() -> None:
    assert crc_16_modbus(bytes.fromhex("01030000000A")) == 0xCDC5
    assert crc_16_modbus(b"123456789") == 0x4B37  # the check value of the catalogue of CRCs


def test_sums_may_have_their_low_byte_first() -> None:
    assert sum_16(order="little").is_good(bytes((0xFF, 0xFF, 0xFE, 0x01)))
    assert negated_sum_16(order="little").is_good(bytes((0x01, 0xFF, 0xFF)))


def test_a_protocol_without_a_check_takes_anything() -> None:
    assert unchecked.is_good(b"")
    assert unchecked.written(b"ab") == b"ab"
