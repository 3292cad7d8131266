"""What was seen on a CAN bus, id by id: how many frames, how long, and how often.

Promises: memory is bounded. Of more than MOST_IDS ids the further ones are not looked at.
"""

from dataclasses import dataclass, field
from statistics import median

from telemetry.rules.find_message import EXTENDED

MOST_IDS = 65_536
MOST_GAPS = 256  # between frames of one id, of which the period is the median
_LEAST_GAPS = 3


@dataclass(slots=True)
class SeenId:
    """One id, with bit 31 where it has 29 bits. shortest, longest: bytes of its frames."""

    id: int
    frames: int = 0
    shortest: int = 64
    longest: int = 0
    _last_ns: int = 0
    _gaps_ns: list[int] = field(default_factory=list)

    def observe(self, time_ns: int, length: int) -> None:
        """Take a frame."""
        if self.frames and len(self._gaps_ns) < MOST_GAPS:
            self._gaps_ns.append(time_ns - self._last_ns)
        self._last_ns = time_ns
        self.frames += 1
        self.shortest, self.longest = min(self.shortest, length), max(self.longest, length)

    @property
    def period_s(self) -> float | None:
        """Return the usual time from frame to frame; None: too few frames, or stamps that say nothing."""
        usual_ns = median(self._gaps_ns) if len(self._gaps_ns) >= _LEAST_GAPS else 0
        return usual_ns / 1e9 if usual_ns > 0 else None


class BusTraffic:
    """All ids of one bus. errors: error frames, by which a controller says that it hears no frames."""

    def __init__(self) -> None:
        self.ids: dict[int, SeenId] = {}
        self.frames = self.errors = 0
        self._first_ns = self._last_ns = 0

    def observe(self, time_ns: int, id: int, length: int) -> None:
        """Take a data frame; `id` has bit 31 where it has 29 bits."""
        if not self.frames:
            self._first_ns = time_ns
        self._last_ns = time_ns
        self.frames += 1
        seen = self.ids.get(id)
        if seen is None:
            if len(self.ids) >= MOST_IDS:
                return
            seen = self.ids[id] = SeenId(id)
        seen.observe(time_ns, length)

    @property
    def seconds(self) -> float:
        """Return the time from the first frame to the last."""
        return max(self._last_ns - self._first_ns, 0) / 1e9

    @property
    def extended(self) -> int:
        """Return how many ids have 29 bits."""
        return sum(bool(id & EXTENDED) for id in self.ids)
