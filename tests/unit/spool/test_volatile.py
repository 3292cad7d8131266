"""While the disk refuses: what is said, what flows, what is counted, and how it ends."""

import errno
from pathlib import Path

import pytest

from telemetry.spool import Spool, SpoolLimits
from telemetry.spool.trails import NO_STATE
from tests.support.clock import FakeClock
from tests.support.disk import SimulatedDisk
from tests.support.spool import Feed, assert_balanced, batch, drained_points, newest, oldest, points_of

DIRECTORY = Path("/spool")
LIMITS = SpoolLimits(keep_free_bytes=0)


class Bench:
    """A spool on a disk that can be made to refuse."""

    def __init__(self, limits: SpoolLimits = LIMITS) -> None:
        self.clock = FakeClock()
        self.disk = SimulatedDisk()
        self.limits = limits
        self.spool = self.open()
        self.feed = Feed(self.spool)

    def open(self) -> Spool:
        return Spool(DIRECTORY, clock=self.clock, limits=self.limits, filesystem=self.disk)

    def refuse(self, *operations: str, number: int = errno.EIO) -> None:
        self.disk.fault = lambda operation, _path: number if operation in operations else None

    def work_again(self) -> None:
        self.disk.fault = lambda _operation, _path: None

    def put(self, batches: int = 1) -> None:
        for _ in range(batches):
            self.feed.store()
            assert_balanced(self.spool, self.feed.accounts)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize("operation", ["create", "append", "sync", "sync_directory", "names"])
def test_what_the_disk_refuses_flows_from_memory_newest_and_oldest_first(
    bench: Bench, operation: str
) -> None:
    bench.refuse(operation)
    bench.put(4)
    assert bench.spool.gauges().volatile == "Input/output error"
    assert bench.spool.gauges().waiting_disk_points == 0
    live, backlog = bench.spool.next_live(), bench.spool.next_backlog()
    assert live
    assert backlog
    assert (points_of(live)[0], points_of(backlog)[0]) == (9, 0)
    bench.spool.acknowledge(live.sequence)
    assert bench.spool.counters()["points/acknowledged"] == 3
    assert_balanced(bench.spool, bench.feed.accounts)


def test_an_ordered_batch_in_memory_waits_for_all_before_it(bench: Bench) -> None:
    bench.put()
    bench.refuse("append")
    for ordered in (False, True, False):
        bench.feed.store(ordered=ordered)
    on_disk, in_memory = bench.spool.next_backlog(), bench.spool.next_backlog()
    assert on_disk
    assert in_memory
    assert bench.spool.next_backlog() is None
    bench.spool.acknowledge(in_memory.sequence)
    assert bench.spool.next_backlog() is None
    bench.spool.acknowledge(on_disk.sequence)
    ordered_one = oldest(bench.spool)
    assert ordered_one.batch.ordered


def test_the_disk_is_tried_again_at_growing_intervals_and_takes_what_still_waits(bench: Bench) -> None:
    bench.refuse("append")
    bench.put()
    tries = []
    for second in range(200):
        bench.clock.advance(1.0)
        before = bench.disk.operations
        if bench.spool.commit_due():
            bench.spool.commit()
        if bench.disk.operations - before > 4:
            tries.append(second + 1)
    assert tries[:6] == [1, 3, 7, 15, 31, 63]
    assert tries[-1] - tries[-2] == 60
    bench.work_again()
    bench.clock.advance(60.0)
    assert bench.spool.commit_due()
    bench.spool.commit()
    assert not bench.spool.gauges().volatile
    assert bench.spool.gauges().waiting_memory_points == 0
    bench.disk.kill()
    assert drained_points(bench.open()) == [0, 1, 2]


def test_memory_is_bounded_and_the_oldest_goes_first() -> None:
    bench = Bench(SpoolLimits(keep_free_bytes=0, memory_bytes=3000))
    bench.refuse("append")
    bench.put(50)
    gauges = bench.spool.gauges()
    assert gauges.memory_bytes <= 3000
    assert bench.spool.counters()["points/evicted"] == 150 - gauges.waiting_memory_points > 0
    assert drained_points(bench.spool) == list(range(150 - gauges.waiting_memory_points, 150))
    assert_balanced(bench.spool, bench.feed.accounts)


def test_a_batch_that_is_being_sent_is_not_evicted_from_a_full_memory() -> None:
    bench = Bench(SpoolLimits(keep_free_bytes=0, memory_bytes=3000))
    bench.refuse("append")
    bench.put()
    entry = newest(bench.spool)
    bench.put(50)
    evicted = bench.spool.counters()["points/evicted"]
    assert evicted > 0
    bench.spool.acknowledge(entry.sequence)
    assert bench.spool.counters()["points/acknowledged"] == 3
    assert bench.spool.counters()["points/evicted"] == evicted
    assert_balanced(bench.spool, bench.feed.accounts)
    assert drained_points(bench.spool) == list(range(3 + evicted, 153))


def test_a_spool_that_is_opened_on_a_full_disk_sends_from_memory_and_takes_the_room_that_comes() -> None:
    bench = Bench()
    bench.spool.close()
    bench.disk.capacity_bytes = 0
    bench.spool = bench.open()
    bench.feed = Feed(bench.spool)
    bench.put(3)
    assert bench.spool.gauges().volatile == "too little of the disk is free"
    assert bench.spool.counters()["points/evicted"] == 0
    live = newest(bench.spool)
    bench.spool.acknowledge(live.sequence)
    bench.disk.capacity_bytes = None
    bench.clock.advance(60.0)
    bench.put()
    gauges = bench.spool.gauges()
    assert not gauges.volatile
    assert gauges.cap_bytes == 1 << 30
    assert gauges.waiting_disk_points == 9
    assert drained_points(bench.spool) == [0, 1, 2, 3, 4, 5, 9, 10, 11]


def test_what_was_settled_from_memory_stays_counted_after_a_kill(bench: Bench) -> None:
    bench.put()
    bench.refuse("append")
    bench.put(3)
    for entry in (bench.spool.next_live(), bench.spool.next_backlog()):
        assert entry
        bench.spool.acknowledge(entry.sequence)
    bench.work_again()
    bench.clock.advance(2.0)
    bench.put()
    bench.disk.kill()
    again = bench.open()
    assert again.counters()["points/acknowledged"] == 6
    assert_balanced(again, again.recovery.accounts)
    assert drained_points(again) == [3, 4, 5, 6, 7, 8, 12, 13, 14]


def test_what_is_refused_of_a_batch_in_memory_counts_as_dead(bench: Bench) -> None:
    bench.refuse("append")
    bench.put()
    entry = newest(bench.spool)
    bench.spool.refuse(entry.sequence, b"battery,vehicle=a soc_pct=0 0\n", reason="parse", words="")
    bench.spool.acknowledge(entry.sequence)
    counters = bench.spool.counters()
    assert (counters["points/dead"], counters["points/acknowledged"]) == (1, 2)
    assert_balanced(bench.spool, bench.feed.accounts)


def test_a_batch_in_flight_from_memory_may_be_acknowledged_after_it_was_stored(bench: Bench) -> None:
    bench.refuse("append")
    bench.put()
    entry = newest(bench.spool)
    bench.work_again()
    bench.clock.advance(2.0)
    bench.spool.commit()
    assert bench.spool.gauges().waiting_disk_points == 3
    bench.spool.acknowledge(entry.sequence)
    assert bench.spool.gauges().waiting_disk_points == 0
    assert_balanced(bench.spool, bench.feed.accounts)


@pytest.mark.parametrize("fails", [False, True])
def test_a_batch_may_be_acknowledged_while_it_is_being_written(bench: Bench, fails: bool) -> None:
    bench.refuse("append")
    bench.put()
    entry = newest(bench.spool)
    sequence = entry.sequence

    def acknowledge_and_refuse(operation: str, _path: Path) -> int | None:
        if operation == "append":
            bench.spool.acknowledge(sequence)
            return errno.EIO if fails else None
        return None

    bench.disk.fault = acknowledge_and_refuse
    bench.clock.advance(2.0)
    bench.spool.commit()
    assert bool(bench.spool.gauges().volatile) == fails
    assert bench.spool.counters()["points/acknowledged"] == 3
    assert_balanced(bench.spool, bench.feed.accounts)
    assert drained_points(bench.spool) == []


def test_on_a_full_disk_old_segments_make_room_for_new_records() -> None:
    bench = Bench(SpoolLimits(keep_free_bytes=0, segment_bytes=1))
    bench.put(6)

    def full(operation: str, _path: Path) -> int | None:
        segments = [path for path in bench.disk.files() if path.suffix == ".segment"]
        return errno.ENOSPC if operation == "append" and len(segments) > 4 else None

    bench.disk.fault = full
    bench.put()
    assert not bench.spool.gauges().volatile
    assert bench.spool.counters()["points/evicted"] == 9
    assert drained_points(bench.spool) == list(range(9, 21))


def test_a_file_that_failed_a_sync_never_gets_another_record(bench: Bench) -> None:
    bench.put(2)
    (first,) = (path for path in bench.disk.files() if path.suffix == ".segment")
    bench.refuse("sync")
    bench.put()
    suspect = bench.disk.files()[first]
    bench.work_again()
    bench.clock.advance(2.0)
    bench.put()
    assert bench.disk.files()[first] == suspect
    bench.disk.kill()
    assert drained_points(bench.open()) == list(range(12))


def test_a_stop_that_cannot_store_what_waits_is_not_a_clean_one(bench: Bench) -> None:
    bench.put()
    bench.refuse("append")
    bench.put()
    bench.spool.close()
    bench.work_again()
    again = bench.open()
    assert not again.recovery.clean
    assert again.recovery.positions == {"log": 3}
    assert_balanced(again, again.recovery.accounts)


def test_less_free_space_than_is_to_be_left_is_a_full_disk() -> None:
    bench = Bench(SpoolLimits(keep_free_bytes=50_000))
    bench.disk.capacity_bytes = 55_000
    bench.put(100)
    assert bench.spool.gauges().volatile == "too little of the disk is free"
    bench.disk.capacity_bytes = 1_000_000
    bench.clock.advance(100.0)
    bench.put()
    assert not bench.spool.gauges().volatile


def seconds_until_points_are_evicted(state_bytes: int) -> int:
    bench = Bench()
    bench.refuse("append")
    bench.put()
    accounts = {f"points/made/m{n}": 0 for n in range(40)}
    for second in range(3000):
        state = {"held": second.to_bytes(2) * (state_bytes // 2)} if state_bytes else NO_STATE
        bench.spool.append(batch(second), accounts=accounts, positions={}, state=state)
        if bench.spool.counters()["points/evicted"]:
            return second
    raise AssertionError("nothing was evicted")


def test_a_state_displaces_few_of_the_points_that_wait_in_memory() -> None:
    without = seconds_until_points_are_evicted(0)
    for state_bytes in (2_000, 12_000, 60_000):
        assert seconds_until_points_are_evicted(state_bytes) > 0.8 * without
