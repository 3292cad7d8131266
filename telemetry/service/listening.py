"""Listening to the sources of a configuration for a while, without a spool and a server.

Promises: each source has stages of its own, so that what it sends is known for it alone; nothing is written.
"""

import contextlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from telemetry.clock import Clock
from telemetry.service.rate import RateMeter
from telemetry.sources.assemble import Assembled, ChannelTable, assemble_sources
from telemetry.sources.inbox import Arrival, Inbox, SourceEnded
from telemetry.sources.settings import SourceSettings
from telemetry.sources.stop import StopSignal
from telemetry.stages.prepare import Composition

_POLL_S = 0.1
_STOP_S = 1.5


@dataclass(slots=True)
class HeardSource:
    """What came from one source within `seconds`: fewer than asked for where it has ended."""

    source: Assembled
    meter: RateMeter
    seconds: float


def listen(
    composition: Composition, sources: Sequence[SourceSettings], seconds: float, clock: Clock
) -> list[HeardSource]:
    """Return what came from each of `sources` within `seconds`, or until all of them have ended."""
    channels, inbox = ChannelTable(), Inbox()
    heard = {
        each.name: HeardSource(
            each, RateMeter(composition.make_stages(), composition.config.send.every_s), seconds
        )
        for each in assemble_sources(sources, channels, clock, {})
    }
    bound, since_s = 0, clock.monotonic_s()
    running = set(heard)
    with _reading([each.source for each in heard.values()], inbox):
        while running and clock.monotonic_s() < since_s + seconds:
            match inbox.get(_POLL_S):
                case Arrival() as arrival:
                    for channel in channels.since(bound):
                        binding = composition.binding(heard[channel.source].source, channel.name)
                        heard[channel.source].meter.stages.bind(channel.number, binding)
                        bound += 1
                    heard[arrival.source].meter.take(arrival.batch)
                    inbox.give_back(arrival.batch)
                case SourceEnded() as ended:
                    running.discard(ended.source)
                    heard[ended.source].seconds = min(clock.monotonic_s() - since_s, seconds)
    return list(heard.values())


@contextlib.contextmanager
def _reading(sources: Iterable[Assembled], inbox: Inbox) -> Iterator[None]:
    """Read each source in a thread of its own."""
    stop = StopSignal()
    threads = [
        threading.Thread(target=each.source.run, args=(inbox, stop), name=each.name, daemon=True)
        for each in sources
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(_STOP_S)
        if not any(thread.is_alive() for thread in threads):
            stop.close()
