from typing import NamedTuple

from telemetry_core.frames.batch import FrameBatch

class ChannelTraffic(NamedTuple):
    frames: int
    nominal_bits: int
    data_bits: int
    first_ns: int
    time_ns: int
    observed_ns: int

class Traffic:
    def __init__(self) -> None: ...
    def count(self, frames: FrameBatch, observed_ns: int) -> None: ...
    def of(self, channel: int) -> ChannelTraffic: ...
