"""The content of compressed recordings: gzip (RFC 1952, any number of members) and Zstandard (RFC 8878).

Promises:

- Memory is bounded, even if the file claims impossible sizes.
- Everything before damage comes out, down to the byte (gzip) or the block (Zstandard) that fails.
- After damage the content goes on at the next member or frame, with `GAP` between. A file that is appended to
  at each start, and loses power, has several of them.
- Without a next one `DamagedError` says what is wrong and where in the file.

Relies on the package zstandard, imported only when such a file is read.
"""

import zlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from telemetry.errors import UnavailableError

if TYPE_CHECKING:
    import zstandard

PIECE_BYTES = 64 * 1024
GAP = b"\0\n"  # in place of what is missing: it spoils a line that is cut off, and ends it
_EARLY = "the compressed data end too early"
_GZIP = 16 + zlib.MAX_WBITS
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_BEGINNING = _GZIP_MAGIC + b"\x08"  # with its only method
_TRIAL_BYTES = 1024  # that decompress from there: no accident

# Of Zstandard.
_LARGEST_WINDOW = 128 * 1024 * 1024  # as the zstd program allows
_FRAME_MAGIC = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = 0x184D2A50  # and the 15 numbers after it
_HEADER_BYTES = 18  # the longest of a frame, with its magic
_LARGEST_BLOCK = 128 * 1024
_RUN = 1  # type of block: one byte, repeated
_CHECKSUM_BYTES = 4


class DamagedError(Exception):
    """The file holds no more than what was given. The text says why and at which byte."""

    def __init__(self, problem: str, place: int) -> None:
        super().__init__(f"{' '.join(problem.split())}, at byte {place}")


class OtherFormatError(DamagedError):
    """The file does not begin as the ending of its name says."""


class Readable(Protocol):
    """The file."""

    def readinto(self, buffer: memoryview, /) -> int | None: ...


class Inflated(Protocol):
    """What a compressed file holds."""

    gaps: int  # damaged places after which it went on
    first_gap: str  # the first of them, for people; "" without any

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill `buffer` with what comes next; how many bytes, 0 at the end. Raises DamagedError, OSError."""
        ...


def inflated(path: Path, file: Readable) -> Inflated | None:
    """The content of `file` if the ending of its name says that it is compressed; else None.

    Raises UnavailableError when the package for it is missing.
    """
    match path.suffix.lower():
        case ".gz":
            return _Gzip(file)
        case ".zst" | ".zstd":
            return _Zstandard(file, str(path))
        case _:
            return None


class _Window:
    """The part of the file that is in memory."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._buffer = bytearray(PIECE_BYTES)
        self.data = b""
        self.place = 0  # in the file, of the first byte

    def hold(self, count: int) -> bool:
        """Read until `data` has `count` bytes. False: the file has fewer."""
        while len(self.data) < count:
            got = self._file.readinto(memoryview(self._buffer)) or 0
            if not got:
                return False
            self.data += memoryview(self._buffer)[:got]
        return True

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        taken, self.data = self.data[:count], self.data[count:]
        self.place += len(taken)
        return taken


class _Pieces(ABC):
    """A format as pieces of any size: members, each of which can be read without the others."""

    beginning: bytes  # of each member

    def __init__(self, file: Readable) -> None:
        self.gaps = 0
        self.first_gap = ""
        self._window = _Window(file)
        self._piece = b""
        self._given = 0
        self._failure: DamagedError | None = None
        self._resumed_at = 0

    def readinto(self, buffer: memoryview, /) -> int:
        if self._given == len(self._piece):
            self._piece = self._next_piece_or_gap()
            self._given = 0
        count = min(len(buffer), len(self._piece) - self._given)
        buffer[:count] = self._piece[self._given : self._given + count]
        self._given += count
        return count

    def _next_piece_or_gap(self) -> bytes:
        try:
            if self._failure is not None:
                raise self._failure
            return self._next_piece()
        except DamagedError as failure:
            self._failure = failure
            if isinstance(failure, OtherFormatError) or not self._find_member():
                raise
        self.gaps += 1
        self._resumed_at = self._window.place
        self.first_gap = self.first_gap or f"{self._failure}; goes on at byte {self._resumed_at}"
        self._failure = None
        return GAP

    def _find_member(self) -> bool:
        """Go to the next place where one begins."""
        window, beginning = self._window, self.beginning
        while window.hold(len(beginning)):
            at = window.data.find(beginning)
            if at < 0:
                window.take(len(window.data) - len(beginning) + 1)
                continue
            window.take(at)
            if window.place > self._resumed_at and self._begin_member():
                return True
            window.take(1)
        return False

    @abstractmethod
    def _begin_member(self) -> bool:
        """Whether a member begins where the window does; if so, it is what comes next."""

    @abstractmethod
    def _next_piece(self) -> bytes:
        """b"" at the end. Raises DamagedError; or sets _failure, and what comes before it is returned.

        The window then begins no later than the next member may.
        """


class _Gzip(_Pieces):
    beginning = _GZIP_BEGINNING

    def __init__(self, file: Readable) -> None:
        super().__init__(file)
        self._member = zlib.decompressobj(_GZIP)
        self._begun = False

    def _next_piece(self) -> bytes:
        window = self._window
        while self._failure is None:
            if self._member.eof:
                self._member = zlib.decompressobj(_GZIP)
                self._begun = False
                self._skip_padding()
            has_more = window.hold(1)
            if not has_more and not self._begun and window.place:
                return b""
            if not window.place and not _GZIP_MAGIC.startswith(window.data[:2]):
                raise OtherFormatError("not a gzipped file", 0)
            if piece := self._inflate():
                return piece
            if not has_more and not self._member.eof:
                self._failure = DamagedError(_EARLY, window.place)
        raise self._failure

    def _inflate(self) -> bytes:
        window = self._window
        before = self._member.copy()
        data = window.data
        self._begun = True
        try:
            piece = self._member.decompress(data, PIECE_BYTES)
        except zlib.error:
            return self._salvage(before, data)
        rest = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        window.take(len(data) - len(rest))
        return piece

    def _salvage(self, member: "zlib._Decompress", data: bytes) -> bytes:
        # Once more, byte by byte, up to the one that fails; or up to where another member begins, whose bytes
        # pass for a while as those of one that was cut off.
        window = self._window
        pieces = []
        for at in range(len(data)):
            if at and data.startswith(_GZIP_BEGINNING, at) and _is_gzip(data[at : at + _TRIAL_BYTES]):
                self._failure = DamagedError(_EARLY, window.place + at)
                break
            try:
                pieces.append(member.decompress(data[at : at + 1]))
            except zlib.error as error:
                self._failure = DamagedError(_in_words(error), window.place + at)
                break
        window.take(at)
        return b"".join(pieces)

    def _begin_member(self) -> bool:
        self._window.hold(_TRIAL_BYTES)
        self._member = zlib.decompressobj(_GZIP)
        self._begun = False
        return _is_gzip(self._window.data[:_TRIAL_BYTES])

    def _skip_padding(self) -> None:
        # Zeros after a member are not data; gzip(1) accepts them too.
        window = self._window
        while window.hold(1):
            kept = window.data.lstrip(b"\0")
            window.take(len(window.data) - len(kept))
            if kept:
                return


def _is_gzip(data: bytes) -> bool:
    try:
        return bool(zlib.decompressobj(_GZIP).decompress(data, 1)) or len(data) < _TRIAL_BYTES
    except zlib.error:
        return False


def _in_words(error: zlib.error) -> str:
    # zlib: "Error -3 while decompressing data: ..."
    problem = str(error).rpartition("data: ")[2]
    return "not a gzipped file" if problem == "incorrect header check" else problem


class _Zstandard(_Pieces):
    # Block by block: so the place of damage is known, and a piece is 128 KiB at most.
    beginning = _FRAME_MAGIC

    def __init__(self, file: Readable, where: str) -> None:
        super().__init__(file)
        try:
            import zstandard
        except ImportError as error:
            raise UnavailableError(
                "reading Zstandard needs the package zstandard",
                where=where,
                hint="pip install 'nev-telemetry[logs]'",
            ) from error
        self._package = zstandard
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._has_checksum = False

    def _next_piece(self) -> bytes:
        window = self._window
        while (frame := self._frame or self._begin_frame()) is not None:
            place = window.place
            if not window.hold(3):
                raise DamagedError(_EARLY, place + len(window.data))
            header = int.from_bytes(window.data[:3], "little")
            is_last, kind, size = header & 1, header >> 1 & 3, header >> 3
            if size > _LARGEST_BLOCK:
                raise DamagedError("a block that is too large", place)
            size = 3 + (1 if kind == _RUN else size) + _CHECKSUM_BYTES * (is_last and self._has_checksum)
            if not window.hold(size):
                raise DamagedError(_EARLY, place + len(window.data))
            piece = self._inflate(frame, window.data[:size], place)
            window.take(size)
            self._frame = None if is_last else frame
            if piece:
                return piece
        return b""

    def _begin_frame(self) -> "zstandard.ZstdDecompressionObj | None":
        window = self._window
        while window.hold(8):
            magic = int.from_bytes(window.data[:4], "little")
            if magic & ~0xF != _SKIPPABLE:
                break
            left = 8 + int.from_bytes(window.data[4:8], "little")
            while left and window.hold(1):
                left -= len(window.take(min(left, PIECE_BYTES)))
            if left:
                raise DamagedError(_EARLY, window.place)
        if not window.hold(1) and window.place:
            return None
        place = window.place
        is_cut_off = not window.hold(_HEADER_BYTES)
        if not _is_frame(window.data[:4]):
            raise (DamagedError if place else OtherFormatError)("not a Zstandard file", place)
        try:
            size = self._package.frame_header_size(window.data[:_HEADER_BYTES])
            self._has_checksum = self._package.get_frame_parameters(window.data).has_checksum
        except self._package.ZstdError as error:
            if is_cut_off:
                raise DamagedError(_EARLY, place + len(window.data)) from error
            raise DamagedError(str(error), place) from error
        other = window.data.find(_FRAME_MAGIC, 1, size + len(_FRAME_MAGIC))
        if other > 0:  # no block begins like that
            window.take(other)
            raise DamagedError(_EARLY, window.place)
        frame = self._decompressor.decompressobj()
        self._inflate(frame, window.data[:size], place)
        window.take(size)
        return frame

    def _begin_member(self) -> bool:
        self._frame = None
        self._window.hold(_HEADER_BYTES)
        try:
            self._package.get_frame_parameters(self._window.data)
        except self._package.ZstdError:
            return False
        return True

    def _inflate(self, frame: "zstandard.ZstdDecompressionObj", data: bytes, place: int) -> bytes:
        try:
            return frame.decompress(data)
        except self._package.ZstdError as error:
            raise DamagedError(str(error), place) from error


def _is_frame(magic: bytes) -> bool:
    # Or the beginning of one's magic, where the file ends.
    if magic and magic[0] & 0xF0 == _SKIPPABLE & 0xF0:
        return _SKIPPABLE.to_bytes(4, "little")[1:].startswith(magic[1:])
    return _FRAME_MAGIC.startswith(magic)
