"""Listening to the sources of a configuration for a while, without a spool and a server.

Promises: each source has stages of its own, so that what it sends is known for it alone; nothing is written.
"""

import contextlib
import threading
from collections.abc import Iterable, Iterator, Sequence

from telemetry.clock import Clock
from telemetry.service.rate import LIVE_BATCH_S, Meter
from telemetry.sources.assemble import Assembled, assemble_sources
from telemetry.sources.channels import ChannelTable
from telemetry.sources.inbox import Inbox
from telemetry.sources.items import Arrival, SourceEnded
from telemetry.sources.settings import SourceSettings
from telemetry.sources.stop import StopSignal
from telemetry.stages.prepare import Composition

_POLL_S = 0.1
_STOP_S = 1.5


def listen(
    composition: Composition, sources: Sequence[SourceSettings], seconds: float, clock: Clock
) -> list[tuple[Assembled, Meter]]:
    """What came from each of `sources` within `seconds`, or until all of them have ended."""
    channels, inbox = ChannelTable(), Inbox()
    assembled = {each.name: each for each in assemble_sources(sources, channels, clock, {})}
    meters = {name: Meter(composition.make_stages(), LIVE_BATCH_S) for name in assembled}
    bound, until_s = 0, clock.monotonic_s() + seconds
    running = set(assembled)
    with _reading(assembled.values(), inbox):
        while running and clock.monotonic_s() < until_s:
            match inbox.get(_POLL_S):
                case Arrival() as arrival:
                    for channel in channels.since(bound):
                        binding = composition.binding(assembled[channel.source], channel.name)
                        meters[channel.source].stages.bind(channel.number, binding)
                        bound += 1
                    meters[arrival.source].take(arrival.batch)
                    inbox.give_back(arrival.batch)
                case SourceEnded() as ended:
                    running.discard(ended.source)
    return [(each, meters[name]) for name, each in assembled.items()]


@contextlib.contextmanager
def _reading(sources: Iterable[Assembled], inbox: Inbox) -> Iterator[None]:
    """Each source reads in a thread of its own."""
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
