"""ASC, BLF and TRC logs through python-can's readers.

Promises: channels are named can0, can1 … (the formats number them from 1); stamps are rounded to
microseconds, since python-can has them as floats; dates in the headers of ASC and TRC are UTC; where a
reader gives up at damaged bytes it is started again behind them. Relies on python-can, imported only here
and only when such a log is read.
"""

import io
import math
import re
import struct
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO, Protocol, Self, TextIO, cast

from telemetry_core.frames import FrameBatch

from telemetry.errors import DataError, TelemetryError
from telemetry.sources.messages import append_message

if TYPE_CHECKING:
    import can

LATEST_NS = 2**63 - 1
OBJECT_LIMIT_BYTES = 16 * 1024 * 1024
LINE_LIMIT = 65_536  # characters; what is longer is no line of a log

_ASC_DATE = re.compile(r"\s*(?:date|begin\s+triggerblock)\s+\w+\s+(?P<date>\w.*)", re.IGNORECASE)
_ASC_RELATIVE = re.compile(r"\s*base\s+\w+\s+timestamps\s+relative", re.IGNORECASE)
_ASC_HEADER_END = "no internal events logged\n"
_ASC_DATES = (
    "%m %d %I:%M:%S.%f %p %Y",
    "%m %d %I:%M:%S %p %Y",
    "%m %d %H:%M:%S.%f %Y",
    "%m %d %H:%M:%S %Y",
)
_BLF_SIGNATURE = b"LOBJ"
_BLF_HEADER = struct.Struct("<4sHHLL")  # signature, header's size and version, object's size and type
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {  # in English, and in German as Vector's tools write them there
    **{name: number for number, name in enumerate(_MONTH_NAMES, 1)},
    "mär": 3,
    "mai": 5,
    "okt": 10,
    "dez": 12,
}


class Format(Protocol):
    """What one format needs beyond python-can's reader."""

    @property
    def reader(self) -> Iterable["can.Message"]:
        """May be iterated again where it raised; it then goes on behind that place."""
        ...

    def progress(self) -> int:
        """How far it has read; grows."""
        ...

    def place(self) -> str:
        """Where that is, for people."""
        ...

    def resume(self) -> None:
        """Called before the reader is iterated again."""
        ...

    def stamp_ns(self, message: "can.Message") -> int:
        """Below 0: impossible."""
        ...

    def channel(self, message: "can.Message") -> int:
        """Counted from 0."""
        ...


def open_format(suffix: str, content: io.RawIOBase, where: str) -> Format | None:
    """The format that file names ending in `suffix` have; None for those that are none of these."""
    match suffix:
        case ".asc":
            return _Asc(io.BufferedReader(content), where)
        case ".blf":
            return _Blf(io.BufferedReader(content), where)
        case ".trc":
            return _Trc(io.BufferedReader(content))
        case _:
            return None


class MessageReader:
    """Frames out of one format's messages. See `FrameReader`."""

    def __init__(self, log_format: Format, channel_of: Callable[[str], int]) -> None:
        self._format = log_format
        self._channel_of = channel_of
        self._channels: dict[int, int] = {}
        self._messages = self._all_messages()
        self._next: can.Message | None = None  # read, but not due
        self._unsettled: list[str] = []  # damaged places since the last frame
        self.frames_read = 0
        self.damaged = 0
        self.first_damage = ""
        self.next_ns = 0
        self.at_end = False

    def read(self, batch: FrameBatch, limit: int = -1, until_ns: int = LATEST_NS) -> int:
        """See `FrameReader.read`."""
        before = len(batch)
        full = batch.capacity if limit < 0 else min(batch.capacity, before + limit)
        if not before:
            batch.position = self.frames_read
        while len(batch) < full:
            message = self._next if self._next is not None else next(self._messages, None)
            if message is None:
                if len(batch) == before:
                    self.at_end = True
                    self._settle()
                break
            time_ns = self._format.stamp_ns(message)
            if time_ns > until_ns:
                self._next, self.next_ns = message, time_ns
                break
            self._next = None
            if time_ns >= 0 and append_message(batch, message, time_ns, self._number_of(message)):
                self.frames_read += 1
                self._settle()
            else:
                self._unsettled.append(self._format.place())
        return len(batch) - before

    def _all_messages(self) -> Iterator["can.Message"]:
        progress = -1
        while self._format.progress() > progress:
            progress = self._format.progress()
            try:
                yield from self._format.reader
            except TelemetryError:
                raise
            except Exception:  # noqa: BLE001 - whatever damaged bytes make a reader raise
                self._unsettled.append(self._format.place())
            else:
                return
            self._format.resume()

    def _settle(self) -> None:
        if self._unsettled:
            self.first_damage = self.first_damage or self._unsettled[0]
            self.damaged += len(self._unsettled)
            self._unsettled.clear()

    def _number_of(self, message: "can.Message") -> int:
        channel = self._format.channel(message)
        if channel not in self._channels:
            self._channels[channel] = self._channel_of(f"can{channel}")
        return self._channels[channel]


class _Lines:
    """The lines of a text log, as python-can's readers take them. watch: is told each."""

    def __init__(self, content: io.BufferedReader, watch: Callable[[str], None] | None = None) -> None:
        self._text = io.TextIOWrapper(content, "utf-8", errors="replace")
        self._watch = watch
        self._next = ""
        self.number = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line, self._next = self._next, ""
        if line:
            return line
        line = self._text.readline(LINE_LIMIT)
        if not line:
            raise StopIteration
        self.number += 1
        if self._watch is not None:
            self._watch(line)
        return line

    def insert(self, line: str) -> None:
        """Have `line` come next."""
        self._next = line

    def close(self) -> None:
        """The log's owner closes the file."""


class _Asc:
    """Vector's text format. Its stamps count from the date in the header or of the trigger block."""

    def __init__(self, content: io.BufferedReader, where: str) -> None:
        import can

        self._where = where
        self._start_ns = 0
        self._lines = _Lines(content, self._watch)
        self.reader = can.ASCReader(cast(TextIO, self._lines))

    def progress(self) -> int:
        return self._lines.number

    def place(self) -> str:
        return str(self._lines.number)

    def resume(self) -> None:
        self._lines.insert(_ASC_HEADER_END)  # the reader looks for a header first, which is long past

    def stamp_ns(self, message: "can.Message") -> int:
        return _stamp_ns(message, self._start_ns)

    def channel(self, message: "can.Message") -> int:
        return _channel(message.channel, 0)

    def _watch(self, line: str) -> None:
        if match := _ASC_DATE.match(line):
            self._start_ns = _asc_date_ns(match["date"].strip())
        elif _ASC_RELATIVE.match(line):
            raise DataError(
                "each stamp counts from the line before",
                where=f"{self._where}:{self._lines.number}",
                hint="only `timestamps absolute` can be read",
            )


class _Trc:
    """PEAK's text format. Its stamps count from the header's $STARTTIME."""

    def __init__(self, content: io.BufferedReader) -> None:
        import can

        class Reader(can.TRCReader):
            # As it is, python-can's reader prints a line that it cannot read to stderr, and goes on.
            def _parse_line(self, line: str) -> can.Message | None:
                return self._parse_cols(tuple(line.split(maxsplit=self._num_columns)))

        self._lines = _Lines(content)
        self.reader = Reader(cast(TextIO, self._lines))

    def progress(self) -> int:
        return self._lines.number

    def place(self) -> str:
        return str(self._lines.number)

    def resume(self) -> None:
        pass  # the reader's search for a header ends at the next line, and keeps it

    def stamp_ns(self, message: "can.Message") -> int:
        return _stamp_ns(message)

    def channel(self, message: "can.Message") -> int:
        return _channel(message.channel, 1)


class _Objects:
    """The bytes of a binary log, as python-can's reader takes them."""

    def __init__(self, content: io.BufferedReader) -> None:
        self._content = content
        self.position = 0

    def read(self, count: int) -> bytes:
        """As of a file. Raises ValueError for more than an object may have: its size is damaged."""
        if count > OBJECT_LIMIT_BYTES:
            raise ValueError(f"an object of {count} bytes")
        got = self._content.read(count)
        self.position += len(got)
        return got

    def close(self) -> None:
        """The log's owner closes the file."""


class _Blf:
    """Vector's binary format."""

    def __init__(self, content: io.BufferedReader, where: str) -> None:
        import can

        class Reader(can.BLFReader):
            # As it is, python-can's reader reads an object of no size again for ever, and after damage puts
            # the tail of the container before it in front of every later one.
            def _parse_container(self, data: bytes) -> Iterator[can.Message]:
                data, self._tail = self._tail + data, b""
                sound = _sound_bytes(data)
                yield from super()._parse_container(data[:sound])
                if sound < len(data):
                    self._tail = b""
                    raise ValueError("an object smaller than its header")

        self._objects = _Objects(content)
        try:
            self.reader = Reader(cast(BinaryIO, self._objects))
        except Exception as error:
            raise DataError("is no BLF log", where=where, hint=str(error)) from error

    def progress(self) -> int:
        return self._objects.position

    def place(self) -> str:
        return f"byte {self._objects.position}"

    def resume(self) -> None:
        pass  # the reader goes on with the next object

    def stamp_ns(self, message: "can.Message") -> int:
        return _stamp_ns(message)

    def channel(self, message: "can.Message") -> int:
        return _channel(message.channel, 0)


def _sound_bytes(container: bytes) -> int:
    """Bytes before the first object that is smaller than its own header; all, if there is none."""
    place = container.find(_BLF_SIGNATURE)
    while 0 <= place <= len(container) - _BLF_HEADER.size:
        *_, size, _ = _BLF_HEADER.unpack_from(container, place)
        if size < _BLF_HEADER.size:
            return place
        place = container.find(_BLF_SIGNATURE, place + size)
    return len(container)


def _stamp_ns(message: "can.Message", start_ns: int = 0) -> int:
    if not math.isfinite(message.timestamp):
        return -1
    time_ns = start_ns + round(message.timestamp * 1e6) * 1000
    return time_ns if time_ns <= LATEST_NS else -1


def _channel(channel: object, first: int) -> int:
    # python-can numbers the channels of ASC and BLF from 0 and those of TRC from 1; None: there is but one.
    return max(channel - first, 0) if isinstance(channel, int) else 0


def _asc_date_ns(text: str) -> int:
    words = text.split(maxsplit=1)
    month = _MONTHS.get(words[0][:3].lower(), 0)
    for date_format in _ASC_DATES:
        try:
            date = datetime.strptime(f"{month} {words[-1]}", date_format).replace(tzinfo=UTC)
        except ValueError:
            continue
        return int(date.replace(microsecond=0).timestamp()) * 10**9 + date.microsecond * 1000
    return 0
