"""MF4, ASAM's measurement files, through python-can's reader and asammdf.

Promises:

- Any log ends, in frames or in one error, in time and memory of the blocks that exist.
- Stamps depend on the log alone, and not on the zone of this machine.
- asammdf prints nothing, and leaves no copy of a log that it made whole.
- Before asammdf follows links between blocks, what it would follow for ever is refused: blocks that form a
  ring, and a channel or group with two owners.
- So is what would crash it: a channel of a bus outside of its record, or a record too large for a frame.
- Both see the same fields: a channel or its group is refused whose length is not that of its links and
  fields, since asammdf goes by the length, and here the count of links says where the fields are.

asammdf itself reports any other fault of a block. Facts: a block is `##`, its kind, 4 bytes, its length, the
count of its links, the links, the first of which is the next block, and its own fields.

Relies on asammdf, imported only when such a log is read.
"""

import importlib.util
import logging
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from telemetry.errors import DataError, MissingPackageError
from telemetry.logs.content import cannot_copy

if TYPE_CHECKING:
    import can
    from asammdf.blocks.mdf_v4 import MDF4, Group
    from asammdf.blocks.utils import Fragment


LOG = logging.getLogger(__name__)
FINISHED, UNFINISHED = b"MDF     ", b"UnFinMF "  # how a log begins
HEADER_BYTES = 168
MOST_BLOCK_BYTES = 64 << 20  # that one compressed block inside of a log may be
RECORDS_AT_ONCE = 50_000  # of whose channels one looks at, some megabytes
_LOCAL_TIME, _HAS_OFFSETS = 1, 2  # flags of a stamp: what it counts in, and whether it says its zone
_BLOCK = struct.Struct("<4s4x10Q")  # kind, length in bytes, count of links, and eight of them
_HEAD_BYTES = 24
_CHANNEL_GROUP = struct.Struct("<16xH6xII")  # flags, bytes of a record, and of its invalidation bits
_CHANNEL = struct.Struct("<BxxBII60x")  # type, bit offset, byte offset, count of bits
_BUS_EVENT = 0x02
_VIRTUAL = (3, 6)  # types of channels that are not in the record
_UNFINISHED_AT = 60  # two bytes of flags: what the logger did not come to
_HEADER_AT = 64
_LISTS = (b"##HL", b"##DL", b"##LD")
MOST_RECORD_BYTES = 1 << 16


class Mf4:
    """ASAM's measurement files: what their groups hold of CAN bus logging, merged in the order of time.

    A log that its logger did not finish (power was cut, or it streams) says so by its beginning, and is read
    up to its last whole record: asammdf finishes a copy of it, in the temporary folder.

    Raises MissingPackageError without asammdf; DataError when it cannot read the file at all, EOFError when
    that ends inside its header; StorageError when the temporary folder cannot be written.
    """

    def __init__(self, path: Path, where: Path) -> None:
        """Open it. path: of the log, not compressed; where: what people call it."""
        if importlib.util.find_spec("asammdf") is None:
            raise MissingPackageError(
                "reading MF4 needs the package asammdf",
                where=str(where),
                hint="pip install 'nev-telemetry[mf4]'",
            )
        with path.open("rb") as file:
            header = file.read(HEADER_BYTES)
        require_mf4(header, where)
        if len(header) < HEADER_BYTES:
            raise EOFError(f"inside its header, at byte {len(header)}")
        self.is_unfinished = header.startswith(UNFINISHED)
        import can

        class TidyMf4Reader(can.MF4Reader):
            # As it is, python-can's reader leaves a file open that asammdf refuses, and takes local time for
            # that of this machine.
            def __init__(self, path: Path) -> None:
                try:
                    super().__init__(path)
                    offset_s = _offset_of_local_s(self._mdf)
                    # As integers: a float of so many nanoseconds is off by 128 of them.
                    start_ns = int(self._mdf.header.abs_time) - (offset_s or 0) * 10**9
                    self._start_timestamp = start_ns / 10**9
                    self.lacks_zone = offset_s is None
                except BaseException:
                    self.file.close()
                    raise

        try:
            with path.open("rb") as file:
                check_links(file)
        except ValueError as error:
            raise DataError("is no MF4 log", where=str(where), hint=str(error)) from error
        _mend_asammdf()
        try:
            self._file = TidyMf4Reader(path)
        except OSError as error:  # the log was read already: it is the copy that cannot be written
            raise cannot_copy(where, error) from error
        except Exception as error:
            raise DataError("is no MF4 log", where=str(where), hint=" ".join(str(error).split())) from error
        self.lacks_zone = self._file.lacks_zone  # it counts in local time, and does not say where
        self.first_channel = 0 if _has_channel_0(self._file._mdf, where) else 1

    @property
    def reader(self) -> Iterable["can.Message"]:
        return self._file

    def close(self) -> None:
        """Give the file back."""
        self._file.stop()

    def progress(self) -> int:
        return 0  # so it ends where asammdf gives up: it cannot go on after that

    def place(self) -> str:
        return "its records"

    def is_torn(self) -> bool:
        return False


def require_mf4(beginning: bytes, where: Path) -> None:
    """Raise DataError where a log does not begin as one, whose unpacking is then spared."""
    if not any(known.startswith(beginning[:8]) for known in (FINISHED, UNFINISHED)):
        raise DataError("is no MF4 log", where=str(where), hint="it does not begin with MDF")


def _inflate(data: bytes) -> bytes:
    """Return a block's bytes, of which the standard has at most 4 MiB."""
    inflater = zlib.decompressobj()
    block = inflater.decompress(data, MOST_BLOCK_BYTES)
    if inflater.unconsumed_tail:
        raise ValueError(f"a block unpacks to more than {MOST_BLOCK_BYTES >> 20} MiB")
    return block


def _offset_of_local_s(log: "MDF4") -> int | None:
    """Return how far the stamp in the header is ahead of UTC; None: it is local, of an unknown zone.

    A stamp in local time has no zone. The first entry of the log's history, which its writer made at that
    time, has one.
    """
    if not log.header.time_flags & _LOCAL_TIME:
        return 0
    for entry in log.file_history[:1]:
        if entry.time_flags & _HAS_OFFSETS and not entry.time_flags & _LOCAL_TIME:
            return 60 * (entry.tz_offset + entry.daylight_save_time)
    return None


def _has_channel_0(log: "MDF4", where: Path) -> bool:
    """Return whether a record is of channel 0: loggers number their channels from 1, python-can from 0."""
    try:
        for number, group in enumerate(log.groups):
            for index, channel in enumerate(group.channels):
                if not channel.name.endswith(".BusChannel"):
                    continue
                for offset in range(0, group.channel_group.cycles_nr, RECORDS_AT_ONCE):
                    found = log.get(
                        group=number,
                        index=index,
                        samples_only=True,
                        record_offset=offset,
                        record_count=RECORDS_AT_ONCE,
                    )
                    if (found[0] == 0).any():
                        return True
                    if not len(found[0]):  # a damaged log says that it has more
                        break
    except Exception as error:  # noqa: BLE001 - of a damaged log, whose messages are read all the same
        LOG.warning("%s: taken to count its channels from 1: %s", where, " ".join(str(error).split()))
    return False


def _mend_asammdf() -> None:
    """Make asammdf return from any log, raise its findings instead of printing them, and clean up.

    - A log that it could not build lacks attributes: it would report that on stderr, and leave its copy of an
      unfinished log.
    - It would cut the bytes of a group without a whole record into empty pieces, for ever.
    - It would inflate a compressed block to any size.
    """
    logging.getLogger("asammdf").disabled = True
    from asammdf.blocks.mdf_v4 import MDF4
    from asammdf.blocks.utils import DECOMPRESS_FUNC_MAP
    from asammdf.blocks.v4_constants import DZ_BLOCK_DEFLATE, DZ_BLOCK_TRANSPOSED

    if MDF4.__del__ is _destroy:
        return
    for kind in (DZ_BLOCK_DEFLATE, DZ_BLOCK_TRANSPOSED):
        DECOMPRESS_FUNC_MAP[kind] = _inflate
    load_data = MDF4._load_data

    def load_records(log: "MDF4", group: "Group", *arguments: Any, **options: Any) -> "Iterator[Fragment]":
        if not group.channel_group.cycles_nr:
            group.data_blocks = []
        return load_data(log, group, *arguments, **options)

    # A method is replaced on purpose, twice: mypy cannot know.
    MDF4._load_data = load_records  # type: ignore[assignment, method-assign]
    MDF4._file = None
    MDF4.__del__ = _destroy  # type: ignore[method-assign]


def _destroy(log: "MDF4") -> None:
    with suppress(AttributeError):
        log.close()


_LAST_LIST, _LAST_LENGTH = 0x10, 0x04


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
