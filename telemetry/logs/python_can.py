"""python-can's messages as frames, for its buses and its readers of logs; and TRC. MF4 is in `mf4`.

Promises:

- Channels are named can0, can1 … from the format's first number on.
- Stamps are rounded to microseconds, since python-can has them as floats. The date in a TRC header is UTC.
- A reader that gives up at damaged bytes starts again after them.
- A text that does not begin as a TRC does is refused, even if python-can would read it.

Relies on python-can, imported only when such a log is read.
"""

import io
import math
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Protocol, Self, TextIO, cast

from telemetry_core.frames.batch import FrameBatch

from telemetry.errors import TelemetryError

if TYPE_CHECKING:
    import can


LATEST_NS = 2**63 - 1
LINE_LIMIT_BYTES = 65_536  # what is longer is no line of a log
_TRC_VERSION = re.compile(r"\s*;\$FILEVERSION=([^;\s]*)")
_TRC_VERSIONS = ("1.0", "1.1", "1.2", "1.3", "2.0", "2.1")
_TRC_RECORD = re.compile(r"\s*\d+\)\s+\d")  # of version 1.0, whose header may be missing
ID_EXTENDED = 0x80000000  # as in SocketCAN's struct can_frame
ID_REMOTE = 0x40000000
ID_ERROR = 0x20000000
FLAG_FD = 1
FLAG_BRS = 2
FLAG_ESI = 4
MAX_PAYLOAD_BYTES = 64


class Format(Protocol):
    """What one format needs beyond python-can's reader."""

    first_channel: int  # the number of the one called can0

    @property
    def reader(self) -> Iterable["can.Message"]:
        """Iterate over messages. After an error it may be iterated again, and goes on after that place."""
        ...

    def progress(self) -> int:
        """Return how far it has read; grows."""
        ...

    def place(self) -> str:
        """Return where that is, for people."""
        ...

    def is_torn(self) -> bool:
        """Return whether that is the log's end, where it may have been cut off."""
        ...


class Added:
    """The format of a package, whose reader is as python-can's are: messages, one after the other."""

    first_channel = 0

    def __init__(self, reader: Iterable["can.Message"]) -> None:
        self._reader = reader
        self._messages = 0
        self._gave_up_after = -1

    @property
    def reader(self) -> Iterator["can.Message"]:
        try:
            for message in self._reader:
                self._messages += 1
                yield message
        except Exception:
            self._gave_up_after = self._messages
            raise

    def progress(self) -> int:
        return self._messages

    def place(self) -> str:
        return f"after frame {self._messages}"

    def is_torn(self) -> bool:
        return self._gave_up_after == self._messages  # until it brings another one


class MessageReader:
    """Frames out of one format's messages. See `LogReader`."""

    def __init__(self, log_format: Format, channel_of: Callable[[str], int]) -> None:
        self._format = log_format
        self._channel_of = channel_of
        self._channels: dict[int, int] = {}
        self._messages = self._all_messages()
        self._next: can.Message | None = None  # read, but not due
        self._unsettled: list[str] = []  # damaged places since the last frame
        self.frames_read = 0
        self.damaged = 0
        self.unstamped = 0
        self.first_damage = ""
        self.ends_damaged = False
        self.next_ns = 0
        self.at_end = False

    def read(self, batch: FrameBatch, limit: int = -1, until_ns: int = LATEST_NS) -> int:
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
            time_ns = _stamp_ns(message)
            if time_ns > until_ns:
                self._next, self.next_ns = message, time_ns
                break
            self._next = None
            if time_ns >= 0 and append_message(batch, message, time_ns, self._number_of(message)):
                self.frames_read += 1
                self.ends_damaged = False
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
            except Exception:  # noqa: BLE001 - damaged bytes may make a reader raise anything
                if not progress or self._format.progress() > progress:  # and not once more at the end
                    self._add_damage()
            else:
                return

    def _add_damage(self) -> None:
        self._unsettled.append(self._format.place())
        self.ends_damaged = self._format.is_torn()

    def _settle(self) -> None:
        if self._unsettled:
            self.first_damage = self.first_damage or self._unsettled[0]
            self.damaged += len(self._unsettled)
            self._unsettled.clear()

    def _number_of(self, message: "can.Message") -> int:
        channel = _channel(message.channel, self._format.first_channel)
        if channel not in self._channels:
            self._channels[channel] = self._channel_of(f"can{channel}")
        return self._channels[channel]


def no_trc(first: bytes) -> str:
    """Return why a log that begins with this line is no TRC; "" if it may be one."""
    text = first.decode("utf-8-sig", "replace")
    if "\r" in text.rstrip("\r\n"):
        return "its lines end with CR alone, and those of a TRC log with LF or CR LF"
    if version := _TRC_VERSION.match(text):
        is_cut_off = not text.endswith("\n") and any(each.startswith(version[1]) for each in _TRC_VERSIONS)
        is_known = version[1] in _TRC_VERSIONS or is_cut_off
        return "" if is_known else f"is a TRC log of version {version[1][:20]}, which is not known"
    is_comment = text.lstrip().startswith(";")  # all that version 1.0 begins with
    return "" if is_comment or not text.strip() or _TRC_RECORD.match(text) else "is no TRC log"


class Lines:
    """The lines of a text log, as python-can's reader of TRC takes them."""

    def __init__(self, content: io.BufferedReader) -> None:
        self._content = content
        self.number = 0
        self.byte = 0  # at which the line begins
        self._end = 0
        self.is_torn = False  # the last line has no end, or there is no more
        self.lacks_reserved = False  # version 1.2: that column is all that it has less than 1.3

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
        problem: str = getattr(self._content.raw, "problem", "") if self.is_torn else ""
        if problem:
            raise EOFError(problem)  # what is left of a frame may look like a shorter one
        text = line.decode("utf-8-sig" if self.number == 1 else "utf-8", "replace").replace("\r\n", "\n")
        return self._as_known(text) if text.startswith(";$") else text

    def _as_known(self, text: str) -> str:
        """Return a line of the header for python-can, which knows no version 1.2 and no semicolon there."""
        text = text.rstrip("; \n")
        if text == ";$FILEVERSION=1.2":
            self.lacks_reserved = True
            text = ";$FILEVERSION=1.3"
        return text + "\n"

    def close(self) -> None:
        """Leave the file to the log's owner, who closes it."""


class OfLines:
    """A text format, whose reader takes Lines. See `Format`."""

    first_channel = 1

    def __init__(self, content: io.BufferedReader) -> None:
        self._lines = Lines(content)

    def progress(self) -> int:
        return self._lines.number

    def place(self) -> str:
        """Return where the newest line is, for people."""
        return f"{self._lines.number} (byte {self._lines.byte})"

    def is_torn(self) -> bool:
        return self._lines.is_torn


class Trc(OfLines):
    """PEAK's text format. Its stamps count from the header's $STARTTIME."""

    def __init__(self, content: io.BufferedReader) -> None:
        import can
        from can.io.trc import TRCFileVersion

        super().__init__(content)
        lines = self._lines

        class StrictTrcReader(can.TRCReader):
            # As it is, python-can's reader prints a line that it cannot read to stderr, and goes on; where
            # nothing follows the header, it takes the last line of that for a frame; and an error of version
            # 1.0, which has no type, for a frame too.
            def _parse_line(self, line: str) -> can.Message | None:
                columns = line.split(maxsplit=self._num_columns)
                if not columns or line.startswith(";") or columns[4:5] == ["ERROR"]:
                    return None
                if self.file_version == TRCFileVersion.UNKNOWN and not columns[0].endswith(")"):
                    raise ValueError(f"no record of version 1.0: {line}")
                if lines.lacks_reserved:
                    columns.insert(5, "-")
                return self._parse_cols(tuple(columns))

        self.reader = StrictTrcReader(cast(TextIO, lines))  # where it raised, it kept what the header says


def _stamp_ns(message: "can.Message") -> int:
    """Return the stamp; below 0: it is impossible."""
    time_us = message.timestamp * 1e6
    if not math.isfinite(time_us):
        return -1
    time_ns = round(time_us) * 1000
    return time_ns if time_ns <= LATEST_NS else -1


def _channel(channel: object, first_channel: int) -> int:
    """Return the channel's number, counted from 0. None: there is but one."""
    return max(channel - first_channel, 0) if isinstance(channel, int) else 0


def append_message(batch: FrameBatch, message: "can.Message", time_ns: int, channel: int) -> bool:
    """Add `message` to `batch`; False, and nothing is added, when its length is impossible."""
    id = message.arbitration_id & 0x1FFFFFFF
    if message.is_extended_id and not message.is_error_frame:
        id |= ID_EXTENDED
    payload = bytes(message.data)
    if message.is_error_frame:
        id |= ID_ERROR
    elif message.is_remote_frame:
        id |= ID_REMOTE
        payload = bytes(min(message.dlc, 8))
    flags = 0
    if message.is_fd:
        flags = FLAG_FD | FLAG_BRS * message.bitrate_switch | FLAG_ESI * message.error_state_indicator
    if len(payload) > (MAX_PAYLOAD_BYTES if message.is_fd else 8):
        return False
    batch.append(time_ns, id, payload, channel=channel, flags=flags)
    return True
