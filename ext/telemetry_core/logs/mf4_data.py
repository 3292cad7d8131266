"""The data of an MF4 file's groups and channels, in pieces: blocks stored or deflated, alone or in lists.

Promises:

- Memory is bounded: a deflated block comes out in pieces. Only a transposed one is held as a whole, and all
  that are held at once take at most MOST_HELD_BYTES.
- A stream ends, whatever lists name which blocks how often: it takes no more bytes than the file has.
- A stream ends at the first damage, after all that comes before it. A file that was cut off is not damaged.
- The last block of a log that its logger did not finish ends where the next group or the file does, and the
  blocks that follow its last list belong to it.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from telemetry_core.logs.deflate import INFLATE_ERRORS, decompressobj
from telemetry_core.logs.mf4_blocks import HEAD_BYTES, LISTS, MOST_RECORD_BYTES, Block, Blocks

PIECE_BYTES = 64 * 1024
MOST_HELD_BYTES = 128 << 20
MOST_COLUMNS = MOST_RECORD_BYTES + 8  # of a transposed block: a record, and its id

LAST_LENGTH, LAST_LIST = 0x04, 0x10  # flags of an unfinished log
_DEFLATED_PIECE_BYTES = 16 * 1024  # zlib copies what is left of it for each piece that it makes
_STORED = (b"##DT", b"##DV", b"##SD")
_DEFLATED = b"##DZ"
_DEFLATE = struct.Struct("<2sBxIQQ")  # kind of the block, method, columns, bytes before and after
_TRANSPOSED = 1  # and deflated
_MOST_DEFLATED_MORE_BYTES = 65_536  # than there were: what cannot be deflated is stored, 5 bytes more a block
_LIST_COUNT = struct.Struct("<4xI")  # of blocks: LD has links to others after those


class Piece(NamedTuple):
    """Bytes that follow those of the piece before; a `damaged` piece reports that none do.

    size_bytes: of the data, or of the transposed block whose first columns they are; columns: that it has, 0
    if it is not transposed; place: in the file, of the block that it is from.
    """

    data: bytes
    size_bytes: int
    columns: int
    place: int
    damaged: bool


class Data:
    """The data of a file that was checked."""

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._held_bytes = 0

    def kind(self, first: int) -> bytes:
        """Return the kind of the first block that holds data: DT, DV or SD, DZ where it is packed otherwise.

        Empty where the file has no such data.
        """
        for block in self._all(first):
            if block.kind in _STORED:
                return block.kind[2:]
            if block.kind == _DEFLATED:
                kind, method = (
                    self._blocks.read(block.fields_at, 2),
                    self._blocks.read(block.fields_at + 2, 1),
                )
                return kind if method <= bytes([_TRANSPOSED]) else _DEFLATED[2:]
        return b""

    def pieces(self, first: int, record_bytes: int = 0, most_columns: int = 0) -> Iterator[Piece]:
        """Yield all of the data of the block, or of the lists, at this place.

        most_columns: that are enough of a transposed block with as many columns as a record has bytes.
        """
        left_bytes = self._blocks.size_bytes
        for block in self._all(first):
            left_bytes -= (
                HEAD_BYTES + 8 * block.link_count if block.kind in LISTS else self._stored_bytes(block)
            )
            if left_bytes < 0 or block.kind not in (*LISTS, *_STORED, _DEFLATED):
                yield _damage(block.at)
                return
            if block.kind in LISTS:
                continue
            for piece in (
                self._deflated(block, record_bytes, most_columns)
                if block.kind == _DEFLATED
                else self._as_it_is(block)
            ):
                yield piece
                if piece.damaged:
                    return

    def _all(self, first: int) -> Iterator[Block]:
        """Yield the lists and the blocks that they name, in order."""
        at = first
        block = last = self._named(at) if at else None
        while block is not None and block.kind in LISTS:
            yield block
            last = block
            if block.kind == b"##HL":
                at = block.links[0]
            else:
                for link in self._links(block):
                    last = self._named(link)
                    yield last
                at = block.links[0]
            block = self._named(at) if at else None
            if not at and self._blocks.unfinished & LAST_LIST:
                yield from self._following(last)
        if block is not None:
            yield block

    def _named(self, at: int) -> Block:
        """Return the block at a place; one of no kind, at the end of the file, for none."""
        return self._blocks.block(at) or Block(min(at, self._blocks.size_bytes), b"", 0, 0, ())

    def _links(self, block: Block) -> Iterator[int]:
        """Yield where the blocks of a list are, up to the first that is nowhere."""
        count = min(block.link_count - 1, self._blocks.size_bytes // 8)
        if block.kind == b"##LD":
            (named,) = _LIST_COUNT.unpack(self._blocks.read(block.fields_at, 8).ljust(8, b"\0"))
            count = min(count, named)
        for done in range(0, count, PIECE_BYTES // 8):
            links = self._blocks.read(
                block.at + HEAD_BYTES + 8 * (1 + done), min(8 * (count - done), PIECE_BYTES)
            )
            for (link,) in struct.iter_unpack("<Q", links[: len(links) // 8 * 8]):
                if not link:
                    return
                yield link

    def _following(self, last: Block) -> Iterator[Block]:
        """Yield the blocks of data right after one."""
        block: Block | None = last
        while block is not None:
            block = self._blocks.block(block.at + (max(block.length_bytes, HEAD_BYTES) + 7) // 8 * 8)
            if block is None or block.kind not in (*_STORED, _DEFLATED):
                return
            yield block

    def _stored_bytes(self, block: Block) -> int:
        """Return how long a block is in the file, with its head."""
        blocks = self._blocks
        end = block.at + block.length_bytes
        if blocks.unfinished & LAST_LENGTH and block.kind in _STORED:
            next_at = (end + 7) // 8 * 8
            if block.length_bytes <= HEAD_BYTES or (
                end < blocks.size_bytes and blocks.read(next_at, 2) != b"##"
            ):
                end = blocks.next_after(block.at)
        return max(min(end, blocks.size_bytes) - block.at, HEAD_BYTES)

    def _as_it_is(self, block: Block) -> Iterator[Piece]:
        for data in self._bytes(block.fields_at, block.at + self._stored_bytes(block)):
            yield Piece(data, len(data), 0, block.at, damaged=False)

    def _bytes(self, begin: int, end: int, piece_bytes: int = PIECE_BYTES) -> Iterator[bytes]:
        for at in range(begin, end, piece_bytes):
            yield self._blocks.read(at, min(piece_bytes, end - at))

    def _deflated(self, block: Block, record_bytes: int, most_columns: int) -> Iterator[Piece]:
        begin = block.fields_at + _DEFLATE.size
        head = self._blocks.read(block.fields_at, _DEFLATE.size)
        if len(head) < _DEFLATE.size:
            yield _damage(block.at)
            return
        _, method, columns, size_bytes, stored_bytes = _DEFLATE.unpack(head)
        end = min(begin + stored_bytes, block.at + self._stored_bytes(block))
        if not method:
            yield from self._inflated(block, self._bytes(begin, end, _DEFLATED_PIECE_BYTES), size_bytes)
        elif (
            method != _TRANSPOSED
            or not 0 < columns <= MOST_COLUMNS
            or end - begin > size_bytes + _MOST_DEFLATED_MORE_BYTES
            or self._held_bytes + size_bytes > MOST_HELD_BYTES
        ):
            yield _damage(block.at)
        else:
            self._held_bytes += size_bytes
            try:  # in one call: to put pieces together takes twice as long as to inflate them
                is_less = columns == record_bytes and most_columns < columns and not size_bytes % columns
                enough = size_bytes // columns * most_columns if is_less else size_bytes
                for piece in self._inflated(block, [self._blocks.read(begin, end - begin)], enough, enough):
                    is_whole = piece.damaged or len(piece.data) == enough
                    turned = piece._replace(size_bytes=size_bytes, columns=columns)
                    yield turned if is_whole else _damage(block.at)
            finally:
                self._held_bytes -= size_bytes

    def _inflated(
        self, block: Block, stored: Iterable[bytes], size_bytes: int, most_bytes: int = PIECE_BYTES
    ) -> Iterator[Piece]:
        inflater = decompressobj()
        left_bytes = size_bytes
        for rest in stored:
            while left_bytes and not inflater.eof:
                try:
                    data: bytes = inflater.decompress(rest, min(most_bytes, left_bytes))
                except INFLATE_ERRORS:
                    yield _damage(block.at)
                    return
                if not data:
                    break
                left_bytes -= len(data)
                yield Piece(data, len(data), 0, block.at, damaged=False)
                rest = inflater.unconsumed_tail
        if left_bytes and not self._is_cut_off(block):
            yield _damage(block.at)

    def _is_cut_off(self, block: Block) -> bool:
        return block.at + block.length_bytes > self._blocks.size_bytes


def _damage(place: int) -> Piece:
    return Piece(b"", 0, 0, place, damaged=True)
