"""The sink about itself: one frozen value, replaced as a whole, to be read from any thread."""

from dataclasses import dataclass
from typing import Any

from telemetry.sinks.latency import NONE, Latencies


@dataclass(frozen=True, slots=True)
class SinkState:
    """Counters run since the sender was made. Nothing secret is in it."""

    api: str = ""  # as configured, or as found out
    requests: int = 0
    bytes_sent: int = 0  # lines, as they were sent
    plain: bool = False  # they go without compression: the server takes none
    acknowledged_points: int = 0
    dead_points: int = 0
    last_status: int = 0  # of HTTP; 0: no answer
    latencies: Latencies = NONE
    failing_since_s: float | None = None  # monotonic; the server has taken nothing since then
    failure: str = ""  # why
    held: str = ""  # why nothing is sent until an operator acts; empty if something is
    waits_for_time: bool = False  # all that waits counts from boot, and the time is not known
    looks: int = 0  # into the queue
    idle: bool = True  # nothing that could be sent was waiting at the last look

    @property
    def trouble(self) -> str:
        """Return why nothing is sent or taken now; empty if it is."""
        waiting = "batches wait until the clock is synchronised" if self.waits_for_time else ""
        return self.held or self.failure or waiting

    def summary(self) -> str:
        """Return one clause for people."""
        answered = f"last answer {self.last_status}" if self.last_status else "no answer yet"
        plain = ", takes no gzip: lines are sent plain" if self.plain else ""
        return self.trouble or f"API {self.api}, {answered}{plain}"

    def view(self) -> dict[str, Any]:
        """Return what it has done, as JSON."""
        return {
            "failure": self.failure,
            "waits_for_time": self.waits_for_time,
            "bytes_sent": self.bytes_sent,
            "latency": self.latencies.view(),
        }
