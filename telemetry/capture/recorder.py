"""Frames into log files, one after the other, by python-can's writers.

Promises:

- A file that is closed is complete, also after an error of the bus.
- No file is written over.
- A frame is in one file, and files in the order of their names hold frames in the order in which they came.
- Of candump and ASC a kill costs a second, of BLF what its open container holds, of MF4 the open file.

Relies on one thread. python-can is imported by who makes a recorder anyway.
"""

import contextlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import can
from can.io.generic import FileIOMessageWriter, MessageWriter

from telemetry.capture.file_names import FORMATS, FileNames
from telemetry.errors import MissingPackageError, StorageError, UsageError, writing

FLUSH_EVERY_S = 1.0
_LOOK_AT_SIZE_EVERY = 64  # frames


class Recorder:
    """Writes messages. `files` are those that were begun, `frames` how many are in all of them."""

    def __init__(
        self,
        file: Path,
        monotonic_s: Callable[[], float],
        *,
        rotate_bytes: int = 0,
        rotate_s: float = 0.0,
    ) -> None:
        """Open the first file. rotate_bytes, rotate_s: when the next one begins; 0: never.

        Files that are rotated have numbers, after the highest that is there. Raises UsageError for an unknown
        ending or a file that exists, StorageError where it cannot be written.
        """
        if file.suffix.lower() not in FORMATS:
            raise UsageError("is not a log format", where=str(file), hint=f"known are {', '.join(FORMATS)}")
        self.files: list[Path] = []
        self.frames = 0
        self._names = FileNames(file, numbered=bool(rotate_bytes or rotate_s))
        self._monotonic_s = monotonic_s
        self._rotate_bytes = rotate_bytes
        self._rotate_s = rotate_s
        self._frames_here = 0
        self._opened_s = self._flushed_s = monotonic_s()
        self._is_open = False
        self._writer = self._open()

    def write(self, message: can.Message) -> None:
        """Write one message. Raises StorageError."""
        try:
            self._writer.on_message_received(message)
            self.frames += 1
            self._frames_here += 1
            if self._rotate_bytes and self._frames_here % _LOOK_AT_SIZE_EVERY == 0 and self._is_full():
                self._next()
        except OSError as error:
            self._abandon(error)

    def tick(self) -> None:
        """Hand over what was written, and begin the next file where it is time. Raises StorageError."""
        now_s = self._monotonic_s()
        try:
            if not self._frames_here:
                self._opened_s = now_s  # a file's time begins with its first frame
            elif self._rotate_s and now_s - self._opened_s >= self._rotate_s:
                self._next()
            if now_s - self._flushed_s >= FLUSH_EVERY_S and isinstance(self._writer, FileIOMessageWriter):
                self._writer.file.flush()
                self._flushed_s = now_s
        except OSError as error:
            self._abandon(error)

    def close(self) -> None:
        """Complete the last file, or take it away where it has no frame. Raises StorageError."""
        try:
            self._stop()
            if self.files and not self._frames_here:
                self.files.pop().unlink(missing_ok=True)
        except OSError as error:
            self._abandon(error)

    def _next(self) -> None:
        self._stop()
        self._writer = self._open()

    def _stop(self) -> None:
        """Complete the file, once: a writer of python-can cannot be stopped again."""
        if self._is_open:
            self._is_open = False
            self._writer.stop()

    def _open(self) -> MessageWriter:
        file = self._names.next()
        try:
            with writing(file):
                file.open("xb").close()
                writer: MessageWriter = can.Logger(file)
            if isinstance(writer, can.MF4Writer):  # which writes local time without its zone
                writer._mdf.header.start_time = datetime.fromtimestamp(writer._start_time).astimezone()
        except NotImplementedError as error:  # as python-can has it without asammdf
            file.unlink()
            hint = "pip install 'nev-telemetry[mf4]'"
            raise MissingPackageError(
                "writing MF4 needs the package asammdf", where=str(file), hint=hint
            ) from error
        self._is_open = True
        self.files.append(file)
        self._frames_here = 0
        self._opened_s = self._flushed_s = self._monotonic_s()
        return writer

    def _is_full(self) -> bool:
        size = self._writer.file_size() if isinstance(self._writer, FileIOMessageWriter) else 0
        return bool(size >= self._rotate_bytes)

    def _abandon(self, error: OSError) -> None:
        """Close what can be closed, and raise."""
        with contextlib.suppress(OSError, ValueError):
            self._stop()
        what = f"cannot be written: {error.strerror}"
        hint = f"{self.frames} frames were recorded in {len(self.files)} files"
        raise StorageError(what, where=str(self.files[-1]), hint=hint) from error
