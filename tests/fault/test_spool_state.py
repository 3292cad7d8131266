"""The state that records carry, after kills, power cuts and damage: as of the last record that counts.

A feed's state follows from the number of its points, and `positions` says how many those are. So whatever
happens, the two that a start finds must belong together.
"""

import contextlib
import zlib
from pathlib import Path
from random import Random

import pytest

from telemetry.spool import Spool, SpoolLimits
from telemetry.spool.record import accounts_bytes
from telemetry.spool.segment import Segment, SegmentReader, parse_name
from tests.support.clock import FakeClock
from tests.support.disk import PowerCutError, SimulatedDisk
from tests.support.spool import Feed, assert_balanced, drain, state_after
from tests.support.spool_writer import keeping_in

FIXED_BYTES = 72

DIRECTORY = Path("/spool")
LIMITS = SpoolLimits(keep_free_bytes=0, segment_bytes=1500)
BATCHES = 14


def open_spool(disk: SimulatedDisk, memory: Path | None = None) -> Spool:
    return Spool(
        DIRECTORY,
        clock=FakeClock(),
        limits=LIMITS,
        filesystem=disk,
        keep_in_memory=(lambda _spool: keeping_in(memory)(memory.parent)) if memory else None,
    )


def assert_is_as_of_the_last_record(spool: Spool) -> None:
    recovery = spool.recovery
    assert recovery.state == state_after(recovery.positions.get("log", 0))
    assert_balanced(spool, recovery.accounts)


def fill(feed: Feed, batches: int = BATCHES) -> None:
    """Batches of one to three points in commits of one or two; some are acknowledged."""
    for number in range(batches):
        feed.put(1 + number % 3)
        if number % 3:
            feed.spool.commit()
        if number % 4 == 3:
            for entry in list(drain(feed.spool))[:2]:
                assert entry


def segments(disk: SimulatedDisk) -> list[Path]:
    return sorted(path for path in disk.files() if path.suffix == ".segment")


def test_killed_after_any_commit_the_next_start_has_the_state_as_of_it() -> None:
    found = []
    for batches in range(1, BATCHES + 1):
        disk = SimulatedDisk()
        fill(Feed(open_spool(disk), with_state=True), batches)
        disk.kill()
        again = open_spool(disk)
        assert_is_as_of_the_last_record(again)
        found.append(len(again.recovery.state))
    assert set(found) == {0, 1, 2}
    assert parse_name(segments(disk)[-1].name) != (0, 0)  # the state was written as a whole again


@pytest.mark.parametrize("seed", range(40))
def test_after_a_power_cut_at_any_operation_it_is_that_of_the_last_record(seed: int) -> None:
    random = Random(seed)
    disk = SimulatedDisk()
    feed = Feed(open_spool(disk), with_state=True)
    disk.cut_at = disk.operations + random.randrange(2, 90)
    with contextlib.suppress(PowerCutError):
        fill(feed)
    disk.cut_power(random)
    assert_is_as_of_the_last_record(open_spool(disk))


def test_a_torn_commit_takes_its_state_with_it() -> None:
    disk = SimulatedDisk()
    spool = open_spool(disk)
    feed = Feed(spool, with_state=True)
    feed.store(5)
    (path,) = segments(disk)
    good_bytes = len(disk.files()[path])
    feed.store(4)
    content = disk.files()[path]
    assert state_after(5) != state_after(9)
    for length in range(good_bytes, len(content)):
        torn = SimulatedDisk()
        torn.make_directory(DIRECTORY)
        descriptor = torn.create(path)
        torn.append(descriptor, content[:length])
        torn.sync(descriptor)
        torn.sync_directory(DIRECTORY)
        torn.kill()
        again = open_spool(torn)
        assert again.recovery.positions == {"log": 5}
        assert_is_as_of_the_last_record(again)


def test_a_damaged_record_costs_the_state_no_more_than_the_next_change_gives_back() -> None:
    """Each record's head is damaged in turn: the state is then that of it, or of a record before it."""
    points = [5, 1, 2, 4, 1, 4, 4]
    known = {number: state_after(sum(points[:number])) for number in range(len(points) + 1)}
    offsets = record_offsets(points)
    for damaged, offset in enumerate(offsets):
        disk = spool_of(points)
        (path,) = segments(disk)
        disk.flip(path, offset + 30)
        again = open_spool(disk)
        last = len(points)
        if damaged == last - 1:
            assert again.recovery.state == known[last - 1]
        elif known[damaged + 1] == known[last] != known[damaged]:
            assert again.recovery.state == known[damaged]  # nothing has changed since
        else:
            assert again.recovery.state == known[last]
        assert_balanced(again, again.recovery.accounts)


def test_a_state_that_ended_is_not_found_again_when_the_record_that_ended_it_is_damaged() -> None:
    """Each later record says that there is none."""
    points = [5, 4, 4, 1, 1]
    assert [bool(state_after(sum(points[:number]))) for number in range(6)] == [
        False,
        *[True] * 2,
        *[False] * 3,
    ]
    disk = spool_of(points)
    (path,) = segments(disk)
    disk.flip(path, record_offsets(points)[2] + 30)
    assert open_spool(disk).recovery.state == {}


def spool_of(points: list[int]) -> SimulatedDisk:
    disk = SimulatedDisk()
    spool = Spool(DIRECTORY, clock=FakeClock(), limits=SpoolLimits(keep_free_bytes=0), filesystem=disk)
    feed = Feed(spool, with_state=True)
    for each in points:
        feed.store(each)
    disk.kill()
    return disk


def record_offsets(points: list[int]) -> list[int]:
    disk = spool_of(points)
    (path,) = segments(disk)
    reader = SegmentReader(disk, Segment(path, 0, 0, sum(points), len(disk.files()[path]), 0.0))
    return [found.offset for found in iter(reader.next, None)]


def test_when_the_last_segments_first_record_is_damaged_the_state_comes_from_the_next_change() -> None:
    disk = SimulatedDisk()
    fill(Feed(open_spool(disk), with_state=True))
    disk.kill()
    disk.flip(segments(disk)[-1], 30)
    assert_is_as_of_the_last_record(open_spool(disk))


def test_a_state_that_makes_no_sense_though_its_check_holds_keeps_no_spool_from_opening() -> None:
    disk = spool_of([5])
    (path,) = segments(disk)
    content = bytearray(disk.files()[path])
    content[FIXED_BYTES + 4] ^= 0xFF  # the first byte of zlib's
    tail = content[FIXED_BYTES : FIXED_BYTES + (accounts_bytes(bytes(content)) or 0)]
    check = zlib.crc32(tail, zlib.crc32(content[: FIXED_BYTES - 4]))
    content[FIXED_BYTES - 4 : FIXED_BYTES] = check.to_bytes(4, "little")
    for offset, (old, new) in enumerate(zip(disk.files()[path], content, strict=True)):
        if old != new:
            disk.flip(path, offset, old ^ new)
    again = open_spool(disk)
    assert again.recovery.state == {}
    assert again.recovery.positions == {"log": 5}


def test_killed_before_any_operation_of_the_disk_the_state_is_that_of_what_was_delivered(
    tmp_path: Path,
) -> None:
    operation = 1
    adopted = 0
    while True:
        memory = tmp_path / f"memory-{operation}"
        memory.mkdir()
        disk = SimulatedDisk()
        feed = Feed(open_spool(disk, memory), with_state=True)
        disk.cut_at = disk.operations + operation
        died = False
        delivered = 0
        try:
            for number in range(BATCHES):
                for _ in range(2):
                    feed.deliver(1 + number % 2)
                    delivered = feed.next_point
                feed.cut()
                if number % 2:
                    feed.spool.commit()
        except PowerCutError:
            died = True
        disk.cut_at = None
        disk.kill()
        for _ in range(2):  # and it stays so, when what was adopted is on disk
            again = open_spool(disk, memory)
            assert again.recovery.positions.get("log", 0) == delivered
            assert_is_as_of_the_last_record(again)
            adopted += len(again.recovery.state) if again.recovery.adopted_points else 0
            disk.kill()
        if not died:
            break
        operation += 1
    assert operation > 20
    assert adopted > 0


def test_what_waits_in_memory_while_the_disk_refuses_has_its_state_too() -> None:
    disk, clock = SimulatedDisk(), FakeClock()
    spool = Spool(DIRECTORY, clock=clock, limits=LIMITS, filesystem=disk)
    feed = Feed(spool, with_state=True)
    feed.store(5)
    disk.read_only = True
    feed.store(4)
    assert spool.gauges().volatile
    disk.read_only = False
    clock.advance(100.0)
    feed.put(4)
    spool.close()
    disk.kill()
    again = open_spool(disk)
    assert again.recovery.positions == {"log": 13}
    assert_is_as_of_the_last_record(again)
