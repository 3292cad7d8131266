"""CAN ids as people write them, with the kinds of frames that an id may announce."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

ID_BITS, ID_BITS_EXTENDED = 0x7FF, 0x1FFFFFFF
_EXTENDED = 0x80000000
_ID = re.compile(r"[0-9A-Fa-f]{1,3}|[0-9A-Fa-f]{8}")


@dataclass(frozen=True, slots=True)
class IsoTpId:
    """An id whose frames are parts of ISO-TP messages (ISO 15765-2).

    - `id` has bit 31 set where it has 29 bits.
    - `extended_addressing`: the first byte is an address.
    - `with_length`: the low byte of its length precedes the payload, as some published databases count.
    """

    id: int
    extended_addressing: bool = False
    with_length: bool = False


def parse_id(text: str) -> int:
    """Read an id as candump writes it: up to 3 hexadecimal digits, or 8 for 29 bits. Raises ValueError."""
    digits = text.removeprefix("0x").removeprefix("0X")
    if not _ID.fullmatch(digits):
        raise ValueError(f"{text!r} is no id in hexadecimal (3 digits, or 8 for an id of 29 bits)")
    id = int(digits, 16)
    is_extended = len(digits) > 3
    if id > (0x1FFFFFFF if is_extended else 0x7FF):
        raise ValueError(f"{text!r} has more than {29 if is_extended else 11} bits")
    return id | _EXTENDED if is_extended else id


def id_text(id: int) -> str:
    """Write an id, with bit 31 where it has 29 bits, as `parse_id` reads it."""
    return f"{id & ~_EXTENDED:08X}" if id & _EXTENDED else f"{id:03X}"


def parse_id_masks(texts: Sequence[str]) -> tuple[int, int]:
    """Read the bits in which ids of 11 and of 29 bits are compared: up to 3 digits, or 8.

    Raises ValueError.
    """
    masks = [ID_BITS, ID_BITS_EXTENDED]
    for text in texts:
        mask = parse_id(text)
        masks[mask >= _EXTENDED] = mask & ~_EXTENDED
    return masks[0], masks[1]
