"""Sending what waits in a spool, without a service.

Promises:
- It ends when nothing waits, when `stop` is set, or when the time is up.
- What is not delivered keeps waiting.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from telemetry.clock import Clock
from telemetry.config import Config
from telemetry.errors import UnavailableError
from telemetry.sinks.sink import Sink
from telemetry.spool.spool import Spool
from telemetry.spool.write_through import keeping_in_memory

LOG = logging.getLogger("telemetry.drain")

POLL_S = 0.2
SINK_STOP_S = 2.0


@dataclass(frozen=True, slots=True)
class DrainProgress:
    """How far a drain has come."""

    waiting_points: int
    acknowledged_points: int  # since the start
    dead_points: int  # since the start
    trouble: str  # why nothing is taken now; empty if something is


def drain(
    config: Config,
    clock: Clock,
    stop: threading.Event,
    *,
    timeout_s: float | None,
    on_progress: Callable[[DrainProgress], None],
) -> DrainProgress:
    """Deliver what waits; return how it ended. Raises UnavailableError if something still waits then.

    Raises StorageError if a service uses the spool: that delivers by itself.
    """
    limits = replace(config.spool, max_age_s=None)  # what is old is what is to be sent
    spool = Spool(
        config.spool_directory,
        clock=clock,
        limits=limits,
        keep_in_memory=keeping_in_memory(clock.boot_id()),
        cursor=config.sink.cursor,
    )
    failures: list[Exception] = []

    def fail(error: Exception) -> None:
        failures.append(error)
        stop.set()

    sink = Sink(
        spool,
        config.sink,
        clock,
        on_event=lambda event: LOG.warning("%s: %s", event.code, event.text),
        on_failure=fail,
        directory=config.spool_directory,
        wait_for_clock=config.wait_for_clock,
    )
    before = spool.counters()
    ends_s = None if timeout_s is None else clock.monotonic_s() + timeout_s
    on_progress(_progress(spool, sink, before))  # what waits before anything is sent
    sink.start()
    try:
        while True:
            spool.commit()  # dead letters that were handed over
            progress = _progress(spool, sink, before)
            on_progress(progress)
            is_late = ends_s is not None and clock.monotonic_s() >= ends_s
            is_done = not progress.waiting_points and not spool.letters_wait
            if stop.is_set() or is_late or is_done:
                break
            clock.wait(stop, POLL_S)
    finally:
        sink.stop(SINK_STOP_S)
        progress = _progress(spool, sink, before)
        spool.close()
    if failures:
        raise failures[0]
    if progress.waiting_points:
        raise UnavailableError(
            f"{progress.waiting_points} points still wait",
            where=str(config.spool_directory),
            hint=progress.trouble or "they were given too little time",
        )
    return progress


def _progress(spool: Spool, sink: Sink, before: dict[str, int]) -> DrainProgress:
    (counters, gauges), state = spool.snapshot(), sink.state
    return DrainProgress(
        waiting_points=gauges.waiting_points,
        acknowledged_points=counters["points/acknowledged"] - before["points/acknowledged"],
        dead_points=state.dead_points,
        trouble=state.trouble,
    )
