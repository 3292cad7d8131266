"""The queue as its two users see it."""

import threading
from itertools import pairwise
from pathlib import Path

import pytest

from telemetry.clock import Clock
from telemetry.errors import StorageError
from telemetry.spool import Entry, Spool, SpoolLimits
from tests.support.clock import FakeClock
from tests.support.disk import SimulatedDisk
from tests.support.spool import Feed, assert_balanced, batch, drain, newest, points_of

LIMITS = SpoolLimits(keep_free_bytes=0)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def sequences(*entries: Entry | None) -> list[int | None]:
    return [entry.sequence if entry else None for entry in entries]


def test_a_committed_batch_comes_back_as_it_was(tmp_path: Path, clock: FakeClock) -> None:
    spool = Spool(tmp_path, clock=clock, limits=LIMITS)
    feed = Feed(spool)
    feed.put()
    assert spool.next_live() is None
    spool.commit()
    entry = newest(spool)
    assert entry.batch == batch(0)
    assert spool.next_backlog() is None
    spool.acknowledge(entry.sequence)
    assert spool.next_live() is None
    assert spool.counters()["points/acknowledged"] == 3
    assert_balanced(spool, feed.accounts)
    spool.close()


def test_the_newest_goes_live_and_the_others_oldest_first(tmp_path: Path, clock: FakeClock) -> None:
    spool = Spool(tmp_path, clock=clock, limits=LIMITS)
    feed = Feed(spool)
    feed.store(batches=4)
    assert sequences(spool.next_live(), spool.next_backlog(), spool.next_backlog()) == [4, 1, 2]
    spool.release(1)
    assert sequences(spool.next_live(), spool.next_backlog(), spool.next_backlog()) == [None, 1, 3]
    spool.close()


def test_what_the_last_commit_wrote_is_read_from_disk_only_if_it_comes_back_unsent(clock: FakeClock) -> None:
    disk = SimulatedDisk()
    spool = Spool(Path("/spool"), clock=clock, limits=LIMITS, filesystem=disk)
    feed = Feed(spool)
    for _ in range(3):
        feed.put()
    spool.commit()
    read_before = disk.bytes_read
    taken = [spool.next_live(), spool.next_backlog(), spool.next_backlog()]
    assert [points_of(entry) for entry in taken if entry] == [[6, 7, 8], [0, 1, 2], [3, 4, 5]]
    assert disk.bytes_read == read_before
    spool.release(1)
    again = spool.next_backlog()
    assert again == taken[1]
    assert disk.bytes_read > read_before


def test_what_was_committed_is_there_after_a_kill(clock: FakeClock) -> None:
    disk = SimulatedDisk()
    spool = Spool(Path("/spool"), clock=clock, limits=LIMITS, filesystem=disk)
    feed = Feed(spool)
    feed.store(batches=5)
    entry = newest(spool)
    spool.acknowledge(entry.sequence)
    committed = dict(feed.accounts)
    feed.put()
    disk.kill()

    again = Spool(Path("/spool"), clock=clock, limits=LIMITS, filesystem=disk)
    assert not again.recovery.clean
    assert again.recovery.accounts == committed
    assert again.recovery.positions == {"log": 15}
    assert again.recovery.last_sequence == 5
    assert again.recovery.waiting_points == 12
    assert_balanced(again, again.recovery.accounts)
    assert sequences(again.next_live(), again.next_backlog()) == [None, 1]


def test_a_number_is_never_given_twice_though_the_newest_records_are_damaged(clock: FakeClock) -> None:
    disk = SimulatedDisk()
    limits = SpoolLimits(keep_free_bytes=0, segment_bytes=1)  # one commit a segment
    spool = Spool(Path("/spool"), clock=clock, limits=limits, filesystem=disk)
    feed = Feed(spool)
    feed.store(batches=9)
    spool.close()
    segments = sorted(path for path in disk.files() if path.suffix == ".segment")
    for path in segments[5:]:
        disk.remove(path)

    again = Spool(Path("/spool"), clock=clock, limits=limits, filesystem=disk)
    assert again.recovery.last_sequence == 9
    assert again.recovery.waiting_points == 15
    again.append(batch(27), accounts={}, positions={})
    again.commit()
    assert sequences(again.next_live()) == [10]


def test_a_state_costs_no_byte_where_there_is_none_and_few_where_it_stays(clock: FakeClock) -> None:
    sizes = []
    for state in ({}, {"plug": b"x" * 1000}, {"plug": b"x" * 1000}):
        disk = SimulatedDisk()
        spool = Spool(Path("/spool"), clock=clock, limits=LIMITS, filesystem=disk)
        for number in range(3):
            spool.append(batch(3 * number), accounts={}, positions={"log": number}, state=state)
            spool.commit()
        sizes.append(spool.gauges().bytes_written)
        disk.kill()
        assert Spool(Path("/spool"), clock=clock, limits=LIMITS, filesystem=disk).recovery.state == state
    assert 0 < sizes[1] - sizes[0] < 100  # a thousand equal bytes, once


def test_a_state_that_is_too_large_is_refused(clock: FakeClock) -> None:
    spool = Spool(Path("/spool"), clock=clock, limits=LIMITS, filesystem=SimulatedDisk())
    with pytest.raises(ValueError, match="65536 bytes of state for plug"):
        spool.append(batch(0), accounts={}, positions={}, state={"plug": bytes(65_536)})
    assert spool.gauges().waiting_memory_points == 0


def test_after_an_orderly_stop_the_spool_is_clean(clock: FakeClock) -> None:
    disk = SimulatedDisk()
    spool = Spool(Path("/spool"), clock=clock, limits=LIMITS, filesystem=disk)
    assert spool.recovery.clean
    Feed(spool).put()
    spool.close()
    again = Spool(Path("/spool"), clock=clock, limits=LIMITS, filesystem=disk)
    assert again.recovery.clean
    assert again.recovery.waiting_points == 3


def test_who_only_drains_leaves_it_to_the_next_service_to_report_a_kill(clock: FakeClock) -> None:
    disk = SimulatedDisk()
    spool = Spool(Path("/spool"), clock=clock, limits=LIMITS, filesystem=disk)
    Feed(spool).put()
    spool.commit()
    disk.kill()
    drainer = Spool(Path("/spool"), clock=clock, limits=LIMITS, filesystem=disk)
    assert len(list(drain(drainer))) == 1
    drainer.close()
    service = Spool(Path("/spool"), clock=clock, limits=LIMITS, filesystem=disk)
    assert not service.recovery.clean
    Feed(service, service.recovery.accounts).put()
    service.close()
    assert Spool(Path("/spool"), clock=clock, limits=LIMITS, filesystem=disk).recovery.clean


def test_a_second_process_is_refused_in_one_line(tmp_path: Path, clock: FakeClock) -> None:
    spool = Spool(tmp_path, clock=clock, limits=LIMITS)
    with pytest.raises(StorageError, match="another process uses this spool"):
        Spool(tmp_path, clock=clock, limits=LIMITS)
    spool.close()


def test_an_ordered_batch_goes_by_the_backlog_when_all_before_it_is_settled(
    tmp_path: Path, clock: FakeClock
) -> None:
    spool = Spool(tmp_path, clock=clock, limits=LIMITS)
    feed = Feed(spool)
    for ordered in (True, True, False, True):
        feed.put(ordered=ordered)
    spool.commit()
    assert sequences(spool.next_live(), spool.next_backlog(), spool.next_backlog()) == [None, 1, None]
    spool.acknowledge(1)
    assert sequences(spool.next_backlog(), spool.next_backlog(), spool.next_backlog()) == [2, 3, None]
    spool.acknowledge(2)
    assert spool.next_backlog() is None
    spool.acknowledge(3)
    assert sequences(spool.next_live(), spool.next_backlog()) == [None, 4]
    spool.close()


def test_an_ordered_batch_waits_for_one_on_its_way_whose_segment_somebody_removed(
    tmp_path: Path, clock: FakeClock
) -> None:
    spool = Spool(tmp_path, clock=clock, limits=SpoolLimits(keep_free_bytes=0, segment_bytes=1))
    feed = Feed(spool)
    feed.store()
    first = newest(spool)
    next(tmp_path.glob("*.segment")).unlink()
    feed.store(ordered=True)
    assert spool.next_backlog() is None
    spool.acknowledge(first.sequence)
    assert sequences(spool.next_backlog()) == [2]
    spool.close()


def test_a_pipeline_and_a_sink_may_use_it_at_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path, clock=Clock(), limits=SpoolLimits(keep_free_bytes=0, segment_bytes=5000))
    feed = Feed(spool)
    sent: set[int] = set()

    def send() -> None:
        while len(sent) < 900:
            entry = spool.next_live() or spool.next_backlog()
            if entry is None:
                spool.wait(10.0)
            elif entry.sequence % 7:
                sent.update(points_of(entry))
                spool.acknowledge(entry.sequence)
            else:
                sent.update(points_of(entry))
                spool.refuse(entry.sequence, b"m bad=1 1\n", reason="parse", words="")
                spool.acknowledge(entry.sequence)

    sink = threading.Thread(target=send)
    sink.start()
    feed.store(batches=300)
    sink.join()
    assert sent == set(range(900))
    assert spool.counters()["points/dead"] == 42
    assert spool.gauges().waiting_disk_points == 0
    assert_balanced(spool, feed.accounts)
    spool.close()


def test_the_oldest_that_waits_has_its_age_wherever_it_is(clock: FakeClock) -> None:
    spool = Spool(Path("/spool"), clock=clock, limits=LIMITS, filesystem=SimulatedDisk(now_ns=clock.unix_ns))
    feed = Feed(spool)
    assert spool.gauges().oldest_age_s == 0.0
    for _ in range(3):
        feed.store()
        clock.advance(60.0)
    assert spool.gauges().oldest_age_s == 180.0
    for entry, age_s in (
        (spool.next_backlog(), 120.0),
        (spool.next_backlog(), 60.0),
        (spool.next_live(), 0.0),
    ):
        assert entry
        spool.acknowledge(entry.sequence)
        assert spool.gauges().oldest_age_s == age_s
    spool.close()


def test_data_older_than_the_age_allowed_is_evicted(clock: FakeClock) -> None:
    limits = SpoolLimits(keep_free_bytes=0, segment_bytes=1, max_age_s=100.0)
    disk = SimulatedDisk(now_ns=clock.unix_ns)
    spool = Spool(Path("/spool"), clock=clock, limits=limits, filesystem=disk)
    feed = Feed(spool)
    for _ in range(3):
        feed.store()
        clock.advance(45.0)
    assert spool.counters()["points/evicted"] == 0
    clock.step(1e9)  # the wall clock may jump as it likes
    feed.store()
    assert spool.counters()["points/evicted"] == 3
    assert_balanced(spool, feed.accounts)


def test_settled_segments_are_unlinked_but_never_the_newest(tmp_path: Path, clock: FakeClock) -> None:
    spool = Spool(tmp_path, clock=clock, limits=SpoolLimits(keep_free_bytes=0, segment_bytes=1))
    feed = Feed(spool)
    feed.store(batches=3)
    assert len(list(tmp_path.glob("*.segment"))) == 3
    assert len(list(drain(spool))) == 3
    assert len(list(tmp_path.glob("*.segment"))) == 1
    assert_balanced(spool, feed.accounts)
    spool.close()


def put_while_there_is_room(spool: Spool) -> None:
    feed = Feed(spool)
    while spool.has_room():
        feed.store(padding=1000)


@pytest.mark.parametrize(
    "limits",
    [
        SpoolLimits(cap_bytes=200_000, keep_free_bytes=0, segment_bytes=10_000),
        SpoolLimits(cap_bytes=1 << 30, keep_free_bytes=100_000, segment_bytes=10_000),
    ],
)
def test_it_has_room_until_what_waits_would_fit_no_second_time(limits: SpoolLimits, clock: FakeClock) -> None:
    disk = SimulatedDisk(capacity_bytes=300_000)
    spool = Spool(Path("/spool"), clock=clock, limits=limits, filesystem=disk)
    put_while_there_is_room(spool)
    assert 95_000 <= spool.gauges().disk_bytes < 103_000
    for _ in drain(spool):
        if spool.has_room():
            break
    assert spool.gauges().disk_bytes >= 85_000
    assert spool.counters()["points/evicted"] == 0
    spool.close()


def test_a_spool_in_which_nothing_waits_has_room_on_any_disk(clock: FakeClock) -> None:
    limits = SpoolLimits(cap_bytes=1 << 20, keep_free_bytes=1 << 20)
    disk = SimulatedDisk(capacity_bytes=100_000)
    spool = Spool(Path("/spool"), clock=clock, limits=limits, filesystem=disk)
    assert spool.has_room()
    spool.close()


def test_while_the_disk_refuses_it_has_room_for_half_of_what_memory_may_hold(clock: FakeClock) -> None:
    limits = SpoolLimits(cap_bytes=1 << 20, keep_free_bytes=1 << 20, memory_bytes=50_000)
    disk = SimulatedDisk(capacity_bytes=100_000)
    spool = Spool(Path("/spool"), clock=clock, limits=limits, filesystem=disk)
    put_while_there_is_room(spool)
    assert 25_000 <= spool.gauges().memory_bytes < 28_000
    assert spool.counters()["points/evicted"] == 0
    spool.close()


def test_beyond_the_cap_the_oldest_segment_is_evicted_and_counted(tmp_path: Path, clock: FakeClock) -> None:
    limits = SpoolLimits(keep_free_bytes=0, cap_bytes=8000, segment_bytes=500)
    spool = Spool(tmp_path, clock=clock, limits=limits)
    feed = Feed(spool)
    for _ in range(100):
        feed.store()
        assert spool.gauges().disk_bytes <= 8000
        assert_balanced(spool, feed.accounts)
    assert spool.counters()["points/evicted"] > 0
    spool.close()


def test_what_waits_in_memory_counts_with_its_state(tmp_path: Path, clock: FakeClock) -> None:
    spool = Spool(tmp_path, clock=clock, limits=LIMITS)
    sizes = [0]
    for number, state in enumerate(
        ({"a": bytes(10)}, {"a": bytes(1010)}, {"a": bytes(510), "b": bytes(500)})
    ):
        spool.append(batch(number), accounts={}, positions={}, state=state)
        sizes.append(spool.gauges().memory_bytes)
    first, second, third = (after - before for before, after in pairwise(sizes))
    assert second - first == 1000
    assert 0 < third - second < 1000  # a name more
    spool.close()
