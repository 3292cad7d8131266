"""Frames as a scan sees them."""

from collections.abc import Iterable

from telemetry_core.frames.batch import FrameBatch
from telemetry_core.frames.by_id import FramesById

from telemetry.scan.traffic import BusTraffic

ID_ERROR = 0x20000000


def traffic_of(frames: Iterable[tuple[int, int, int]], errors: int = 0) -> BusTraffic:
    """Return what was seen of frames of these stamps in ns, ids and bytes, and of so many error frames."""
    made, by_id = FrameBatch(1), FramesById(16_384)
    for time_ns, id, length in [*frames, *[(0, ID_ERROR, 8)] * errors]:
        made.clear()
        made.append(time_ns, id, bytes(length))
        by_id.take(made)
    return BusTraffic(by_id.found())
