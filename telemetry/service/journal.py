"""Priorities for systemd's journal: `<4>` before a warning, so that `journalctl -p warning` finds it.

Promises: each line of a text has a priority of its own, and only where the journal reads: elsewhere people
would see it. Relies on JOURNAL_STREAM, in which systemd names the device and inode that it has connected.
"""

import logging
import os
import re
from collections.abc import Mapping

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


class JournalFormatter(logging.Formatter):
    """Puts the priority of a record's level before each line of it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line as logging formats it, marked."""
        priority = next((each for level, each in _PRIORITIES if record.levelno >= level), _DEBUG)
        return marked(super().format(record), priority)


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
