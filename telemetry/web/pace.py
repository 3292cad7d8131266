"""How much the server does in a second, for all clients together; the rest waits.

Promises: a client that asks as fast as it can takes a bounded share of the processor from the pipeline. Pure.
"""


class StepBudget:
    """Allows `burst` steps at once and `per_s` of them a second."""

    def __init__(self, per_s: float, burst: float, now_s: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._left = burst
        self._at_s = now_s

    def take(self, steps: float = 1.0) -> None:
        """Note that the server has done so many steps."""
        self._left -= steps

    def wait_s(self, now_s: float) -> float:
        """Return how long to wait before the next step; 0: not at all."""
        self._left = min(self._left + (now_s - self._at_s) * self._per_s, self._burst)
        self._at_s = now_s
        return max(-self._left / self._per_s, 0.0)
