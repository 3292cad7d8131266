"""Report on the service itself: figures of one moment, as points, on the status socket, on the page.

Promises: figures of one moment balance, and nothing that fails here ends the service. Relies on the
pipeline's thread, but for `describe`.
"""

import logging
from collections.abc import Callable
from typing import Any

from telemetry.clock import Clock
from telemetry.config import Config
from telemetry.ledger import Ledger, add
from telemetry.live.gateway import HourlyRate
from telemetry.live.state import LiveState
from telemetry.live.status_socket import StatusServer
from telemetry.live.summary import end_lines
from telemetry.service.attempts import Attempt, Reports
from telemetry.service.boxing import Boxing
from telemetry.service.figures import Figures, captures_view, process_gauges
from telemetry.service.own_points import OwnPoints
from telemetry.service.pipeline import Pipeline
from telemetry.service.supervisor import Supervisor
from telemetry.service.uplink import Uplink
from telemetry.service.watch import SpoolWatch
from telemetry.sinks.sink import Sink
from telemetry.sources.inbox import Inbox
from telemetry.sources.running import RunningSources
from telemetry.spool.spool import Spool
from telemetry.web.server import WebServer
from telemetry.web.site import Views

LOG = logging.getLogger("telemetry.service")

STATUS_EVERY_S = 1.0
WATCHED_STATUS_EVERY_S = 0.5  # while somebody asks for it
WATCHED_FOR_S = 10.0  # after a request


class Reporting:
    """`published`: the figures as they were taken last."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        spool: Spool,
        ledger: Ledger,
        pipeline: Pipeline,
        own: OwnPoints,
        live_state: LiveState,
        sources: RunningSources,
        output: Inbox,
        sink: Sink,
        supervisor: Supervisor,
        uplink: Uplink,
        boxing: Boxing,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._clock, self._spool, self._ledger, self._pipeline = clock, spool, ledger, pipeline
        self._own, self._live_state, self._sources, self._output = own, live_state, sources, output
        self._sink, self._supervisor, self._is_stopping = sink, supervisor, is_stopping
        self._uplink, self._boxing = uplink, boxing
        found = spool.counters()
        self._watch = SpoolWatch(
            evicted=found["points/evicted"],
            damaged=found["points/damaged"] - spool.recovery.damaged_points,
        )
        self._reports = Reports()
        self._status = StatusServer(config.spool_directory, self.describe)
        views = Views(self.describe, lambda: self.published.live, live_state.ask_for_messages)
        self._web = WebServer(config.web, views, clock)
        self._started_s = clock.monotonic_s()
        self._written_rate, self._sync_rate = HourlyRate(), HourlyRate()
        self._rates: dict[str, float] = {}
        self.published = self._take()
        self._next_points_s = self._started_s + config.gateway_every_s
        self._next_status_s = 0.0
        self._asked_s = float("-inf")  # for the status, the last time

    def start(self) -> None:
        """Answer from now on: the status tells the page's address from its first answer on."""
        self._web.start()
        self._status.start()

    def tick(self) -> bool:
        """Publish how things are if that is due, about once a second; return whether it was."""
        now_s = self._clock.monotonic_s()
        if now_s < self._next_status_s:
            return False
        is_watched = now_s - self._asked_s < WATCHED_FOR_S
        self._next_status_s = now_s + (WATCHED_STATUS_EVERY_S if is_watched else STATUS_EVERY_S)
        self._reports.make(self.publish)
        counters, volatile = self.published.counters, self.published.volatile
        evicted, damaged = counters["points/evicted"], counters["points/damaged"]
        for event in self._watch.observe(volatile=volatile, evicted=evicted, damaged=damaged, now_s=now_s):
            self._own.report(event)
        return True

    def write_each(self, every_s: float) -> None:
        """Write points if that is due."""
        if (now_s := self._clock.monotonic_s()) >= self._next_points_s:
            self._next_points_s = now_s + every_s
            self._reports.make(self.write_points)

    def hasten(self, every_s: float) -> None:
        """Write the next points after `every_s` at the latest."""
        self._next_points_s = min(self._next_points_s, self._clock.monotonic_s() + every_s)

    def write_points(self) -> None:
        """Write how things are as points."""
        spool, now_s = self._spool.gauges(), self._clock.monotonic_s()
        self._rates = {
            "spool_written_bytes_per_h": self._written_rate.add(now_s, spool.bytes_written),
            "spool_syncs_per_h": self._sync_rate.add(now_s, spool.syncs),
        }
        self._own.write_figures(self._take())

    def publish(self) -> None:
        """Take the figures, for all who ask."""
        self.published = self._take()
        self._supervisor.status(self.summary())
        self._web.published()

    def _take(self) -> Figures:
        """Take all numbers of one moment, so that they balance."""
        counters, spool = self._spool.snapshot()
        now_s = self._clock.monotonic_s()
        gauges = {
            "points_waiting_memory": spool.waiting_memory_points + self._pipeline.points_waiting,
            "points_waiting_disk": spool.waiting_disk_points,
            "spool_bytes": spool.disk_bytes,
            "spool_oldest_s": spool.oldest_age_s,
            "spool_volatile": bool(spool.volatile),
            **self._rates,
            "points_never_on_disk": spool.never_on_disk_points,
            "frames_waiting": self._output.frames_waiting,
            "sink_held": bool(self._sink.state.held),
            "incomplete_cycles": self._pipeline.stages.writing.incomplete_cycles,
            **self._uplink.gauges,
            "uptime_s": now_s - self._started_s,
            **process_gauges(),
        }
        live = self._live_state.snapshot()
        windows, box = self._pipeline.stages.writing.windows, self._boxing.box
        return Figures(
            add(self._ledger.snapshot(), counters),
            gauges,
            spool.volatile,
            live,
            now_s,
            self._pipeline.bytes_by_measurement(),
            captures_view(
                windows.captures(self._clock.unix_ns()) if windows else (), box.frozen if box else ()
            ),
        )

    def summary(self) -> str:
        """Return one line of how things are, for people."""
        sources = ", ".join(f"{source.name} {source.source.status}" for source in self._sources)
        server = self._sink.state.summary()
        return f"{sources}; server: {server}; spool: {self.published.volatile or 'on disk'}"

    def describe(self, request: str = "") -> dict[str, Any]:
        """Return what the status socket answers. From any thread.

        Request: `messages` to have the last values of all messages too.
        """
        self._asked_s = self._clock.monotonic_s()
        if request == "messages":
            self._live_state.ask_for_messages()
        states = {name: words for source in self._sources for name, words in source.states.items()}
        states["web"] = self._web.state
        states["service"] = "stopping" if self._is_stopping() else "running"
        return self.published.status(
            self._own.config.vehicle,
            states,
            self._sink.state,
            now_s=self._clock.monotonic_s(),
            got_on_s=self._supervisor.got_on_s,
            with_messages=request == "messages",
        )

    @property
    def last_steps(self) -> tuple[Attempt, ...]:
        """Return what is to be done when all is stored and sent."""
        return self.publish, self._status.close, self._web.close

    def log_end(self) -> None:
        """Log the accounts, for people."""
        for line in end_lines(self.published.counters, self.published.gauges):
            LOG.info("%s", line)
