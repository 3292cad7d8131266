"""MF4 files with frames, built block by block in the layouts that loggers have and asammdf does not write."""

import itertools
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

NAMES = ("CAN_DataFrame", "CAN_ErrorFrame", "CAN_RemoteFrame")
START_NS = 1_700_000_000_000_000_000
BUS_EVENT, VARIABLE = 0x6, 0x1
COUNTS, LAST_LENGTH, LAST_LIST, OFFSETS = 0x01, 0x04, 0x10, 0x40  # what an unfinished log did not come to
_BITS = {
    "BusChannel": 4,
    "ID": 29,
    "IDE": 1,
    "DLC": 4,
    "DataLength": 7,
    "Dir": 1,
    "EDL": 1,
    "BRS": 1,
    "ESI": 1,
}


@dataclass(frozen=True)
class Frame:
    """A record: its stamp in units of the layout, and its fields."""

    stamp: int
    kind: int
    fields: dict[str, int]
    data: bytes


@dataclass(frozen=True)
class Layout:
    """How a file stores its frames.

    unit_s: of the stamps, which are integers of `stamp_bytes`; 0: floats, in seconds. gap_bits: between
    fields, which are as wide as loggers make them, or whole bytes. payload: bytes in the record (`fixed`), of
    which the record says how many (`most`), in a signal's data (`signal`), or in a group beside it (`group`).
    id_bytes: of a record's id; unsorted where there are several groups. block: which hold the data, alone or
    in lists (LD: of values); block_bytes: of each.
    """

    unit_s: float = 1e-9
    stamp_bytes: int = 8
    is_big_endian: bool = False
    is_packed: bool = True
    gap_bits: int = 0
    payload: str = "fixed"
    payload_bytes: int = 64
    id_bytes: int = 0
    block: str = "DT"
    block_bytes: int = 1 << 30
    method: int = -1  # of deflating; -1: stored
    invalidation_bytes: int = 0
    unfinished: int = 0
    fields: Sequence[str] = tuple(_BITS)
    value_first: bool = True  # of a group beside: before its record


@dataclass
class _File:
    data: bytearray = field(default_factory=bytearray)

    def block(self, kind: bytes, links: Sequence[int], fields: bytes = b"") -> int:
        self.data += bytes(-len(self.data) % 8)
        at = len(self.data)
        length = 24 + 8 * len(links) + len(fields)
        self.data += struct.pack("<4s4xQQ", kind, length, len(links)) + struct.pack(f"<{len(links)}Q", *links)
        self.data += fields
        return at

    def link(self, at: int, number: int, to: int) -> None:
        struct.pack_into("<Q", self.data, at + 24 + 8 * number, to)

    def text(self, text: str) -> int:
        return self.block(b"##TX", (), text.encode() + b"\0")

    def channel(self, name: str, fields: tuple[int, ...], links: tuple[int, int, int] = (0, 0, 0)) -> int:
        """Return a channel: type, of data, bit, byte, count of bits; composition, conversion, data."""
        kind, data_type, bit, byte, bits = fields
        composition, conversion, data = links
        packed = struct.pack("<4BII60x", kind, kind == 2, data_type, bit, byte, bits)
        return self.block(b"##CN", (0, composition, self.text(name), 0, conversion, data, 0, 0), packed)


@dataclass
class _Record:
    """Where the fields of one kind of frames are."""

    layout: Layout
    places: dict[str, tuple[int, int]]  # bit in the record, count of bits
    data_byte: int
    size: int


def _record(layout: Layout, kind: int) -> _Record:
    at = layout.stamp_bytes * 8
    places = {}
    for name in layout.fields:
        bits = _BITS[name] if layout.is_packed else (32 if name == "ID" else 8)
        if layout.is_big_endian or not layout.is_packed:
            at = (at + 7) // 8 * 8
        elif at % 8 + bits > 64:
            at += 8 - at % 8
        places[name] = (at, bits)
        at += bits + layout.gap_bits
    data_byte = (at + 7) // 8
    room = {"fixed": layout.payload_bytes, "most": layout.payload_bytes}.get(layout.payload, 8)
    return _Record(layout, places, data_byte, data_byte + (0 if kind == 2 else room))


def _packed(record: _Record, frame: Frame, value_at: int) -> bytes:
    layout = record.layout
    order: Literal["big", "little"] = "big" if layout.is_big_endian else "little"
    out = bytearray(record.size + layout.invalidation_bytes)
    if layout.unit_s:
        out[: layout.stamp_bytes] = frame.stamp.to_bytes(layout.stamp_bytes, order)
    else:
        packed = struct.pack(">d" if layout.is_big_endian else "<d", frame.stamp / 1e9)
        out[: layout.stamp_bytes] = packed
    for name, (bit, bits) in record.places.items():
        count = (bit % 8 + bits + 7) // 8
        word = int.from_bytes(out[bit // 8 : bit // 8 + count], order)
        word |= (frame.fields.get(name, 0) & ((1 << bits) - 1)) << bit % 8
        out[bit // 8 : bit // 8 + count] = word.to_bytes(count, order)
    if frame.kind != 2:
        if layout.payload in ("fixed", "most"):
            data = frame.data[: layout.payload_bytes]
            out[record.data_byte : record.data_byte + len(data)] = data
        else:
            at = 0 if layout.unfinished & OFFSETS else value_at
            out[record.data_byte : record.data_byte + 8] = at.to_bytes(8, "little")
    return bytes(out)


def mf4_file(layout: Layout, frames: Sequence[Frame], start_ns: int = START_NS) -> bytes:
    """Return a file with these frames, each kind in a group of its own.

    All are in one group of data, in their order, if it is unsorted.
    """
    file = _File()
    file.data += struct.pack(
        "<8s8s8s4xH30xHH", b"MDF     ", b"4.20    ", b"tests   ", 420, layout.unfinished, 0
    )
    if layout.unfinished:
        file.data[:8] = b"UnFinMF "
    stamp = struct.pack("<QhhBBBx", start_ns, 0, 0, 0, 0, 0)
    header = file.block(b"##HD", (0,) * 6, stamp + bytes(16))
    file.link(
        header,
        1,
        file.block(b"##FH", (0, file.text("<FHcomment/>")), struct.pack("<QhhB3x", start_ns, 0, 0, 0)),
    )
    kinds = sorted({frame.kind for frame in frames})
    sources = file.block(b"##SI", (file.text("CAN"), file.text("CAN"), 0), struct.pack("<BBB5x", 2, 2, 0))
    is_unsorted = layout.id_bytes > 0
    last = header, 0
    for members in [kinds] if is_unsorted else [[kind] for kind in kinds]:
        last = _data_group(file, replace(layout, id_bytes=layout.id_bytes), members, frames, sources, last)
    return bytes(file.data)


def _data_group(
    file: _File,
    layout: Layout,
    kinds: list[int],
    frames: Sequence[Frame],
    source: int,
    before: tuple[int, int],
) -> tuple[int, int]:
    group = file.block(b"##DG", (0, 0, 0, 0), struct.pack("<B7x", layout.id_bytes))
    file.link(before[0], before[1], group)
    records = {kind: _record(layout, kind) for kind in kinds}
    ids = {kind: 2 * number + 1 for number, kind in enumerate(kinds)}
    stream, values, value_at = bytearray(), {kind: bytearray() for kind in kinds}, dict.fromkeys(kinds, 0)
    counts, value_counts = dict.fromkeys(kinds, 0), dict.fromkeys(kinds, 0)

    def id_of(number: int) -> bytes:
        return number.to_bytes(layout.id_bytes, "little") if layout.id_bytes else b""

    for frame in frames:
        kind = frame.kind
        if kind not in kinds:
            continue
        own = id_of(ids[kind]) + _packed(records[kind], frame, value_at[kind])
        counts[kind] += 1
        value = struct.pack("<I", len(frame.data)) + frame.data
        if layout.payload in ("signal", "group") and kind != 2:
            value_at[kind] += len(value)
            values[kind] += value
        if layout.payload == "group" and kind != 2:
            value_counts[kind] += 1
            value = id_of(ids[kind] + 1) + value
            own = value + own if layout.value_first else own + value
        stream += own
    last = group, 1
    for kind in kinds:
        beside = 0
        if layout.payload == "group" and kind != 2:
            counted = 0 if layout.unfinished & COUNTS else value_counts[kind]
            total = len(values[kind])
            fields = struct.pack(
                "<QQHH4xII", ids[kind] + 1, counted, VARIABLE, 0, total & 0xFFFFFFFF, total >> 32
            )
            beside = file.block(b"##CG", (0,) * 6, fields)
            file.link(*last, beside)
            last = beside, 0
        data = beside
        if layout.payload == "signal" and kind != 2:
            data = _data(file, replace(layout, unfinished=0), bytes(values[kind]), b"SD", 1)
        size = records[kind].size
        channels = _channels(file, layout, kind, records[kind], data)
        count = 0 if layout.unfinished & COUNTS else counts[kind]
        fields = struct.pack(
            "<QQHH4xII", ids[kind], count, BUS_EVENT, ord("."), size, layout.invalidation_bytes
        )
        own_group = file.block(b"##CG", (0, channels, file.text("CAN"), source, 0, 0), fields)
        file.link(*last, own_group)
        last = own_group, 0
    step = layout.id_bytes + records[kinds[0]].size + layout.invalidation_bytes
    file.link(group, 2, _data(file, layout, bytes(stream), b"DT", step))
    return group, 0


def _channels(file: _File, layout: Layout, kind: int, record: _Record, data: int) -> int:
    prefix = NAMES[kind]
    big = int(layout.is_big_endian)
    conversion = 0
    if layout.unit_s:
        fields = struct.pack("<BxHHH4d", 1, 0, 0, 2, 0, 0, 0, layout.unit_s)
        conversion = file.block(b"##CC", (0, 0, 0, 0), fields)
    stamp_type = big if layout.unit_s else 4 + big
    master = file.channel("Timestamp", (2, stamp_type, 0, 0, layout.stamp_bytes * 8), (0, conversion, 0))
    members = [
        file.channel(f"{prefix}.{name}", (0, big, bit % 8, bit // 8, bits))
        for name, (bit, bits) in record.places.items()
    ]
    bits = (record.size - record.data_byte) * 8
    if kind != 2:
        payload = {"fixed": (0, 10, bits), "most": (5, 10, bits)}.get(layout.payload, (1, 10, 64))
        link = data
        if layout.payload == "most":
            link = next(at for at, name in zip(members, record.places, strict=True) if name == "DataLength")
        members.append(
            file.channel(
                f"{prefix}.DataBytes", (payload[0], payload[1], 0, record.data_byte, payload[2]), (0, 0, link)
            )
        )
    for one, other in itertools.pairwise(members):
        file.link(one, 0, other)
    begin = layout.stamp_bytes
    whole = file.channel(prefix, (0, 10, 0, begin, (record.size - begin) * 8), (members[0], 0, 0))
    file.link(master, 0, whole)
    return master


def _data(file: _File, layout: Layout, data: bytes, kind: bytes, columns: int) -> int:
    if layout.block == "DT":
        at = _stored(file, layout, data, kind, columns)
        if layout.unfinished & LAST_LENGTH and layout.method < 0:
            struct.pack_into("<Q", file.data, at + 8, 24)
        return at
    size = min(layout.block_bytes, max(len(data), 1))
    parts = [data[at : at + size] for at in range(0, max(len(data), 1), size)]
    half = len(parts) // 2
    lists = [parts[:half], parts[half:]] if half else [parts]
    previous = first = 0
    for members in lists:
        is_of_values = layout.block == "LD" and kind == b"DT"
        blocks = [_stored(file, layout, part, b"DV" if is_of_values else kind, columns) for part in members]
        listed = b"##LD" if is_of_values else b"##DL"
        at = file.block(listed, (0, *blocks), struct.pack("<B3xIQ", 1, len(blocks), size))
        if previous:
            file.link(previous, 0, at)
        first, previous = first or at, at
    return (
        first
        if layout.block != "HL"
        else file.block(b"##HL", (first,), struct.pack("<HB5x", 1, max(layout.method, 0)))
    )


def _stored(file: _File, layout: Layout, data: bytes, kind: bytes, columns: int) -> int:
    if layout.method < 0:
        return file.block(b"##" + kind, (), data)
    packed = data
    if layout.method == 1 and columns > 1:
        rows = len(data) // columns
        packed = (
            b"".join(data[column : rows * columns : columns] for column in range(columns))
            + data[rows * columns :]
        )
    deflated = zlib.compress(packed)
    fields = struct.pack("<2sBxIQQ", kind, layout.method, columns, len(data), len(deflated))
    return file.block(b"##DZ", (), fields + deflated)
