from typing_extensions import Buffer

from telemetry_core.frames.batch import FrameBatch

def longest(frames: FrameBatch) -> int:
    """Return the bytes of the longest payload."""

def copy_frames(
    frames: FrameBatch,
    first: int,
    time_ns: Buffer,
    channel: Buffer,
    id: Buffer,
    flags: Buffer,
    length: Buffer,
    data: Buffer,
) -> None:
    """Write the frames into the arrays from index `first` on; payloads are followed by zeros.

    Raises ValueError without room for all, or for a payload longer than a row of `data`.
    """
