"""Who asks and who answers on a bus: pairs of ids, as a user, a profile, or the makers of vehicles name them.

Promises: of two ends with one id either both have an address byte or none has.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from telemetry.model.ids import id_text
from telemetry.vehicles.profile import Address

_EXTENDED = 0x80000000


@dataclass(frozen=True, slots=True)
class Pair:
    """The ids by which a unit is asked and answers. is_functional: others hear it too, and may answer."""

    request: Address
    answer: Address
    is_functional: bool = False

    @classmethod
    def read(cls, text: str) -> "Pair":
        """Read `7E4:7EC`, or `6F1/07:607/F1`. Raises ValueError."""
        request, colon, answer = text.partition(":")
        if not colon:
            raise ValueError(f"{text!r} is no pair: REQUEST:ANSWER, as 7E4:7EC or 6F1/07:607/F1")
        pair = cls(Address.parse(request), Address.parse(answer))
        if pair.request == pair.answer:
            raise ValueError(f"{text!r}: a unit answers with another id than it is asked with")
        return pair

    def __str__(self) -> str:
        return f"{self.request}:{self.answer}"


def one_each(pairs: Iterable[Pair]) -> list[Pair]:
    """Return the pairs once each. Raises ValueError where two have one id in common."""
    once = list(dict.fromkeys(pairs))
    owners = dict[Address, Pair]()
    addressed = dict[int, tuple[bool, Pair]]()
    for pair in once:
        for end in (pair.request, pair.answer):
            other = owners.setdefault(end, pair)
            has_address, first = addressed.setdefault(end.id, (end.unit is not None, pair))
            if other is not pair:
                raise ValueError(f"{other} and {pair} have {end} in common")
            if has_address != (end.unit is not None):
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
        yield Pair(Address(0x7E0 + unit), Address(0x7E8 + unit))
        yield Pair(Address(0x7DF), Address(0x7E8 + unit), is_functional=True)
    for requests, apart in (
        (range(0x700, 0x7D8), 8),
        (range(0x710, 0x750), 0x6A),
        (range(0x740, 0x760), 0x20),
    ):
        yield from (Pair(Address(id), Address(id + apart)) for id in requests if id not in asked)
    for unit in _UNITS:
        yield Pair(Address(_EXTENDED | 0x17FC0000 | unit), Address(_EXTENDED | 0x17FE0000 | unit))
        for tester in _TESTERS:
            answer = Address(_EXTENDED | 0x18DA0000 | tester << 8 | unit)
            yield Pair(Address(_EXTENDED | 0x18DA0000 | unit << 8 | tester), answer)
            yield Pair(Address(_EXTENDED | 0x18DB3300 | tester), answer, is_functional=True)
            if 0x600 + unit not in taken:
                yield Pair(Address(0x600 + tester, unit), Address(0x600 + unit, tester))


_TESTERS = (0xF1, 0xF4)
_UNITS = [unit for unit in range(256) if unit not in _TESTERS]
_OF_MAKERS = "79B:7BB 797:79A 6B4:694 6A2:682 6A6:686 748:7C8 735:635 78A:7CA 704:784 1DD01635:1EC6AE80"
