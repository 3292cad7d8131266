"""Writes into a real spool until it is done or dies:

    python -m tests.support.spool_writer DIRECTORY COMMITS [MEMORY]

One commit a second of injected time, three points each, numbered on from where the spool says that the last
one ended. After each commit a line of JSON says how many points had been appended then, and whether the spool
was volatile; what had been appended when it was not had been accepted. Each third second all but the newest
is acknowledged. With a folder MEMORY for what is not on disk yet, each batch comes in three deliveries,
and each of them says so too.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from telemetry.spool import Spool, SpoolLimits
from telemetry.spool.write_through import WriteThrough
from tests.support.clock import FakeClock
from tests.support.spool import Feed

LIMITS = SpoolLimits(keep_free_bytes=0, segment_bytes=4000)


def main() -> None:
    directory, commits = Path(sys.argv[1]), int(sys.argv[2])
    clock = FakeClock()
    memory = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    spool = Spool(
        directory, clock=clock, limits=LIMITS, keep_in_memory=keeping_in(memory) if memory else None
    )
    feed = Feed(spool, spool.recovery.accounts, with_state=True)
    feed.next_point = spool.recovery.positions.get("log", 0)
    for number in range(commits):
        if memory is None:
            feed.put(padding=200)
        else:
            for _ in range(3):
                feed.deliver(1)
                report(feed)
            feed.cut()
        clock.advance(1.0)
        spool.commit()
        report(feed)
        while number % 3 == 2 and (entry := spool.next_backlog()):
            spool.acknowledge(entry.sequence)
    spool.close()


def report(feed: Feed) -> None:
    json.dump({"points": feed.next_point, "volatile": feed.spool.gauges().volatile}, sys.stdout)
    sys.stdout.write("\n")
    sys.stdout.flush()


def keeping_in(memory: Path) -> Callable[[Path], WriteThrough]:
    """Return a maker of a spool's write-through into `memory`, all of one boot."""
    return lambda spool: WriteThrough([memory], spool, boot_id="0" * 32)


if __name__ == "__main__":
    main()
