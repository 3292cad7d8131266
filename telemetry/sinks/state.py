"""The sink about itself, its requests' times among it: frozen values, replaced as a whole, for any thread."""

from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

BOUNDS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class Latencies:
    """counts: of requests up to each of BOUNDS_S and above the one before; the last: above all."""

    counts: tuple[int, ...] = (0,) * (len(BOUNDS_S) + 1)
    sum_s: float = 0.0

    def plus(self, latency_s: float) -> "Latencies":
        """Return it with one more request."""
        index = bisect_left(BOUNDS_S, latency_s)
        counts = (*self.counts[:index], self.counts[index] + 1, *self.counts[index + 1 :])
        return Latencies(counts, self.sum_s + latency_s)

    def view(self) -> dict[str, Any]:
        """Return it as JSON; buckets: [bound, requests up to it]."""
        buckets = list(zip(BOUNDS_S, accumulate(self.counts), strict=False))
        return {"buckets": buckets, "count": sum(self.counts), "sum_s": self.sum_s}


@dataclass(frozen=True, slots=True)
class SinkState:
    """Counters run since the sender was made. Nothing secret is in it."""

    api: str = ""  # as configured, or as found out
    requests: int = 0
    bytes_sent: int = 0  # lines, as they were sent
    link_bytes: int = 0  # about what the link has carried for them, both ways
    plain: bool = False  # they go without compression: the server takes none
    acknowledged_points: int = 0
    dead_points: int = 0
    last_status: int = 0  # of HTTP; 0: no answer, or a sink without HTTP
    latencies: Latencies = Latencies()
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
        answered = f", last answer {self.last_status}" if self.last_status else ""
        unanswered = "" if self.last_status or self.acknowledged_points else ", no answer yet"
        plain = ", takes no gzip: lines are sent plain" if self.plain else ""
        return self.trouble or f"API {self.api}{answered}{unanswered}{plain}"

    def view(self) -> dict[str, Any]:
        """Return what it has done, as JSON."""
        return {
            "failure": self.failure,
            "waits_for_time": self.waits_for_time,
            "bytes_sent": self.bytes_sent,
            "link_bytes": self.link_bytes,
            "latency": self.latencies.view(),
        }
