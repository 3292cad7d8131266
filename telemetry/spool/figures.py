"""What a spool says of itself: what was found when it was opened, and how it is now."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was found when the spool was opened."""

    clean: bool  # the last stop was orderly; if not, what was in memory then is gone
    accounts: Mapping[str, int]  # as of the last record
    positions: Mapping[str, int]
    state: Mapping[str, bytes]  # as of the last record
    last_sequence: int
    waiting_points: int
    newest_ns: int | None  # the latest stamp in the last segment, ns since 1970; None: nothing is stored
    damaged_points: int  # found damaged now
    torn_bytes: int  # of a commit that was never accepted
    adopted_points: int  # that a process left in memory; the other fields include them


@dataclass(frozen=True, slots=True)
class Gauges:
    """How the spool is now. Bytes written and syncs count from when it was opened."""

    waiting_disk_points: int
    waiting_memory_points: int
    oldest_age_s: float  # of the oldest segment that waits, 0 if nothing does
    disk_bytes: int
    cap_bytes: int
    memory_bytes: int
    segments: int
    records: int
    payload_bytes: int
    bytes_written: int
    syncs: int
    never_on_disk_points: int  # settled from memory while the disk refused, since the spool was made
    volatile: str  # why the disk refuses; empty if it does not

    @property
    def waiting_points(self) -> int:
        """Return the points that wait anywhere."""
        return self.waiting_disk_points + self.waiting_memory_points
