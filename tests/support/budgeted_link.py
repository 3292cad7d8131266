"""A model of a link with a budget, in injected time: rows come each second, and requests carry what waits."""

from collections import deque
from collections.abc import Callable
from random import Random

from telemetry.sinks.budget import LONGEST_SEND_S, Budget, stretched

BUDGET = 250_000
REQUEST_BYTES = 800
LINES = 2.5  # bytes of lines for one on the link


class Link:
    """Requests of 800 bytes and what has gathered, which shrinks with each doubling of the factor.

    need: budgets an hour that it would take at factor 1, by second; held: a factor that nothing changes.
    """

    def __init__(
        self, need: Callable[[int], float], every_s: float, *, shrinks: float = 0.6, held: int = 0
    ) -> None:
        self.need, self.every_s, self.shrinks, self.held = need, every_s, shrinks, held
        self.factors: list[tuple[int, int]] = [(0, held or 1)]
        self.totals: list[int] = []  # each ten seconds
        self.budget = Budget(BUDGET, 0.0)
        self.link_bytes = self.line_bytes = 0  # of this start

    def run(self, hours: float, *, restart_s: int = 0, away_s: int = 0, forgets: bool = False) -> "Link":
        """Let time pass. restart_s: a start each so many seconds, after a while; forgets: what was spent."""
        random = Random(1)
        total, pending, sent_s, factor = 0, 0.0, 0, self.held or 1
        for second in range(round(3600 * hours)):
            if restart_s and second % restart_s < away_s:
                self.totals += [total] if second % 10 == 0 else []
                continue
            if restart_s and second and second % restart_s == away_s:
                memory, self.budget = self.budget.memory(), Budget(BUDGET, float(second))
                if not forgets:
                    self.budget.remember(memory, factor=factor, away_s=float(away_s))
                self.link_bytes = self.line_bytes = 0
            shrunk = self.shrinks ** (factor.bit_length() - 1)
            made = self.need(second) * BUDGET / 3600 * shrunk * random.uniform(0.5, 1.5)
            pending, self.line_bytes = pending + made, self.line_bytes + round(LINES * made)
            every_s = stretched(self.every_s, factor, LONGEST_SEND_S)
            if second - sent_s >= every_s or random.random() < 1 / 1800:  # an event now and then
                carried = int(pending) + REQUEST_BYTES
                total, pending, sent_s = total + carried, 0.0, second
                self.link_bytes += carried
            now = self.held or self.budget.step(float(second), self.link_bytes, self.line_bytes)
            if now != factor:
                factor = now
                self.factors.append((second, now))
            if second % 10 == 0:
                self.totals.append(total)
        return self

    def dearest_hour(self) -> float:
        """Return the most that any 3,600 s carried, in budgets."""
        window: deque[int] = deque(maxlen=361)
        dearest = 0
        for total in self.totals:
            window.append(total)
            dearest = max(dearest, total - window[0])
        return dearest / BUDGET

    def use(self) -> float:
        """Return what an hour carried, without the first one, in budgets."""
        hours = (len(self.totals) - 361) / 360
        return (self.totals[-1] - self.totals[360]) / hours / BUDGET
