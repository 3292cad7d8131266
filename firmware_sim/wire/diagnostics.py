"""Answers of control units as bytes: numbers put where a table says, and messages cut into frames of ISO-TP.

Promises: a number that does not fit is the nearest one that does. Frames have 8 bytes, as ISO 15765-2 has
them, after an address where the unit has one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

CLASSIC_BYTES = 8
FILLER = 0x55
_NOT_FITTED = 0x02  # bytes of what is not there hold something, in vehicles, and not 0

Known = Callable[[str], float | None]  # what is known by that name; None: nothing is


@dataclass(frozen=True, slots=True)
class Number:
    """A number of an answer: raw = (value - offset) / scale.

    what: by what name it is known: `voltage_v`, `v17`, `t3`; start: its first bit as a DBC has it; absent:
    the raw number where nothing is known; present_bit: bit n % 8 of byte n // 8 says whether it is there.
    """

    what: str
    start: int
    bits: int
    is_little: bool = False
    is_signed: bool = False
    scale: float = 1.0
    offset: float = 0.0
    absent: int | None = None
    present_bit: int = -1

    @property
    def end_byte(self) -> int:
        """Return how many bytes an answer has at least that holds it."""
        first = self.start if self.is_little else self.start ^ 7
        return (first + self.bits + 7) // 8

    def put(self, into: bytearray, known: Known) -> None:
        """Write it into an answer that is long enough; what nobody knows and what has no word stays 0."""
        value = known(self.what)
        if value is None and self.absent is None:
            value = known(self.what.rstrip("0123456789"))  # as the others are
        if value is not None:
            self._put(into, round((value - self.offset) / self.scale))
            if self.present_bit >= 0:
                into[self.present_bit // 8] |= 1 << self.present_bit % 8
        elif self.absent is not None:
            self._write(into, self.absent)
        elif self.present_bit >= 0:
            self._write(into, _NOT_FITTED)

    def _put(self, into: bytearray, raw: int) -> None:
        span = 1 << self.bits
        least = -span // 2 if self.is_signed else 0
        self._write(into, min(max(raw, least), least + span - 1))

    def _write(self, into: bytearray, raw: int) -> None:
        order: Literal["little", "big"] = "little" if self.is_little else "big"
        mask = (1 << self.bits) - 1
        shift = self.start if self.is_little else 8 * len(into) - (self.start ^ 7) - self.bits
        whole = int.from_bytes(into, order) & ~(mask << shift) | (raw & mask) << shift
        into[:] = whole.to_bytes(len(into), order)


@dataclass(frozen=True, slots=True)
class Answer:
    """A unit's answer to a request, and how often that is worth asking."""

    request: bytes
    length: int
    numbers: Sequence[Number]
    every_s: float = 10.0

    def bytes(self, known: Known) -> bytes:
        """Return the whole answer."""
        made = bytearray(self.length)
        for number in self.numbers:
            if number.end_byte <= self.length:
                number.put(made, known)
        head = bytes((self.request[0] + 0x40,)) + self.request[1:]
        return head + made[len(head) :]


@dataclass(frozen=True, slots=True)
class Address:
    """The id of one direction, with CAN_EFF_FLAG; unit: the byte before ISO-TP's own, if it has one."""

    id: int
    unit: int | None = None

    @property
    def head(self) -> bytes:
        return b"" if self.unit is None else bytes((self.unit,))

    def heard(self, id: int, data: bytes) -> bytes | None:
        """Return ISO-TP's own bytes of a frame; None: it is another's."""
        return data[len(self.head) :] if id == self.id and data.startswith(self.head) else None

    def frame(self, body: bytes) -> tuple[int, bytes]:
        return self.id, (self.head + body).ljust(CLASSIC_BYTES, bytes((FILLER,)))

    def frames(self, message: bytes) -> list[tuple[int, bytes]]:
        """Return the frames of a message: one, or a first one and consecutive ones."""
        room = CLASSIC_BYTES - len(self.head) - 1
        if len(message) <= room:
            return [self.frame(bytes((len(message),)) + message)]
        first = (0x1000 | len(message)).to_bytes(2) + message[: room - 1]
        rest = range(room - 1, len(message), room)
        return [self.frame(first)] + [
            self.frame(bytes((0x20 | n % 16,)) + message[at : at + room]) for n, at in enumerate(rest, 1)
        ]
