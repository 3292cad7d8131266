"""Whether the service is alive and ready, out of its own status. Pure.

*Alive*: the pipeline's loop got on lately, in the sense in which systemd's watchdog is fed
(`telemetry.service.supervisor`). What is not alive is helped by a restart.

*Ready*: alive, its sources run, and the spool takes batches to disk. Not the server: that it cannot be
reached, or refuses, is what the spool is for, and a device that is absent is waited for. Both are told beside
the answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

WELL = ("receiving", "reading", "ended")  # what a source says of itself that is as it should be
ALIVE_WITHIN_S = 15.0  # a memory card may hold a sync up for seconds

Status = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """reasons: why not; notes: what is not as it should be all the same."""

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
