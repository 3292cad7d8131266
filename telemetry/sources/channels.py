"""The numbers of channels: where a frame came from, as 16 bits.

A live source has one channel, a log as many as it names. Source threads ask for numbers as names appear. The
pipeline's thread binds the new ones to the compiled stages before it processes frames that carry them.
"""

import threading
from dataclasses import dataclass

MAX_CHANNELS = 4096  # a log that names more is garbage: the rest of its names share the last number


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel: its number, the source that reads it, and its name in the log or configuration."""

    number: int
    source: str
    name: str


class ChannelTable:
    """Numbers (source, name) pairs in the order in which they appear; any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._channels: list[Channel] = []
        self._numbers: dict[tuple[str, str], int] = {}

    def number(self, source: str, name: str) -> int:
        """Return the number of `name` of `source`; a new one the first time."""
        with self._lock:
            known = self._numbers.get((source, name))
            if known is not None:
                return known
            number = len(self._channels)
            if number == MAX_CHANNELS:
                return number - 1
            self._channels.append(Channel(number, source, name))
            self._numbers[source, name] = number
            return number

    def since(self, count: int) -> list[Channel]:
        """Return the channels after the first `count`, in order."""
        with self._lock:
            return self._channels[count:]
