"""The content of compressed recordings: gzip (RFC 1952), Zstandard (RFC 8878), xz and bzip2.

Promises:

- What `pieces` promises.
- Everything before damage comes out, down to the byte (gzip), the block (Zstandard) or the 256 bytes of the
  file (xz, bzip2) that fail.

Relies on the package zstandard, imported only when such a file is read.
"""

import bz2
import lzma
import zlib
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from telemetry.errors import MissingPackageError
from telemetry.logs.pieces import (
    EARLY,
    PIECE_BYTES,
    DamagedError,
    FileWindow,
    Inflated,
    Members,
    OtherFormatError,
    Readable,
)

if TYPE_CHECKING:
    import zstandard

ENDINGS = (".gz", ".zst", ".zstd", ".xz", ".bz2")
_BEGINNING_BYTES = 6
_TRIAL_BYTES = 1024  # that decompress from there: no accident

# Of gzip.
_GZIP = 16 + zlib.MAX_WBITS
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_BEGINNING = _GZIP_MAGIC + b"\x08"  # with its only method

# Of Zstandard.
_LARGEST_WINDOW = 128 * 1024 * 1024  # as the zstd program allows
_FRAME_MAGIC = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = 0x184D2A50  # and the 15 numbers after it
_HEADER_BYTES = 18  # the longest of a frame, with its magic
_LARGEST_BLOCK = 128 * 1024
_RUN = 1  # type of block: one byte, repeated
_CHECKSUM_BYTES = 4

# Of xz and bzip2.
_XZ_BEGINNING = b"\xfd7zXZ\0"
_XZ_MEMORY_BYTES = 256 * 1024 * 1024  # a window of 64 MiB, that of xz -9, needs 65 MiB
_BZIP2_BEGINNING = b"BZh"
_BZIP2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")  # after the size: the first block, or the end
_FED_BYTES = 256  # at once, since what a call has inflated is lost when it fails


def inflated(path: Path, file: Readable) -> Inflated:
    """Return the content of `file`; a `FileWindow` if it is not compressed.

    How it begins says how it is compressed, and otherwise the ending of its name. Raises MissingPackageError
    when the package for it is missing.
    """
    window = FileWindow(file)
    window.hold(_BEGINNING_BYTES)
    match _compression(window.data[:_BEGINNING_BYTES]) or path.suffix.lower():
        case ".gz":
            return _Gzip(window)
        case ".zst" | ".zstd":
            return _Zstandard(window, str(path))
        case ".xz":
            return _Xz(window)
        case ".bz2":
            return _Bzip2(window)
        case _:
            return window


def _compression(beginning: bytes) -> str:
    """Return the ending that a file with this beginning should have; "" for none."""
    if beginning.startswith(_GZIP_BEGINNING):
        return ".gz"
    if beginning.startswith(_FRAME_MAGIC):
        return ".zst"
    if beginning.startswith(_XZ_BEGINNING):
        return ".xz"
    return ".bz2" if beginning.startswith(_BZIP2_BEGINNING) and beginning[4:6] == b"1A" else ""


class _Gzip(Members):
    beginning = _GZIP_BEGINNING

    def __init__(self, window: FileWindow) -> None:
        super().__init__(window)
        self._member = zlib.decompressobj(_GZIP)
        self._begun = False

    def _next_piece(self) -> bytes:
        window = self._window
        while self._failure is None:
            if self._member.eof:
                self._member = zlib.decompressobj(_GZIP)
                self._begun = False
                self._window.skip_padding()
            has_more = window.hold(1)
            if not has_more and not self._begun and window.place:
                return b""
            if not window.place and not _GZIP_MAGIC.startswith(window.data[:2]):
                raise OtherFormatError("not a gzipped file", 0)
            if piece := self._inflate():
                return piece
            if not has_more and not self._member.eof:
                self._failure = DamagedError(EARLY, window.place)
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
        is_short = not self._member.eof and not self._member.unconsumed_tail
        if is_short and _next_gzip_at(data) and not window.hold(len(data) + 1):
            return self._salvage(before, data)
        rest = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        window.take(len(data) - len(rest))
        return piece

    def _salvage(self, member: "zlib._Decompress", data: bytes) -> bytes:
        # Once more, byte by byte, up to the one that fails; or up to where another member begins, whose bytes
        # pass for a while, or to the end of the file, as those of one that was cut off.
        window = self._window
        pieces = []
        at = 0
        other = _next_gzip_at(data)
        for at in range(len(data)):
            if at and at == other:
                self._failure = DamagedError(EARLY, window.place + at)
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


def _is_gzip(data: bytes) -> bool:
    try:
        return bool(zlib.decompressobj(_GZIP).decompress(data, 1)) or len(data) < _TRIAL_BYTES
    except zlib.error:
        return False


def _next_gzip_at(data: bytes) -> int:
    """Return where a member begins after the first byte; 0: nowhere."""
    at = data.find(_GZIP_BEGINNING, 1)
    while at > 0 and not _is_gzip(data[at : at + _TRIAL_BYTES]):
        at = data.find(_GZIP_BEGINNING, at + 1)
    return max(at, 0)


_WORDS = {
    "incorrect header check": "not a gzipped file",
    "incorrect data check": "the checksum is wrong, and what was read of it may be",
    "incorrect length check": "the length is wrong, and what was read of it may be",
}


def _in_words(error: zlib.error) -> str:
    problem = str(error).rpartition("data: ")[2]  # zlib: "Error -3 while decompressing data: ..."
    return _WORDS.get(problem, problem)


class _Zstandard(Members):
    # Block by block: so the place of damage is known, and a piece is 128 KiB at most.
    beginning = _FRAME_MAGIC

    def __init__(self, window: FileWindow, where: str) -> None:
        super().__init__(window)
        try:
            import zstandard
        except ImportError as error:
            raise MissingPackageError(
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
                raise DamagedError(EARLY, place + len(window.data))
            header = int.from_bytes(window.data[:3], "little")
            is_last, kind, size = header & 1, header >> 1 & 3, header >> 3
            if size > _LARGEST_BLOCK:
                raise DamagedError("a block that is too large", place)
            size = 3 + (1 if kind == _RUN else size) + _CHECKSUM_BYTES * (is_last and self._has_checksum)
            if not window.hold(size):
                raise DamagedError(EARLY, place + len(window.data))
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
                raise DamagedError(EARLY, window.place)
        if not window.hold(1) and window.place:
            return None
        place = window.place
        is_cut_off = not window.hold(_HEADER_BYTES)
        if not _is_frame(window.data[:4]):
            raise (DamagedError if place else OtherFormatError)("not a Zstandard file", place)
        try:
            size = self._package.frame_header_size(window.data[:_HEADER_BYTES])
            parameters = self._package.get_frame_parameters(window.data)
        except self._package.ZstdError as error:
            if is_cut_off:
                raise DamagedError(EARLY, place + len(window.data)) from error
            raise DamagedError(str(error), place) from error
        if parameters.window_size > _LARGEST_WINDOW:
            mib = parameters.window_size >> 20
            raise DamagedError(f"its window of {mib:,} MiB is larger than 128 MiB: unpack it first", place)
        self._has_checksum = parameters.has_checksum
        other = window.data.find(_FRAME_MAGIC, 1, size + len(_FRAME_MAGIC))
        if other > 0:  # no block begins like that
            window.take(other)
            raise DamagedError(EARLY, window.place)
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


class _Streams(Members):
    """Streams of xz or bzip2, one after the other."""

    name: str

    def __init__(self, window: FileWindow) -> None:
        super().__init__(window)
        self._member = self._new_member()
        self._begun = False

    @abstractmethod
    def _new_member(self) -> "lzma.LZMADecompressor | bz2.BZ2Decompressor": ...

    @abstractmethod
    def _is_member(self, data: bytes) -> bool:
        """Return whether a member begins here; `data` are _TRIAL_BYTES, or all there are."""

    def _next_piece(self) -> bytes:
        window = self._window
        while True:
            if self._member.eof:
                window.skip_padding()
                self._member, self._begun = self._new_member(), False
            window.hold(_FED_BYTES + _TRIAL_BYTES)
            fed = b""
            if self._member.needs_input:
                if not window.data and window.place and not self._begun:
                    return b""
                if not window.place and not self.beginning.startswith(window.data[: len(self.beginning)]):
                    raise OtherFormatError(f"not {self.name} file", 0)
                if not window.data or (self._begun and self._is_member(window.data[:_TRIAL_BYTES])):
                    raise DamagedError(EARLY, window.place)
                fed = window.data[: self._next_member_at()]
            try:
                piece = self._member.decompress(fed, PIECE_BYTES)
            except (lzma.LZMAError, OSError, EOFError) as error:
                raise DamagedError(str(error).lower(), window.place) from error
            self._begun = True
            window.take(len(fed))
            window.give_back(self._member.unused_data)  # of earlier calls, too
            if piece:
                return piece

    def _next_member_at(self) -> int:
        # Where in the next _FED_BYTES another one begins; if this one has not ended there, it was cut off.
        data = self._window.data
        at = data.find(self.beginning, 1, _FED_BYTES + len(self.beginning))
        while at > 0 and not self._is_member(data[at : at + _TRIAL_BYTES]):
            at = data.find(self.beginning, at + 1, _FED_BYTES + len(self.beginning))
        return at if at > 0 else _FED_BYTES

    def _begin_member(self) -> bool:
        self._member, self._begun = self._new_member(), False
        self._window.hold(_TRIAL_BYTES)
        return self._is_member(self._window.data[:_TRIAL_BYTES])


class _Xz(_Streams):
    beginning = _XZ_BEGINNING
    name = "an xz"

    def _new_member(self) -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES)

    def _is_member(self, data: bytes) -> bool:
        if not data.startswith(self.beginning):
            return False
        try:
            return bool(self._new_member().decompress(data, 1)) or len(data) < _TRIAL_BYTES
        except lzma.LZMAError:
            return False


class _Bzip2(_Streams):
    beginning = _BZIP2_BEGINNING
    name = "a bzip2"

    def _new_member(self) -> bz2.BZ2Decompressor:
        return bz2.BZ2Decompressor()

    def _is_member(self, data: bytes) -> bool:
        return data.startswith(self.beginning) and any(
            block.startswith(data[4:10]) for block in _BZIP2_BLOCKS
        )
