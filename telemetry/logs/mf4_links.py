"""The blocks of an MF4 log and the links between them, before asammdf follows them.

Promises:

- What asammdf would follow for ever is refused: blocks that form a ring, and a channel or group with two
  owners.
- What would crash it is refused: a channel of a bus outside of its record, or a record too large for a frame.
- It sees the same fields: a channel or its group is refused whose length is not that of its links and fields,
  since asammdf goes by the length, and here the count of links says where the fields are.
- Any bytes end, in time and memory of the blocks that exist.

asammdf itself reports any other fault of a block. Facts: a block is `##`, its kind, 4 bytes, its length, the
count of its links, the links, the first of which is the next block, and its own fields.
"""

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

_BLOCK = struct.Struct("<4s4x10Q")  # whatever it says of its links: these are followed
_HEAD_BYTES = 24
_CHANNEL_GROUP = struct.Struct("<16xH6xII")  # flags, bytes of a record, and of its invalidation bits
_CHANNEL = struct.Struct("<BxxBII60x")  # type, bit offset, byte offset, count of bits
_BUS_EVENT = 0x02
_VIRTUAL = (3, 6)  # types of channels that are not in the record
_UNFINISHED_AT = 60  # two bytes of flags: what the logger did not come to
_LAST_LIST, _LAST_LENGTH = 0x10, 0x04
_HEADER_AT = 64
_LISTS = (b"##HL", b"##DL", b"##LD")
MOST_RECORD_BYTES = 1 << 16


class _Block(NamedTuple):
    at: int
    kind: bytes
    length_bytes: int
    link_count: int
    links: tuple[int, ...]


def check_links(file: BinaryIO) -> None:
    """Raise ValueError where asammdf would not return, EOFError where a group is past the end."""
    _Links(file).check()


class _Links:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size_bytes = file.seek(0, os.SEEK_END)
        self._owned: set[int] = set()  # blocks that belong to one other
        self._lists: set[int] = set()  # lists of data that end

    def check(self) -> None:
        self._file.seek(_UNFINISHED_AT)
        unfinished = int.from_bytes(self._file.read(2), "little")
        header = self._block(_HEADER_AT)
        if header is None or header.kind != b"##HD":
            raise ValueError(f"it has no header at byte {_HEADER_AT}")
        first_group, history, _, attachment, event, *_ = header.links
        for kind, first in ((b"##FH", history), (b"##AT", attachment), (b"##EV", event)):
            for _ in self._chain(first, kind):
                pass
        for group in self._groups(first_group, b"##DG"):
            self._require(group.links[2])
            lists = self._follow_lists(group.links[2])
            if lists > 1 and unfinished & (_LAST_LIST | _LAST_LENGTH):
                raise ValueError("its logger did not finish it, nor can asammdf with data in several lists")
            for channel_group in self._groups(group.links[1], b"##CG"):
                self._check_channels(channel_group)

    def _groups(self, first: int, kind: bytes) -> Iterator[_Block]:
        # asammdf follows these to count them before it looks at what they are.
        last = first
        for block in self._chain(first, kind):
            last = block.links[0]
            yield block
        self._require(last)
        if last:
            raise ValueError(f"it has no {kind[2:].decode()} block at byte {last}")

    def _require(self, at: int) -> None:
        if at and self._block(at) is None:
            raise EOFError(f"without its block of byte {at}, at byte {self._size_bytes}")

    def _check_channels(self, group: _Block) -> None:
        flags, *sizes = self._data(group, _CHANNEL_GROUP)
        record_bytes = sum(sizes)
        is_of_bus = bool(flags & _BUS_EVENT)  # no other is read
        if is_of_bus and record_bytes > MOST_RECORD_BYTES:
            raise ValueError(f"a record of {record_bytes} bytes is no frame, at byte {group.at}")
        for channel in self._channels(group.links[1]):
            if is_of_bus:
                self._require_inside(channel, record_bytes)

    def _channels(self, first: int) -> Iterator[_Block]:
        firsts = [first]
        while firsts:
            for block in self._chain(firsts.pop(), b"##CN", b"##CA"):
                if block.kind == b"##CN":  # an array's first link is what it consists of
                    firsts.append(block.links[1])
                    self._follow_lists(block.links[5])
                    yield block

    def _require_inside(self, channel: _Block, record_bytes: int) -> None:
        kind, bit_offset, byte_offset, bit_count = self._data(channel, _CHANNEL)
        if kind not in _VIRTUAL and byte_offset * 8 + bit_offset + bit_count > record_bytes * 8:
            raise ValueError(f"a channel is not inside its record, at byte {channel.at}")

    def _data(self, block: _Block, fields: struct.Struct) -> tuple[int, ...]:
        """Return what follows the links. Raises EOFError past the file's end, ValueError otherwise."""
        at = block.at + _HEAD_BYTES + 8 * block.link_count
        if at > self._size_bytes - fields.size:
            raise EOFError(f"inside its block of byte {block.at}, at byte {self._size_bytes}")
        if block.length_bytes != at + fields.size - block.at:
            raise ValueError(f"a block is not as long as its links and fields, at byte {block.at}")
        self._file.seek(at)
        return fields.unpack(self._file.read(fields.size))

    def _chain(self, first: int, *kinds: bytes) -> Iterator[_Block]:
        at = first
        while at and (block := self._block(at)) is not None and block.kind in kinds:
            if at in self._owned:
                raise ValueError(f"its blocks form a ring, or belong to two others, at byte {at}")
            self._owned.add(at)
            yield block
            at = block.links[0]

    def _follow_lists(self, first: int) -> int:
        """Return the number of consecutive lists of data."""
        chain: set[int] = set()
        at, count = first, 0
        while at not in self._lists and (block := self._block(at)) is not None and block.kind in _LISTS:
            if at in chain:
                raise ValueError(f"its lists of data form a ring, at byte {at}")
            chain.add(at)
            count += block.kind != b"##HL"
            at = block.links[0]
        self._lists |= chain
        return count

    def _block(self, at: int) -> _Block | None:
        """Return the block at a place; None: it is past the end of the file."""
        if at > self._size_bytes - _HEAD_BYTES:  # a file system may refuse to seek there
            return None
        self._file.seek(at)
        kind, length_bytes, link_count, *links = _BLOCK.unpack(
            self._file.read(_BLOCK.size).ljust(_BLOCK.size, b"\0")
        )
        return _Block(at, kind, length_bytes, link_count, tuple(links))
