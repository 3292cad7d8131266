"""What is known of frames and channels, as plain values."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

Value = TypeVar("Value")
LEAST_GAPS = 3  # of which there is a usual one


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
    numbers, times_ns, rows: of the sample, if one is kept, in the order of the log: the place among the id's
    frames, from 0; the stamp; the data.
    """

    channel: int
    id: int
    frames: int
    first_ns: int
    last_ns: int
    shortest: int
    longest: int
    numbers: tuple[int, ...] = ()
    times_ns: tuple[int, ...] = ()
    rows: tuple[bytes, ...] = ()

    @property
    def mean_period_s(self) -> float | None:
        """Return the mean time between frames; None for one frame, or where stamps step back."""
        span_ns = self.last_ns - self.first_ns
        return round(span_ns / (self.frames - 1) / 1e9, 6) if self.frames > 1 and span_ns >= 0 else None

    @property
    def period_s(self) -> float | None:
        """Return the usual time from frame to frame; None: too few frames, or stamps that say nothing."""
        from statistics import median  # for those who look at logs alone

        gaps_ns = [after_ns - ns for ns, after_ns in self.pairs(self.times_ns)]
        usual_ns = median(gaps_ns) if len(gaps_ns) >= LEAST_GAPS else 0
        return usual_ns / 1e9 if usual_ns > 0 else None

    def pairs(self, values: Sequence[Value]) -> Iterator[tuple[Value, Value]]:
        """Yield those of the sample's values that two frames in succession have."""
        for at in range(len(self.numbers) - 1):
            if self.numbers[at + 1] == self.numbers[at] + 1:
                yield values[at], values[at + 1]
