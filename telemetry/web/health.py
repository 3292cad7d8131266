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

WELL = ("receiving", "reading", "ended")  # states of a source that works
ALIVE_WITHIN_S = 15.0  # a memory card may delay a sync for seconds

Status = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """reasons: why not; notes: what is wrong beside that."""

    reasons: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def view(self) -> dict[str, Any]:
        """As JSON."""
        return {"ok": not self.reasons, "reasons": list(self.reasons), "notes": list(self.notes)}


def alive(status: Status) -> Verdict:
    """For /healthz."""
    age_s = status["gauges"]["progress_age_s"]
    if age_s <= ALIVE_WITHIN_S:
        return Verdict(())
    return Verdict((f"the pipeline has not got on for {age_s:.0f} s",))


def ready(status: Status) -> Verdict:
    """For /readyz."""
    state, gauges = status["state"], status["gauges"]
    reasons = list(alive(status).reasons)
    if state["service"] != "running":
        reasons.append(f"the service is {state['service']}")
    if gauges["spool_volatile"]:
        reasons.append(f"the disk refuses, batches wait in memory alone: {state['spool']}")
    notes = [
        f"{name.removeprefix('source/')}: {text}"
        for name, text in state.items()
        if name.startswith("source/") and text not in WELL
    ]
    if gauges["sink_held"]:
        notes.append(f"the server refuses everything, batches wait: {state['sink']}")
    elif status["sink"]["failure"]:
        notes.append(f"the server takes nothing, batches wait: {status['sink']['failure']}")
    elif status["sink"]["waits_for_time"]:
        notes.append(state["sink"])
    return Verdict(tuple(reasons), tuple(notes))
