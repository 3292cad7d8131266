"""Frames of `~`, hexadecimal digits and CR (YD/T 1363.3), as Seplos and Pylontech batteries speak them.

A reply does not say what it answers: its CID2 is a return code. So a reader goes by its form, which no two
kinds of replies share. That holds for a late reply as well.

Sources of the facts: "SEPLOS BMS Communication Protocol" V2.0, "PYLON low-voltage RS485" V3.3, and captures,
all of which follow the rule of the checks; the worked examples that both texts print do not.
"""

import re
from binascii import unhexlify
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from telemetry.framing.checks import Check, negated_sum_16_of_ascii
from telemetry.framing.framing import Heard, PortReader, Shape, Skipped
from telemetry.framing.lengths import NONE, UNKNOWN
from telemetry.protocols.serial.layout import ABSENT_CELL, Value, sensors

VERSION = 0x20  # packs of other makers have the same frames, another version and other values
CID1 = 0x46  # lithium batteries
OK = 0x00
KELVIN_TENTHS = -273.1

_END = b"\r"
_DIGITS = b"0123456789ABCDEFabcdef"
_TEXT = re.compile(rb"~[0-9A-Fa-f]*")
_HEAD_DIGITS, _CHECK_DIGITS = 12, 4
_LENGTH_AT, INFO_AT = 9, 13
_HEAD_BYTES, _LENGTH_BYTES = 4, 2
_SHORTEST = 1 + _HEAD_DIGITS + _CHECK_DIGITS + 1
_LONGEST = _SHORTEST + 0xFFF
_CHECK = negated_sum_16_of_ascii(first=1)


class AsciiMessage(NamedTuple):
    """A frame without its digits: `cid2` is a command or a return code."""

    version: int
    address: int
    cid1: int
    cid2: int
    info: bytes


def request(address: int, command: int, info: bytes) -> bytes:
    """Return the request of that command to a battery."""
    length = 2 * len(info)
    nibbles = -sum((length >> 8, length >> 4 & 15, length & 15)) & 15
    head = bytes((VERSION, address, CID1, command)) + (nibbles << 12 | length).to_bytes(2, "big")
    text = (head + info).hex().upper().encode("ascii")
    return b"~%b%04X\r" % (text, -sum(text) & 0xFFFF)


def parsed(message: bytes) -> AsciiMessage:
    """Return what a good frame says."""
    said = unhexlify(message[1 : -_CHECK_DIGITS - 1])
    version, address, cid1, cid2 = said[:_HEAD_BYTES]
    return AsciiMessage(version, address, cid1, cid2, said[_HEAD_BYTES + _LENGTH_BYTES :])


def reply_info(message: bytes) -> bytes:
    """Return INFO of a good frame that is a reply without an error; otherwise nothing."""
    said = parsed(message)
    return said.info if (said.cid1, said.cid2) == (CID1, OK) else b""


def _length(data: bytes, at: int) -> int:
    """Return all up to the CR; anything but digits before it ends what is not a frame."""
    text = _TEXT.match(data, at, at + _LONGEST)
    end = at + 1 if text is None else text.end()
    if end < len(data):
        return end + 1 - at if data[end : end + 1] == _END else NONE
    return UNKNOWN if end - at < _LONGEST else NONE


def _is_good(text: bytes) -> bool:
    """Return whether length, its nibble and the check are those of the digits."""
    length = int(text[_LENGTH_AT:INFO_AT], 16)
    nibbles = (length >> 12) + (length >> 8 & 15) + (length >> 4 & 15) + (length & 15)
    digits = len(text) - 1 - _HEAD_DIGITS - _CHECK_DIGITS
    return digits % 2 == 0 and nibbles % 16 == 0 and length & 0xFFF == digits and _CHECK.is_good(text)


SHAPE = Shape(
    start=(b"~", _DIGITS, _DIGITS),
    length=_length,
    check=Check(_is_good, _CHECK.written),
    end=_END,
    shortest=_SHORTEST,
    longest=_LONGEST,
)

ABSENT = ABSENT_CELL.to_bytes(2, "big")
_ZERO = bytes(2)
_STATE_CODES = frozenset((0x00, 0x01, 0x02, 0xF0))  # in order, below, above, other

Said = Sequence[Heard] | None
Parse = Callable[[int, bytes], Said]


def counted(info: bytes, at: int, size: int) -> tuple[bytes, bytes, int] | None:
    """Return two lists from `at` on, and where they end; None: they do not fit.

    Each is a byte that counts its items, then those, of `size` bytes each.
    """
    lists: list[bytes] = []
    for _ in range(2):
        end = at + 1 + info[at] * size if at < len(info) else len(info) + 1
        if end > len(info):
            return None
        lists.append(info[at + 1 : end])
        at = end
    return lists[0], lists[1], at


def state_codes(info: bytes, at: int) -> tuple[bytes, bytes, int] | None:
    """Return the codes of cells and of sensors from `at` on, and where they end; None: they are not codes."""
    found = counted(info, at, 1)
    return found if found and _STATE_CODES.issuperset(found[0] + found[1]) else None


def kelvin_sensors(count: int, at: int) -> tuple[Value, ...]:
    """Return so many sensors of tenths of a kelvin each, from this byte of a body on."""
    places = (at + 2 * n for n in range(count))
    return sensors(places, 0.1, KELVIN_TENTHS, "u16", place=lambda n: f"sensor {n + 1}")


def fitted(temperatures: bytes, most: int) -> bytes:
    """Return as many sensors of two bytes each, absent where one is zero or does not come."""
    first = temperatures[: 2 * most]
    if _ZERO in first:
        pairs = (first[at : at + 2] for at in range(0, len(first), 2))
        first = b"".join([ABSENT if pair == _ZERO else pair for pair in pairs])
    return first.ljust(2 * most, ABSENT[:1])


def is_padded_text(field: bytes) -> bool:
    """Return whether it is letters that can be printed, one at least, and zeros after them."""
    letters = field.rstrip(b"\0")
    return bool(letters) and all(0x20 <= letter < 0x7F for letter in letters)


class AsciiReader(PortReader):
    """Replies by the first parser whose form they have.

    `parsers` are by the command that is answered, the strictest forms first. A parser gets the address and
    INFO of a reply. It returns None for one that has not its form.
    """

    def __init__(self, parsers: Mapping[int, Parse]) -> None:
        super().__init__()
        self._parsers = parsers

    def read(self, message: bytes) -> Sequence[Heard] | Skipped:
        said = parsed(message)
        if said.cid1 != CID1 or said.version != VERSION:
            return Skipped.OTHER
        if said.cid2 in self._parsers:
            return Skipped.ECHO
        if said.cid2 != OK:
            return Skipped.REFUSED
        for parse in self._parsers.values():
            heard = parse(said.address, said.info)
            if heard is not None:
                return heard
        return Skipped.SHORT
