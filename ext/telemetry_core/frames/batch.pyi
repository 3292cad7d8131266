from collections.abc import Iterator
from typing import NamedTuple

class FrameTuple(NamedTuple):
    """One frame as Python values: for tests and for slow paths."""

    time_ns: int
    id: int
    data: bytes
    channel: int
    flags: int
    nudge_ns: int

class FrameBatch:
    """Holds up to `capacity` frames; `len()` is the number that are filled.

    `position` is the number of frames that the source gave before the first one here. The constructor raises
    ValueError for a capacity below 1.
    """

    position: int
    @property
    def capacity(self) -> int: ...
    def __init__(self, capacity: int) -> None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> FrameTuple: ...
    def __iter__(self) -> Iterator[FrameTuple]: ...
    def append(
        self, time_ns: int, id: int, data: bytes | bytearray, *, channel: int = 0, flags: int = 0
    ) -> None:
        """Add one frame: `id` with its ID_* bits, `flags` of FLAG_*.

        Raises ValueError when the payload is over 65,535 bytes, IndexError when the batch is full.
        """
    def extend(self, other: FrameBatch) -> None:
        """Append copies of the frames of `other`. Raises IndexError without room for all."""
    def keep(self, from_ns: int, to_ns: int) -> None:
        """Forget the frames with a stamp before `from_ns`, or not before `to_ns`."""
    def step_back(self, first_ns: int, least_ns: int, most_ns: int) -> int:
        """Return the index of the first frame that steps back too far from the one before it; 0 if none does.

        Too far is more than `most_ns`, or more than `least_ns` to before `first_ns`.
        """
    def part(self, start: int, stop: int) -> FrameBatch:
        """Return a new batch of the frames from `start` to `stop` (exclusive), with its own position."""
    def clear(self) -> None:
        """Forget all frames. The buffers stay."""
