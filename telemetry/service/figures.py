"""The service's numbers of one moment, and the status that is made of them on request.

Promises:
- The numbers balance, since all are of one moment.
- Ages in the status are those of the moment of asking, however old the numbers are.
- A number of the process that the system does not give now is absent (no descriptor is left to ask).

Pure, but for `process_gauges`.
"""

import contextlib
import os
import resource
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from telemetry.live.gateway import describe
from telemetry.live.state import LiveSnapshot
from telemetry.live.view import live_view
from telemetry.service.stderr_queue import dropped_lines
from telemetry.sinks.state import SinkState

if TYPE_CHECKING:  # a service without a black box imports nothing of it
    from telemetry.blackbox.store import Capture

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Figures:
    """The accounts and everything else that is known of the service."""

    counters: dict[str, int]
    gauges: dict[str, float]
    volatile: str  # why the disk refuses
    live: LiveSnapshot
    taken_s: float  # monotonic
    line_bytes: Mapping[str, int] = field(default_factory=dict)  # of this run, by measurement
    captures: Sequence[Mapping[str, Any]] = ()

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
        status |= {"line_bytes": dict(self.line_bytes), "captures": list(self.captures)}
        live = live_view(self.live, now_s, status, with_messages=with_messages)
        return {**status, "live": live}


def captures_view(
    of_windows: Iterable[Mapping[str, Any]], frozen: "Iterable[tuple[Capture, int]]"
) -> list[dict[str, Any]]:
    """Return captures by id, the newest first: windows of this run, and what the black box has in bytes."""
    found = {one["id"]: {**one, "raw_bytes": 0} for one in of_windows}
    for capture, size in frozen:
        known = found.setdefault(capture.id, {"id": capture.id, "goes_on": False})
        found[capture.id] = {**known, "raw_bytes": size, "goes_on": known["goes_on"] or capture.last is None}
    return sorted(found.values(), key=lambda one: one["id"], reverse=True)


def process_gauges() -> dict[str, float]:
    """Return CPU seconds since start, resident memory now, and lines that stderr never took."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    gauges = {"cpu_s": usage.ru_utime + usage.ru_stime, "log_lines_dropped": float(dropped_lines())}
    with contextlib.suppress(OSError):
        opened = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)  # a third of what a Path takes
        try:
            resident_pages = int(os.read(opened, 256).split()[1])
        finally:
            os.close(opened)
        gauges["memory_bytes"] = float(resident_pages * _PAGE_BYTES)
    return gauges
