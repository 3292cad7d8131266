"""The blocks of an MF4 file, and what of their links and sizes is impossible.

Promises:

- Whoever follows links of a file that was checked ends: blocks that form a ring, and a channel or group with
  two owners, are refused.
- A channel of a bus lies inside its record, and a record may be a frame.
- A channel or its group is as long as its links and fields. asammdf goes by the length; here the count of
  links says where the fields are.

Facts: a block is `##`, its kind, 4 bytes, its length, the count of its links, the links, and its own fields.
The first link is the next block.
"""

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

HEADER_AT = 64
UNFINISHED_AT = 60  # two bytes of flags: what the logger did not come to
HEAD_BYTES = 24
MOST_RECORD_BYTES = 1 << 16
OF_BUS, OF_VARIABLE_LENGTH = 0x02, 0x01  # flags of channel groups
VIRTUAL = (3, 6)  # types of channels that are not in the record
DATA_GROUP = struct.Struct("<B7x")  # bytes of a record's id
CHANNEL_GROUP = struct.Struct(
    "<QQH6xII"
)  # record id, count, flags, bytes of a record, of its invalidation bits
CHANNEL = struct.Struct("<BxBBII60x")  # type, type of its data, bit offset, byte offset, count of bits
LISTS = (b"##HL", b"##DL", b"##LD")
_BLOCK = struct.Struct("<4s4x10Q")  # kind, length in bytes, count of links, and eight of them


class Block(NamedTuple):
    """One block, with its first eight links."""

    at: int
    kind: bytes
    length_bytes: int
    link_count: int
    links: tuple[int, ...]

    @property
    def fields_at(self) -> int:
        """Return where what follows the links begins."""
        return self.at + HEAD_BYTES + 8 * self.link_count


class Blocks:
    """The blocks of one file. Methods raise ValueError for an impossible one, EOFError past the end."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size_bytes = file.seek(0, os.SEEK_END)
        self.unfinished = int.from_bytes(self.read(UNFINISHED_AT, 2), "little")
        self.most_lists = 0  # of the data of one group, as `check` found
        self._owned: set[int] = set()  # blocks that belong to one other
        self._lists: set[int] = set()  # lists of data that end

    def read(self, at: int, count: int) -> bytes:
        """Return bytes of the file, fewer at its end."""
        if at >= self.size_bytes:  # a file system may refuse to seek there
            return b""
        self.file.seek(at)
        return self.file.read(count)

    def block(self, at: int) -> Block | None:
        """Return the block at a place; None: it is past the end of the file."""
        if at > self.size_bytes - HEAD_BYTES:
            return None
        kind, length_bytes, link_count, *links = _BLOCK.unpack(
            self.read(at, _BLOCK.size).ljust(_BLOCK.size, b"\0")
        )
        return Block(at, kind, length_bytes, link_count, tuple(links))

    def follow(self, first: int, kind: bytes) -> Iterator[Block]:
        """Yield a block and those that come after it, of a file that was checked."""
        at = first
        while at and (block := self.block(at)) is not None and block.kind == kind:
            yield block
            at = block.links[0]

    def fields(self, block: Block, fields: struct.Struct) -> tuple[int, ...]:
        """Return what follows the links."""
        if block.fields_at > self.size_bytes - fields.size:
            raise EOFError(f"inside its block of byte {block.at}, at byte {self.size_bytes}")
        if block.length_bytes != block.fields_at + fields.size - block.at:
            raise ValueError(f"a block is not as long as its links and fields, at byte {block.at}")
        return fields.unpack(self.read(block.fields_at, fields.size))

    def header(self) -> Block:
        """Return the header."""
        header = self.block(HEADER_AT)
        if header is None or header.kind != b"##HD":
            raise ValueError(f"it has no header at byte {HEADER_AT}")
        return header

    def next_after(self, at: int) -> int:
        """Return where the next group or channel is, or the end of the file."""
        return min((other for other in self._owned if other > at), default=self.size_bytes)

    def check(self) -> None:
        """Raise where a reader of links and records would not return or would leave the file."""
        first_group, history, _, attachment, event, *_ = self.header().links
        for kind, first in ((b"##FH", history), (b"##AT", attachment), (b"##EV", event)):
            for _ in self._chain(first, kind):
                pass
        for group in self._groups(first_group, b"##DG"):
            self._require(group.links[2])
            self.most_lists = max(self.most_lists, self._follow_lists(group.links[2]))
            for channel_group in self._groups(group.links[1], b"##CG"):
                self._check_channels(channel_group)

    def _groups(self, first: int, kind: bytes) -> Iterator[Block]:
        # asammdf follows these to count them before it looks at what they are.
        last = first
        for block in self._chain(first, kind):
            last = block.links[0]
            yield block
        self._require(last)
        if last:
            raise ValueError(f"it has no {kind[2:].decode()} block at byte {last}")

    def _require(self, at: int) -> None:
        if at and self.block(at) is None:
            raise EOFError(f"without its block of byte {at}, at byte {self.size_bytes}")

    def _check_channels(self, group: Block) -> None:
        _, _, flags, *sizes = self.fields(group, CHANNEL_GROUP)
        record_bytes = sum(sizes)
        is_of_bus = flags & (OF_BUS | OF_VARIABLE_LENGTH) == OF_BUS  # no other is read
        if is_of_bus and record_bytes > MOST_RECORD_BYTES:
            raise ValueError(f"a record of {record_bytes} bytes is no frame, at byte {group.at}")
        for channel in self._channels(group.links[1]):
            if is_of_bus:
                self._require_inside(channel, record_bytes)

    def _channels(self, first: int) -> Iterator[Block]:
        firsts = [first]
        while firsts:
            for block in self._chain(firsts.pop(), b"##CN", b"##CA"):
                if block.kind == b"##CN":  # an array's first link is what it consists of
                    firsts.append(block.links[1])
                    self._follow_lists(block.links[5])
                    yield block

    def _require_inside(self, channel: Block, record_bytes: int) -> None:
        kind, _, bit_offset, byte_offset, bit_count = self.fields(channel, CHANNEL)
        if kind not in VIRTUAL and byte_offset * 8 + bit_offset + bit_count > record_bytes * 8:
            raise ValueError(f"a channel is not inside its record, at byte {channel.at}")

    def _chain(self, first: int, *kinds: bytes) -> Iterator[Block]:
        at = first
        while at and (block := self.block(at)) is not None and block.kind in kinds:
            if at in self._owned:
                raise ValueError(f"its blocks form a ring, or belong to two others, at byte {at}")
            self._owned.add(at)
            yield block
            at = block.links[0]

    def _follow_lists(self, first: int) -> int:
        """Return the number of consecutive lists of data."""
        chain: set[int] = set()
        at, count = first, 0
        while at not in self._lists and (block := self.block(at)) is not None and block.kind in LISTS:
            if at in chain:
                raise ValueError(f"its lists of data form a ring, at byte {at}")
            chain.add(at)
            count += block.kind != b"##HL"
            at = block.links[0]
        self._lists |= chain
        return count
