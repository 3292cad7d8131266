"""SessionItem-up numbers in place of real ones, so that recordings can be published.

Promises:

- One number has one replacement in all places; two have two, until a short field has no more.
- A replacement is as long as the number, and a text keeps its kinds of letters: digits stay digits.
- Replacements depend on the order in which numbers are seen alone, so that nobody can calculate back.
- What says that there is no number (all zeros, all ones, blanks) stays.
- Of a noted number no part of four letters, or of three bytes that are no letters, is left in spoiled bytes.
"""

import re
from collections import Counter
from typing import Literal

from telemetry.framing.secrets import A_VIN, SERIAL_NUMBER, VIN

Order = Literal["big", "little"]

VIN_LETTERS = 17
_PADDING = b"\x00\xff "
_VIN_STEM = "SCRUBBED0AA{:06d}"  # as a manufacturer has it: its own part, check digit, year, plant, number
_CHECK_DIGIT_AT = 8
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_VIN_VALUES = dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True)
)
_LEAST_KNOWN = 4  # bytes of a number that is looked for among bytes of no message
_PART_LETTERS, _PART_BYTES = 4, 3  # of a number, which a spoiled message does not show
_MASK = ord("*")


class Replacements:
    """Of one run. `counts`: how often numbers of each kind were replaced; `distinct`: how many they are."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], bytes] = {}
        self._raw: dict[bytes, bytes] = {}
        self._whole: re.Pattern[bytes] | None = None  # finds those
        self._parts: dict[int, set[bytes]] = {_PART_LETTERS: set(), _PART_BYTES: set()}  # of those, by size
        self.counts: Counter[str] = Counter()
        self.distinct: Counter[str] = Counter()

    def text(self, kind: str, letters: bytes, order: Order = "big") -> bytes:
        """Return what stands in place of a text that may be padded with zeros, ones or blanks.

        Bytes that are no printable letters are taken for a number of this order.
        """
        core = letters.strip(_PADDING)
        if not core:
            return letters
        if not _is_printable(core):
            return self.number(kind, letters, order)
        at = letters.index(core)
        return letters[:at] + self._of(kind, core) + letters[at + len(core) :]

    def number(self, kind: str, data: bytes, order: Order = "big") -> bytes:
        """Return what stands in place of a number of whole bytes."""
        if not data.strip(b"\x00") or not data.strip(b"\xff"):
            return data
        key = (kind, data)
        if key not in self._known:
            number = 1 + (self._next(kind) - 1) % ((1 << 8 * len(data)) - 2)  # neither all zeros nor all ones
            self._known[key] = number.to_bytes(len(data), order)
        self.counts[kind] += 1
        return self._known[key]

    def serial_number(self, letters: bytes) -> bytes:
        """Return what stands in place of a serial number, or of a name that an owner gave."""
        return self.text(SERIAL_NUMBER, letters)

    def vin(self, letters: bytes) -> bytes:
        """Return what stands in place of a VIN, or of a part of one."""
        return self.text(VIN, letters)

    def vins(self, data: bytes) -> bytes:
        """Return `data` with what looks like a VIN replaced: 17 of its letters and digits, some of both."""
        return A_VIN.sub(lambda found: self.vin(found[0]) if _has_both(found[0]) else found[0], data)

    def note(self, before: bytes, after: bytes) -> None:
        """Note a number as it stands in a message: it is replaced in bytes of no message as well.

        One that is half zeros may be any other value of a message, and is only masked, in spoiled bytes.
        """
        if before == after or len(before) < _LEAST_KNOWN or self._raw.get(before) == after:
            return
        self._raw[before] = after
        self.suspect(before)
        longest_first = sorted(filter(_is_telling, self._raw), key=len, reverse=True)
        if longest_first:
            self._whole = re.compile(b"|".join(map(re.escape, longest_first)), re.DOTALL)

    def suspect(self, number: bytes) -> None:
        """Note what may be a number, or be spoiled: its parts are masked in bytes of no message."""
        size = _PART_LETTERS if _is_printable(number.strip(_PADDING)) else _PART_BYTES
        parts = (number[at : at + size] for at in range(len(number) - size + 1))
        self._parts[size] |= {part for part in parts if len(set(part)) > 1}

    def in_any_bytes(self, data: bytes) -> bytes:
        """Return `data` with all numbers replaced that were noted by now."""
        return data if self._whole is None else self._whole.sub(lambda found: self._raw[found[0]], data)

    def in_spoiled_bytes(self, data: bytes) -> bytes:
        """Return the same of bytes that are of no good message, with a mask for parts of such numbers."""
        made, at = bytearray(), 0
        for found in self._whole.finditer(data) if self._whole is not None else ():
            made += self._without_parts(data[at : found.start()]) + self._raw[found[0]]
            at = found.end()
        return bytes(made + self._without_parts(data[at:]))

    def _without_parts(self, data: bytes) -> bytes:
        made = bytearray(data)
        for size, parts in self._parts.items():
            for at in range(len(data) - size + 1) if parts else ():
                if data[at : at + size] in parts:
                    made[at : at + size] = bytes((_MASK,)) * size
        return bytes(made)

    def _of(self, kind: str, core: bytes) -> bytes:
        key = (kind, core)
        if key not in self._known:
            number = self._next(kind)
            is_vin = kind == VIN and len(core) == VIN_LETTERS
            self._known[key] = _made_up_vin(number) if is_vin else _shaped(core, number)
        self.counts[kind] += 1
        return self._known[key]

    def _next(self, kind: str) -> int:
        self.distinct[kind] += 1
        return self.distinct[kind]


def _is_printable(letters: bytes) -> bool:
    return all(0x20 <= letter < 0x7F for letter in letters)


def _is_telling(number: bytes) -> bool:
    return 2 * number.count(0) < len(number)


def _has_both(letters: bytes) -> bool:
    return any(letter < 0x3A for letter in letters) and any(letter >= 0x41 for letter in letters)


def _made_up_vin(number: int) -> bytes:
    """Make one with the check digit that it must have (GB 16735; ISO 3779 leaves it to the countries)."""
    vin = _VIN_STEM.format(number % 1_000_000)
    total = sum(
        weight * _VIN_VALUES.get(letter, int(letter) if letter.isdecimal() else 0)
        for letter, weight in zip(vin, _VIN_WEIGHTS, strict=True)
    )
    check = "0123456789X"[total % 11]
    return (vin[:_CHECK_DIGIT_AT] + check + vin[_CHECK_DIGIT_AT + 1 :]).encode("ascii")


def _shaped(core: bytes, number: int) -> bytes:
    """Return the `number`-th text with the same kinds of letters at the same places, counted from its end."""
    made = bytearray(core)
    for at in reversed(range(len(core))):
        letter = core[at : at + 1]
        if letter.isdigit():
            first, count = ord("0"), 10
        elif letter.isalpha():
            first, count = ord("A" if letter.isupper() else "a"), 26
        else:
            continue
        number, here = divmod(number, count)
        made[at] = first + here
    return bytes(made)
