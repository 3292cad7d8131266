"""Who asks and who answers on a bus: pairs of ids, as a user, a profile, or the makers of vehicles name them.

Promises: of two ends with one id either both have an address byte or none has.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from telemetry.model.ids import id_text, parse_id

_EXTENDED = 0x80000000


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
    """Yield the pairs that makers use; of many a request several may be the answer.

    ISO 15765-4, and its + 8 for other ids; Volkswagen's + 6A, and its 29 bits; Nissan's and Renault's + 20;
    pairs of single makers; normal fixed addressing; BMW's extended ids.
    """
    certain = [Pair.read(pair) for pair in _OF_MAKERS.split()]
    taken = {end.id for pair in certain for end in (pair.request, pair.answer)}
    asked = {pair.request.id for pair in certain}
    yield from certain
    for unit in range(8):
        yield Pair(End(0x7E0 + unit), End(0x7E8 + unit))
        yield Pair(End(0x7DF), End(0x7E8 + unit), is_functional=True)
    for requests, apart in (
        (range(0x700, 0x7D8), 8),
        (range(0x710, 0x750), 0x6A),
        (range(0x740, 0x760), 0x20),
    ):
        yield from (Pair(End(id), End(id + apart)) for id in requests if id not in asked)
    for unit in _UNITS:
        yield Pair(End(_EXTENDED | 0x17FC0000 | unit), End(_EXTENDED | 0x17FE0000 | unit))
        for tester in _TESTERS:
            answer = End(_EXTENDED | 0x18DA0000 | tester << 8 | unit)
            yield Pair(End(_EXTENDED | 0x18DA0000 | unit << 8 | tester), answer)
            yield Pair(End(_EXTENDED | 0x18DB3300 | tester), answer, is_functional=True)
            if 0x600 + unit not in taken:
                yield Pair(End(0x600 + tester, unit), End(0x600 + unit, tester))


_TESTERS = (0xF1, 0xF4)
_UNITS = [unit for unit in range(256) if unit not in _TESTERS]
_OF_MAKERS = "79B:7BB 797:79A 6B4:694 6A2:682 6A6:686 748:7C8 735:635 78A:7CA 704:784 1DD01635:1EC6AE80"
