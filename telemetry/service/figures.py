"""The service's numbers of one moment, and the status that is made of them on request.

Promises:
- The numbers balance, since all are of one moment.
- Ages in the status are those of the moment of asking, however old the numbers are.

Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from telemetry.live.gateway import describe
from telemetry.live.state import LiveSnapshot
from telemetry.live.view import live_view
from telemetry.sinks.state import SinkState


@dataclass(frozen=True, slots=True)
class Figures:
    """The accounts and everything else that is known of the service."""

    counters: dict[str, int]
    gauges: dict[str, float]
    volatile: str  # why the disk refuses
    live: LiveSnapshot
    taken_s: float  # monotonic

    def status(
        self,
        vehicle: str,
        states: Mapping[str, str],
        sink: SinkState,
        *,
        now_s: float,
        got_on_s: float,
        with_messages: bool = False,
    ) -> dict[str, Any]:
        """Return the status at `now_s`. states: texts of then; got_on_s: the pipeline's last progress."""
        gauges = {
            **self.gauges,
            "status_age_s": now_s - self.taken_s,
            "progress_age_s": max(now_s - got_on_s, 0.0),
        }
        states = {**states, "sink": sink.summary(), "spool": self.volatile or "on disk"}
        status = {**describe(vehicle, self.counters, gauges, states), "sink": sink.view()}
        live = live_view(self.live, now_s, status, with_messages=with_messages)
        return {**status, "live": live}
