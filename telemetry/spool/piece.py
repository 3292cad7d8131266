"""One piece of a batch that is kept in memory: new lines, and what there is to know as of their end.

docs/spool.md has the format. A piece counts as a whole or not at all: its check goes on from the piece before
it, so that no remains of another batch follow it.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from telemetry_core.text.lines import LineBuffer

from telemetry.spool.compress import crc32
from telemetry.spool.trails import NO_STATE, unpack_state

MAGIC = b"nTo\x02"
NO_LINES = b"nTh\x02"  # in its place where no line has come: what knows no such batch passes it over
EMPTIED = b"nTe\x02"  # in the place of the first piece's magic

_HEAD_FORMAT = "<4sIIIIqqB"  # magic; bytes of texts, numbers, bytes, number of lines; stamps; flags
_HEAD = struct.Struct(_HEAD_FORMAT)  # after it: numbers, texts, check, lines
_CHECK = struct.Struct("<I")  # CRC-32 of all but magic and check, going on from the piece before
_ORDERED = 1
_HAS_STATE = 2
_HAS_REPLACING = 4
_URGENT = 8
# The texts: replacing lines after these numbers, the state after its length, names.
_REPLACING = struct.Struct("<IIqq")  # bytes, number of lines, stamps
_STATE_BYTES = struct.Struct("<I")  # 0: as in the piece before


class PieceEncoder:
    """Writes pieces with so many numbers."""

    def __init__(self, numbers: int) -> None:
        self._head = struct.Struct(f"{_HEAD_FORMAT}{numbers}q")

    def encode(
        self,
        lines: LineBuffer,
        new: memoryview,
        numbers: Sequence[int],
        names_json: bytes,
        *,
        packed_state: bytes | None,
        replacing: LineBuffer | None,
        check: int,
    ) -> tuple[tuple[bytes, bytes, memoryview], int]:
        """Return the parts of a piece, and its check.

        lines: all of the batch so far; new: those that no piece has yet; names_json: empty if as before;
        packed_state, replacing: as in Piece; check: of the piece before, 0 for the first.
        """
        texts = names_json
        flags = _ORDERED * lines.overlaps | _URGENT * lines.urgent
        if packed_state is not None:
            flags |= _HAS_STATE
            texts = b"".join((_STATE_BYTES.pack(len(packed_state)), packed_state, texts))
        if replacing is not None:
            flags |= _HAS_REPLACING
            bounds = (replacing.lines, replacing.first_ns, replacing.last_ns)
            texts = b"".join((_REPLACING.pack(len(replacing), *bounds), replacing, texts))
        magic = MAGIC if lines.lines or replacing is not None else NO_LINES
        head = self._head.pack(
            *(magic, len(texts), len(numbers), len(new)),
            *(lines.lines, lines.first_ns, lines.last_ns, flags),
            *numbers,
        )
        head += texts
        check = crc32(new, crc32(head[len(MAGIC) :], check))
        return (head, _CHECK.pack(check), new), check


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines, and what must be known of them as a batch."""

    points: int  # of the batch, up to its end
    first_ns: int
    last_ns: int
    ordered: bool
    urgent: bool
    lines: bytes


@dataclass(frozen=True, slots=True)
class Piece(Lines):
    """New lines of a batch, and what there is to know as of their end."""

    numbers: tuple[int, ...]
    names_json: bytes  # names, as JSON; empty: those of the piece before
    packed_state: bytes | None  # None: there is none; empty: that of the piece before
    replacing: Lines | None

    def state_after(self, before: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """Return the state as of its end; before: as of its beginning."""
        if self.packed_state is None:
            return NO_STATE
        return unpack_state(self.packed_state) if self.packed_state else before


def pieces_of(content: bytes) -> Iterator[Piece]:
    """Yield the whole pieces that follow one another, up to the first that does not."""
    at = check = 0
    while len(content) - at >= _HEAD.size:
        magic, texts_bytes, count, lines_bytes, points, first_ns, last_ns, flags = _HEAD.unpack_from(
            content, at
        )
        numbers_at = at + _HEAD.size
        texts_at = numbers_at + 8 * count
        check_at = texts_at + texts_bytes
        end = check_at + _CHECK.size + lines_bytes
        if magic not in (MAGIC, NO_LINES) or end > len(content):
            return
        lines = content[end - lines_bytes : end]
        check = crc32(lines, crc32(content[at + len(MAGIC) : check_at], check))
        if _CHECK.unpack_from(content, check_at) != (check,):
            return
        numbers = struct.unpack_from(f"<{count}q", content, numbers_at)
        texts = _Texts(content[texts_at:check_at])
        replacing = texts.replacing() if flags & _HAS_REPLACING else None
        packed_state = texts.state() if flags & _HAS_STATE else None
        marks = bool(flags & _ORDERED), bool(flags & _URGENT)
        yield Piece(points, first_ns, last_ns, *marks, lines, numbers, texts.rest, packed_state, replacing)
        at = end


class _Texts:
    """What lies between the numbers and the check of a piece, taken off from its front. Its check holds."""

    def __init__(self, rest: bytes) -> None:
        self.rest = rest

    def replacing(self) -> Lines:
        count, points, first_ns, last_ns = _REPLACING.unpack(self._take(_REPLACING.size))
        return Lines(points, first_ns, last_ns, True, False, self._take(count))

    def state(self) -> bytes:
        return self._take(_STATE_BYTES.unpack(self._take(_STATE_BYTES.size))[0])

    def _take(self, count: int) -> bytes:
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken
