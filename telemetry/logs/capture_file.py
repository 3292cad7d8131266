"""The file that a capture is written to: bounded, and never in the way of what it captures.

Promises:

- The file and the older one beside it (`FILE.1`) take no more than `most_bytes` together.
- A disk that refuses costs lines, which are counted, and one warning. Writing goes on once the disk takes
  lines.
- Existing content is kept.

Relies on the caller to hand over whole lines.
"""

import contextlib
import logging
import os
from pathlib import Path

from telemetry.clock import Clock
from telemetry.ownership import open_trusted

RETRY_S = 10.0

logger = logging.getLogger(__name__)


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
