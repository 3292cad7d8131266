"""Where the monitor's values come from: every feed returns the JSON of `telemetry.live.view`.

One is a running service. The other reads a bus, a port or a log here, without a service. Promises of that:
the service's own sources and stages do the work, so that what is shown is what would be written. Nothing is
written: there is no spool and no server. The thread that decodes is its own, and publishes what it knows
every PUBLISH_EVERY_S; any other may `read`.
"""

import logging
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from telemetry_core.text.lines import LineBuffer

from telemetry.clock import Clock
from telemetry.errors import DataError, UnavailableError
from telemetry.ledger import add
from telemetry.live.gateway import describe
from telemetry.live.state import LiveState
from telemetry.live.status_socket import query_status
from telemetry.live.view import live_view
from telemetry.monitor.bench import Bench
from telemetry.sources.assemble import ChannelTable, assemble_sources
from telemetry.sources.inbox import Arrival, Inbox, SourceEnded, SourceEvent
from telemetry.sources.stop import StopSignal
from telemetry.stages.offline import Recorded
from telemetry.stages.prepare import prepare

SETTLE_S = 2.0
POLL_S = 0.1
PUBLISH_EVERY_S = 0.25
STOP_S = 1.5

LOG = logging.getLogger(__name__)

Json = Mapping[str, Any]


class Feed(Protocol):
    """Values to show."""

    def read(self, *, with_messages: bool) -> Json:
        """Return the present state. Raises UnavailableError while it is not known."""
        ...

    def settle(self, *, with_messages: bool) -> None:
        """Wait until one look is worth it."""
        ...

    def close(self) -> None:
        """Release everything."""
        ...


class ServiceFeed:
    """The running service whose spool is in `directory`."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock

    def read(self, *, with_messages: bool) -> Json:
        """Ask its status socket."""
        status = query_status(self._directory, "messages" if with_messages else "status")
        live = status.get("live")
        if not isinstance(live, dict):
            raise DataError(
                "answers without live values", where=str(self._directory), hint="is it an older version?"
            )
        return live

    def settle(self, *, with_messages: bool) -> None:
        """Wait: a service collects messages from the first time it is asked for them."""
        live = self.read(with_messages=with_messages)
        if with_messages and not live.get("messages"):
            self._clock.wait(threading.Event(), SETTLE_S)

    def close(self) -> None:
        """Release nothing."""


class DirectFeed:
    """The sources of `bench`, read and decoded here."""

    def __init__(self, bench: Bench, clock: Clock) -> None:
        """Begin to read. Raises TelemetryError when a database or the map cannot be used."""
        self._vehicle = bench.means.vehicle
        self._clock = clock
        prepared = prepare(bench.means)
        self._stages = prepared.stages
        self._recorded = Recorded(prepared.composition, bench.source)
        self._state = LiveState(clock, lambda name: self._sources[name].bit_rate)
        self._stages.set_observer(self._state)
        self._lines = LineBuffer()
        self._channels = ChannelTable()
        self._bound = 0
        self._sources = {
            each.name: each for each in assemble_sources(bench.reads.sources, self._channels, clock, {})
        }
        self._running = set(self._sources)
        self._delivered = dict.fromkeys(self._sources, 0)
        self._source_counts: dict[str, Mapping[str, int]] = {}
        self._output = Inbox()
        self._stop = StopSignal()
        self._ended = threading.Event()
        self._failure: Exception | None = None
        self._publish()
        self._threads = [
            threading.Thread(target=each.source.run, args=(self._output, self._stop), name=name, daemon=True)
            for name, each in self._sources.items()
        ]
        self._threads.append(threading.Thread(target=self._run, name="monitor", daemon=True))
        for thread in self._threads:
            thread.start()

    def read(self, *, with_messages: bool) -> dict[str, Any]:
        if self._failure is not None:
            raise UnavailableError(f"reading has failed: {self._failure}")
        snapshot, counters = self._published
        states = {name: words for each in self._sources.values() for name, words in each.states.items()}
        status = describe(self._vehicle, counters, {}, states)
        return live_view(snapshot, self._clock.monotonic_s(), status, with_messages=with_messages)

    def settle(self, *, with_messages: bool) -> None:  # noqa: ARG002 - they are always there
        """Read logs that are not paced to their end; watch everything else for SETTLE_S."""
        if not any(each.settings.is_paced for each in self._sources.values()):
            self._ended.wait()
        else:
            self._clock.wait(self._ended, SETTLE_S)

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        for thread in self._threads:
            thread.join(STOP_S)
        if not any(thread.is_alive() for thread in self._threads):
            self._stop.close()

    # -- the thread that decodes

    def _run(self) -> None:
        try:
            while self._running and not self._stop.is_set():
                self._step()
            self._publish()
        except Exception as error:
            self._failure = error
            LOG.debug("reading has failed", exc_info=True)
        self._ended.set()

    def _step(self) -> None:
        """Take what comes within PUBLISH_EVERY_S, then publish."""
        until_s = self._clock.monotonic_s() + PUBLISH_EVERY_S
        while self._running and self._clock.monotonic_s() < until_s:
            match self._output.get(POLL_S):
                case Arrival() as delivery:
                    self._take(delivery)
                case SourceEvent() as begun:
                    self._state.add_event(begun.event, begun.time_ns)
                case SourceEnded() as ended:
                    self._source_counts[ended.source] = ended.counts
                    self._state.source_ended(ended.source)
                    self._running.discard(ended.source)
        self._publish()

    def _take(self, delivery: Arrival) -> None:
        for channel in self._channels.since(self._bound):
            binding = self._recorded.binding(channel.name)
            self._stages.bind(channel.number, replace(binding, source=channel.source))
            self._bound += 1
        if restart := delivery.restart:
            self._stages.writing.end_sessions(self._lines, restart.before_ns, source=delivery.source)
        self._stages.process(delivery.batch, self._lines)
        self._lines.clear()
        self._delivered[delivery.source] += len(delivery.batch)
        self._source_counts[delivery.source] = delivery.counts
        self._output.give_back(delivery.batch)

    def _publish(self) -> None:
        self._state.ask_for_messages()
        self._published = (self._state.snapshot(), add(self._stages.counted(), self._bus_counts()))

    def _bus_counts(self) -> dict[str, int]:
        """Return how many frames were read, dropped and lost, as far as the stages cannot count them."""
        counters: dict[str, int] = {}
        for name, delivered in self._delivered.items():
            counts = self._source_counts.get(name, {})
            lost = {reason: count for reason, count in counts.items() if reason.startswith("lost/")}
            counters[f"bus/{name}/read"] = delivered + sum(lost.values())
            counters[f"bus/{name}/kernel_dropped"] = counts.get("kernel_dropped", 0)
            counters |= {f"frames/{name}/{reason}": count for reason, count in lost.items()}
        return counters
