"""What a BLF file's containers hold, piece by piece, with the place of each piece in the file.

Promises:

- Memory is bounded, even if the file claims impossible sizes.
- Everything before damage comes out, down to the byte at which a compressed container fails.
- After damage the content goes on with the next object that it finds.

Facts: python-can's reader and writer (can/io/blf.py). Padding after an object is 0 to 3 bytes. Its rule
differs between writers, so the next signature decides.
"""

import struct
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from telemetry_core.logs.deflate import INFLATE_ERRORS, decompressobj

PIECE_BYTES = 64 * 1024
OBJECT_LIMIT_BYTES = 16 * 1024 * 1024  # a larger object's size is damaged

_FILE_SIGNATURE = b"LOGG"
_SIGNATURE = b"LOBJ"
_CONTAINER_SIGNATURE = b"LOBJ\x10\0\1\0"  # no other object has a header of 16 bytes
_BASE_HEADER = struct.Struct("<4sHHLL")  # signature, header's size and version, object's size and type
_CONTAINER_HEADER = struct.Struct("<4sHHLLH6xL4x")  # the same, compression method, size of the content
_START = struct.Struct("<8H")  # SYSTEMTIME: year, month, day of the week, day, hour, minute, second, ms
_START_AT = 40
_FILE_HEADER_BYTES = 144
_LARGEST_FILE_HEADER = 64 * 1024
_CONTAINER = 10
_STORED = 0
_DEFLATED = 2
_LARGEST_GAP = 4


class ReadableFile(Protocol):
    """The file."""

    def readinto(self, buffer: memoryview, /) -> int | None: ...


class BlfPiece(NamedTuple):
    """Bytes that follow those of the piece before; a `damaged` piece reports that the next one does not."""

    data: bytes
    place: int  # in the file: of the first byte, or of the compressed container that it is from
    offset: int  # of the first byte in what that container holds; -1: it is stored as it is
    damaged: bool


class BlfContent:
    """The content of one file. Raises ValueError if it is not BLF, EOFError if it ends inside the header."""

    def __init__(self, stream: ReadableFile) -> None:
        self._file = _BlfWindow(stream)
        is_whole = self._file.hold(_FILE_HEADER_BYTES)
        if not _FILE_SIGNATURE.startswith(self._file.data[:4]):
            raise ValueError("it does not begin with the signature LOGG")
        if not is_whole:
            raise EOFError(f"inside its header, at byte {len(self._file.data)}")
        self.start_ns = _start_ns(_START.unpack_from(self._file.data, _START_AT))
        size = int.from_bytes(self._file.data[4:8], "little")
        if not _START_AT + _START.size <= size <= _LARGEST_FILE_HEADER or not self._file.hold(size):
            size = _FILE_HEADER_BYTES
        self._file.drop(size)

    def pieces(self) -> Iterator[BlfPiece]:
        """Yield all of the content."""
        file = self._file
        while True:
            if not self._find_object():
                if file.at_end():
                    return
                yield _damage(file.place)
                self._seek_object()
                continue
            place = file.place
            if not file.hold(_BASE_HEADER.size):
                yield _damage(place)
                return
            *_, size, kind = _BASE_HEADER.unpack_from(file.data)
            if kind == _CONTAINER and _CONTAINER_HEADER.size <= size <= OBJECT_LIMIT_BYTES:
                yield from self._container(size)
            elif kind != _CONTAINER:
                yield from self._lone_objects()
            else:
                yield _damage(place)
                file.drop(len(_SIGNATURE))
                self._seek_object()

    def _find_object(self) -> bool:
        # Go to the object that is here, or after padding.
        self._file.hold(_LARGEST_GAP + len(_SIGNATURE))
        gap = self._file.data.find(_SIGNATURE, 0, _LARGEST_GAP + len(_SIGNATURE))
        if gap < 0:
            return False
        self._file.drop(gap)
        return True

    def _seek_object(self) -> None:
        file = self._file
        while (at := file.data.find(_SIGNATURE)) < 0:
            file.drop(max(len(file.data) - len(_SIGNATURE) + 1, 0))
            if not file.hold(PIECE_BYTES) and file.data.find(_SIGNATURE) < 0:
                file.drop(len(file.data))
                return
        file.drop(at)

    def _lone_objects(self) -> Iterator[BlfPiece]:
        # Objects outside of containers, up to the next container or the end of the file.
        file = self._file
        while True:
            has_more = file.hold(PIECE_BYTES)
            at = _find_container(file.data)
            end = at if at >= 0 else len(file.data) - (_BASE_HEADER.size - 1 if has_more else 0)
            yield BlfPiece(bytes(file.data[:end]), file.place, -1, damaged=False)
            file.drop(end)
            if at >= 0 or not has_more:
                return

    def _container(self, size: int) -> Iterator[BlfPiece]:
        file = self._file
        place = file.place
        file.hold(size)
        if len(file.data) < _CONTAINER_HEADER.size:
            yield _damage(place)
            file.drop(len(file.data))
            return
        *_, method, _ = _CONTAINER_HEADER.unpack_from(file.data)
        content = bytes(file.data[_CONTAINER_HEADER.size : size])
        if method == _STORED:
            yield from self._stored(size, content)
            return
        inflater = _Inflater(content)
        given = 0
        if method == _DEFLATED:
            for data in inflater.pieces():
                yield BlfPiece(data, place, given, damaged=False)
                given += len(data)
        is_size_sound = self._object_at(size) and content.find(_SIGNATURE, inflater.consumed) < 0
        if not (inflater.whole and is_size_sound):
            yield _damage(place, -1 if inflater.whole or method != _DEFLATED else given)
        if is_size_sound:
            file.drop(size)
        else:
            file.drop(_CONTAINER_HEADER.size + inflater.consumed)
            self._seek_object()

    def _stored(self, size: int, content: bytes) -> Iterator[BlfPiece]:
        file = self._file
        place = file.place
        is_cut_off = len(file.data) < size
        if _find_container(content) >= 0 or not (is_cut_off or self._object_at(size)):
            yield _damage(place)  # of its size: its content is read as if it lay outside
            file.drop(_CONTAINER_HEADER.size)
            if not self._find_object():
                self._seek_object()
            return
        start = place + _CONTAINER_HEADER.size
        for at in range(0, len(content), PIECE_BYTES):
            yield BlfPiece(content[at : at + PIECE_BYTES], start + at, -1, damaged=False)
        file.drop(size)
        if is_cut_off:
            yield _damage(file.place)

    def _object_at(self, offset: int) -> bool:
        # Whether an object, or the end of the file, is there or after padding.
        file = self._file
        end = offset + _LARGEST_GAP + len(_SIGNATURE)
        if file.hold(end) or len(file.data) >= offset + len(_SIGNATURE):
            return file.data.find(_SIGNATURE, offset, end) >= 0
        return len(file.data) >= offset


class _BlfWindow:
    """The part of the file that is in memory."""

    def __init__(self, stream: ReadableFile) -> None:
        self._stream = stream
        self._buffer = bytearray(PIECE_BYTES)
        self.data = bytearray()
        self.place = 0  # in the file, of the first byte

    def hold(self, count: int) -> bool:
        """Read until `data` has `count` bytes. False: the file has fewer."""
        while len(self.data) < count:
            got = self._stream.readinto(memoryview(self._buffer)) or 0
            if not got:
                return False
            self.data += memoryview(self._buffer)[:got]
        return True

    def drop(self, count: int) -> None:
        """Skip the next `count` bytes, or all that are left."""
        count = min(count, len(self.data))
        del self.data[:count]
        self.place += count

    def at_end(self) -> bool:
        """Return whether only padding is left."""
        return not self.hold(_LARGEST_GAP) and not any(self.data)


class _Inflater:
    """One compressed container.

    `whole`: it was sound to its end; `consumed`: bytes up to there, otherwise 0.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.whole = False
        self.consumed = 0

    def pieces(self) -> Iterator[bytes]:
        """Yield its content, or as much as can be read."""
        inflater = decompressobj()
        rest = self._data
        given = 0
        try:
            while not inflater.eof:
                piece: bytes = inflater.decompress(rest, PIECE_BYTES)
                rest = inflater.unconsumed_tail
                if not piece and not inflater.eof:
                    return
                given += len(piece)
                yield piece
        except INFLATE_ERRORS:
            yield from self._salvaged(given)
            return
        self.whole = True
        self.consumed = len(self._data) - len(inflater.unused_data)

    def _salvaged(self, given: int) -> Iterator[bytes]:
        # What comes after the first `given` bytes and before the byte that fails.
        inflater = zlib.decompressobj()
        for at in range(len(self._data)):
            try:
                piece = inflater.decompress(self._data[at : at + 1])
            except zlib.error:
                return
            if len(piece) > given:
                yield piece[given:]
            given = max(given - len(piece), 0)


def _find_container(content: bytes | bytearray) -> int:
    # Where the next container begins; -1: there is none.
    at = content.find(_CONTAINER_SIGNATURE)
    while at >= 0 and content[at + 12 : at + _BASE_HEADER.size] != b"\x0a\0\0\0":
        at = content.find(_CONTAINER_SIGNATURE, at + 1)
    return at


def _damage(place: int, offset: int = -1) -> BlfPiece:
    return BlfPiece(b"", place, offset, damaged=True)


def _start_ns(start: tuple[int, ...]) -> int:
    # As UTC; 0 for a date that is missing or impossible.
    year, month, _, day, hour, minute, second, milliseconds = start
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return 0
    if not 1970 <= year < 2262 or milliseconds > 999:
        return 0
    return int(moment.timestamp()) * 10**9 + milliseconds * 1_000_000
