"""Log files of CAN traffic as frames: candump, ASC, BLF, GVRET's CSV, TRC and MF4, plain or compressed.

Promises:

- A log larger than memory streams (but for MF4).
- A damaged place is counted and skipped, and a warning names the first.
- A file that ends too early is read up to its end.

The first four go through the compiled readers, TRC and MF4 through python-can's (`python_can`). The name's
ending gives the format: `.asc`, `.blf`, `.trc`, `.mf4`. For any other ending the beginning of the file does.
A further `.gz` or `.zst` means compressed. A file of another known format is refused by the name of that
format.
"""

import io
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Protocol, Self

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.logs.asc import AscReader
from telemetry_core.logs.blf import BlfReader
from telemetry_core.logs.candump import CandumpReader
from telemetry_core.logs.gvret import GvretReader

from telemetry.errors import DataError
from telemetry.logs.content import STDIN, Content, unpacked
from telemetry.logs.mf4 import HEADER_BYTES, Mf4, require_mf4
from telemetry.logs.python_can import LATEST_NS, MessageReader, Trc, no_trc

FIRST_LINE_BYTES = 4096
COMPRESSED = (".gz", ".zst", ".zstd")
ENDINGS = (".asc", ".blf", ".trc", ".mf4")  # that give the format; otherwise the file's beginning does
OTHER_FORMATS = {
    b"SQLite format 3\0": "an SQLite database",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
    b"\x1f\x8b": "compressed by gzip without .gz at the end of its name",
    b"\x28\xb5\x2f\xfd": "compressed by zstd without .zst at the end of its name",
    b"PK\3\4": "a zip archive",
    b"\xd4\xc3\xb2\xa1": "a capture of libpcap",
    b"\x4d\x3c\xb2\xa1": "a capture of libpcap",
    b"\x0a\x0d\x0d\x0a": "a capture of pcapng",
    b"***BUSMASTER": "a log of BUSMASTER",
    b"@ TEXT @": "a trace of CANHacker",
}
BEGINNING_BYTES = max(map(len, OTHER_FORMATS))
KNOWN_FORMATS = "known are candump, ASC, BLF, GVRET's CSV, TRC and MF4, plain or .gz or .zst"
TRC_BEGINS = "PEAK's TRC, 1.0 to 2.1, begins with `;$FILEVERSION=`, or with another comment"
GVRET_HEADER = "time stamp,id,extended,dir,bus,len,d1"
GVRET_OLD_HEADER = "time stamp,id,extended,bus,len,d1"


def _as_header(first: bytes) -> str:
    return first.decode("utf-8-sig", "replace").strip().lower().replace(" ,", ",").replace(", ", ",")


def _ending_of(first: bytes) -> str:
    """The usual ending of the format that begins with this line; "" for candump, which is what is left."""
    header = _as_header(first)
    if first.startswith(b"LOGG"):
        return ".blf"
    if first.startswith((b"MDF     ", b"UnFinMF ")):
        return ".mf4"
    if header.startswith(("date ", "base ")):
        return ".asc"
    if header.startswith((GVRET_HEADER, GVRET_OLD_HEADER)):
        return ".csv"
    return ".trc" if header.startswith(";$fileversion=") else ""


class FrameReader(Protocol):
    """One format's reader."""

    @property
    def frames_read(self) -> int: ...

    @property
    def damaged(self) -> int:
        """Places that were skipped: lines, or objects of a binary log."""
        ...

    @property
    def first_damage(self) -> str:
        """Where the first of them is."""
        ...

    @property
    def ends_damaged(self) -> bool:
        """Whether the last of them is the log's end, where it was cut off."""
        ...

    @property
    def at_end(self) -> bool:
        """Whether there is nothing more to read."""
        ...

    @property
    def next_ns(self) -> int:
        """Stamp of the frame that was not due at the last `read`."""
        ...

    def read(self, batch: FrameBatch, limit: int = -1, until_ns: int = LATEST_NS) -> int:
        """Append frames to `batch` and return their number.

        `limit` is the most to add (-1: any number). The reader stops before a frame with a stamp later than
        `until_ns`. Damaged places count together with the frame after them.
        """
        ...


class NoFrames:
    """The reader of a log that ends inside its header."""

    frames_read = damaged = next_ns = 0
    first_damage = ""
    ends_damaged = False
    at_end = True

    def read(self, batch: FrameBatch, limit: int = -1, until_ns: int = LATEST_NS) -> int:  # noqa: ARG002  as FrameReader
        """See `FrameReader.read`."""
        return 0


class Log:
    """An open log: frames in their order, and what was wrong with it."""

    def __init__(self, path: Path, channel_of: Callable[[str], int]) -> None:
        """channel_of: gives each channel's name its number, once.

        Raises InputMissingError, DataError, UnavailableError where a package is missing that it needs,
        StorageError where the temporary folder takes no copy that it needs.
        """
        self.path = path
        self._content = Content(path)
        self._is_unfinished = False
        self._header_end = ""  # where the file ends inside its header
        self._closing = ExitStack()
        self._closing.callback(self._content.close)
        try:
            self._reader = self._reader_of(channel_of)
        except EOFError as end:
            if self._content.is_refused:
                self._closing.close()
                raise DataError(self._content.problem, where=str(path)) from end
            self._reader = NoFrames()
            self._header_end = str(end)
        except BaseException:
            self._closing.close()
            raise

    @property
    def frames_read(self) -> int:
        """Frames so far."""
        return self._reader.frames_read

    @property
    def damaged(self) -> int:
        """Damaged places so far."""
        return self._reader.damaged

    @property
    def bytes_read(self) -> int:
        """Bytes of the file so far, compressed ones where it is compressed; 0 where that is unknown."""
        return self._content.bytes_read

    @property
    def total_bytes(self) -> int:
        """Size of the file; 0 where that is unknown."""
        return self._content.total_bytes

    @property
    def at_end(self) -> bool:
        """Whether there is nothing more to read."""
        return self._reader.at_end

    @property
    def next_ns(self) -> int:
        """Stamp of the frame that was not due at the last `read`."""
        return self._reader.next_ns

    def read(self, batch: FrameBatch, limit: int = -1, until_ns: int = LATEST_NS) -> int:
        """See `FrameReader.read`. Raises DataError when the file is not what its name says it is."""
        got = self._reader.read(batch, limit, until_ns)
        if self.at_end and self._content.is_refused and not self.frames_read:
            raise DataError(self._content.problem, where=str(self.path))
        return got

    def warnings(self) -> list[str]:
        """What was wrong with the log, for people; one line each."""
        lines = []
        if isinstance(self._reader, AscReader) and self._reader.undated_line:
            since = "the date before" if self._reader.undated_start_ns else "1970"
            what = f"no known form of a date, stamps count from {since}"
            hint = "write it like: date Tue Nov 14 10:13:20.500 pm 2023"
            lines.append(f"{self.path}:{self._reader.undated_line}: {what} ({hint})")
        problem = self._content.problem or self._header_end
        damaged = self.damaged - (1 if problem and self._reader.ends_damaged else 0)
        if damaged:
            more = f", and {damaged - 1} more" if damaged > 1 else ""
            lines.append(f"{self.path}:{self._reader.first_damage}: no frame, skipped{more}")
        if self._is_unfinished:
            lines.append(f"{self.path}: was not finished by its logger: read up to its last whole record")
        if self._content.gap:
            lines.append(f"{self.path}: damaged: {self._content.gap}")
        if problem:
            lines.append(f"{self.path}: ends early: {problem}")
        return lines

    def close(self) -> None:
        """Give the file back."""
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _reader_of(self, channel_of: Callable[[str], int]) -> FrameReader:
        suffix = self._suffix()
        if suffix not in (".blf", ".mf4"):
            self._refuse_other_formats(self._content.beginning(BEGINNING_BYTES))
        first = self._content.first_line(FIRST_LINE_BYTES)
        match suffix if suffix in ENDINGS else _ending_of(first):
            case ".asc":
                return AscReader(self._content, channel_of)
            case ".blf":
                return self._blf_reader(channel_of)
            case ".trc":
                if not first:
                    raise EOFError("inside its header, at byte 0")
                if problem := no_trc(first):
                    raise DataError(problem, where=str(self.path), hint=TRC_BEGINS)
                return MessageReader(Trc(io.BufferedReader(self._content)), channel_of)
            case ".mf4":
                return self._mf4_reader(channel_of)
            case ".csv":
                return GvretReader(self._content, channel_of)
            case _:
                if suffix == ".csv":
                    self._refuse_header(first)
                return CandumpReader(self._content, channel_of)

    def _suffix(self) -> str:
        suffixes = [suffix.lower() for suffix in self.path.suffixes]
        if suffixes and suffixes[-1] in COMPRESSED:
            suffixes.pop()
        return suffixes[-1] if suffixes else ""

    def _refuse_other_formats(self, beginning: bytes) -> None:
        for signature, what in OTHER_FORMATS.items():
            if beginning.startswith(signature):
                raise DataError(
                    f"is {what}, and no log that is known", where=str(self.path), hint=KNOWN_FORMATS
                )

    def _refuse_header(self, first: bytes) -> NoReturn:
        if not first.endswith(b"\n") and GVRET_HEADER.startswith(_as_header(first)):
            raise EOFError(f"inside its header, at byte {len(first)}")
        raise DataError(
            "this header of a CSV log is not known",
            where=f"{self.path}:1",
            hint="GVRET's is: `Time Stamp,ID,Extended,Dir,Bus,LEN,D1,...`, with or without `Dir`",
        )

    def _mf4_reader(self, channel_of: Callable[[str], int]) -> MessageReader:
        path = self.path
        if path == STDIN or path.suffix.lower() in COMPRESSED:
            require_mf4(self._content.beginning(HEADER_BYTES), path)
            path = self._closing.enter_context(unpacked(self._content, path))
        mf4 = Mf4(path, self.path)
        self._closing.callback(mf4.close)
        self._is_unfinished = mf4.is_unfinished
        return MessageReader(mf4, channel_of)

    def _blf_reader(self, channel_of: Callable[[str], int]) -> BlfReader:
        try:
            return BlfReader(self._content, channel_of)
        except ValueError as error:
            raise DataError("is no BLF log", where=str(self.path), hint=str(error)) from error
