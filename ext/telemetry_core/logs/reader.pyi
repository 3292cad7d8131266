from collections.abc import Callable
from typing import Protocol

from telemetry_core.frames.batch import FrameBatch

class Readable(Protocol):
    def readinto(self, buffer: memoryview, /) -> int | None: ...

class LogReader:
    """Reads the frames of one log, in the log's own order.

    `stream` has `readinto`. A stream that may be cut off also has `problem`: why it ended early, or "". One
    whose bytes come as they arise has `more_soon()`: whether more of them come before what was read must go
    on. It has `arrival_ns` as well: when the last of them came, the stamp of frames without one. The reader
    calls `channel_of` once for each channel's name, to number it.

    - `frames_read` counts frames, `damaged` counts damaged places, `unstamped` frames without a stamp.
    - `first_damage` says where the first damaged place is ("": no damage).
    - `next_ns` is the stamp of the frame that was not due.
    - `at_end`: there is nothing more to read.
    - `ends_damaged`: the last damaged place is the end, where the log was cut off.
    """

    @property
    def frames_read(self) -> int: ...
    @property
    def damaged(self) -> int: ...
    @property
    def first_damage(self) -> str:
        """Return where the first damaged place is, for people; "" without damage."""
    @property
    def unstamped(self) -> int: ...
    @property
    def next_ns(self) -> int: ...
    @property
    def at_end(self) -> bool: ...
    @property
    def ends_damaged(self) -> bool: ...
    def __init__(self, stream: Readable, channel_of: Callable[[str], int]) -> None: ...
    def read(self, batch: FrameBatch, limit: int = -1, until_ns: int = ...) -> int:
        """Append frames to `batch` and return their number.

        `limit` is the most frames to add (-1: as many as there is room for). The reader stops before a frame
        with a stamp later than `until_ns`. It returns 0 at the end of the log (`at_end`), or when the next
        frame is not due. An empty batch gets its `position`. Errors of `stream` and `channel_of` pass
        through; frames read before are in the batch and counted.
        """

class LineReader(LogReader):
    """Reads a log whose frames are text lines. Places in it are lines, counted from 1, and bytes.

    The last line needs no end, unless the log was cut off: the rest of a frame may look like a shorter one.
    """
