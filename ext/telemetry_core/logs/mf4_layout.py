"""How an MF4 log stores its frames: its groups of bus logging, and where in a record each field is.

Promises:

- A group of data, error or remote frames is known by the name of its channel, as the standard has it, and
  each field by its own: `CAN_DataFrame.ID`, wherever in the record it is.
- A layout that the compiled reader cannot read raises UnknownLayoutError, before any frame is read.
- The start is UTC. Where the header has local time, without a zone, that is the zone of the history's first
  entry, which the log's writer made at the same time.
"""

import math
import struct
from collections.abc import Callable, Iterator
from functools import partial
from typing import BinaryIO, NamedTuple

from telemetry_core.logs.mf4_blocks import (
    CHANNEL,
    CHANNEL_GROUP,
    DATA_GROUP,
    HEAD_BYTES,
    OF_BUS,
    OF_VARIABLE_LENGTH,
    VIRTUAL,
    Block,
    Blocks,
)
from telemetry_core.logs.mf4_data import Data, Piece

FRAMES = ("CAN_DataFrame", "CAN_ErrorFrame", "CAN_RemoteFrame")
FIELDS = ("ID", "IDE", "DLC", "DataLength", "BusChannel", "EDL", "BRS", "ESI")
MOST_GROUPS = 256
VARIABLE = -1  # size of records that say their own
UNLIMITED = -1

_UNFINISHED = b"UnFinMF "  # how its file begins
_LOCAL_TIME, _HAS_OFFSETS = 1, 2  # flags of a stamp: what it counts in, and whether it says its zone
_STAMP = struct.Struct("<QhhB")  # ns since 1970, minutes of the zone and of summer time, flags
_LATEST_START_NS = _MOST_RECORDS = 2**62
_UPDATE_COUNTS, _UPDATE_OFFSETS = 0x01, 0x40  # flags of an unfinished log
_REMOTE_MASTER = 0x08  # flag of a channel group: its stamps are another group's
_VLSD, _MASTER = 1, 2  # types of channels
_IN_RECORD = (0, 2, 5)
_SIGNED, _FLOAT = 2, 4  # types of data; odd ones are big-endian
_NUMBERS = range(6)
_CONVERSION = struct.Struct("<B5xH16x")  # type, count of values
_AS_IT_IS, _LINEAR = 0, 1
_TO_TEXT = range(7, 12)
_LONGEST_NAME_BYTES = 256


class UnknownLayoutError(Exception):
    """Frames are stored in a way that is not known here; the text says which."""


class Field(NamedTuple):
    """The place of a number in its record. bits: 0 if it is not there."""

    byte: int = 0
    bit: int = 0
    bits: int = 0
    is_big_endian: bool = False
    is_signed: bool = False
    is_float: bool = False


class Stream(NamedTuple):
    """Records of one group among those of others.

    pieces: of the data, as of `Data.pieces`; id_bytes: before each record, 0 if there is one group; id: that
    of the records looked for; sizes: of all records in bytes, by id, VARIABLE for those that say their own.
    """

    pieces: Callable[[int, int], Iterator[Piece]]
    id_bytes: int
    id: int
    sizes: dict[int, int]


class Group(NamedTuple):
    """One channel group of frames.

    kind: index into FRAMES; limit: of records; time, scale_s, offset_s: the stamp since the log's start;
    fields: as in FIELDS; data_byte, data_bytes: where the payload is and how much room it has; values: where
    it is if its length varies, and `data` the number of its first byte there.
    """

    kind: int
    records: Stream
    limit: int
    time: Field
    scale_s: float
    offset_s: float
    fields: tuple[Field, ...]
    data_byte: int = 0
    data_bytes: int = 0
    values: Stream | None = None
    data: Field = Field()


class Layout:
    """The frames of one file, as its blocks describe them. Raises what `Blocks.check` raises.

    lacks_zone: it counts in local time and does not say where; in_order: a payload whose length varies is
    that of the record with the same number, since its logger did not come to say which.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._blocks = Blocks(file)
        self._blocks.check()
        self._data = Data(self._blocks)
        self.is_unfinished = self._blocks.read(0, len(_UNFINISHED)) == _UNFINISHED
        self.unfinished = self._blocks.unfinished
        self.most_lists = self._blocks.most_lists
        self.in_order = bool(self.unfinished & _UPDATE_OFFSETS)
        header = self._blocks.header()
        start_ns, *_, flags = self._stamp(header)
        offset_s: int | None = 0
        if flags & _LOCAL_TIME:
            offset_s = self._offset_of_local_s(header.links[1])
        self.lacks_zone = offset_s is None
        start_ns -= (offset_s or 0) * 10**9
        self.start_ns = start_ns if 0 <= start_ns < _LATEST_START_NS else 0

    def groups(self) -> list[Group]:
        """Return all groups of frames that have records. Raises UnknownLayoutError."""
        groups = [
            group
            for data_group in self._blocks.follow(self._blocks.header().links[0], b"##DG")
            for group in self._groups_of(data_group)
        ]
        if len(groups) > MOST_GROUPS:
            raise ValueError(f"it has {len(groups)} groups of frames, and not at most {MOST_GROUPS}")
        return groups

    def _stamp(self, block: Block) -> tuple[int, ...]:
        return _STAMP.unpack(self._blocks.read(block.fields_at, _STAMP.size).ljust(_STAMP.size, b"\0"))

    def _offset_of_local_s(self, history: int) -> int | None:
        for entry in self._blocks.follow(history, b"##FH"):
            _, zone_min, summer_min, flags = self._stamp(entry)
            return (
                60 * (zone_min + summer_min) if flags & (_HAS_OFFSETS | _LOCAL_TIME) == _HAS_OFFSETS else None
            )
        return None

    def _groups_of(self, data_group: Block) -> Iterator[Group]:
        blocks = self._blocks
        first = data_group.links[2]
        (id_bytes,) = blocks.fields(data_group, DATA_GROUP)
        channel_groups = list(blocks.follow(data_group.links[1], b"##CG"))
        fields = [blocks.fields(group, CHANNEL_GROUP) for group in channel_groups]
        data_kind = self._data.kind(first)
        has_values_alone = data_kind == b"DV"
        sizes = {
            id: VARIABLE if flags & OF_VARIABLE_LENGTH else size + (0 if has_values_alone else invalidation)
            for id, _, flags, size, invalidation in fields
        }
        for group, (id, count, flags, _, _) in zip(channel_groups, fields, strict=True):
            if self.unfinished & _UPDATE_COUNTS:
                count = UNLIMITED
            count = min(count, _MOST_RECORDS)
            if flags & (OF_BUS | OF_VARIABLE_LENGTH) != OF_BUS or not first or not count:
                continue
            channels = list(self._channels(group.links[1]))
            names = {self._text(channel.links[2]): channel for channel in channels}
            kind = next((kind for kind, name in enumerate(FRAMES) if name in names), -1)
            if kind < 0:
                continue
            if id_bytes not in (0, 1, 2, 4, 8) or (not id_bytes and len(fields) > 1):
                raise UnknownLayoutError(f"{len(fields)} groups whose records have ids of {id_bytes} bytes")
            if data_kind == b"DZ":
                raise UnknownLayoutError("data that are packed by another method than deflate")
            if flags & _REMOTE_MASTER:
                raise UnknownLayoutError("stamps in another group")
            records = Stream(partial(self._data.pieces, first), id_bytes, id, sizes)
            yield self._group(kind, records, count, channels, names)

    def _group(
        self, kind: int, records: Stream, count: int, channels: list[Block], names: dict[str, Block]
    ) -> Group:
        prefix = FRAMES[kind] + "."
        master = next((each for each in channels if self._channel(each)[0] == _MASTER), None)
        if master is None:
            raise UnknownLayoutError("no stamps in the records")
        conversion, offset_s, scale_s = self._conversion(master)
        if conversion not in (_AS_IT_IS, _LINEAR):
            raise UnknownLayoutError(f"stamps by a conversion of type {conversion}")
        if not (math.isfinite(offset_s) and math.isfinite(scale_s)):
            raise UnknownLayoutError("stamps by a conversion without a number")
        fields = tuple(
            self._number(names[prefix + name], is_raw=False) if prefix + name in names else Field()
            for name in FIELDS
        )
        payload = names.get(prefix + "DataBytes")
        if (not fields[0].bits and FRAMES[kind] != "CAN_ErrorFrame") or (
            payload is None and FRAMES[kind] == "CAN_DataFrame"
        ):
            raise UnknownLayoutError(f"{FRAMES[kind]} without ID or DataBytes")
        time = self._number(master, is_raw=True)
        group = Group(kind, records, count, time, scale_s, offset_s, fields)
        return group if payload is None else self._with_payload(group, payload)

    def _with_payload(self, group: Group, payload: Block) -> Group:
        kind, _, bit, byte, bits = self._channel(payload)
        composition, data = payload.links[1], payload.links[5]
        if kind == _VLSD and 0 < bits <= 64 - bit:
            block = self._blocks.block(data) if data else None
            if block is not None and block.kind == b"##CG":
                id = self._blocks.fields(block, CHANNEL_GROUP)[0]
                if group.records.sizes.get(id) != VARIABLE or not group.records.id_bytes:
                    raise UnknownLayoutError("payloads in another group of data")
                values = group.records._replace(id=id)
            else:
                values = Stream(partial(self._data.pieces, data), 0, 0, {0: VARIABLE})
            return group._replace(values=values, data=Field(byte, bit, bits))
        if kind not in _IN_RECORD or bit or bits % 8 or composition:
            raise UnknownLayoutError(f"payloads in a channel of type {kind}")
        return group._replace(data_byte=byte, data_bytes=bits // 8)

    def _number(self, channel: Block, *, is_raw: bool) -> Field:
        """Return where a channel's number is; is_raw: whatever its conversion is."""
        kind, data_type, bit, byte, bits = self._channel(channel)
        if not is_raw:
            conversion, offset, factor = self._conversion(channel)
            is_raw = conversion in (_AS_IT_IS, *_TO_TEXT) or (conversion, offset, factor) == (_LINEAR, 0, 1)
        is_float = data_type in (_FLOAT, _FLOAT + 1)
        is_whole = kind == _MASTER and bits in (32, 64) and not bit if is_float else 0 < bits <= 64 - bit
        if kind in VIRTUAL or data_type not in _NUMBERS or not is_raw or not is_whole:
            raise UnknownLayoutError(
                f"{self._text(channel.links[2])} as a channel of type {kind}, {bits} bits"
            )
        is_signed = data_type in (_SIGNED, _SIGNED + 1)
        return Field(byte, bit, bits, bool(data_type & 1), is_signed, is_float)

    def _channel(self, channel: Block) -> tuple[int, ...]:
        return self._blocks.fields(channel, CHANNEL)

    def _channels(self, first: int) -> Iterator[Block]:
        """Yield the channels of a group, and what they consist of."""
        firsts = [first]
        while firsts:
            for channel in self._blocks.follow(firsts.pop(), b"##CN"):
                firsts.append(channel.links[1])
                yield channel

    def _conversion(self, channel: Block) -> tuple[int, float, float]:
        """Return the type of a channel's conversion, offset and factor."""
        block = self._blocks.block(channel.links[4]) if channel.links[4] else None
        if block is None:
            return _AS_IT_IS, 0.0, 1.0
        fields = self._blocks.read(block.fields_at, _CONVERSION.size + 16).ljust(_CONVERSION.size + 16, b"\0")
        kind, count = _CONVERSION.unpack_from(fields)
        if kind != _LINEAR or count < 2:
            return kind, 0.0, 1.0
        offset, factor = struct.unpack_from("<2d", fields, _CONVERSION.size)
        return _LINEAR, offset, factor

    def _text(self, at: int) -> str:
        """Return what a block of text says; empty for none."""
        block = self._blocks.block(at) if at else None
        if block is None or block.kind != b"##TX":
            return ""
        count = min(max(block.length_bytes - HEAD_BYTES, 0), _LONGEST_NAME_BYTES)
        return self._blocks.read(block.fields_at, count).partition(b"\0")[0].decode("utf-8", "replace")
