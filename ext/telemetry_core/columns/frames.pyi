from typing_extensions import Buffer

from telemetry_core.frames.batch import FrameBatch

def longest(frames: FrameBatch) -> int: ...
def copy_frames(
    frames: FrameBatch,
    first: int,
    time_ns: Buffer,
    channel: Buffer,
    id: Buffer,
    flags: Buffer,
    length: Buffer,
    data: Buffer,
) -> None: ...
