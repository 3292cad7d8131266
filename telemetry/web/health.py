"""Whether the service is alive and ready, from its own status. Pure.

*Alive*: the pipeline's loop has made progress, as systemd's watchdog sees it
(`telemetry.service.supervisor`). A restart helps a service that is not alive.

*Ready*: the service is alive, its sources run, and the spool takes batches to disk. The database does not
count: the spool is there for a server that is away or refuses. Nor does an absent device: its source waits
for it. Both appear as notes beside the answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from telemetry.live.troubles import ALIVE_WITHIN_S, server_trouble, source_troubles

Status = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Health:
    """reasons: why not; notes: what is wrong beside that."""

    reasons: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def view(self) -> dict[str, Any]:
        """Return the verdict as JSON."""
        return {"ok": not self.reasons, "reasons": list(self.reasons), "notes": list(self.notes)}


def alive(status: Status) -> Health:
    """Return the answer of /healthz."""
    age_s = status["gauges"]["progress_age_s"]
    if age_s <= ALIVE_WITHIN_S:
        return Health(())
    return Health((f"the pipeline has not got on for {age_s:.0f} s",))


def ready(status: Status) -> Health:
    """Return the answer of /readyz."""
    state, gauges = status["state"], status["gauges"]
    reasons = list(alive(status).reasons)
    if state["service"] != "running":
        reasons.append(f"the service is {state['service']}")
    if gauges["spool_volatile"]:
        reasons.append(f"the disk refuses, batches wait in memory alone: {state['spool']}")
    notes = [*source_troubles(state), server_trouble(status)[1]]
    return Health(tuple(reasons), tuple(filter(None, notes)))
