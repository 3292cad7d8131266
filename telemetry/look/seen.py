"""What `look` has found in logs, as plain values: ids, a sample of their frames, what their bytes may be."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from telemetry_core.frames.spec import SeenFrames


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a number in a payload. byte: the lowest index of its bytes; shift: its lowest bit there.

    A number of two bytes has all their bits. is_little_endian, is_signed: how they are one.
    """

    byte: int
    byte_count: int = 1
    is_little_endian: bool = False
    is_signed: bool = False
    shift: int = 0
    bit_count: int = 8

    def read(self, rows: Sequence[bytes]) -> list[int]:
        """Return the raw number of each of these payloads, which are long enough."""
        order: Literal["little", "big"] = "little" if self.is_little_endian else "big"
        end, mask = self.byte + self.byte_count, (1 << self.bit_count) - 1
        if self.bit_count < 8 * self.byte_count:
            return [row[self.byte] >> self.shift & mask for row in rows]
        return [int.from_bytes(row[self.byte : end], order, signed=self.is_signed) for row in rows]

    def __str__(self) -> str:
        """Write its bytes from the most significant one: 3, 2-3, 3-2 (little-endian); bits as 1.0-3."""
        first, last = self.byte, self.byte + self.byte_count - 1
        if first != last:
            return f"{last}-{first}" if self.is_little_endian else f"{first}-{last}"
        return f"{first}.{self.shift}-{self.shift + self.bit_count - 1}" if self.bit_count < 8 else str(first)


@dataclass(frozen=True, slots=True)
class Finding:
    """A guess at what a part of a payload is.

    kind: constant, changes, counter, checksum, multiplexer, text, voltage, current, temperature, charge,
    number, request, answer or transfer. place: None: all of the payload. lowest, highest: of the values of
    the sample, scaled by factor and offset; None where that says nothing. words: what it is, and why it seems
    to be so. pages: of the multiplexer, that have it; empty: all.
    """

    kind: str
    place: Place | None
    lowest: float | None
    highest: float | None
    words: str
    factor: float = 1.0
    offset: float = 0.0
    pages: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class LookedId:
    """One id of one channel.

    period_ms: the median time from frame to frame; jitter_ms: the median distance from it; None: too few
    frames. known: what databases and protocols call it; empty: nothing does. seen: its frames.
    """

    channel: str
    seen: SeenFrames
    period_ms: float | None
    jitter_ms: float | None
    findings: tuple[Finding, ...]
    known: str

    @property
    def id(self) -> int:
        """Return the id without the bit that says that it is extended."""
        return self.seen.id & 0x1FFFFFFF

    @property
    def is_extended(self) -> bool:
        """Return whether it has 29 bits."""
        return bool(self.seen.id >> 31)


@dataclass(frozen=True, slots=True)
class Look:
    """All of it.

    ids: by channel and id; known: a line for each protocol and database that fits.
    """

    frames: int
    seconds: float
    ids: tuple[LookedId, ...]
    known: tuple[str, ...]
