"""A budget of bytes an hour for a link: by which factor bounds are loosened so that it is kept.

Promises: pure, in injected time. The factor is 1, 2, 4 … 32.
- It rises where the link bytes of the last ten minutes, at least one, forecast more than the budget for an
  hour, or where this hour's rest has no room for ten minutes more like them: by as much as they ask for, or
  the last minute of them. What was sent before it changed counts for the hour, not for the forecast.
- It halves after two windows of ten minutes in a row below half of the budget.

Relies on `step` being called at least each minute.
"""

import math
from collections import deque
from collections.abc import Sequence

from telemetry_core.rows.spec import RecordSpec

from telemetry.errors import ConfigError
from telemetry.rules.reduce import NO_BOUND, ReduceSettings
from telemetry.rules.uplink import UplinkSettings
from telemetry.sinks.link import of_write

LARGEST_FACTOR = 32
HOUR_S = 3600.0
WINDOW_S = 600.0
SHORTEST_S = 60.0
CALM_WINDOWS = 2
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


class Budget:
    """One link's budget. Samples are taken where requests ended: between two of them nothing is cut apart."""

    def __init__(self, bytes_per_hour: float, now_s: float, link_bytes: int = 0) -> None:
        """Begin with factor 1. link_bytes: carried before."""
        self.factor = 1
        self._bytes_per_hour = bytes_per_hour
        self._samples = deque([(now_s, link_bytes)])  # of an hour: when the total had grown, and to what
        self._forecast_from_s = now_s
        self._window_s, self._window_bytes = now_s, link_bytes
        self._calm = 0  # windows in a row

    def step(self, now_s: float, link_bytes: int) -> int:
        """Return the factor from now on. link_bytes: the total so far."""
        if link_bytes > self._samples[-1][1]:
            self._samples.append((now_s, link_bytes))
            while len(self._samples) > 2 and self._samples[1][0] <= now_s - HOUR_S:
                self._samples.popleft()
            self._rise(now_s, link_bytes)
        if now_s - self._window_s >= WINDOW_S:
            self._fall(now_s, link_bytes)
        return self.factor

    def _rise(self, now_s: float, link_bytes: int) -> None:
        from_s = max(self._forecast_from_s, now_s - WINDOW_S)
        began_s, before = next(sample for sample in self._samples if sample[0] >= from_s)
        if now_s - began_s < SHORTEST_S or self.factor == LARGEST_FACTOR:
            return
        forecast = (link_bytes - before) / (now_s - began_s) * HOUR_S
        rest_s = HOUR_S - WINDOW_S
        earlier = next((total for time_s, total in self._samples if time_s >= now_s - rest_s), link_bytes)
        hour = link_bytes - earlier + forecast * WINDOW_S / HOUR_S
        excess = max(forecast, hour) / self._bytes_per_hour
        if excess > 1.0:
            lately_s, then = next(one for one in reversed(self._samples) if one[0] <= now_s - SHORTEST_S)
            lately = (link_bytes - then) / (now_s - lately_s) * HOUR_S / self._bytes_per_hour
            doublings = math.ceil(math.log2(max(excess, lately))) or 1
            self._change(min(self.factor << doublings, LARGEST_FACTOR), now_s, link_bytes)

    def _fall(self, now_s: float, link_bytes: int) -> None:
        forecast = (link_bytes - self._window_bytes) / (now_s - self._window_s) * HOUR_S
        self._calm = self._calm + 1 if forecast < self._bytes_per_hour / 2 else 0
        self._window_s, self._window_bytes = now_s, link_bytes
        if self._calm >= CALM_WINDOWS and self.factor > 1:
            self._change(self.factor // 2, now_s, link_bytes)

    def _change(self, factor: int, now_s: float, link_bytes: int) -> None:
        self.factor = factor
        self._forecast_from_s = self._window_s = now_s
        self._window_bytes = link_bytes
        self._calm = 0
