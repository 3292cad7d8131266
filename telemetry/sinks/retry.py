"""How long to wait before asking a server again: exponential, with full jitter.

Only durations: the caller adds them to its monotonic clock. Full jitter (a uniform share of the ceiling)
keeps a fleet that lost its server at one instant from coming back at one instant.
"""

from collections.abc import Callable

FIRST_S = 1.0
LIMIT_S = 60.0


class Backoff:
    """`random` gives uniform numbers in [0, 1)."""

    def __init__(
        self, random: Callable[[], float], *, first_s: float = FIRST_S, limit_s: float = LIMIT_S
    ) -> None:
        self._random = random
        self._first_s = first_s
        self._limit_s = limit_s
        self._ceiling_s = first_s

    def next_delay_s(self) -> float:
        """Return the seconds to wait now; the ceiling doubles for the next time."""
        delay_s = self._random() * self._ceiling_s
        self._ceiling_s = min(self._ceiling_s * 2.0, self._limit_s)
        return delay_s

    def reset(self) -> None:
        """Start with the first delay again: the server is well."""
        self._ceiling_s = self._first_s
