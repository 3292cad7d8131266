from telemetry_core.frames.batch import FrameBatch

class Nudger:
    """Sets apart the equal stamps of one source.

    `nudged` counts the frames whose stamp did not come after all before it.
    """

    @property
    def nudged(self) -> int: ...
    def __init__(self) -> None: ...
    def nudge(self, batch: FrameBatch, start: int = 0) -> None:
        """Set `nudge_ns` of the frames of `batch` from index `start` on. Each frame may come only once.

        Raises IndexError for a `start` outside of the batch.
        """
    def nudge_of(self, number: int, time_ns: int) -> int:
        """Return the nudge, in ns, of one more event of the series `number`, by the rule of frames."""

class TimeMap:
    """Simulated time: stamp = origin_ns + scale * (stamp - wall_ns).

    It serves simulators that run faster than the clock. The constructor raises ValueError for a scale that
    does not lie between 0 and 1e6.
    """

    @property
    def scale(self) -> float: ...
    @property
    def origin_ns(self) -> int: ...
    @property
    def wall_ns(self) -> int: ...
    def __init__(self, scale: float, origin_ns: int, wall_ns: int) -> None: ...
    def map(self, batch: FrameBatch, start: int = 0) -> None:
        """Rewrite the stamps of `batch` from index `start` on, in place.

        Raises IndexError for a wrong `start`.
        """

class HardwareClock:
    """Converts stamps of a CAN controller's own clock to the time of the kernel's software stamps.

    A controller counts from its reset, and drifts. A frame's software stamp is never early. So the smallest
    distance seen between the two is the best guess at the offset. The offset follows drift upward by 200 ppm
    at most. A distance greater by 0.1 s or more (a reset, a step of the wall clock) becomes the new offset.
    """

    def __init__(self) -> None: ...
    def stamp(self, software_ns: int, hardware_ns: int) -> int:
        """Return the time of a frame, in ns, from its two stamps."""
