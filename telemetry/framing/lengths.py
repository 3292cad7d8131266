"""Lengths of messages: functions that take bytes and the place where a message begins, and return its length.

A length counts all bytes of the message, from its start to its end. NONE says that no message begins there,
UNKNOWN that too few bytes are there to say. A function answers the same however many bytes follow.
"""

from collections.abc import Callable
from typing import Literal

NONE = 0
UNKNOWN = -1

Length = Callable[[bytes, int], int]


def fixed(byte_count: int) -> Length:
    """Return the length that all messages have."""
    return lambda _data, _at: byte_count


def field(
    offset: int, others: int, *, size: int = 1, order: Literal["big", "little"] = "big", unit: int = 1
) -> Length:
    """Return the length that a number of `size` bytes at `offset` counts, in units of `unit` bytes.

    `others` is all bytes beside.
    """
    if size == 1:

        def by_byte(data: bytes, at: int) -> int:
            return others + unit * data[at + offset] if at + offset < len(data) else UNKNOWN

        return by_byte

    def by_bytes(data: bytes, at: int) -> int:
        number = data[at + offset : at + offset + size]
        return others + unit * int.from_bytes(number, order) if len(number) == size else UNKNOWN

    return by_bytes
