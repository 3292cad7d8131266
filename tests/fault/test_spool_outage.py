"""A server that is down for long: flat memory, nothing evicted, a backlog that drains in order.

Real spool bytes and injected time; `benchmarks.outage` does 72 hours.
"""

import tracemalloc
from pathlib import Path

import pytest

import telemetry.spool
from benchmarks.outage import CATCH_UP_RATIO, run_outage
from telemetry.spool import Spool, SpoolLimits
from tests.support.clock import FakeClock
from tests.support.disk import SimulatedDisk
from tests.support.recording import VEHICLE_DBC, record_drive
from tests.support.scripted_server import ScriptedServer
from tests.support.spool import Feed, assert_balanced, drain, points_of

OWN_FILES = tracemalloc.Filter(inclusive=True, filename_pattern=f"{Path(telemetry.spool.__file__).parent}/*")
LIMITS = SpoolLimits(keep_free_bytes=0, segment_bytes=100_000)
MEMORY_GROWTH_BYTES = 5e6


def own_bytes() -> int:
    """Return how many bytes the spool's own code has allocated and still holds."""
    snapshot = tracemalloc.take_snapshot().filter_traces([OWN_FILES])
    return sum(statistic.size for statistic in snapshot.statistics("filename"))


def test_memory_is_flat_while_the_server_is_down_and_while_it_catches_up() -> None:
    disk = SimulatedDisk()
    spool = Spool(Path("/spool"), clock=FakeClock(), limits=LIMITS, filesystem=disk)
    feed = Feed(spool)
    tracemalloc.start()
    try:
        sizes = []
        for _ in range(2):
            feed.store(padding=1000, batches=600)
            sizes.append(own_bytes())
        delivered: list[int] = []
        for number, entry in enumerate(drain(spool)):
            delivered += points_of(entry)
            if number == 600:
                sizes.append(own_bytes())
    finally:
        tracemalloc.stop()
    assert max(sizes) - sizes[0] < 100_000
    assert delivered[3:] == list(range(feed.next_point - 3))  # live first, then oldest first
    assert spool.counters()["points/evicted"] == 0
    assert_balanced(spool, feed.accounts)


def test_where_the_live_lane_ran_ahead_sixteen_islands_survive_a_kill() -> None:
    disk = SimulatedDisk()
    spool = Spool(Path("/spool"), clock=FakeClock(), limits=LIMITS, filesystem=disk)
    feed = Feed(spool)
    for number in range(1000):
        feed.store()
        if number % 2 and (entry := spool.next_live()):
            spool.acknowledge(entry.sequence)
    assert len(spool._store.settled.kept(10_000)) == 500
    assert_balanced(spool, feed.accounts)
    disk.kill()
    again = Spool(Path("/spool"), clock=FakeClock(), limits=LIMITS, filesystem=disk)
    assert_balanced(again, again.recovery.accounts)
    assert again.recovery.waiting_points == 3 * (1000 - 16)


@pytest.mark.long
def test_an_outage_of_two_hours_loses_nothing_and_costs_no_memory(tmp_path: Path) -> None:
    log = record_drive(tmp_path / "drive.log", 300.0)
    with ScriptedServer() as server:
        outage = run_outage(log, VEHICLE_DBC, tmp_path / "spool", server.url, hours=2.0, reduce_s=0.0)
    assert outage.evicted == 0
    assert outage.unbalanced == ()
    assert outage.memory_growth_bytes <= MEMORY_GROWTH_BYTES
    assert outage.spool_bytes <= outage.cap_bytes
    assert outage.drained_points >= outage.points
    assert outage.catch_up_ratio >= CATCH_UP_RATIO
