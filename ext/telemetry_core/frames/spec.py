"""What is known of frames and channels, as plain values."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

Value = TypeVar("Value")


class FrameTuple(NamedTuple):
    """One frame as Python values: for tests and for slow paths."""

    time_ns: int
    id: int
    data: bytes
    channel: int
    flags: int
    nudge_ns: int


class ChannelTraffic(NamedTuple):
    """The traffic that one channel has carried so far.

    `first_ns` and `time_ns` are the stamps of its first and last frame; `observed_ns` is when the last was
    observed. The bits go by the bit rate at which they were sent.
    """

    frames: int
    nominal_bits: int
    data_bits: int
    first_ns: int
    time_ns: int
    observed_ns: int


class SeenFrames(NamedTuple):
    """The frames of one id (with bit 31 where it has 29 bits) of one channel, and a sample of them.

    first_ns, last_ns: the stamps of the first and the last; shortest, longest: bytes.
    numbers, times_ns, rows: of the sample, in the order of the log: the place among the id's frames, from 0;
    the stamp; the data.
    """

    channel: int
    id: int
    frames: int
    first_ns: int
    last_ns: int
    shortest: int
    longest: int
    numbers: tuple[int, ...]
    times_ns: tuple[int, ...]
    rows: tuple[bytes, ...]

    def pairs(self, values: Sequence[Value]) -> Iterator[tuple[Value, Value]]:
        """Yield those of the sample's values that two frames in succession have."""
        for at in range(len(self.numbers) - 1):
            if self.numbers[at + 1] == self.numbers[at] + 1:
                yield values[at], values[at + 1]
