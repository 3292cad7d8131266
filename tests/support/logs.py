"""Reading logs in tests, and making them byte by byte."""

import bz2
import gzip
import lzma
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import zstandard
from telemetry_core.frames.batch import FrameBatch, FrameTuple

from telemetry.logs.log import OpenLog

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": lambda data: gzip.compress(data, mtime=0),  # of one name wherever it is a test's parameter
    ".zst": zstandard.compress,
    ".xz": lzma.compress,
    ".bz2": lambda data: bz2.compress(data, 1),  # in blocks of 100 kB, each of which is all or nothing
}
TRC_HEADER = ";$FILEVERSION=2.1\n;$STARTTIME=45244.9259259259\n;$COLUMNS=N,O,T,B,I,d,R,L,D\n"
BLF_START = (2023, 11, 2, 14, 22, 13, 20, 500)  # SYSTEMTIME
BLF_START_NS = 1_700_000_000_500_000_000


class Numbering(dict[str, int]):
    """Numbers names in the order in which they appear."""

    def __missing__(self, name: str) -> int:
        self[name] = len(self)
        return self[name]


class Reader(Protocol):
    """A compiled reader."""

    @property
    def frames_read(self) -> int: ...
    @property
    def damaged(self) -> int: ...
    @property
    def first_damage(self) -> str: ...
    @property
    def unstamped(self) -> int: ...
    @property
    def at_end(self) -> bool: ...
    def read(self, batch: FrameBatch, limit: int = -1, until_ns: int = ...) -> int: ...


class Pieces:
    """A stream that gives what it has in pieces of the sizes asked for, then whole."""

    def __init__(self, content: bytes, sizes: list[int] | None = None) -> None:
        self._content = content
        self._sizes = list(sizes or ())
        self._at = 0

    def readinto(self, buffer: memoryview, /) -> int:
        size = self._sizes.pop() if self._sizes else len(buffer)
        piece = self._content[self._at : self._at + min(size, len(buffer))]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


def read_log(path: Path, limit: int = -1) -> tuple[list[FrameTuple], OpenLog, Numbering]:
    """Read all frames of a file; return them, its log after that, and the numbers of its channels."""
    names = Numbering()
    frames: list[FrameTuple] = []
    with OpenLog(path, names.__getitem__) as log:
        batch = FrameBatch(4)
        while not log.at_end:
            log.read(batch, limit)
            frames += batch
            batch.clear()
    return frames, log, names


def read_all(
    reader_of: Callable[[Pieces, Callable[[str], int]], Reader],
    content: bytes,
    sizes: list[int] | None = None,
    batch_frames: int = 100,
) -> tuple[list[FrameTuple], Reader, list[str]]:
    """Return all frames of a log, with its reader and the names of its channels, each numbered once."""
    names: list[str] = []

    def number(name: str) -> int:
        assert name not in names
        names.append(name)
        return len(names) - 1

    reader = reader_of(Pieces(content, sizes), number)
    batch = FrameBatch(batch_frames)
    frames: list[FrameTuple] = []
    while reader.read(batch):
        assert batch.position == len(frames)
        frames += batch
        batch.clear()
    assert reader.at_end
    assert reader.frames_read == len(frames)
    return frames, reader, names


def blf_file(*objects: bytes, start: tuple[int, ...] = BLF_START) -> bytes:
    """Make a BLF file of these objects, containers or not."""
    body = b"".join(objects)
    head = struct.pack("<4sLBBBBBBBBQQLL", b"LOGG", 144, 5, 0, 0, 0, 2, 6, 8, 1, 144 + len(body), 0, 0, 0)
    return (head + struct.pack("<8H", *start)).ljust(144, b"\0") + body


def blf_container(content: bytes, *, stored: bool = False) -> bytes:
    """Make a container; `content` need not end where an object ends."""
    data = content if stored else zlib.compress(content)
    size = 32 + len(data)
    head = struct.pack("<4sHHLLH6xL4x", b"LOBJ", 16, 1, size, 10, 0 if stored else 2, len(content))
    return head + data + b"\0" * (size % 4)


def blf_object(kind: int, body: bytes, *, stamp: int = 0, version: int = 1, unit: int = 2) -> bytes:
    """Make an object; stamp in `unit`s: 1 is ten microseconds, 2 a nanosecond."""
    header = 32 if version == 1 else 40
    size = header + len(body)
    stamps = struct.pack("<LHHQ", unit, 0, 0, stamp) + b"\0" * (header - 32)
    return struct.pack("<4sHHLL", b"LOBJ", header, version, size, kind) + stamps + body + b"\0" * (size % 4)


def blf_message(
    id: int, data: bytes, *, stamp: int = 0, channel: int = 1, flags: int = 0, dlc: int | None = None
) -> bytes:
    """CAN_MESSAGE."""
    body = struct.pack("<HBBL8s", channel, flags, len(data) if dlc is None else dlc, id, data)
    return blf_object(1, body, stamp=stamp)
