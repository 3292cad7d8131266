"""Log files of CAN traffic as frames, plain or compressed. `formats` recognises their formats.

Promises:

- A log larger than memory streams. A compressed MF4 is unpacked into the temporary folder first.
- A damaged place is counted and skipped, and a warning names the first.
- A file that ends too early is read up to its end.
- A file in which nothing is a frame, and which is damaged, is refused, and so is one of another known format.

TRC and the formats of `by_line` go through python-can's messages (`python_can`), and so does an MF4 of a rare
layout (`mf4`). All others go through compiled ones.
"""

import io
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.logs.asc import AscReader
from telemetry_core.logs.blf import BlfReader
from telemetry_core.logs.candump import CandumpReader
from telemetry_core.logs.canhacker import CanHackerReader
from telemetry_core.logs.crtd import CrtdReader
from telemetry_core.logs.gvret import GvretReader
from telemetry_core.logs.mf4 import Mf4Reader
from telemetry_core.logs.mf4_layout import UnknownLayoutError
from telemetry_core.logs.pcap import PcapReader
from telemetry_core.logs.reader import LogReader
from telemetry_core.logs.table import TableReader

from telemetry import plugins
from telemetry.errors import DataError
from telemetry.logs.archives import is_archive, not_a_log
from telemetry.logs.by_line import Busmaster, KvaserCsv, KvaserText, Microchip
from telemetry.logs.content import STDIN, RecordedFile, unpacked
from telemetry.logs.formats import (
    FIRST_LINE_BYTES,
    GVRET_HEADER,
    LogFormat,
    first_content_line,
    has_first_content_line,
    known_formats,
    of_ending,
    recognised,
    refused,
)
from telemetry.logs.inflate import ENDINGS
from telemetry.logs.mf4 import HEADER_BYTES, Mf4, require_mf4
from telemetry.logs.python_can import LATEST_NS, Added, MessageReader, Trc, no_trc
from telemetry.logs.stamps import FirstStamps

if TYPE_CHECKING:
    import can

TRC_BEGINS = "PEAK's TRC, 1.0 to 2.1, begins with `;$FILEVERSION=`, or with another comment"
MOST_QUOTED = 60  # letters of a line
BLF_SIZE = slice(16, 24)  # of the whole file, in its header; python-can's can/io/blf.py
_BY_LINE = {
    LogFormat.BUSMASTER: Busmaster,
    LogFormat.KVASER_CSV: KvaserCsv,
    LogFormat.KVASER_TEXT: KvaserText,
    LogFormat.MICROCHIP: Microchip,
}
_BINARY = re.compile(rb"[\0-\x08\x0e-\x19\x1c-\x1f]")  # what no text has; it may end with ^Z


class NoFrames:
    """The reader of a log that ends inside its header."""

    frames_read = damaged = unstamped = next_ns = 0
    first_damage = ""
    ends_damaged = False
    at_end = True

    def read(self, batch: FrameBatch, limit: int = -1, until_ns: int = LATEST_NS) -> int:  # noqa: ARG002  as LogReader
        return 0


FrameReader = LogReader | MessageReader | NoFrames  # of one format


class OpenLog(RecordedFile):
    """An open log: frames in their order, and what was wrong with it."""

    def __init__(self, path: Path, channel_of: Callable[[str], int]) -> None:
        """Open it. channel_of: gives each channel's name its number, once.

        Raises InputMissingError, DataError, MissingPackageError where a package is missing that it needs,
        StorageError where the temporary folder takes no copy that it needs.
        """
        super().__init__(path)
        self._first_stamps = FirstStamps()
        self._is_unfinished = self._lacks_zone = False
        self._header_end = ""  # where the file ends inside its header
        self._package = ""  # that has added the format
        self._cut_short = ""  # where it ends before the size that its header gives
        self._beginning = b""
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
        """Return frames so far."""
        return self._reader.frames_read

    @property
    def damaged(self) -> int:
        """Return how many places are damaged so far."""
        return self._reader.damaged

    @property
    def at_end(self) -> bool:
        """Return whether there is nothing more to read."""
        return self._reader.at_end

    @property
    def next_ns(self) -> int:
        """Return stamp of the frame that was not due at the last `read`."""
        return self._reader.next_ns

    def read(self, batch: FrameBatch, limit: int = -1, until_ns: int = LATEST_NS) -> int:
        """See `LogReader.read`. Raises DataError at the end of a file in which nothing is readable."""
        got = self._reader.read(batch, limit, until_ns)
        if got and not self._first_stamps.is_done:
            self._first_stamps.look(batch, len(batch) - got)
        if self.at_end and not self.frames_read:
            if self._content.is_refused:
                raise DataError(self._content.problem, where=str(self.path))
            if isinstance(self._reader, PcapReader) and self._reader.foreign:
                what = f"is a capture of {self._reader.foreign}, and not of CAN"
                hint = "capture the bus: tcpdump -i can0 -w drive.pcap"
                raise DataError(what, where=str(self.path), hint=hint)
            was_cut_off = self.damaged == 1 and self._reader.ends_damaged
            if self.damaged and not (was_cut_off and (self._is_recognised or self._content.problem)):
                raise self._unreadable()
        return got

    def warnings(self) -> list[str]:
        """Return what was wrong with the log, for people; one line each."""
        lines = []
        if self._reader.unstamped and not self._content.is_live:
            hint = "a pipe stamps them as they come: cat LOG | nev-telemetry decode -"
            lines.append(
                f"{self.path}: {self._reader.unstamped} frames have no stamp, and get 1970-01-01 ({hint})"
            )
        if isinstance(self._reader, GvretReader) and self._reader.is_rebased:
            start = datetime.fromtimestamp(self._reader.start_ns // 10**9, UTC)
            lines.append(
                f"{self.path}: its stamps are negative or huge: they count from {start:%Y-%m-%dT%H:%M:%SZ}"
            )
        if isinstance(self._reader, AscReader) and self._reader.undated_line:
            since = "the date before" if self._reader.undated_start_ns else "1970"
            what = f"no known form of a date, stamps count from {since}"
            hint = "write it like: date Tue Nov 14 10:13:20.500 pm 2023"
            lines.append(f"{self.path}:{self._reader.undated_line}: {what} ({hint})")
        if self._format is LogFormat.CANDUMP and not self._reader.unstamped:
            lines += (f"{self.path}: {doubt}" for doubt in self._first_stamps.doubts())
        problem = self._content.problem or self._header_end or self._cut_short
        if isinstance(self._reader, Mf4Reader):
            problem = problem or self._reader.cut_short
        if self._package and self._reader.ends_damaged:
            problem = f"the reader of {self._package} gave up"
        damaged = self.damaged - (1 if problem and self._reader.ends_damaged else 0)
        lines += self._skipped(damaged, self._reader.first_damage, "frame")
        if self._is_unfinished:
            lines.append(f"{self.path}: was not finished by its logger: read up to its last whole record")
        if self._lacks_zone:
            lines.append(f"{self.path}: counts in local time and does not say where: it is read as UTC")
        return [*lines, *self._missing(problem)]

    def _missing_bytes(self) -> str:
        """Return where a BLF file ends before the size in its header; "": nowhere, or nobody knows.

        A logger that was not closed leaves 0 there.
        """
        if self._content.is_compressed or self._content.is_live:
            return ""
        size, there = int.from_bytes(self._beginning[BLF_SIZE], "little"), self._content.total_bytes
        return f"{there:,} of the {size:,} bytes that its header counts" if there < size else ""

    def _reader_of(self, channel_of: Callable[[str], int]) -> FrameReader:
        self._beginning = self._content.beginning(FIRST_LINE_BYTES, has_first_content_line)
        sign = recognised(self._beginning)
        self._is_recognised = sign is not None
        ending = self._suffix()[1:]
        if sign is None and ending and (added := plugins.find("logs", ending, _reader_of_package)):
            self._format = LogFormat.ADDED
            self._package = plugins.package_of("logs", ending)
            with plugins.blaming(self._package, str(self.path)):
                return MessageReader(Added(added(io.BufferedReader(self._content))), channel_of)
        if is_archive(self._beginning):
            raise not_a_log(self.path)
        if what := refused(self._beginning):
            raise DataError(
                f"is {what}, and no log that is known", where=str(self.path), hint=known_formats()
            )
        self._format = sign or of_ending(self._suffix()) or LogFormat.CANDUMP
        match self._format:
            case LogFormat.ASC:
                return AscReader(self._content, channel_of)
            case LogFormat.BLF:
                self._cut_short = self._missing_bytes()
                return self._blf_reader(channel_of)
            case LogFormat.BUSMASTER | LogFormat.KVASER_CSV | LogFormat.KVASER_TEXT | LogFormat.MICROCHIP:
                by_line = _BY_LINE[self._format](io.BufferedReader(self._content))
                return MessageReader(by_line, channel_of)
            case LogFormat.CANHACKER:
                return CanHackerReader(self._content, channel_of)
            case LogFormat.CRTD:
                return CrtdReader(self._content, channel_of)
            case LogFormat.GVRET:
                return GvretReader(self._content, channel_of)
            case LogFormat.MF4:
                return self._mf4_reader(channel_of)
            case LogFormat.PCAP:
                return PcapReader(self._content, channel_of)
            case LogFormat.TABLE:
                return TableReader(self._content, channel_of)
            case LogFormat.TRC:
                return self._trc_reader(channel_of)
            case LogFormat.CANDUMP | LogFormat.ADDED:
                if self._suffix() == ".csv" and not self._is_recognised:
                    self._refuse_header()
                return CandumpReader(self._content, channel_of)

    def _suffix(self) -> str:
        suffixes = [suffix.lower() for suffix in self.path.suffixes]
        if suffixes and suffixes[-1] in ENDINGS:
            suffixes.pop()
        return suffixes[-1] if suffixes else ""

    def _first_line(self) -> bytes:
        line, line_break, _ = self._beginning.partition(b"\n")
        return line + line_break

    def _refuse_header(self) -> NoReturn:
        first = self._first_line()
        if not first.endswith(b"\n") and GVRET_HEADER.startswith(first_content_line(first).lower()):
            raise EOFError(f"inside its header, at byte {len(first)}")
        raise DataError(
            f"this header of a CSV log is not known: {_quoted(first_content_line(first))}",
            where=f"{self.path}:1",
            hint="GVRET's is: `Time Stamp,ID,Extended,Dir,Bus,LEN,D1,...`, with or without `Dir`",
        )

    def _unreadable(self) -> DataError:
        if self._is_recognised:
            what = f"nothing in it is a frame, though it begins as {self._format} does"
            return DataError(what, where=f"{self.path}:{self._reader.first_damage}", hint="copy it again")
        if _BINARY.search(self._beginning):
            return DataError("is binary and no known log", where=str(self.path), hint=known_formats())
        why = (
            "as its name says"
            if self._format is LogFormat.ADDED or of_ending(self._suffix())
            else "since it begins like no format that is known"
        )
        line = _quoted(first_content_line(self._beginning))
        return DataError(
            f"nothing in it is a frame. It was read as {self._format}, {why}; its first line is {line}",
            where=str(self.path),
            hint=known_formats(),
        )

    def _trc_reader(self, channel_of: Callable[[str], int]) -> MessageReader:
        first = self._first_line()
        if not first:
            raise EOFError("inside its header, at byte 0")
        if problem := no_trc(first):
            raise DataError(problem, where=str(self.path), hint=TRC_BEGINS)
        return MessageReader(Trc(io.BufferedReader(self._content)), channel_of)

    def _mf4_reader(self, channel_of: Callable[[str], int]) -> Mf4Reader | MessageReader:
        path = self.path
        header = self._content.beginning(HEADER_BYTES)
        require_mf4(header, path)
        if len(header) < HEADER_BYTES:
            raise EOFError(f"inside its header, at byte {len(header)}")
        if path == STDIN or self._content.is_compressed or self._content.is_live:
            path = self._closing.enter_context(unpacked(self._content, path))
        file = self._closing.enter_context(path.open("rb", buffering=0))
        try:
            reader = Mf4Reader(file, channel_of)
        except ValueError as error:
            raise DataError("is no MF4 log", where=str(self.path), hint=str(error)) from error
        except UnknownLayoutError as error:
            mf4 = Mf4(path, self.path, str(error))
            self._closing.callback(mf4.close)
            self._is_unfinished, self._lacks_zone = mf4.is_unfinished, mf4.lacks_zone
            return MessageReader(mf4, channel_of)
        self._is_unfinished, self._lacks_zone = reader.is_unfinished, reader.lacks_zone
        return reader

    def _blf_reader(self, channel_of: Callable[[str], int]) -> BlfReader:
        try:
            return BlfReader(self._content, channel_of)
        except ValueError as error:
            raise DataError("is no BLF log", where=str(self.path), hint=str(error)) from error


def _reader_of_package(found: Any) -> Callable[[io.BufferedReader], Iterable["can.Message"]]:
    if not callable(found):
        raise TypeError("is no class of readers, and no function that makes one")
    made: Callable[[io.BufferedReader], Iterable[can.Message]] = found
    return made


def _quoted(line: str) -> str:
    return f"`{line[:MOST_QUOTED]}{'…' if len(line) > MOST_QUOTED else ''}`"
