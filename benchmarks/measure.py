"""Measures contenders side by side: ratios from one run, since a shared machine has slow phases.

Promises: every round runs each contender once, so that a slow phase of the machine hits all; a ratio is the
median of the rounds' ratios; what is counted is this thread's CPU time.
"""

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do the work, for `frames` frames a call."""

    name: str
    frames: int
    run: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Timing:
    """CPU time of one contender, in ns a frame, round by round."""

    name: str
    rounds_ns: tuple[float, ...]

    @property
    def best_ns(self) -> float:
        return min(self.rounds_ns)

    def plus(self, other: "Timing") -> "Timing":
        """Both, one after the other."""
        sums = (mine + its for mine, its in zip(self.rounds_ns, other.rounds_ns, strict=True))
        return Timing(f"{self.name} + {other.name}", tuple(sums))

    def ratio_to(self, other: "Timing") -> float:
        """Return how many times the time of `other` it takes, as the median over the rounds."""
        pairs = zip(self.rounds_ns, other.rounds_ns, strict=True)
        return statistics.median(mine / its for mine, its in pairs)


def race(contenders: Sequence[Contender], rounds: int) -> dict[str, Timing]:
    """Return timings by name; one unmeasured round first warms caches."""
    rounds_ns: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for contender in contenders:
        contender.run()
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for contender in contenders:
                start_ns = time.thread_time_ns()
                contender.run()
                rounds_ns[contender.name].append((time.thread_time_ns() - start_ns) / contender.frames)
    finally:
        gc.enable()
    return {name: Timing(name, tuple(values)) for name, values in rounds_ns.items()}
