"""Writes into a real spool until it is done or dies: python -m tests.support.spool_writer DIRECTORY COMMITS

One commit a second of injected time, three points each, numbered on from where the spool says that the last
one ended. After each commit a line of JSON says how many points had been appended then, and whether the spool
was volatile; what had been appended when it was not had been accepted. Each third second all but the newest
is acknowledged.
"""

import json
import sys
from pathlib import Path

from telemetry.spool import Spool, SpoolLimits
from tests.support.clock import FakeClock
from tests.support.spool import Feed

LIMITS = SpoolLimits(keep_free_bytes=0, segment_bytes=4000)


def main() -> None:
    directory, commits = Path(sys.argv[1]), int(sys.argv[2])
    clock = FakeClock()
    spool = Spool(directory, clock=clock, limits=LIMITS)
    feed = Feed(spool, spool.recovery.accounts)
    feed.next_point = spool.recovery.positions.get("log", 0)
    for number in range(commits):
        feed.put(padding=200)
        clock.advance(1.0)
        spool.commit()
        json.dump({"points": feed.next_point, "volatile": spool.gauges().volatile}, sys.stdout)
        sys.stdout.write("\n")
        sys.stdout.flush()
        while number % 3 == 2 and (entry := spool.next_backlog()):
            spool.acknowledge(entry.sequence)
    spool.close()


if __name__ == "__main__":
    main()
