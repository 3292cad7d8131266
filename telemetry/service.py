"""The gateway service: builds the pipeline, runs it, and stops it in an order in which nothing is lost.

Order of building: configuration, databases, then the spool (a wrong configuration touches nothing), then the
stages, the status socket, the sources and, once frames flow, the sink. Order of stopping: sources, pipeline,
spool, sink, all within STOP_S whatever the server does. One thread per source, this one for the pipeline, one
for the sink, one for the status socket.
"""

import contextlib
import logging
import signal
import threading
from collections import deque
from collections.abc import Iterator
from types import FrameType
from typing import Any

from telemetry.assembly import Assembled, assemble_sources, bus_databases
from telemetry.channels import ChannelTable
from telemetry.clock import Clock, SystemClock
from telemetry.config import Config
from telemetry.events import Event, begins
from telemetry.events import line as event_line
from telemetry.gateway import MEASUREMENT as GATEWAY
from telemetry.gateway import HourlyRate, describe, gateway_lines
from telemetry.ledger import Ledger, add
from telemetry.line import Line
from telemetry.mapping import resolve
from telemetry.model import Level
from telemetry.pipeline import Pipeline
from telemetry.process import process_gauges
from telemetry.protocols.plan_cache import load_plan
from telemetry.sink.sink import Sink
from telemetry.sources.channel import BatchChannel
from telemetry.sources.source import Delivery, SourceEnded, SourceEvent, StopSignal
from telemetry.spool.limits import SpoolLimits
from telemetry.spool.spool import Spool
from telemetry.status import StatusServer

LOG = logging.getLogger("telemetry.service")

POLL_S = 0.1
SOURCES_STOP_S = 1.5
SINK_STOP_S = 1.5
SILENCE_GRACE_NS = 1_000_000_000  # frames of an interval may come this late before its row goes out
STATUS_EVERY_S = 0.5


class Service:
    """One run of the service with one configuration."""

    def __init__(self, config: Config, clock: Clock | None = None) -> None:
        """Raises TelemetryError when the configuration, a database or the spool cannot be used."""
        self._config = config
        self._clock = clock or SystemClock()
        self._stop = StopSignal()
        self._events: deque[tuple[Event, int]] = deque(maxlen=1000)
        self._channels = ChannelTable()
        self._bound = 0

        plan = load_plan(bus_databases(config), config.cache_directory)
        for warning in plan.warnings:
            LOG.warning("%s", warning)
        mapping = resolve(config.map, plan.spec) if config.map else None
        self._bus_numbers = {bus.name: number for number, bus in enumerate(plan.spec.buses)}
        self._line = Line(plan.spec, mapping, vehicle=config.vehicle, reduce=config.reduce)
        self._output = BatchChannel()
        self._spool = Spool(
            config.spool.directory,
            clock=self._clock,
            limits=SpoolLimits(
                cap_bytes=config.spool.cap_bytes,
                max_age_s=config.spool.max_age_s,
                keep_free_bytes=config.spool.keep_free_bytes,
            ),
        )
        positions = self._spool.recovery.positions
        self._sources = assemble_sources(config, self._channels, self._clock, positions)
        self._ledger = Ledger(self._earlier_accounts())
        self._pipeline = Pipeline(self._line, self._spool, self._ledger, self._clock, positions)
        self._sink = Sink(
            self._spool,
            config.influx,
            self._clock,
            on_event=self._add_event,
            on_failure=self._fail,
            directory=config.spool.directory,
            wait_for_clock=config.wait_for_clock,
        )
        self._failure: Exception | None = None
        self._status = StatusServer(config.spool.directory, self._describe)
        self._published: dict[str, int] = {}
        self._written_rate, self._sync_rate = HourlyRate(), HourlyRate()
        self._started_s = self._clock.monotonic_s()
        self._next_gateway_s = self._clock.monotonic_s() + config.gateway_every_s
        self._next_status_s = 0.0

    def _earlier_accounts(self) -> dict[str, int]:
        """The accounts of earlier runs, less what is counted afresh: a log is always read from its start."""
        afresh = tuple(
            f"{account}/{source.name}/"
            for source in self._sources
            if source.resumable
            for account in ("bus", "frames")
        )
        accounts = self._spool.recovery.accounts
        return (
            {name: count for name, count in accounts.items() if not name.startswith(afresh)}
            if afresh
            else dict(accounts)
        )

    # -- running

    def run(self) -> None:
        """Until `stop`, SIGTERM or SIGINT; or, when all sources are logs, until all is delivered."""
        with self._signals():
            self._report_recovery()
            self._status.start()
            threads = [
                threading.Thread(
                    target=source.source.run, args=(self._output, self._stop), name=source.name, daemon=True
                )
                for source in self._sources
            ]
            for thread in threads:
                thread.start()
            self._sink.start()
            LOG.info("running: %s", ", ".join(source.name for source in self._sources))
            try:
                self._run_until_stopped()
            finally:
                self._shut_down()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Stop, in order. From any thread, and from a signal handler."""
        self._stop.set()

    def _fail(self, error: Exception) -> None:
        """A thread of ours has died of a fault in the program: stop in order, and say so."""
        self._failure = error
        self.stop()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        def handle(number: int, frame: FrameType | None) -> None:
            del number, frame
            self.stop()

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _run_until_stopped(self) -> None:
        running = {source.name for source in self._sources}
        while running and not self._stop.is_set():
            self._step(running)
        if not self._stop.is_set():
            LOG.info("all logs are read; delivering what is left")
            self._pipeline.finish()
            while self._waiting_points() and not self._stop.is_set():
                self._clock.wait(self._stop.event, POLL_S)
                self._pipeline.tick()
                self._publish()
        self._stop.set()
        deadline_s = self._clock.monotonic_s() + SOURCES_STOP_S
        while running and self._clock.monotonic_s() < deadline_s:
            self._step(running)

    def _step(self, running: set[str]) -> None:
        """Take one item, or find that there is none for a while; then do what time asks for."""
        item = self._output.get(POLL_S)
        match item:
            case Delivery():
                self._take(item)
            case SourceEvent():
                self._log(item.event)
                self._write_event(item.event, item.time_ns)
            case SourceEnded():
                running.discard(item.source)
                self._pipeline.count_losses(item.source, item.counts)
        self._tick()

    def _take(self, delivery: Delivery) -> None:
        self._bind_new_channels()
        source = self._source(delivery.source)
        self._pipeline.process(
            delivery.source,
            delivery.batch,
            delivery.counts,
            resumable=source.resumable,
            time_known=source.own_time or self._time_known(),
        )
        self._output.give_back(delivery.batch)

    def _bind_new_channels(self) -> None:
        for channel in self._channels.since(self._bound):
            source = self._source(channel.source)
            bus = self._bus_numbers.get(source.bus_of(channel.name), -1)
            self._line.bind(channel.number, bus=bus, source=channel.source, tag=source.tag_of(channel.name))
            self._bound += 1

    def _source(self, name: str) -> Assembled:
        return next(source for source in self._sources if source.name == name)

    def _tick(self) -> None:
        while self._events:
            self._write_event(*self._events.popleft())
        now_s = self._clock.monotonic_s()
        if now_s >= self._next_gateway_s:
            self._next_gateway_s = now_s + self._config.gateway_every_s
            self._write_gateway_points()
        live = not any(source.own_time for source in self._sources) and self._time_known()
        self._pipeline.tick(self._clock.unix_ns() - SILENCE_GRACE_NS if live else None)
        if now_s >= self._next_status_s:
            self._next_status_s = now_s + STATUS_EVERY_S
            self._publish()

    def _time_known(self) -> bool:
        return self._sink.time_known()

    # -- what the service says of itself

    def _report_recovery(self) -> None:
        recovery = self._spool.recovery
        if recovery.waiting_points:
            LOG.info("%d points of earlier runs wait in the spool", recovery.waiting_points)
        if not recovery.clean:
            text = f"what was in memory then is gone; stored up to batch {recovery.last_sequence}"
            positions = ", ".join(f"{name} frame {count}" for name, count in recovery.positions.items())
            self._add_event(begins("unclean_stop", f"{text}; {positions}" if positions else text))

    def _add_event(self, event: Event) -> None:
        """From any thread."""
        self._log(event)
        self._events.append((event, self._clock.unix_ns()))

    def _log(self, event: Event) -> None:
        level = logging.WARNING if event.level > Level.INFORMATION else logging.INFO
        LOG.log(level, "%s%s: %s", f"{event.source}: " if event.source else "", event.code, event.text)

    def _write_event(self, event: Event, time_ns: int) -> None:
        self._add_point("event", event_line(event, self._config.vehicle, self._own_time_ns(time_ns)), time_ns)

    def _write_gateway_points(self) -> None:
        time_ns = self._clock.unix_ns()
        spool, now_s = self._spool.gauges(), self._clock.monotonic_s()
        gauges = {
            **self._gauges(),
            "spool_written_bytes_per_h": self._written_rate.add(now_s, spool.bytes_written),
            "spool_syncs_per_h": self._sync_rate.add(now_s, spool.syncs),
        }
        for text in gateway_lines(self._config.vehicle, self._own_time_ns(time_ns), self._counters(), gauges):
            self._add_point(GATEWAY, text, time_ns)

    def _own_time_ns(self, unix_ns: int) -> int:
        """`unix_ns` on the time base that batches have now."""
        return unix_ns if self._time_known() else unix_ns - self._clock.unix_ns() + self._clock.boot_ns()

    def _add_point(self, measurement: str, line: bytes, time_ns: int) -> None:
        self._pipeline.add_point(measurement, line, self._own_time_ns(time_ns), time_known=self._time_known())

    def _counters(self) -> dict[str, int]:
        return add(self._ledger.snapshot(), self._spool.counters())

    def _waiting_points(self) -> int:
        gauges = self._spool.gauges()
        return gauges.waiting_disk_points + gauges.waiting_memory_points

    def _gauges(self) -> dict[str, float]:
        spool = self._spool.gauges()
        return {
            "points_waiting_memory": spool.waiting_memory_points + self._pipeline.points_waiting,
            "points_waiting_disk": spool.waiting_disk_points,
            "spool_bytes": spool.disk_bytes,
            "spool_oldest_s": spool.oldest_age_s,
            "spool_volatile": bool(spool.volatile),
            "sink_held": bool(self._sink.state.held),
            "incomplete_cycles": self._line.incomplete_cycles,
            "uptime_s": self._clock.monotonic_s() - self._started_s,
            **process_gauges(),
        }

    def _publish(self) -> None:
        self._published = self._counters()

    def _describe(self) -> dict[str, Any]:
        states = {f"source/{source.name}": source.source.status for source in self._sources}
        sink, spool = self._sink.state, self._spool.gauges()
        states["sink"] = sink.held or sink.failure or f"API {sink.api}, last answer {sink.last_status}"
        states["spool"] = spool.volatile or "on disk"
        return describe(self._config.vehicle, self._published, self._gauges(), states)

    # -- stopping

    def _shut_down(self) -> None:
        self._write_gateway_points()
        self._pipeline.finish()
        self._sink.stop(SINK_STOP_S)
        self._publish()
        self._status.close()
        self._spool.close()
        waiting = self._waiting_points()
        LOG.info(
            "stopped; %s", f"{waiting} points wait in the spool" if waiting else "everything is delivered"
        )
