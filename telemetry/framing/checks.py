"""Checks of messages: functions that say of a message, without its end, whether it is good.

Each maker takes `first`, the offset of the first byte that the check covers.
"""

import sys
from array import array
from collections.abc import Callable, Sequence
from functools import cache
from typing import Literal

Check = Callable[[bytes], bool]
Order = Literal["big", "little"]

_CRC_16_POLYNOMIAL = 0xA001  # reflected 0x8005


def unchecked(message: bytes) -> bool:  # noqa: ARG001 - every message
    """Take any message: the protocol has no check."""
    return True


def sum_8(first: int = 0) -> Check:
    """The last byte is the low byte of the sum."""
    return lambda message: sum(message[first:-1]) & 0xFF == message[-1]


def sum_16(first: int = 0, order: Order = "big") -> Check:
    """The last two bytes are the low 16 bits of the sum."""
    return lambda message: sum(message[first:-2]) & 0xFFFF == int.from_bytes(message[-2:], order)


def negated_sum_16(first: int = 0, order: Order = "big") -> Check:
    """The last two bytes are what the sum lacks to a multiple of 65536."""
    return lambda message: -sum(message[first:-2]) & 0xFFFF == int.from_bytes(message[-2:], order)


def negated_sum_16_of_ascii(first: int = 0) -> Check:
    """The last four letters are, in hexadecimal, what the sum of the letters' codes lacks (YD/T 1363.3)."""

    def check(message: bytes) -> bool:
        return b"%04X" % (-sum(message[first:-4]) & 0xFFFF) == message[-4:].upper()

    return check


def _crc_16_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (_CRC_16_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return tuple(table)


_CRC_16 = _crc_16_table()


@cache
def _crc_16_of_words() -> Sequence[int]:
    """What two bytes at once make of a CRC, made when it is first asked for."""
    table = _CRC_16
    halves = ((value >> 8 ^ table[value & 0xFF]) for value in range(1 << 16))
    return array("H", (value >> 8 ^ table[value & 0xFF] for value in halves))


def crc_16_modbus(data: bytes) -> int:
    """Return the CRC-16 of Modbus: polynomial 0x8005 reflected, start 0xFFFF.

    Over a message with its CRC, low byte first, it is 0.
    """
    crc, table = 0xFFFF, _crc_16_of_words()
    even = len(data) & ~1
    words = array("H", data[:even])
    if sys.byteorder == "big":
        words.byteswap()
    for word in words:
        crc = table[crc ^ word]
    return crc if even == len(data) else crc >> 8 ^ _CRC_16[(crc ^ data[-1]) & 0xFF]


def crc_16(first: int = 0) -> Check:
    """The last two bytes are the CRC-16 of Modbus, low byte first."""
    return lambda message: crc_16_modbus(message[first:]) == 0
