"""stderr through a bounded queue, so that a service never waits for the reader of its log.

Promises:
- Writing costs a copy, however slow the reader is, even without one (a held terminal, a hanging journal).
- Lines come out in the order in which they were written.
- What finds no room is dropped and counted. A line says how many, as soon as the stream takes lines again.
- At the end what is left is written, for FLUSH_S at most.
- Where systemd's journal reads, each line of a text has a priority, such as `<4>` before a warning, so that
  `journalctl -p warning` finds it. Elsewhere it has none, since people would see it. JOURNAL_STREAM names the
  journal's device and inode.

Relies on a thread of its own, the only one that may wait for the stream. Relies on the descriptor: Python's
stream has a lock, for which the end of the interpreter would wait.
"""

import contextlib
import errno
import io
import json
import logging
import os
import re
import select
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

MAX_BYTES = 256 * 1024  # some thousand lines
FLUSH_S = 0.5
_PIECE_BYTES = 64  # what a piece takes beside its text
ERROR, WARNING = 3, 4  # of syslog
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, ERROR), (logging.WARNING, WARNING), (logging.INFO, 6))
_DEBUG = 7
_MARKED = re.compile(r"<[0-7]>")


def is_journal(descriptor: int, environment: Mapping[str, str]) -> bool:
    """Return whether the journal reads what is written there."""
    named = environment.get("JOURNAL_STREAM")
    if not named:
        return False
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return named == f"{status.st_dev}:{status.st_ino}"


def marked(text: str, priority: int) -> str:
    """Return `text` with the priority before each of its lines."""
    return "\n".join(f"<{priority}>{line}" if line else "" for line in text.split("\n"))


class TextFormatter(logging.Formatter):
    """Makes lines for people."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")


class JsonFormatter(logging.Formatter):
    """Makes a JSON object of a record: `time` (RFC 3339, UTC), `level`, `logger`, `message`, `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        whole = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            whole["exception"] = self.formatException(record.exc_info)
        return json.dumps(whole, ensure_ascii=False)


class JournalFormatter(logging.Formatter):
    """Puts the priority of a record's level before each line that another one makes of it."""

    def __init__(self, lines: logging.Formatter) -> None:
        super().__init__()
        self._lines = lines

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines, marked."""
        priority = next((each for level, each in _PRIORITIES if record.levelno >= level), _DEBUG)
        return marked(self._lines.format(record), priority)


class Marker:
    """Marks what comes in pieces: a line without a priority is an error, such as a refusal or a traceback."""

    def __init__(self) -> None:
        self._is_begun = False  # a line

    def mark(self, piece: str) -> str:
        """Return `piece` as the journal gets it."""
        if not piece:
            return piece
        lines = piece.split("\n")
        for index, line in enumerate(lines):
            goes_on = index == 0 and self._is_begun
            if line and not goes_on and not _MARKED.match(line):
                lines[index] = marked(line, ERROR)
        self._is_begun = lines[-1] != "" or (len(lines) == 1 and self._is_begun)
        return "\n".join(lines)


class QueuedStderr(io.TextIOBase):
    """A text stream in front of a descriptor."""

    def __init__(
        self,
        descriptor: int,
        encoding: str = "utf-8",
        max_bytes: int = MAX_BYTES,
        *,
        for_journal: bool = False,
    ) -> None:
        """Let `max_bytes` wait. for_journal: each line gets a priority, if it has none."""
        self._descriptor = descriptor
        self._encoding = encoding
        self._max_bytes = max_bytes
        self._changed = threading.Condition()  # on an RLock: a finalizer may write while this thread does
        self._pieces: deque[bytes] = deque()
        self._waiting_bytes = 0  # with what is being written
        self._dropped_lines = 0
        self._reported_lines = 0
        self._is_ending = False
        self._marker = Marker() if for_journal else None
        self._thread = threading.Thread(target=self._pass_on, name="stderr", daemon=True)

    @property
    def dropped_lines(self) -> int:
        """Return how many lines found no room, or were refused by the stream."""
        return self._dropped_lines

    def start(self) -> None:
        """Begin to pass on. Raises RuntimeError when the system gives no thread."""
        # The thread inherits this: signals are taken by others.
        earlier = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            self._thread.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, earlier)

    def finish(self, within_s: float) -> None:
        """Write what is left, for `within_s` at most."""
        with self._changed:
            self._is_ending = True
            self._changed.notify_all()
        self._thread.join(within_s)

    def writable(self) -> bool:
        """Return True, as io.IOBase asks."""
        return True

    def fileno(self) -> int:
        """Return the descriptor that it writes to."""
        return self._descriptor

    def isatty(self) -> bool:
        """Return whether the descriptor is a terminal."""
        return os.isatty(self._descriptor)

    def write(self, text: str) -> int:
        """Queue `text`, or drop it; never waits for the stream."""
        with self._changed:
            words = text if self._marker is None else self._marker.mark(text)
            piece = words.encode(self._encoding, "backslashreplace")
            if self._waiting_bytes + len(piece) + _PIECE_BYTES > self._max_bytes:
                self._dropped_lines += max(piece.count(b"\n"), 1)
                self._changed.notify_all()
            else:
                self._report_dropped()
                self._append(piece)
        return len(text)

    def _append(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._waiting_bytes += len(piece) + _PIECE_BYTES
        self._changed.notify_all()

    def _report_dropped(self) -> None:
        """Report missing lines in their place."""
        count = self._dropped_lines - self._reported_lines
        if count:
            self._reported_lines = self._dropped_lines
            text = f"WARNING {__name__}: {count} lines dropped here: nobody has read stderr in time\n"
            self._append((text if self._marker is None else marked(text, WARNING)).encode(self._encoding))

    def _pass_on(self) -> None:
        while True:
            with self._changed:
                while not self._has_more():
                    if self._is_ending:
                        return
                    self._changed.wait()
                piece = self._pieces.popleft()
            is_written = self._write_out(piece)
            with self._changed:
                self._waiting_bytes -= len(piece) + _PIECE_BYTES
                if not is_written:  # a report would not be written either
                    lines = max(piece.count(b"\n"), 1)
                    self._dropped_lines += lines
                    self._reported_lines += lines

    def _has_more(self) -> bool:
        if not self._pieces:
            self._report_dropped()
        return bool(self._pieces)

    def _write_out(self, piece: bytes) -> bool:
        rest = memoryview(piece)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except OSError as error:
                if error.errno != errno.EAGAIN:
                    return False
                select.select([], [self._descriptor], [])  # another process has made it non-blocking
        return True


@contextlib.contextmanager
def queued_stderr() -> Iterator[None]:
    """Queue `sys.stderr` inside. It stays as it is without a descriptor, or where no thread can be had."""
    stream = sys.stderr
    try:
        for_journal = is_journal(stream.fileno(), os.environ)
        queued = QueuedStderr(stream.fileno(), stream.encoding, MAX_BYTES, for_journal=for_journal)
        queued.start()
    except (OSError, RuntimeError):
        yield
        return
    sys.stderr = queued
    try:
        yield
    finally:
        queued.finish(FLUSH_S)
        sys.stderr = stream


def dropped_lines() -> int:
    """Return how many lines of this process were never written to stderr."""
    return sys.stderr.dropped_lines if isinstance(sys.stderr, QueuedStderr) else 0
