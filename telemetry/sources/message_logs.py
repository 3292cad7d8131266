"""TRC and MF4 logs through python-can's readers.

Promises: channels are named can0, can1 … (the formats number them from 1); stamps are rounded to
microseconds, since python-can has them as floats; the date in a TRC header is UTC; where a reader gives up
at damaged bytes it is started again behind them. Relies on python-can, imported only here and only when such
a log is read, and for MF4 on asammdf.
"""

import importlib.util
import io
import logging
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, TextIO, cast

from telemetry_core.frames import FrameBatch

from telemetry.errors import DataError, TelemetryError, UnavailableError
from telemetry.sources.messages import append_message
from telemetry.sources.mf4_links import check_links

if TYPE_CHECKING:
    import can
    from asammdf.blocks.mdf_v4 import MDF4, Group
    from asammdf.blocks.utils import Fragment

LATEST_NS = 2**63 - 1
LINE_LIMIT_BYTES = 65_536  # what is longer is no line of a log
MF4_FINISHED, MF4_UNFINISHED = b"MDF     ", b"UnFinMF "  # how a log begins
MF4_HEADER_BYTES = 168


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

    def is_torn(self) -> bool:
        """Whether that is the log's end, where it may have been cut off."""
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
        self.ends_damaged = False
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
                self._add_damage()
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
                if not progress or self._format.progress() > progress:  # and not once more at the end
                    self._add_damage()
            else:
                return
            self._format.resume()

    def _add_damage(self) -> None:
        self._unsettled.append(self._format.place())
        self.ends_damaged = self._format.is_torn()

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
    """The lines of a text log, as python-can's readers take them."""

    def __init__(self, content: io.BufferedReader) -> None:
        self._content = content
        self.number = 0
        self.byte = 0  # at which the line begins
        self._end = 0
        self.is_torn = False  # the last line has no end, or there is no more

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._content.readline(LINE_LIMIT_BYTES)
        if not line:
            self.is_torn = True
            raise StopIteration
        self.number += 1
        self.byte, self._end = self._end, self._end + len(line)
        self.is_torn = not line.endswith(b"\n")
        return line.decode("utf-8", "replace").replace("\r\n", "\n")

    def close(self) -> None:
        """The log's owner closes the file."""


class Trc:
    """PEAK's text format. Its stamps count from the header's $STARTTIME."""

    def __init__(self, content: io.BufferedReader) -> None:
        import can

        class Reader(can.TRCReader):
            # As it is, python-can's reader prints a line that it cannot read to stderr, and goes on; and
            # where nothing follows the header, it takes the last line of that for a frame.
            def _parse_line(self, line: str) -> can.Message | None:
                if not line or line.startswith(";"):
                    return None
                return self._parse_cols(tuple(line.split(maxsplit=self._num_columns)))

        self._lines = _Lines(content)
        self.reader = Reader(cast(TextIO, self._lines))

    def progress(self) -> int:
        return self._lines.number

    def place(self) -> str:
        return f"{self._lines.number} (byte {self._lines.byte})"

    def is_torn(self) -> bool:
        return self._lines.is_torn

    def resume(self) -> None:
        pass  # the reader's search for a header ends at the next line, and keeps it

    def stamp_ns(self, message: "can.Message") -> int:
        return _stamp_ns(message)

    def channel(self, message: "can.Message") -> int:
        return _channel(message.channel)


class Mf4:
    """ASAM's measurement files: what their groups hold of CAN bus logging, merged in the order of time.

    A log that its logger did not finish (power was cut, or it streams) says so by its beginning, and is read
    up to its last whole record: asammdf finishes a copy of it, in the temporary folder.

    Raises UnavailableError without asammdf; DataError when it cannot read the file at all, EOFError when that
    ends inside its header.
    """

    def __init__(self, path: Path, where: Path) -> None:
        """path: of the log, not compressed; where: what people call it."""
        if importlib.util.find_spec("asammdf") is None:
            raise UnavailableError(
                "reading MF4 needs the package asammdf",
                where=str(where),
                hint="pip install 'nev-telemetry[mf4]'",
            )
        with path.open("rb") as file:
            header = file.read(MF4_HEADER_BYTES)
        if not any(known.startswith(header[:8]) for known in (MF4_FINISHED, MF4_UNFINISHED)):
            raise DataError("is no MF4 log", where=str(where), hint="it does not begin with MDF")
        if len(header) < MF4_HEADER_BYTES:
            raise EOFError(f"inside its header, at byte {len(header)}")
        self.is_unfinished = header.startswith(MF4_UNFINISHED)
        import can

        class Reader(can.MF4Reader):
            # As it is, python-can's reader leaves a file open that asammdf refuses.
            def __init__(self, path: Path) -> None:
                try:
                    super().__init__(path)
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
            self._file = Reader(path)
        except Exception as error:
            raise DataError("is no MF4 log", where=str(where), hint=" ".join(str(error).split())) from error

    @property
    def reader(self) -> Iterable["can.Message"]:
        return self._file

    def close(self) -> None:
        """Give the file back."""
        self._file.stop()

    def progress(self) -> int:
        return 0  # so it ends where asammdf gives up: it cannot go on behind that

    def place(self) -> str:
        return "its records"

    def is_torn(self) -> bool:
        return False

    def resume(self) -> None:
        pass

    def stamp_ns(self, message: "can.Message") -> int:
        return _stamp_ns(message)

    def channel(self, message: "can.Message") -> int:
        return _channel(message.channel)


def _mend_asammdf() -> None:
    """Have asammdf come back from any log, raise what it has to tell and not print it, and clean up.

    Of what it could not build it misses what was not set yet: it would tell that on stderr, and leave its
    copy of an unfinished log. The bytes of a group without a whole record it would cut into pieces of none,
    for ever.
    """
    logging.getLogger("asammdf").disabled = True
    from asammdf.blocks.mdf_v4 import MDF4

    if MDF4.__del__ is _destroy:
        return
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


def _stamp_ns(message: "can.Message") -> int:
    time_us = message.timestamp * 1e6
    if not math.isfinite(time_us):
        return -1
    time_ns = round(time_us) * 1000
    return time_ns if time_ns <= LATEST_NS else -1


def _channel(channel: object) -> int:
    # None: there is but one.
    return max(channel - 1, 0) if isinstance(channel, int) else 0
