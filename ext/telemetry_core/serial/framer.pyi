from telemetry_core.frames.batch import FrameBatch

class Framer:
    """What every framer does. `channel` goes into each of its frames."""

    @property
    def channel(self) -> int: ...
    def feed(self, data: bytes | bytearray | memoryview, time_ns: int, frames: FrameBatch) -> None:
        """Take bytes from the serial line, and append the messages that are complete now to `frames`.

        `time_ns` is the time of their arrival. Raises IndexError, and takes nothing, when `frames` has less
        room than `room_needed(len(data))`.
        """
    def finish(self, frames: FrameBatch) -> None:
        """End the bytes so far: at the end of a recording, or when a reply is late.

        The framer gives up what is unfinished, and appends the messages within it to `frames`. Raises
        IndexError, and does nothing, when `frames` has less room than `room_needed(0)`.
        """
    def room_needed(self, byte_count: int) -> int:
        """Return how many messages the next `byte_count` bytes may complete at most."""
    def reset(self) -> None: ...
    def counts(self) -> dict[str, int]: ...
    def identity(self) -> dict[str, str]:
        """Return what the device last said about itself, by name, in printable letters alone."""
    def forget_identity(self) -> None:
        """Forget the device: the port was opened again, and another device may answer."""
