from typing import NamedTuple

from telemetry_core.frames.batch import FrameBatch

class ChannelTraffic(NamedTuple):
    """What one channel has carried so far.

    `first_ns` and `time_ns` are the stamps of its first and last frame; `observed_ns` is when the last one
    was observed. The bits go by the bit rate at which they were sent.
    """

    frames: int
    nominal_bits: int
    data_bits: int
    first_ns: int
    time_ns: int
    observed_ns: int

class Traffic:
    """Counts frames and bits by channel."""

    def __init__(self) -> None: ...
    def count(self, frames: FrameBatch, observed_ns: int) -> None:
        """Count the frames of one batch. `observed_ns` is the present time of the caller's clock."""
    def of(self, channel: int) -> ChannelTraffic:
        """Return what `channel` has carried so far."""
