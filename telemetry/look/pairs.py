"""Who asks and who answers on a bus: pairs of ids, as a user, a profile, or the makers of vehicles name them.

Promises: of two ends with one id either both have an address byte or none has.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from telemetry.model.ids import id_text, parse_id

_EXTENDED = 0x80000000
_ADDRESSES = range(256)


class End(NamedTuple):
    """One direction of a conversation over ISO-TP: its id, with bit 31 where it has 29 bits, and its address.

    address: the byte before ISO-TP's own, with extended or mixed addressing; -1: there is none.
    """

    id: int
    address: int = -1

    def __str__(self) -> str:
        return id_text(self.id) + (f"/{self.address:02X}" if self.address >= 0 else "")

    @classmethod
    def read(cls, text: str) -> "End":
        """Read `7E4`, or `6F1/07`. Raises ValueError."""
        id, slash, address = text.partition("/")
        if slash and not (len(address) == 2 and set(address) <= set("0123456789abcdefABCDEF")):
            raise ValueError(f"{text!r}: an address is two hexadecimal digits, as in 6F1/07")
        return cls(parse_id(id), int(address, 16) if slash else -1)


@dataclass(frozen=True, slots=True)
class Pair:
    """Where a unit is asked, and where it answers. is_functional: others hear it too, and may answer."""

    request: End
    answer: End
    is_functional: bool = False

    @classmethod
    def read(cls, text: str) -> "Pair":
        """Read `7E4:7EC`, or `6F1/07:607/F1`. Raises ValueError."""
        request, colon, answer = text.partition(":")
        if not colon:
            raise ValueError(f"{text!r} is no pair: REQUEST:ANSWER, as 7E4:7EC or 6F1/07:607/F1")
        pair = cls(End.read(request), End.read(answer))
        if pair.request == pair.answer:
            raise ValueError(f"{text!r}: a unit answers with another id than it is asked with")
        return pair

    def __str__(self) -> str:
        return f"{self.request}:{self.answer}"


def one_each(pairs: Iterable[Pair]) -> list[Pair]:
    """Return the pairs once each. Raises ValueError where two have one id in common."""
    once = list(dict.fromkeys(pairs))
    owners = dict[End, Pair]()
    addressed = dict[int, tuple[bool, Pair]]()
    for pair in once:
        for end in (pair.request, pair.answer):
            other = owners.setdefault(end, pair)
            has_address, first = addressed.setdefault(end.id, (end.address >= 0, pair))
            if other is not pair:
                raise ValueError(f"{other} and {pair} have {end} in common")
            if has_address != (end.address >= 0):
                raise ValueError(f"{first} and {pair}: {id_text(end.id)} has an address in one of them alone")
    return once


def known_pairs() -> Iterator[Pair]:
    """Yield the pairs that makers use, those that are certain of an id before others.

    ISO 15765-4; those of Nissan, Renault, Hyundai, Kia, PSA, SAIC, Great Wall, XPeng and Geely; the
    differences of Volkswagen (6A); what ISO 15765-2 calls normal fixed and mixed; extended ids of BMW.
    """
    for unit in range(8):
        yield Pair(End(0x7E0 + unit), End(0x7E8 + unit))
        yield Pair(End(0x7DF), End(0x7E8 + unit), is_functional=True)
    for request, answer in _BY_MAKER.items():
        yield Pair(End(request), End(answer))
    for request in range(0x710, 0x750):
        yield Pair(End(request), End(request + 0x6A))
    for unit in _ADDRESSES:
        yield Pair(End(_EXTENDED | 0x17FC0000 | unit), End(_EXTENDED | 0x17FE0000 | unit))
    for tester in (0xF1, 0xF4):
        for unit in set(_ADDRESSES) - {0xF1, 0xF4}:
            request, answer = (_EXTENDED | unit << 8 | tester, _EXTENDED | tester << 8 | unit)
            yield Pair(End(0x18DA0000 | request), End(0x18DA0000 | answer))
            yield Pair(End(_EXTENDED | 0x18DB3300 | tester), End(0x18DA0000 | answer), is_functional=True)
    taken = {*_BY_MAKER, *_BY_MAKER.values()}
    for tester in (0xF1, 0xF4):
        for unit in _ADDRESSES:
            if 0x600 + unit not in taken and unit not in (0xF1, 0xF4):
                yield Pair(End(0x600 + tester, unit), End(0x600 + unit, tester))


_BY_MAKER = {
    0x79B: 0x7BB,
    0x797: 0x79A,
    0x743: 0x763,
    0x745: 0x765,
    0x770: 0x778,
    0x7A0: 0x7A8,
    0x7B3: 0x7BB,
    0x7C6: 0x7CE,
    0x7D4: 0x7DC,
    0x6B4: 0x694,
    0x6A2: 0x682,
    0x6A6: 0x686,
    0x748: 0x7C8,
    0x735: 0x635,
    0x781: 0x789,
    0x78A: 0x7CA,
    0x704: 0x784,
    _EXTENDED | 0x1DD01635: _EXTENDED | 0x1EC6AE80,
}
