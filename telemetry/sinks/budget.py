"""A budget of bytes an hour for a link: by which factor bounds are loosened so that it is kept.

Promises: pure, in injected time. The factor is 1, 2, 4 … 32.
- What is made counts at once, at the rate at which requests have carried lines lately. So no time between
  requests hides it.
- It rises where the last ten minutes, at least one, are 1.5 times their even share of the budget, where 15
  minutes like them do not fit beside the 45 before, or where the last minute is four times its share. What
  was spent at another factor counts for the hour alone.
- It halves after 20 minutes if 15 more fit at what that costs: as much as the last change has shown, and at
  most twice, as before one was seen. It falls further where twice as much for each halving fits.

Relies on `step` being called about each second.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence

from telemetry_core.rows.spec import RecordSpec

from telemetry.errors import ConfigError
from telemetry.rules.reduce import NO_BOUND, ReduceSettings
from telemetry.rules.uplink import UplinkSettings
from telemetry.sinks.link import of_write

LARGEST_FACTOR = 32
HOUR_S = 3600.0
SAMPLE_S = 45.0  # what a start must know is to fit in a record's state
SHORTEST_S = 2.0  # of a factor: the next larger one is stamped a second ago
MINUTE_S = 60.0  # nothing is judged as if it had come in less
WINDOW_S = 600.0
AHEAD_S = 900.0  # must fit beside the rest of its hour
CALM_S = 2 * WINDOW_S  # before a fall
RISES_ABOVE = 1.5  # even shares of the budget, in a window
BURST_ABOVE = 4.0  # in a minute
FALLS_TO = 1.15
MOST_SAVED = 2.0  # by doubling the factor: what was less is less for other reasons
LEAST_SAVED = 1.1
PLANNED = 1.04  # of the budget, less a request: it may carry into an hour what was made before
LEAST_ROOM = 0.1  # a tenth of the budget is left, whatever was spent
LEAST_RATE = 0.001
STRETCHED_FROM = 4  # from this factor on times are stretched, too
LONGEST_VALUE_S = 600.0  # between kept values of a field, as far as they are stretched
LONGEST_SEND_S = 300.0
LONGEST_GATEWAY_S = 3600.0
HEARTBEAT_BYTES = 10  # of a value, compressed with others
GATEWAY_POINT_BYTES = 90  # measured, five together
EVENT_BYTES = 150  # compressed alone
EVENTS_PER_HOUR = 10


def stretched(seconds: float, factor: int, most_s: float) -> float:
    """Return a configured time as it is at `factor`, stretched to `most_s` at most."""
    return max(seconds, min(seconds * factor, most_s)) if factor >= STRETCHED_FROM else seconds


def check_floor(
    uplink: UplinkSettings,
    reduce: ReduceSettings,
    records: Sequence[RecordSpec],
    *,
    send_every_s: float,
    gateway_every_s: float,
    gateway_points: int,
    tls: bool,
) -> None:
    """Raise ConfigError where nothing can be loosened, or the budget is less than what is always sent.

    records: of which rows are sent. The others are as configured; gateway_points: each time.
    """
    if uplink.bytes_per_hour is None:
        return
    where = uplink.where.key("bytes_per_hour")
    if not reduce.bounds:
        raise ConfigError("does nothing without bounds", where=where, hint="add [reduce.bounds]")
    fields = sum(bound != NO_BOUND for bound in reduce.bounds_of(records))
    requests = math.ceil(HOUR_S / stretched(send_every_s, LARGEST_FACTOR, LONGEST_SEND_S))
    values = fields * HOUR_S / stretched(reduce.longest_ns / 1e9, LARGEST_FACTOR, LONGEST_VALUE_S)
    points = gateway_points * HOUR_S / stretched(gateway_every_s, LARGEST_FACTOR, LONGEST_GATEWAY_S)
    request_bytes = of_write(0, tls=tls)
    costs = {
        f"{requests} requests": requests * request_bytes,
        f"heartbeats of {fields} fields": math.ceil(values) * HEARTBEAT_BYTES,
        "the factor each minute": 60 * HEARTBEAT_BYTES,
        "the service's own state": math.ceil(points) * GATEWAY_POINT_BYTES,
        f"{EVENTS_PER_HOUR} events": EVENTS_PER_HOUR * (request_bytes + EVENT_BYTES),
    }
    total = sum(costs.values())
    if uplink.bytes_per_hour < total:
        parts = ", ".join(f"{what} {cost:,}" for what, cost in costs.items())
        raise ConfigError(
            f"is less than the {total:,} bytes an hour that are always sent ({parts})",
            where=where,
            hint=f"at least {total}",
        )


# Bytes of bodies, and of the lines that these were; of lines that wait. Of when the factor was set, then of
# moments of the hour: how long ago, in s, and how many bytes the link has carried since then.
Memory = tuple[float, float, int, list[tuple[int, int]]]


class Budget:
    """One link's budget. What is spent is in budgets, rates in budgets an hour."""

    def __init__(self, bytes_per_hour: float, now_s: float, link_bytes: int = 0, line_bytes: int = 0) -> None:
        """Begin with factor 1 and nothing spent. link_bytes, line_bytes: before."""
        self.factor = 1
        self._bytes_per_hour = bytes_per_hour
        self._base_bytes = self._link_bytes = link_bytes
        self._line_bytes, self._waiting_bytes = line_bytes, 0  # when the last request had ended, and since
        self._bodies, self._of_lines = 4000.0, 10_000.0  # of the last requests; at first as in a drive
        self._now = self._began = now_s, 0.0  # the time and what is spent; when the factor was set
        self._is_new = False  # what a factor lets go at once belongs to the one before
        self._spent = [self._now]  # of an hour
        self._saved = MOST_SAVED
        self._rate_before, self._doublings = 0.0, 0.0  # at the last change, until it has shown what it saves

    def memory(self) -> Memory:
        """Return what another one goes on with."""
        now_s, link_bytes = self._now[0], self._link_bytes - self._base_bytes
        since = [
            (round(now_s - then_s), round(link_bytes - then * self._bytes_per_hour))
            for then_s, then in (self._began, *self._spent)
        ]
        return round(self._bodies), round(self._of_lines), self._waiting_bytes, since

    def remember(self, memory: Memory, *, factor: int = 1, away_s: float = 0.0) -> None:
        """Go on with the memory of another one, so long ago. Raises ValueError for what is no memory."""
        self._bodies, self._of_lines, waiting_bytes, since = memory
        self._line_bytes -= waiting_bytes
        self._began, *self._spent = [
            (self._now[0] - away_s - ago_s, -spent_bytes / self._bytes_per_hour)
            for ago_s, spent_bytes in since
        ]
        self.factor = factor

    def step(self, now_s: float, link_bytes: int, line_bytes: int) -> int:
        """Return the factor from now on. Totals: what the link has carried, and of which lines were made."""
        if link_bytes > self._link_bytes:
            body_bytes = link_bytes - self._link_bytes - of_write(0, tls=False)
            self._bodies = 0.9 * self._bodies + max(body_bytes, 0)
            self._of_lines = 0.9 * self._of_lines + line_bytes - self._line_bytes + 1
            self._link_bytes, self._line_bytes = link_bytes, line_bytes
        self._waiting_bytes = line_bytes - self._line_bytes
        waiting = self._waiting_bytes * min(self._bodies / self._of_lines, 1.0)
        self._now = now_s, (link_bytes - self._base_bytes + waiting) / self._bytes_per_hour
        if self._is_new:
            self._began, self._is_new = (self._began[0], self._now[1]), False
        if now_s - self._spent[-1][0] >= SAMPLE_S:
            self._spent.append(self._now)
            self._spent = self._spent[self._before_s(HOUR_S) :]
        self._judge(now_s - self._began[0])
        return self.factor

    def _judge(self, held_s: float) -> None:
        rate = max(self._rate(WINDOW_S), LEAST_RATE)
        if held_s >= WINDOW_S and self._doublings:
            saved = (self._rate_before / rate) ** (1 / self._doublings)
            self._saved, self._doublings = min(max(saved, LEAST_SAVED), MOST_SAVED), 0.0
        if (lately := self._rate(MINUTE_S)) > BURST_ABOVE and held_s >= SHORTEST_S:
            rate = lately
        elif held_s < MINUTE_S:
            return
        if rate > max(self._room(RISES_ABOVE), LEAST_ROOM):
            self._change(max(math.ceil(math.log2(rate / max(self._room(1.0), LEAST_ROOM))), 1), rate)
        elif held_s >= CALM_S and (room := self._room(FALLS_TO)) > 0:
            self._change(-max(int(math.log2(room / rate)), int(rate * self._saved <= room)), rate)

    def _before_s(self, seconds: float) -> int:
        """Return the last moment of `_spent` that is so long ago; otherwise the first."""
        return max(bisect_right(self._spent, (self._now[0] - seconds, math.inf)) - 1, 0)

    def _rate(self, window_s: float) -> float:
        """Return at which rate this factor has spent lately."""
        then_s, then = max(self._spent[self._before_s(window_s)], self._began)
        return (self._now[1] - then) / max(self._now[0] - then_s, MINUTE_S) * HOUR_S

    def _room(self, most: float) -> float:
        """Return the rate at which the time ahead fits the budget, beside the rest of its hour."""
        spent = self._now[1] - self._spent[self._before_s(HOUR_S - AHEAD_S)][1]
        request = self._bodies / 10 / self._bytes_per_hour
        return min(most, (PLANNED - request - spent) * HOUR_S / AHEAD_S)

    def _change(self, doublings: int, rate: float) -> None:
        factor = min(max(round(self.factor * 2.0**doublings), 1), LARGEST_FACTOR)
        if factor != self.factor:
            self._rate_before, self._doublings = rate, math.log2(factor / self.factor)
            self.factor, self._began, self._is_new = factor, self._now, True
