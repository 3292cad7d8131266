"""Checks of messages: functions that say of a message, without its end, whether it is good.

Each maker takes `first`, the offset of the first byte that the check covers.
"""

from collections.abc import Callable
from typing import Literal
from zlib import adler32

from telemetry_core.serial.crc import crc_16_modbus

Check = Callable[[bytes], bool]
Order = Literal["big", "little"]

_SUMMED_AT_ONCE = 256  # bytes: 65,280 at most


def byte_sum(data: bytes) -> int:
    """The sum of the bytes.

    The low half of an Adler-32 that starts at 0 is the sum modulo 65521, in a tenth of the time of `sum`.
    """
    total = 0
    while len(data) > _SUMMED_AT_ONCE:
        total += adler32(data[:_SUMMED_AT_ONCE], 0) & 0xFFFF
        data = data[_SUMMED_AT_ONCE:]
    return total + (adler32(data, 0) & 0xFFFF)


def unchecked(message: bytes) -> bool:  # noqa: ARG001 - every message
    """Take any message: the protocol has no check."""
    return True


def sum_8(first: int = 0) -> Check:
    """The last byte is the low byte of the sum."""
    return lambda message: byte_sum(message[first:-1]) & 0xFF == message[-1]


def sum_16(first: int = 0, order: Order = "big") -> Check:
    """The last two bytes are the low 16 bits of the sum."""
    return lambda message: byte_sum(message[first:-2]) & 0xFFFF == int.from_bytes(message[-2:], order)


def negated_sum_16(first: int = 0, order: Order = "big") -> Check:
    """The last two bytes are what the sum lacks to a multiple of 65536."""
    return lambda message: -byte_sum(message[first:-2]) & 0xFFFF == int.from_bytes(message[-2:], order)


def negated_sum_16_of_ascii(first: int = 0) -> Check:
    """The last four letters are, in hexadecimal, what the sum of the letters' codes lacks (YD/T 1363.3)."""

    def check(message: bytes) -> bool:
        return b"%04X" % (-byte_sum(message[first:-4]) & 0xFFFF) == message[-4:].upper()

    return check


def crc_16(first: int = 0) -> Check:
    """The last two bytes are the CRC-16 of Modbus, low byte first."""
    return lambda message: crc_16_modbus(message[first:]) == 0
