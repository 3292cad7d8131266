"""The measurement `gateway`: the service about itself, as points and as the status page's JSON.

Promises: both have the same numbers, those of the ledger. Relies on plain mappings only.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from telemetry import __version__
from telemetry.ledger import POINT_ENDS, Counters, frames_in_flight, sources, total
from telemetry.model.point import line

MEASUREMENT = "gateway"


def gateway_lines(
    vehicle: str, time_ns: int, counters: Counters, gauges: Mapping[str, float]
) -> Iterator[bytes]:
    """Yield one point for the service as a whole and one for each source."""
    made = {"points_made": total(counters, "points/made/")}
    ends = {f"points_{end}": counters.get(f"points/{end}", 0) for end in POINT_ENDS}
    said = {name: value for name, value in gauges.items() if name != "bound_factor"}  # see `factor_line`
    figures = _floats({**made, **ends, **said})
    yield line(MEASUREMENT, {"vehicle": vehicle}, {**figures, "version": __version__}, time_ns)
    for source in sources(counters):
        yield line(
            MEASUREMENT, {"vehicle": vehicle, "source": source}, _floats(_of(source, counters)), time_ns
        )


def factor_line(vehicle: str, time_ns: int, factor: int) -> bytes:
    """Return the point that says by which factor bounds are multiplied: with a stamp of its own."""
    return line(MEASUREMENT, {"vehicle": vehicle}, _floats({"bound_factor": factor}), time_ns)


def _of(source: str, counters: Counters) -> dict[str, float]:
    """Return `read`, `decoded`, `lost_REASON` … of one source, and what is `in_flight`."""
    prefixes = (f"bus/{source}/", f"frames/{source}/")
    fields: dict[str, float] = {
        name.removeprefix(prefix).replace("/", "_"): count
        for name, count in counters.items()
        for prefix in prefixes
        if name.startswith(prefix)
    }
    return {**fields, "in_flight": frames_in_flight(counters, source)}


def _floats(fields: Mapping[str, float]) -> dict[str, float | bool | str]:
    """Return the values as floats, for ever; flags stay flags."""
    return {name: value if isinstance(value, bool) else float(value) for name, value in fields.items()}


class HourlyRate:
    """How much a growing total grew in the past hour."""

    def __init__(self) -> None:
        self._totals: deque[tuple[float, float]] = deque()

    def add(self, now_s: float, total: float) -> float:
        """Note the present total; return its growth per hour, over the past hour or since the first call."""
        self._totals.append((now_s, total))
        while len(self._totals) > 1 and self._totals[1][0] <= now_s - 3600.0:
            self._totals.popleft()
        then_s, before = self._totals[0]
        return (total - before) / (now_s - then_s) * 3600.0 if now_s > then_s else 0.0


def describe(
    vehicle: str, counters: Counters, gauges: Mapping[str, float], states: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the status as JSON: `accounts` (flat counters), `gauges` (numbers of now), `state` (texts)."""
    return {
        "vehicle": vehicle,
        "accounts": dict(sorted(counters.items())),
        "gauges": dict(gauges),
        "state": dict(states),
    }
