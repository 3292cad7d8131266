"""What a log's position is called in the accounts: its source, and which log it was.

Promises:

- A log that was replaced by another, or a source that points at another one, starts from its first frame.
- A log that has grown, or has moved, goes on where it was.

Relies on logs of different recordings to differ at their beginning: each has stamps there.
"""

import hashlib
from pathlib import Path

from telemetry.errors import TelemetryError

HEAD_BYTES = 256  # four frames of a candump log, the header of any other
_DIGITS = 12
_END = "/end"


def position_name(source: str, log: Path) -> str:
    """`SOURCE@DIGITS`. A log that cannot be read has no position: its source will say why."""
    from telemetry.logs.archives import open_member  # a service without a log imports none of it

    try:
        with open_member(log) or log.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except (OSError, TelemetryError):
        return f"{source}@unreadable"
    return f"{source}@{hashlib.sha256(head).hexdigest()[:_DIGITS]}"


def end_of(position: str) -> str:
    """Return what it is called at how many frames of a log of this position its end is stored too.

    At a log's end rows go out that were held back: they may be missing though all of its frames are done.
    """
    return f"{position}{_END}"


def is_of_log(position: str) -> bool:
    """Return whether it is the name of a log, and not of its end."""
    return "@" in position and not position.endswith(_END)


def belongs_to(position: str, source: str) -> bool:
    """Return whether a position of this name is one of a log of `source`."""
    return position.startswith(f"{source}@")
