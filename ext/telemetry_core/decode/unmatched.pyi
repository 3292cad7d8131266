from typing import NamedTuple

from telemetry_core.decode.decoder import Decoder
from telemetry_core.frames.batch import FrameBatch

class Unmatched(NamedTuple):
    """An id without a message.

    - `channel`: its number.
    - `id`: with its top bits, as frames have it.
    - `first_ns`, `last_ns`: stamps of the first and the last frame.
    - `shortest`, `longest`: bytes.
    """

    channel: int
    id: int
    frames: int
    first_ns: int
    last_ns: int
    shortest: int
    longest: int

class UnmatchedIds:
    """Counts, by id, the data frames for which the databases of a decoder's channels have no message.

    It holds `most` ids at most. `others` counts the frames of further ones. While `is_counting` is False it
    counts nothing.
    """

    is_counting: bool
    @property
    def others(self) -> int: ...
    def __init__(self, decoder: Decoder, most: int) -> None: ...
    def take(self, frames: FrameBatch) -> None:
        """Count those of `frames`."""
    def forget(self) -> None:
        """Count from 0 again."""
    def found(self) -> list[Unmatched]:
        """Return them, by channel and id."""
