"""Text captures of serial ports: what was received and sent, with the time, one piece a line.

    (1700000000.250000) ttyUSB0 TX DDA50300FFFD77
    (1700000000.371244) ttyUSB0 RX DD03001B17000000

Promises of reading:

- Memory is constant for a file of any size.
- A line that is not a piece costs only itself. A whole line that begins inside one (a torn line, then the
  next one) is read.
- Damaged lines are counted, and a warning names the first.

Hex is read in either case, with or without spaces. The writer's is upper case.

Promises of the file that a source writes (`CaptureFile`), which relies on whole lines:

- The file and the older one beside it (`FILE.1`) take no more than `most_bytes` together.
- A disk that refuses costs lines, which are counted, and one warning. Writing goes on once the disk takes
  lines.
- Existing content is kept.
"""

import contextlib
import io
import logging
import os
import re
from binascii import unhexlify
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from telemetry.clock import Clock
from telemetry.errors import DataError
from telemetry.framing.masking import Changing
from telemetry.logs.content import RecordedFile
from telemetry.ownership import open_trusted

LONGEST_LINE_BYTES = 1024 * 1024
_MOST_WAITING = 1000  # pieces that wait for the end of a message
_LATEST_NS = 9_223_372_035_999_999_999  # of a stamp: whole seconds of which all ns fit 63 bits

_HEAD = re.compile(rb"\(([0-9]{1,10})\.([0-9]{1,9})\)[ \t]+([!-~]+)[ \t]+(RX|TX)[ \t]+")
_SPACES = b" \t"
RETRY_S = 10.0
logger = logging.getLogger(__name__)


class CapturedBytes(NamedTuple):
    """One line: bytes that came in or went out together."""

    time_ns: int  # since 1970
    port: str
    is_received: bool
    data: bytes


def parse_line(line: bytes) -> CapturedBytes | None:
    """Read a line without its end; None when it is not a piece."""
    line = line.strip()
    match = _HEAD.match(line)
    if match is None:
        return None
    seconds, decimals, port, direction = match.groups()
    time_ns = int(seconds + decimals.ljust(9, b"0"))
    data = _bytes_of(line[match.end() :])
    if data is None or time_ns > _LATEST_NS:
        return None
    return CapturedBytes(time_ns, port.decode("ascii"), direction == b"RX", data)


def _bytes_of(digits: bytes) -> bytes | None:
    """Return the bytes; None: these are not digits, or an odd number of them."""
    try:
        return unhexlify(digits)
    except ValueError:
        packed = digits.translate(None, _SPACES)
        return _bytes_of(packed) if packed != digits else None


def format_piece(piece: CapturedBytes) -> bytes:
    """Return one line with its newline.

    It has the stamp to the microsecond, and underscores for what a name may not hold.
    """
    seconds, rest_ns = divmod(piece.time_ns, 10**9)
    port = re.sub(r"[^!-~]+", "_", piece.port) or "_"
    direction = "RX" if piece.is_received else "TX"
    return f"({seconds}.{rest_ns // 1000:06d}) {port} {direction} {piece.data.hex().upper()}\n".encode(
        "ascii"
    )


class Capture(RecordedFile):
    """An open capture: its pieces in their order, and what was wrong with it."""

    def __init__(self, path: Path) -> None:
        """Raise InputMissingError."""
        super().__init__(path)
        self.pieces_read = 0
        self.damaged = 0
        self.first_damage = ""  # its line and byte
        self._lines = self._closing.enter_context(io.BufferedReader(self._content))

    def __iter__(self) -> Iterator[CapturedBytes]:
        """Yield all pieces. Raises DataError when the file is not what its name says it is."""
        for number, (byte, line) in enumerate(self._whole_lines(), start=1):
            piece = parse_line(line)
            if piece is None and line.strip():
                self.damaged += 1
                self.first_damage = self.first_damage or f"{number} (byte {byte})"
                piece = parse_line(line[line.rfind(b"(") :])
            if piece is not None:
                self.pieces_read += 1
                yield piece
        if self._content.is_refused and not self.pieces_read:
            raise DataError(self._content.problem, where=str(self.path))

    def _whole_lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield lines and where they begin; for one that is too long something that is not a piece."""
        end = 0
        while line := self._lines.readline(LONGEST_LINE_BYTES):
            begin, end = end, end + len(line)
            if len(line) == LONGEST_LINE_BYTES and not line.endswith(b"\n"):
                while rest := self._lines.readline(LONGEST_LINE_BYTES):
                    end += len(rest)
                    if rest.endswith(b"\n"):
                        break
                line = b"?"
            yield begin, line

    def warnings(self) -> list[str]:
        """Return what was wrong with the capture, for people; one line each."""
        skipped = self._skipped(self.damaged, self.first_damage, "line of a capture")
        return [*skipped, *self._missing(self._content.problem)]


class CaptureWriter:
    """Writes the pieces of one port through `write`, a line a call; what `write` raises is the caller's.

    maskers: what takes passwords out of what came in. Pieces then wait until those are found, in their order.
    """

    def __init__(self, port: str, write: Callable[[bytes], object], maskers: Sequence[Changing] = ()) -> None:
        self._port = port
        self._write = write
        self._maskers = tuple(maskers)
        self._waiting: deque[CapturedBytes] = (
            deque()
        )  # as they came: of those received the length counts alone
        self._masked = b""

    def received(self, time_ns: int, data: bytes) -> None:
        """Write bytes that came in."""
        self._waiting.append(CapturedBytes(time_ns, self._port, True, data))
        for masker in self._maskers:
            data = masker.mask(data)
        self._masked += data
        self._write_decided()

    def sent(self, time_ns: int, data: bytes) -> None:
        """Write bytes that went out."""
        self._waiting.append(CapturedBytes(time_ns, self._port, False, data))
        self._write_decided()

    def finish(self) -> None:
        """Write what waits: nothing follows."""
        self._release()
        self._write_decided()

    def _release(self) -> None:
        """Give up what is not whole."""
        rest = b""
        for masker in self._maskers:
            rest = masker.mask(rest) + masker.rest()
        self._masked += rest

    def _write_decided(self) -> None:
        if len(self._waiting) > _MOST_WAITING:
            self._release()
        while self._waiting:
            piece = self._waiting[0]
            if piece.is_received:
                count = len(piece.data)
                if len(self._masked) < count:
                    return
                piece = piece._replace(data=self._masked[:count])
                self._masked = self._masked[count:]
            self._waiting.popleft()
            self._write(format_piece(piece))


class CaptureFile:
    """Lines appended to one file. Opened with the first line."""

    def __init__(self, path: Path, most_bytes: int, clock: Clock) -> None:
        self._path = path
        self._most_bytes = most_bytes // 2  # of each of the two files
        self._clock = clock
        self._descriptor: int | None = None
        self._size = 0
        self._retry_s = float("-inf")
        self.lost_lines = 0

    def write(self, line: bytes) -> None:
        """Append `line`, or count it as lost."""
        if self._descriptor is None and self._clock.monotonic_s() < self._retry_s:
            self.lost_lines += 1
            return
        try:
            self._append(line)
        except OSError as error:
            if not self.lost_lines:
                logger.warning("%s: the capture cannot be written: %s", self._path, error.strerror)
            self.lost_lines += 1
            self._retry_s = self._clock.monotonic_s() + RETRY_S
            self.close()

    def close(self) -> None:
        """Give the file back; the next line opens it again."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            with contextlib.suppress(
                OSError
            ):  # it is closed all the same, and lines were handed over by then
                os.close(descriptor)

    def _append(self, line: bytes) -> None:
        descriptor = self._open()
        if self._size and self._size + len(line) > self._most_bytes:
            self.close()
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
            descriptor = self._open()
        written = os.write(descriptor, line)
        self._size += written
        if written < len(line):  # the disk became full within the line: the reader skips what is torn
            raise OSError(0, "only a part of a line was taken")

    def _open(self) -> int:
        if self._descriptor is None:
            self._descriptor = open_trusted(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
            self._size = os.fstat(self._descriptor).st_size
        return self._descriptor
