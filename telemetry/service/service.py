"""The gateway service: builds the pipeline, runs it, and stops it in an order in which nothing is lost.

Order of building: configuration, databases, then the spool (a wrong configuration touches nothing), then the
stages, the status socket, the page, the sources and, once frames flow, the sink. Order of stopping: sources,
pipeline, spool, sink, within 5 s whatever the server does. This thread runs the pipeline; the others are in
docs/architecture.md.

Nothing that only reports ends the service: a report that fails is logged, and the next one is tried. Stopping
stores first, and a step of it that fails keeps none of the later ones from being taken.
"""

import logging
import threading
from functools import partial

from telemetry import __version__
from telemetry.clock import Clock
from telemetry.config import Config
from telemetry.errors import TelemetryError
from telemetry.ledger import Ledger, of_source
from telemetry.live.state import LiveState
from telemetry.model.bit_rate import BitRate
from telemetry.model.events import begins
from telemetry.service.attempts import Attempt, take_all
from telemetry.service.boxing import Boxing
from telemetry.service.committing import Committer
from telemetry.service.own_points import OwnPoints, unclean_stop
from telemetry.service.pipeline import Pipeline
from telemetry.service.reload import Reload
from telemetry.service.remembering import Remembering
from telemetry.service.reporting import Reporting
from telemetry.service.supervisor import Supervisor
from telemetry.service.uplink import Uplink
from telemetry.service.watch import ClockWatch
from telemetry.sinks.sink import Sink
from telemetry.sources.assemble import (
    Assembled,
    ChannelTable,
    assemble_source,
    assemble_sources,
    without_replaced,
)
from telemetry.sources.inbox import Arrival, Inbox, SourceEnded, SourceEvent
from telemetry.sources.running import RunningSources
from telemetry.sources.settings import SourceSettings
from telemetry.sources.stop import StopSignal
from telemetry.sources.tap import LineTap
from telemetry.spool.spool import Spool
from telemetry.spool.write_through import keeping_in_memory
from telemetry.stages.prepare import Prepared, prepare

LOG = logging.getLogger("telemetry.service")

POLL_S = 0.15  # longer than frames gather: a busy bus costs one wake-up and not two
SOURCES_STOP_S = 1.5
SINK_STOP_S = 1.5


class Service:
    """One run of the service with one configuration."""

    def __init__(
        self,
        config: Config,
        clock: Clock | None = None,
        stop: StopSignal | None = None,
        *,
        reload: threading.Event | None = None,
        supervisor: Supervisor | None = None,
    ) -> None:
        """Raise TelemetryError when the configuration, a database or the spool cannot be used.

        stop: ends `run`, in order. reload: the configuration is read again. supervisor: hears how things are.
        """
        self._config = config
        self._clock = clock or Clock()
        self._stop = stop or StopSignal()
        self._reload = Reload(reload or threading.Event())
        # A new configuration, until the sources that it changes have ended.
        self._next: Prepared | None = None
        self._adopt_at_s = 0.0
        self._supervisor = supervisor or Supervisor(self._clock)
        self._channels = ChannelTable()
        self._bound = 0

        prepared = prepare(config)
        self._composition, self._stages = prepared.composition, prepared.stages
        self._live_state = LiveState(self._clock, self._bit_rate_of)
        self._stages.set_observer(self._live_state)
        self._output = Inbox()
        self._spool = Spool(
            config.spool_directory,
            clock=self._clock,
            limits=config.spool,
            keep_in_memory=keeping_in_memory(self._clock.boot_id()),
            cursor=config.sink.cursor,
        )
        recovery = self._spool.recovery
        positions = recovery.positions
        self._tap = LineTap()
        assembled = assemble_sources(config.sources, self._channels, self._clock, positions, self._tap)
        self._sources = RunningSources(assembled, self._output, self._assemble_again)
        self._ledger = Ledger(self._earlier_accounts())
        self._committer = Committer(self._spool, self._clock, self._fail)
        self._remembering = Remembering(config.spool_directory, self._committer)
        self._pipeline = Pipeline(
            self._stages,
            self._committer,
            self._ledger,
            self._clock,
            without_replaced(positions, self._sources),
            wait_for_clock=config.wait_for_clock,
            newest_ns=recovery.newest_ns,
            state=recovery.state,
        )
        self._own = OwnPoints(self._pipeline, self._live_state, self._clock, config)
        self._boxing = Boxing(config, self._clock, self._tap, self._pipeline, self._own)
        self._ledger.add_stage(self._boxing.counted)
        for source in self._sources:
            self._expect(source)
        self._sink = Sink(
            self._spool,
            config.sink,
            self._clock,
            on_event=self._own.report,
            on_failure=self._fail,
            directory=config.spool_directory,
            wait_for_clock=config.wait_for_clock,
        )
        self._uplink = Uplink(self._pipeline, self._sink, self._own, self._clock)
        self._own.time_known = self._sink.time_known()
        self._uplink.adopt(config)
        self._clock_watch = ClockWatch(self._clock)
        self._failure: Exception | None = None
        self._reporting = Reporting(
            config,
            self._clock,
            self._spool,
            self._ledger,
            self._pipeline,
            self._own,
            self._live_state,
            self._sources,
            self._output,
            self._sink,
            self._supervisor,
            self._uplink,
            self._boxing,
            self._stop.is_set,
        )

    def _expect(self, source: Assembled) -> None:
        """Write all that can be counted of `source` as 0 from the first point on."""
        self._expect_frames(source)
        self._pipeline.count_losses(source.name, source.source.counts())

    def _expect_frames(self, source: Assembled) -> None:
        for binding in self._composition.bindings(source):
            self._stages.expect(binding)

    def _earlier_accounts(self) -> dict[str, int]:
        """Return the accounts of earlier runs, less what is counted again: logs are read from their start."""
        logs = [source.name for source in self._sources if source.resume_as]
        afresh = tuple(prefix for name in logs for prefix in of_source(name))
        accounts = self._spool.recovery.accounts
        return {name: count for name, count in accounts.items() if not name.startswith(afresh)}

    # -- running

    def run(self) -> None:
        """Run until stopped; or, when all sources are logs, until all is delivered.

        Raises what has ended it; UnavailableError when the system gives no thread to start with.
        """
        try:
            self._start()
            self._run_until_stopped()
        except Exception as error:  # noqa: BLE001 - whatever it is, what there is must be stored first
            self._fail(error)
        self._stop.set()
        self._shut_down()
        if self._failure is not None:
            raise self._failure

    def _start(self) -> None:
        self._report_start()
        self._bind_new_channels()
        self._remembering.adopt(self._composition, self._stages.writing.health, self._sources)
        self._pipeline.close_orphans(self._sources.live)
        self._reporting.write_points()  # where counters begin, before anything is lost
        self._reporting.start()
        self._committer.start()
        self._boxing.start()
        self._sources.start()
        self._supervisor.ready(self._reporting.summary())
        self._sink.start()
        LOG.info("running: %s", ", ".join(source.name for source in self._sources))

    def stop(self) -> None:
        """Stop, in order. From any thread."""
        self._stop.set()

    def _fail(self, error: Exception) -> None:
        """Stop in order, and say what has ended it: the first thing that did; log others. From any thread."""
        if self._failure is None:
            self._failure = error
        else:
            LOG.error("after what has ended it: %s", error, exc_info=error)
        self.stop()

    def _run_until_stopped(self) -> None:
        while (self._sources.any_running or self._next) and not self._stop.is_set():
            self._step()
            self._follow_reload()
        if not self._stop.is_set():
            LOG.info("all logs are read; delivering what is left")
            self._pipeline.finish(self._sources.live)
            self._sink.hurry()
            while self._spool.gauges().waiting_points and not self._stop.is_set():
                self._clock.wait(self._stop.event, POLL_S)
                self._tick()
                self._supervisor.went_round(took=False, waiting=False)
        self._stop.set()
        self._supervisor.stopping()
        self._sources.stop()
        deadline_s = self._clock.monotonic_s() + SOURCES_STOP_S
        while self._sources.any_running and self._clock.monotonic_s() < deadline_s:
            self._step()

    def _step(self) -> None:
        """Take one item, or find that none comes for a while; then do what time asks for."""
        item = self._output.get(self._pipeline.wait_s(POLL_S))
        match item:
            case Arrival():
                self._take(item)
            case SourceEvent():
                self._own.write(item.event, item.time_ns)
            case SourceEnded():
                self._pipeline.end(
                    item.source,
                    item.counts,
                    is_complete=item.is_complete,
                    resume_as=self._sources[item.source].resume_as,
                )
                self._live_state.source_ended(item.source)
                self._sources.ended(item.source)
        if self._stages.sessions.any or self._stages.writing.health is not None:
            self._pipeline.watch_silence(*self._sources.silent())
        self._reporting.write_each(self._uplink.gateway_every_s)
        self._tick()
        if any(source.resume_as for source in self._sources):  # a live source does not wait
            self._output.hold(not self._spool.has_room())
        if not self._committer.hangs():  # while the disk does, the service gets on with nothing
            self._supervisor.went_round(
                took=item is not None, waiting=item is None and self._output.frames_waiting > 0
            )

    def _take(self, arrival: Arrival) -> None:
        self._bind_new_channels()
        source = self._sources[arrival.source]
        self._pipeline.process(
            arrival.source,
            arrival.batch,
            arrival.counts,
            resume_as=source.resume_as,
            own_time=source.settings.own_time,
            time_known=self._own.time_known,
            restart=arrival.restart,
        )
        self._output.give_back(arrival.batch)

    def _bind_new_channels(self) -> None:
        for channel in self._channels.since(self._bound):
            source = self._sources.get(channel.source)
            self._bound += 1
            if source is None:
                continue  # it was removed, and nothing comes of it any more
            self._stages.bind(channel.number, self._composition.binding(source, channel.name))

    def _bit_rate_of(self, name: str) -> BitRate | None:
        source = self._sources.get(name)
        return None if source is None else source.bit_rate

    # -- another configuration

    def _follow_reload(self) -> None:
        """Take the next step towards a new configuration if one is asked for, or under way."""
        if self._next is not None:
            if not self._sources.retiring or self._clock.monotonic_s() >= self._adopt_at_s:
                self._adopt(self._next)
                self._next = None
            return
        if self._reload.begin(self._config):
            self._supervisor.reloading()
        match self._reload.take():
            case Prepared() as prepared:
                self._retire_for(prepared)
            case TelemetryError() as error:
                self._refuse(error)

    def _retire_for(self, new: Prepared) -> None:
        """Ask the sources to stop that `new` does not have, unless those that it has cannot start."""
        try:
            self._sources.reserve(new.composition.config.sources)
        except TelemetryError as error:
            self._refuse(error)
            return
        self._sources.retire(new.composition.config.sources)
        self._adopt_at_s = self._clock.monotonic_s() + SOURCES_STOP_S
        self._next = new

    def _refuse(self, error: TelemetryError) -> None:
        self._own.report(begins("config_refused", f"{error}; the old configuration goes on"))
        self._supervisor.ready()

    def _adopt(self, new: Prepared) -> None:
        """Let what the old stages hold go out, between two batches; then everything is as `new` has it."""
        self._bind_new_channels()
        self._remembering.save()
        config = new.composition.config
        new.stages.set_observer(self._live_state)
        self._boxing.adopt(config)
        self._config = self._own.config = config
        self._composition, self._stages, self._bound = new.composition, new.stages, 0
        self._sources.adopt(config.sources)
        for source in self._sources:
            self._expect_frames(source)
        self._bind_new_channels()
        self._pipeline.replace_stages(new.stages)
        self._remembering.adopt(new.composition, new.stages.writing.health, self._sources)
        self._uplink.adopt(config)
        self._reporting.write_points()
        self._reporting.hasten(self._uplink.gateway_every_s)
        names = ", ".join(source.name for source in self._sources)
        self._own.report(begins("config_reloaded", f"{config.file.name}: {names}"))
        self._supervisor.ready(self._reporting.summary())

    def _assemble_again(self, settings: SourceSettings) -> Assembled:
        """Return a source that begins while the service runs, again or for the first time."""
        positions = self._pipeline.positions
        source = assemble_source(settings, self._channels, self._clock, positions, self._tap)
        kept = without_replaced(positions, [source])
        self._pipeline.start_over(source.name, source.resume_as, kept)
        self._expect(source)
        return source

    def _tick(self) -> None:
        self._own.time_known = self._sink.time_known()
        for event in self._clock_watch.observe(time_known=self._own.time_known):
            self._own.report(event)
        self._own.write_reported()
        self._boxing.tick()
        self._pipeline.tick(source.name for source in self._sources if not source.settings.own_time)
        self._remembering.tick()
        if self._reporting.tick() and self._uplink.tick():
            self._reporting.hasten(self._uplink.gateway_every_s)

    # -- what the service says of itself

    def _report_start(self) -> None:
        self._own.report(begins("service_start", f"version {__version__}"))
        recovery = self._spool.recovery
        if recovery.waiting_points:
            LOG.info("%d points of earlier runs wait in the spool", recovery.waiting_points)
        held = self._pipeline.store_left(recovery.state)  # after a stop that failed, too
        if not recovery.clean:
            self._own.report(unclean_stop(recovery, held))

    # -- stopping

    def _shut_down(self) -> None:
        """End all parts, those first without which something is lost."""
        self._sources.stop()
        steps: tuple[Attempt, ...] = (
            self._remembering.settle,
            self._pipeline.leave_sessions,
            self._store_the_rest,
            self._remembering.save,
            self._report_stop,
            self._store_the_rest,
            partial(self._sink.stop, SINK_STOP_S),
            *self._reporting.last_steps,
            self._boxing.close,
            self._committer.close,
            self._spool.close,
            self._reporting.log_end,
        )
        take_all(steps, self._fail)

    def _store_the_rest(self) -> None:
        self._pipeline.finish(self._sources.live)
        self._committer.finish()

    def _report_stop(self) -> None:
        self._own.report(begins("service_stop", "stopped in order" if self._failure is None else "a fault"))
        self._own.write_reported()
        self._reporting.write_points()
