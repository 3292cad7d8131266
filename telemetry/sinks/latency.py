"""How long requests took: a histogram of fixed bounds, as one value that is replaced as a whole."""

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


NONE = Latencies()
